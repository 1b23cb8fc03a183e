// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/point_tables.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "experiments/iovsim/lib/files.h"
#include "experiments/iovsim/lib/metrics.h"

namespace iov::experiment {

namespace fs = std::filesystem;

namespace {

std::string number_or_nothing(double value) { return std::isnan(value) ? "" : cell_of(value).text; }

std::string stats_csv(const std::vector<StatRow>& rows) {
  std::string text = "path,field,unit,value\n";
  for (const StatRow& row : rows)
    text += row.path + "," + row.field + "," + row.unit + "," + cell_of(row.value).text + "\n";
  return text;
}

std::string latency_csv(const std::vector<platform::LatencyRow>& rows) {
  std::string text = "histogram,low_ns,high_ns,count\n";
  for (const auto& row : rows)
    text += row.histogram + "," + cell_of(row.bucket.low_ns).text + "," + cell_of(row.bucket.high_ns).text + "," +
            std::to_string(row.bucket.count) + "\n";
  return text;
}

std::string journeys_csv(const std::vector<platform::JourneyRow>& rows) {
  std::string text = "stage,mean_ns,share\n";
  for (const auto& row : rows)
    text += row.stage + "," + cell_of(row.mean_ns).text + "," + cell_of(row.share).text + "\n";
  return text;
}

std::string vms_csv(const std::vector<platform::VmRow>& rows) {
  std::string text =
      "vm,path,throughput_gbps,packet_rate_mpps,offered_mpps,latency_p50_ns,latency_p99_ns,latency_max_ns,dropped_packets\n";
  for (const auto& row : rows) {
    text += row.vm + "," + row.path;
    for (const double value : {row.throughput_gbps, row.packet_rate_mpps, row.offered_mpps, row.latency_p50_ns,
                               row.latency_p99_ns, row.latency_max_ns})
      text += "," + number_or_nothing(value);
    text += "," + std::to_string(row.dropped_packets) + "\n";
  }
  return text;
}

std::string timeline_csv(const std::vector<platform::TimeLineRow>& rows) {
  std::string text = "begin_us,end_us,vm,throughput_gbps,delivered,dropped,latency_mean_ns\n";
  for (const auto& row : rows)
    text += cell_of(row.begin_us).text + "," + cell_of(row.end_us).text + "," + row.vm + "," +
            cell_of(row.throughput_gbps).text + "," + std::to_string(row.delivered) + "," + std::to_string(row.dropped) +
            "," + number_or_nothing(row.latency_mean_ns) + "\n";
  return text;
}

std::string script_csv(const std::vector<platform::ScriptRow>& rows) {
  std::string text = "at_us,action,arguments,done_us,outcome\n";
  for (const auto& row : rows)
    text += cell_of(row.at_us).text + "," + row.action + "," + row.arguments + "," +
            (row.done_us < 0 ? "" : cell_of(row.done_us).text) + "," + row.outcome + "\n";
  return text;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream text(line);
  for (std::string cell; std::getline(text, cell, ',');) cells.push_back(cell);
  return cells;
}

/// Calls `visit` with the header's cells and each other line's.
template <class Visit>
void for_each_line(const fs::path& file, Visit visit) {
  std::istringstream lines(read_file(file));
  std::string line;
  std::getline(lines, line);
  const auto header = cells_of(line);
  while (std::getline(lines, line)) visit(header, cells_of(line));
}

double number_of(const std::string& cell) {
  return cell.empty() ? std::numeric_limits<double>::quiet_NaN() : std::strtod(cell.c_str(), nullptr);
}

}  // namespace

void write_tables(const fs::path& folder, const platform::PointResult& result) {
  write_file(folder / "stats.csv", stats_csv(result.stats));
  write_file(folder / "latency.csv", latency_csv(result.latency));
  write_file(folder / "journeys.csv", journeys_csv(result.journeys));
  if (!result.vms.empty()) write_file(folder / "vms.csv", vms_csv(result.vms));
  if (!result.script.empty()) write_file(folder / "script.csv", script_csv(result.script));
  if (!result.time_line.empty()) write_file(folder / "timeline.csv", timeline_csv(result.time_line));
}

std::map<std::string, double> read_numbers(const fs::path& folder) {
  std::map<std::string, double> values;
  for_each_line(folder / "stats.csv", [&](const auto&, const auto& cells) {
    if (cells.size() < 4) return;
    const std::string &path = cells[0], &field = cells[1];
    const double number = number_of(cells[3]);
    values[path + "." + field] = number;
    if (field == "count" || field == "busy") values.emplace(path, number);
  });
  for_each_line(folder / "vms.csv", [&](const auto& header, const auto& cells) {
    for (std::size_t c = 2; c < cells.size(); ++c) values[cells[0] + "." + header[c]] = number_of(cells[c]);
  });
  return values;
}

}  // namespace iov::experiment
