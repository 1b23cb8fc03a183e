// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace iov::experiment {

namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string result = "\"";
  for (char c : text) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Four significant digits, as people read them.
std::string rounded(const Cell& cell) {
  if (cell.text.empty()) return "-";
  if (std::isnan(cell.number)) return cell.text;
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, std::abs(cell.number) >= 1e4 && std::abs(cell.number) < 1e9 ? "%.0f" : "%.4g", cell.number);
  return buffer;
}

/// Lines of cells, the first one headings; columns of numbers to the right, columns without any value
/// left out.
std::string padded(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::string> rows(lines.size());
  for (std::size_t c = 0; c < lines[0].size(); ++c) {
    std::size_t width = 0, missing = 0;
    bool numbers = true;
    for (const auto& line : lines) {
      width = std::max(width, line[c].size());
      if (&line == &lines[0]) continue;
      missing += line[c] == "-";
      numbers = numbers && line[c].find_first_not_of("0123456789.e+-") == std::string::npos;
    }
    if (lines.size() > 1 && missing == lines.size() - 1) continue;
    for (std::size_t r = 0; r < lines.size(); ++r) {
      const std::string space(width - lines[r][c].size(), ' ');
      rows[r] += (rows[r].empty() ? "" : "  ") + (numbers ? space + lines[r][c] : lines[r][c] + space);
    }
  }
  std::string text;
  for (const std::string& row : rows) text += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
  return text;
}

}  // namespace

Table::Table(const Experiment& experiment) : axes_(experiment.sweep), several_seeds_(experiment.seeds.size() > 1) {
  for (const auto& [name, expression] : experiment.collect) collected_.push_back(name);
}

void Table::add(const Point& point, const std::vector<std::pair<std::string, Cell>>& columns) {
  Row row{point.axes, {}};
  if (several_seeds_) row.labels.emplace_back("seed", std::to_string(point.seed));
  for (const auto& [name, cell] : columns) {
    const bool is_axis = std::any_of(axes_.begin(), axes_.end(), [&, &name = name](const Axis& a) { return a.name == name; });
    if (!row.cells.emplace(name, cell).second || is_axis) ambiguous_.insert(name);
  }
  rows_.push_back(std::move(row));
  for (const auto& [name, cell] : columns)
    if (!contains(metrics(), name) && !contains(collected_, name) && !contains(others_, name)) others_.push_back(name);
}

const std::vector<std::string>& Table::metrics() const {
  const bool dma = !rows_.empty() && rows_.front().cells.count(dma_metrics().front()) > 0;
  return dma ? dma_metrics() : contract_metrics();
}

std::vector<std::string> Table::header() const {
  std::vector<std::string> names;
  for (const Axis& axis : axes_) names.push_back(axis.name);
  if (several_seeds_) names.push_back("seed");
  for (const auto* more : {&metrics(), &collected_, &others_}) names.insert(names.end(), more->begin(), more->end());
  return names;
}

std::string Table::csv() const {
  const auto names = header();
  std::string text;
  for (std::size_t c = 0; c < names.size(); ++c) text += (c ? "," : "") + quoted(names[c]);
  text += "\n";
  for (const Row& row : rows_) {
    for (std::size_t c = 0; c < names.size(); ++c) {
      if (c) text += ",";
      if (c < row.labels.size()) text += quoted(row.labels[c].second);
      else if (const auto cell = row.cells.find(names[c]); cell != row.cells.end()) text += quoted(cell->second.text);
    }
    text += "\n";
  }
  return text;
}

std::string Table::aligned() const {
  const std::vector<std::string> dma{"bandwidth_gbps", "transactions_mps", "latency_p50_ns", "latency_p99_ns",
                                     "iotlb_hit_ratio", "walks_per_transaction", "binding_resource"};
  const std::vector<std::string> network{"throughput_gbps", "packet_rate_mpps", "latency_p50_ns", "latency_p99_ns",
                                         "cpu_cycles_per_packet", "exits_per_packet", "binding_resource"};
  std::vector<std::string> names = &metrics() == &dma_metrics() ? dma : network;
  names.insert(names.end() - 1, collected_.begin(), collected_.end());
  std::vector<std::vector<std::string>> lines(1);
  for (const Axis& axis : axes_) lines[0].push_back(axis.name);
  if (several_seeds_) lines[0].emplace_back("seed");
  lines[0].insert(lines[0].end(), names.begin(), names.end());
  for (const Row& row : rows_) {
    auto& line = lines.emplace_back();
    for (const auto& [axis, label] : row.labels) line.push_back(label);
    for (const std::string& name : names) {
      const auto cell = row.cells.find(name);
      line.push_back(rounded(cell == row.cells.end() ? Cell{} : cell->second));
    }
  }
  return padded(lines);
}

const Table::Row* Table::find(const Labels& labels) const {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.labels == labels; });
  return found == rows_.end() ? nullptr : &*found;
}

std::string Table::text(const Row& row, const std::string& name) {
  if (const auto cell = row.cells.find(name); cell != row.cells.end()) return cell->second.text;
  const auto axis = std::find_if(row.labels.begin(), row.labels.end(), [&](const auto& label) { return label.first == name; });
  return axis == row.labels.end() ? std::string() : axis->second;
}

double Table::value(const Row& row, const std::string& name) {
  if (const auto cell = row.cells.find(name); cell != row.cells.end()) return cell->second.number;
  for (const auto& [axis, label] : row.labels) {
    double number = 0;
    if (axis == name && std::from_chars(label.data(), label.data() + label.size(), number).ec == std::errc()) return number;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace iov::experiment
