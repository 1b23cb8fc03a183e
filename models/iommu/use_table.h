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
  /// Those that each walk counts come first, in one line of a cache.
  enum Field { iotlb_hits, iotlb_misses, evictions, walks, walk_reads, walk_time, queue_time, often, merges, rare };
  using Label = std::string (*)(std::uint16_t id);
  /// @param at_often, at_rare  a further column of this table, that is counted often, or rarely
  UseTable(const char* object_name, const char* what, const char* evictions, Label label, Column at_often, Column at_rare)
      : TableStat(object_name, what, {{"iotlb_hits", "1"},
                                      {"iotlb_misses", "1"},
                                      {evictions, "1"},
                                      {"walks", "1"},
                                      {"walk_reads", "1"},
                                      {"walk_time", "ps"},
                                      {"queue_time", "ps"},
                                      at_often,
                                      {"merges", "1"},
                                      at_rare}),
        label_(label),
        rows_of_(65536, none) {}

  std::uint64_t& of(std::uint16_t id, std::size_t field) { return row_of(id)[field]; }
  /// Its fields, until another row is made.
  std::uint64_t* row_of(std::uint16_t id) { return cells(row(id)); }
  void prefetch(std::uint16_t id) const {
    if (rows_of_[id] != none) iov::prefetch(cells(rows_of_[id]));
  }
  /// @param fields  the first so many
  void add_to(WorkingSet& set, std::uint16_t id, Field fields = merges) const {
    set.add_object(rows_of_[id]);
    if (rows_of_[id] != none) set.add(cells(rows_of_[id]), fields * sizeof(std::uint64_t));
  }
  void add_time(std::uint16_t id, Field field, const Time& time) { of(id, field) += time.value() / 1000; }

 private:
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
