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
#include <bit>
#include <cstdint>
#include <vector>

#include "models/core/set_assoc.h"

namespace iov::host {

/// Lines in sets of few ways, nothing but their tags in order of use: SetAssoc with LRU at a quarter of the memory and
/// time, for what is looked up for every 64 bytes that devices move.
class LineTags {
 public:
  /// Line numbers must be below 2^32 times `sets`. No ways: always empty.
  LineTags(std::uint64_t sets, unsigned ways) : sets_(sets), ways_(ways), tags_(sets * ways) {}

  /// Whether the line is there; it is then the most recently used of its set.
  bool lookup(std::uint64_t line) {
    const Place place = place_of(line);
    return use(place.set, find(place), place.tag);
  }
  /// For a line that is not there. @returns whether another one had to make room
  bool fill(std::uint64_t line) {
    const Place place = place_of(line);
    if (ways_ == 0) return false;
    const bool full = place.set[ways_ - 1] != 0;
    use(place.set, ways_ - 1, place.tag);
    return full;
  }
  void erase(std::uint64_t line) {
    const Place place = place_of(line);
    unsigned way = find(place);
    if (way == ways_) return;
    for (; way + 1 < ways_; ++way) place.set[way] = place.set[way + 1];
    place.set[way] = 0;
  }

 private:
  using Tag = std::uint32_t;  ///< one more than line / sets; 0: empty, behind all others of its set
  struct Place {
    Tag* set;
    Tag tag;
  };
  Place place_of(std::uint64_t line) {
    const bool power_of_two = (sets_ & (sets_ - 1)) == 0;
    const std::uint64_t set = power_of_two ? line & (sets_ - 1) : line % sets_;
    const std::uint64_t tag = power_of_two ? line >> shift_ : line / sets_;
    return {tags_.data() + set * ways_, static_cast<Tag>(tag + 1)};
  }
  unsigned find(const Place& place) const {
    unsigned way = 0;
    while (way < ways_ && place.set[way] != place.tag) ++way;
    return way;
  }
  /// The line of `way` goes to the front, as `tag`; those before it move up.
  bool use(Tag* set, unsigned way, Tag tag) const {
    if (way == ways_) return false;
    for (; way > 0; --way) set[way] = set[way - 1];
    set[0] = tag;
    return true;
  }
  std::uint64_t sets_;
  unsigned ways_;
  int shift_ = std::countr_zero(sets_);
  std::vector<Tag> tags_;
};

class Llc {
 public:
  static constexpr unsigned log2_line = 6, log2_sector = 12;
  static constexpr std::uint64_t line_bytes = 64;

  /// @param io_ways  of `ways`, open to device writes
  Llc(std::uint64_t bytes, unsigned ways, unsigned io_ways)
      : io_(bytes / line_bytes / ways, io_ways), written_(sector_geometry(bytes, ways, io_ways)) {}

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
    if (std::uint64_t* lines = written_.lookup({line >> lines_shift})) *lines &= ~bit(line);
    sector_ = nullptr;
  }
  /// A processor wrote these bytes.
  void processor_write(std::uint64_t address, std::uint64_t length) {
    if (length == 0) return;
    const std::uint64_t last = (address + length - 1) >> log2_line;
    for (std::uint64_t line = address >> log2_line; line <= last;) {
      const std::uint64_t end = std::min(last, line | lines_mask);
      std::uint64_t bits = 0;
      for (; line <= end; ++line) bits |= bit(line);
      const Key key{end >> lines_shift};
      if (std::uint64_t* lines = written_.lookup(key))
        *lines |= bits;
      else
        written_.fill(key, bits), sector_ = nullptr;
    }
  }

 private:
  static constexpr unsigned lines_shift = log2_sector - log2_line;
  static constexpr std::uint64_t lines_mask = (std::uint64_t{1} << lines_shift) - 1;
  static constexpr unsigned sector_ways = 8;
  struct Key {
    std::uint64_t value = 0;
    std::uint64_t hash() const { return value; }
    bool operator==(const Key&) const = default;
  };

  static std::uint64_t bit(std::uint64_t line) { return std::uint64_t{1} << (line & lines_mask); }
  static CacheGeometry sector_geometry(std::uint64_t bytes, unsigned ways, unsigned io_ways) {
    const auto sectors = static_cast<unsigned>((bytes >> log2_sector) * (ways - io_ways) / ways);
    return {sectors / sector_ways * sector_ways, sector_ways, Replacement::lru};
  }
  bool written(std::uint64_t line) {
    const std::uint64_t sector = line >> lines_shift;
    if (!sector_ || sector_key_ != sector) {  // the lines of one access share a sector
      sector_ = written_.lookup({sector});
      sector_key_ = sector;
    }
    return sector_ && *sector_ & bit(line);
  }

  LineTags io_;
  SetAssoc<Key, std::uint64_t> written_;
  std::uint64_t* sector_ = nullptr;  ///< of the last lookup; storage of a SetAssoc does not move
  std::uint64_t sector_key_ = 0;
};

}  // namespace iov::host
