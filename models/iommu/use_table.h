// SPDX-License-Identifier: Apache-2.0
/// UseTable -- who used the translation unit and what it cost: a row per requester or per domain, made when it first shows.
///
/// Units  counts; walk_time and queue_time in ps. queue_time over the window is the mean number of entries of the
///        translation queue that this row held.
#pragma once
#include <string>
#include <vector>

#include "models/core/prefetch.h"
#include "models/core/stat.h"

namespace iov::iommu {

class UseTable : public TableStat {
 public:
  enum Field { iotlb_hits, iotlb_misses, merges, evictions, walks, walk_reads, walk_time, queue_time };
  using Label = std::string (*)(std::uint16_t id);
  /// @param more  further columns, numbered from `first_more` on
  UseTable(const char* object_name, const char* what, const char* evictions, Label label, std::vector<Column> more = {})
      : TableStat(object_name, what, with({{"iotlb_hits", "1"},
                                           {"iotlb_misses", "1"},
                                           {"merges", "1"},
                                           {evictions, "1"},
                                           {"walks", "1"},
                                           {"walk_reads", "1"},
                                           {"walk_time", "ps"},
                                           {"queue_time", "ps"}},
                                          more)),
        label_(label),
        rows_of_(65536, none) {}
  static constexpr std::size_t first_more = queue_time + 1;

  std::uint64_t& of(std::uint16_t id, std::size_t field) { return row_of(id)[field]; }
  /// Its fields, until another row is made.
  std::uint64_t* row_of(std::uint16_t id) { return cells(row(id)); }
  void prefetch(std::uint16_t id) const {
    if (rows_of_[id] == none) return;
    const std::uint64_t* const row = cells(rows_of_[id]);
    iov::prefetch(row), iov::prefetch(row + first_more);
  }
  void add_time(std::uint16_t id, Field field, const Time& time) { of(id, field) += time.value() / 1000; }

 private:
  static std::vector<Column> with(std::vector<Column> columns, const std::vector<Column>& more) {
    columns.insert(columns.end(), more.begin(), more.end());
    return columns;
  }
  std::size_t row(std::uint16_t id) {
    if (rows_of_[id] == none) make_row(id);
    return rows_of_[id];
  }
  [[gnu::cold]] void make_row(std::uint16_t id) { rows_of_[id] = static_cast<std::uint32_t>(add_row(label_(id))); }
  static constexpr std::uint32_t none = 0xffff'ffff;
  const Label label_;
  std::vector<std::uint32_t> rows_of_;
};

}  // namespace iov::iommu
