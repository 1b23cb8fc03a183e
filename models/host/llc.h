// SPDX-License-Identifier: Apache-2.0
/// Llc -- which lines of memory the last-level cache holds, as seen by I/O. A mechanism: no time.
///
/// Spec    Intel Data Direct I/O: device writes update a line that is present, else allocate in a
///         limited number of ways (2 by default: Farshin et al., "Reexamining Direct Cache Access",
///         USENIX ATC 2020); device reads that miss do not allocate.
/// Models  the I/O ways line by line, least recently used out first; what processors wrote as sectors of 4 KiB with a bit
///         per line.
/// Omits   the processors' own caches and reads; the fill of partly written lines.
/// Units   line = 64 B.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "models/core/fixed_divisor.h"

namespace iov::host {

/// Numbers (of lines, of sectors) in sets of few ways, as tags in order of use with a value each: SetAssoc with LRU at a quarter
/// of the memory and time, for what is looked up for every 64 bytes that devices move.
template <class Value>
class RecencySets {
 public:
  /// Numbers must be below 2^32 times `sets`, less one. No ways: always empty.
  RecencySets(std::uint64_t sets, unsigned ways)
      : sets_(sets), ways_(sets ? ways : 0), tags_(sets * ways), values_(has_values ? sets * ways : 1) {}

  bool empty() const { return used_ == 0; }
  /// Its value, null when it is not there; it is then the most recently used of its set.
  Value* lookup(std::uint64_t number) {
    if (empty()) return nullptr;
    const Place place = place_of(number);
    const unsigned way = find(place);
    if (way == ways_) return nullptr;
    return use(place, way, has_values ? values_[place.first + way] : Value{});
  }
  /// For a number that is not there. @returns whether another one had to make room
  bool fill(std::uint64_t number, const Value& value = {}) {
    if (ways_ == 0) return false;
    const Place place = place_of(number);
    const bool full = tags_[place.first + ways_ - 1] != 0;
    used_ += !full;
    use(place, ways_ - 1, value);
    return full;
  }
  void erase(std::uint64_t number) {
    if (empty()) return;
    const Place place = place_of(number);
    unsigned way = find(place);
    if (way == ways_) return;
    for (; way + 1 < ways_; ++way) move(place.first + way + 1, place.first + way);
    tags_[place.first + way] = 0;
    --used_;
  }

 private:
  using Tag = std::uint32_t;  ///< one more than number / sets; 0: empty, behind all others of its set
  static constexpr bool has_values = !std::is_empty_v<Value>;
  struct Place {
    std::size_t first;  ///< way of its set
    Tag tag;
  };
  Place place_of(std::uint64_t number) const {
    const auto [tag, set] = sets_.divide(number);
    return {set * ways_, static_cast<Tag>(tag + 1)};
  }
  unsigned find(const Place& place) const {
    unsigned way = 0;
    while (way < ways_ && tags_[place.first + way] != place.tag) ++way;
    return way;
  }
  void move(std::size_t from, std::size_t to) {
    tags_[to] = tags_[from];
    if constexpr (has_values) values_[to] = values_[from];
  }
  /// What is at `way` goes, those before it move up, and the number is at the front.
  Value* use(const Place& place, unsigned way, const Value value) {
    for (; way > 0; --way) move(place.first + way - 1, place.first + way);
    tags_[place.first] = place.tag;
    Value& front = values_[has_values ? place.first : 0];
    front = value;
    return &front;
  }

  FixedDivisor sets_;
  unsigned ways_;
  std::uint64_t used_ = 0;
  std::vector<Tag> tags_;
  std::vector<Value> values_;
};

struct NoValue {};
using LineTags = RecencySets<NoValue>;

class Llc {
 public:
  static constexpr unsigned log2_line = 6, log2_sector = 12;
  static constexpr std::uint64_t line_bytes = 64;

  /// @param io_ways  of `ways`, open to device writes
  Llc(std::uint64_t bytes, unsigned ways, unsigned io_ways)
      : io_(bytes / line_bytes / ways, io_ways),
        written_((bytes >> log2_sector) * (ways - io_ways) / ways / sector_ways, sector_ways) {}

  bool read(std::uint64_t line) { return io_.lookup(line) || written(line); }

  struct Write {
    bool hit = false;
    bool evicts = false;  ///< a dirty line goes to DRAM
  };
  Write write(std::uint64_t line) {
    if (io_.lookup(line) || written(line)) return {true, false};
    return {false, io_.fill(line)};
  }
  /// A device write that bypasses the cache.
  void invalidate(std::uint64_t line) {
    io_.erase(line);
    if (std::uint64_t* lines = written_.lookup(line >> lines_shift)) *lines &= ~bit(line);
    sector_ = no_sector;
  }
  /// A processor wrote these bytes.
  void processor_write(std::uint64_t address, std::uint64_t length) {
    if (length == 0) return;
    sector_ = no_sector;
    const std::uint64_t last = (address + length - 1) >> log2_line;
    for (std::uint64_t line = address >> log2_line; line <= last;) {
      const std::uint64_t end = std::min(last, line | lines_mask), sector = line >> lines_shift;
      const std::uint64_t bits = ~std::uint64_t{0} << (line & lines_mask) & ~std::uint64_t{0} >> (lines_mask - (end & lines_mask));
      if (std::uint64_t* lines = written_.lookup(sector))
        *lines |= bits;
      else
        written_.fill(sector, bits);
      line = end + 1;
    }
  }

 private:
  static constexpr unsigned lines_shift = log2_sector - log2_line;
  static constexpr std::uint64_t lines_mask = (std::uint64_t{1} << lines_shift) - 1;
  static constexpr unsigned sector_ways = 8;
  static constexpr std::uint64_t no_sector = ~std::uint64_t{0};

  static std::uint64_t bit(std::uint64_t line) { return std::uint64_t{1} << (line & lines_mask); }
  bool written(std::uint64_t line) {
    const std::uint64_t sector = line >> lines_shift;
    if (sector != sector_) {  // the lines of one access share a sector
      const std::uint64_t* const lines = written_.lookup(sector);
      sector_ = sector;
      sector_lines_ = lines ? *lines : 0;
    }
    return sector_lines_ & bit(line);
  }

  LineTags io_;
  RecencySets<std::uint64_t> written_;
  std::uint64_t sector_ = no_sector, sector_lines_ = 0;  ///< of the last lookup, until something changes
};

}  // namespace iov::host
