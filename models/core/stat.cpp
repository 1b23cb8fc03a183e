// SPDX-License-Identifier: Apache-2.0
#include "models/core/stat.h"

#include <algorithm>
#include <bit>

namespace iov {

void CountStat::append_rows(std::vector<StatRow>& rows) const {
  rows.push_back({name(), "count", unit, static_cast<double>(count_)});
}

void BusyTime::append_rows(std::vector<StatRow>& rows) const {
  rows.push_back({name(), "busy", unit, sum_.to_seconds()});
}

void LatencyHistogram::append_rows(std::vector<StatRow>& rows) const {
  rows.push_back({name(), "count", "1", static_cast<double>(count())});
  rows.push_back({name(), "mean", unit, mean_ns()});
  rows.push_back({name(), "min", unit, min_ns()});
  rows.push_back({name(), "p50", unit, quantile_ns(0.5)});
  rows.push_back({name(), "p99", unit, quantile_ns(0.99)});
  rows.push_back({name(), "max", unit, max_ns()});
}

TableStat::TableStat(const char* object_name, const char* what, std::vector<Column> columns)
    : Stat(object_name, "", what),
      columns_(std::move(columns)),
      stride_(columns_.size() <= line_cells ? std::bit_ceil(columns_.size()) : (columns_.size() + line_cells - 1) / line_cells * line_cells) {}

std::size_t TableStat::add_row(std::string row_name) {
  rows_.push_back(std::move(row_name));
  cells_.resize((rows_.size() * stride_ + line_cells - 1) / line_cells);
  return rows_.size() - 1;
}

std::uint64_t TableStat::sum(std::size_t column) const {
  std::uint64_t total = 0;
  for (std::size_t row = 0; row < rows_.size(); ++row) total += at(row, column);
  return total;
}

void TableStat::append_rows(std::vector<StatRow>& rows) const {
  for (std::size_t row = 0; row < rows_.size(); ++row)
    for (std::size_t c = 0; c < columns_.size(); ++c)
      rows.push_back({std::string(name()) + "." + rows_[row], columns_[c].name, columns_[c].unit,
                      static_cast<double>(at(row, c))});
}

void TableStat::reset() { std::fill(cells_.begin(), cells_.end(), Line{}); }

void Occupancy::append_rows(std::vector<StatRow>& rows) const {
  const auto span = static_cast<double>((since_ - started_).value());
  rows.push_back({name(), "mean", unit, span > 0 ? area_ / span : static_cast<double>(level_)});
  rows.push_back({name(), "peak", unit, static_cast<double>(peak_)});
  if (capacity_ > 0) rows.push_back({name(), "capacity", unit, static_cast<double>(capacity_)});
}

}  // namespace iov
