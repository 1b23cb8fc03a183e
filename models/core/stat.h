// SPDX-License-Identifier: Apache-2.0
/// Statistics. A stat is an sc_object (a Counter has one): declaring it as a member of a module gives it its full name
/// ("nic0.dma_engine.reads") and its place in the tree. Nothing registers, nothing is looked up by
/// string in a hot path. Counts are stored, ratios are derived when reporting.
///
/// Units   each stat carries its unit ("1" for counts, "s", "B") and its meaning.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "models/core/histogram.h"
#include "models/core/units.h"

namespace iov {

struct StatRow {  ///< one line of stats.csv
  std::string path, field, unit;
  double value;
};

class Stat : public sc_core::sc_object {
 public:
  Stat(const char* object_name, const char* unit_name, const char* what)
      : sc_object(object_name), unit(unit_name), meaning(what) {}
  virtual void append_rows(std::vector<StatRow>& rows) const = 0;
  virtual void reset() = 0;  ///< called once, at the end of warm-up
  const char* const unit;
  const char* const meaning;
};

/// The entry of a Counter in the tree.
class CountStat : public Stat {
 public:
  CountStat(const char* object_name, const char* unit_name, const char* what, std::uint64_t& count)
      : Stat(object_name, unit_name, what), count_(count) {}
  std::uint64_t value() const { return count_; }
  void append_rows(std::vector<StatRow>& rows) const override;
  void reset() override { count_ = 0; }

 private:
  std::uint64_t& count_;
};

/// How many. The count lies among the members it speaks of, not in the middle of an sc_object of two lines of a cache.
class Counter {
 public:
  Counter(const char* object_name, const char* unit, const char* what)
      : stat_(std::make_unique<CountStat>(object_name, unit, what, count_)) {}
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  void operator++() { ++count_; }
  void operator+=(std::uint64_t n) { count_ += n; }
  std::uint64_t value() const { return count_; }
  void reset() { count_ = 0; }

 private:
  std::uint64_t count_ = 0;
  const std::unique_ptr<CountStat> stat_;
};

class BusyTime : public Stat {  ///< how long a resource was in use
 public:
  BusyTime(const char* object_name, const char* what) : Stat(object_name, "s", what) {}
  void add(const Time& duration) { sum_ += duration; }
  const Time& value() const { return sum_; }
  void append_rows(std::vector<StatRow>& rows) const override;
  void reset() override { sum_ = sc_core::SC_ZERO_TIME; }

 private:
  Time sum_;
};

class LatencyHistogram : public Stat, public Histogram {  ///< how long
 public:
  LatencyHistogram(const char* object_name, const char* what) : Stat(object_name, "ns", what) {}
  void append_rows(std::vector<StatRow>& rows) const override;
  void reset() override { clear(); }
};

/// Counts of many like things (functions, VMs, queues): rows are added at run time, columns are fixed.
class TableStat : public Stat {
 public:
  struct Column {
    const char* name;
    const char* unit;
  };
  TableStat(const char* object_name, const char* what, std::vector<Column> columns);
  std::size_t add_row(std::string row_name);
  void rename_row(std::size_t row, std::string row_name) { rows_[row] = std::move(row_name); }
  std::uint64_t& at(std::size_t row, std::size_t column) { return cells(row)[column]; }
  std::uint64_t at(std::size_t row, std::size_t column) const { return cells(row)[column]; }
  std::uint64_t* cells(std::size_t row) { return cells_.front().data() + row * stride_; }  ///< until a row is added
  const std::uint64_t* cells(std::size_t row) const { return cells_.front().data() + row * stride_; }
  std::uint64_t sum(std::size_t column) const;
  std::size_t rows() const { return rows_.size(); }
  const std::string& row_name(std::size_t row) const { return rows_[row]; }
  void append_rows(std::vector<StatRow>& rows) const override;
  void reset() override;

 private:
  /// Of thousands of rows few stay in the caches: the first eight columns of each lie in one line.
  static constexpr std::size_t line_cells = 8;
  struct alignas(64) Line : std::array<std::uint64_t, line_cells> {};
  std::vector<Column> columns_;
  const std::size_t stride_;  ///< from row to row
  std::vector<std::string> rows_;
  std::vector<Line> cells_;
};

/// Occupancy of a queue or buffer: time-weighted mean and peak, and how much there may be.
class Occupancy : public Stat {
 public:
  Occupancy(const char* object_name, const char* what) : Stat(object_name, "1", what) {}
  void set(std::uint64_t level, const Time& now) {
    // signed: a single instruction turns it into a double
    area_ += static_cast<double>(static_cast<std::int64_t>(level_)) *
             static_cast<double>(static_cast<std::int64_t>((now - since_).value()));
    since_ = now;
    level_ = level;
    if (level > peak_) peak_ = level;
  }
  /// Some of it went at another time than now: mostly before the last set(), and is counted only now.
  void gone(std::uint64_t amount, const Time& when) {
    if (when > since_) return set(level_ - amount, when);
    area_ -= static_cast<double>(static_cast<std::int64_t>(amount)) * static_cast<double>(static_cast<std::int64_t>((since_ - when).value()));
    level_ -= amount;
  }
  /// What is full limits a run: without a bound it never is.
  void bound(std::uint64_t capacity) { capacity_ = capacity; }
  std::uint64_t level() const { return level_; }
  std::uint64_t peak() const { return peak_; }
  void append_rows(std::vector<StatRow>& rows) const override;
  void reset() override { area_ = 0, started_ = since_, peak_ = level_; }

 private:
  std::uint64_t level_ = 0, peak_ = 0;
  double area_ = 0;
  Time since_, started_;
  std::uint64_t capacity_ = 0;  ///< 0: unbounded
};

}  // namespace iov
