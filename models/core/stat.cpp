// SPDX-License-Identifier: Apache-2.0
#include "models/core/stat.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace iov {

namespace {
constexpr unsigned log2_steps = 6;  // 64 steps per power of two
constexpr std::uint64_t steps = std::uint64_t{1} << log2_steps;

std::size_t bucket_of(std::uint64_t ps) {
  if (ps < steps) return ps;
  const auto shift = static_cast<unsigned>(std::bit_width(ps)) - 1 - log2_steps;
  return (shift + 1) * steps + ((ps >> shift) - steps);
}
std::uint64_t low_of(std::size_t bucket) {
  if (bucket < steps) return bucket;
  const auto shift = bucket / steps - 1;
  return (steps + bucket % steps) << shift;
}
}  // namespace

void Counter::append_rows(std::vector<StatRow>& rows) const {
  rows.push_back({name(), "count", unit, static_cast<double>(count_)});
}

void BusyTime::append_rows(std::vector<StatRow>& rows) const {
  rows.push_back({name(), "busy", unit, sum_.to_seconds()});
}

void LatencyHistogram::record(const Time& duration) {
  const std::uint64_t ps = to_ps(duration);
  const std::size_t bucket = bucket_of(ps);
  if (bucket >= counts_.size()) counts_.resize(bucket + steps);
  ++counts_[bucket];
  ++count_;
  sum_ns_ += static_cast<double>(ps) * 1e-3;
  min_ = std::min(min_, ps);
  max_ = std::max(max_, ps);
}

double LatencyHistogram::quantile_ns(double share) const {
  if (count_ == 0) return 0;
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t b = 0; b < counts_.size(); ++b) {
    seen += counts_[b];
    if (seen >= rank)
      return static_cast<double>(std::clamp((low_of(b) + low_of(b + 1) - 1) / 2, min_, max_)) * 1e-3;
  }
  return max_ns();
}

std::vector<LatencyHistogram::Bucket> LatencyHistogram::buckets() const {
  std::vector<Bucket> result;
  for (std::size_t b = 0; b < counts_.size(); ++b)
    if (counts_[b])
      result.push_back({static_cast<double>(low_of(b)) * 1e-3, static_cast<double>(low_of(b + 1)) * 1e-3, counts_[b]});
  return result;
}

void LatencyHistogram::append_rows(std::vector<StatRow>& rows) const {
  rows.push_back({name(), "count", "1", static_cast<double>(count_)});
  rows.push_back({name(), "mean", unit, mean_ns()});
  rows.push_back({name(), "min", unit, min_ns()});
  rows.push_back({name(), "p50", unit, quantile_ns(0.5)});
  rows.push_back({name(), "p99", unit, quantile_ns(0.99)});
  rows.push_back({name(), "max", unit, max_ns()});
}

void LatencyHistogram::reset() {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = max_ = 0;
  min_ = ~std::uint64_t{0};
  sum_ns_ = 0;
}

TableStat::TableStat(const char* object_name, const char* what, std::vector<Column> columns)
    : Stat(object_name, "", what), columns_(std::move(columns)) {}

std::size_t TableStat::add_row(std::string row_name) {
  rows_.push_back(std::move(row_name));
  cells_.resize(rows_.size() * columns_.size());
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

void TableStat::reset() { std::fill(cells_.begin(), cells_.end(), 0); }

void Occupancy::append_rows(std::vector<StatRow>& rows) const {
  const auto span = static_cast<double>((since_ - started_).value());
  rows.push_back({name(), "mean", unit, span > 0 ? area_ / span : static_cast<double>(level_)});
  rows.push_back({name(), "peak", unit, static_cast<double>(peak_)});
}

}  // namespace iov
