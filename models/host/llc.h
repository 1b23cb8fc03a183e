// SPDX-License-Identifier: Apache-2.0
/// Llc -- which lines of memory the last-level cache holds, as seen by I/O. A mechanism: no time.
///
/// Spec    Intel Data Direct I/O: device writes update a line that is present, else allocate in a
///         limited number of ways (2 by default: Farshin et al., "Reexamining Direct Cache Access",
///         USENIX ATC 2020); device reads that miss do not allocate.
/// Models  the I/O ways line by line; what processors wrote as sectors of 4 KiB with a bit per line.
/// Omits   the processors' own caches and reads; the fill of partly written lines.
/// Units   line = 64 B.
#pragma once
#include <algorithm>
#include <cstdint>

#include "models/core/set_assoc.h"

namespace iov::host {

class Llc {
 public:
  static constexpr unsigned log2_line = 6, log2_sector = 12;
  static constexpr std::uint64_t line_bytes = 64;

  /// @param io_ways  of `ways`, open to device writes
  Llc(std::uint64_t bytes, unsigned ways, unsigned io_ways)
      : io_(io_geometry(bytes, ways, io_ways)), written_(sector_geometry(bytes, ways, io_ways)) {}

  bool read(std::uint64_t line) { return io_.lookup({line}) || written(line); }

  struct Write {
    bool hit = false;
    bool evicts = false;  ///< a dirty line goes to DRAM
  };
  Write write(std::uint64_t line) {
    if (io_.lookup({line}) || written(line)) return {true, false};
    return {false, io_.fill({line}, {}).has_value()};
  }
  /// A device write that bypasses the cache.
  void invalidate(std::uint64_t line) {
    io_.erase({line});
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
  struct Nothing {};

  static std::uint64_t bit(std::uint64_t line) { return std::uint64_t{1} << (line & lines_mask); }
  static CacheGeometry io_geometry(std::uint64_t bytes, unsigned ways, unsigned io_ways) {
    const auto sets = static_cast<unsigned>(bytes / line_bytes / ways);
    return {sets * io_ways, std::max(1u, io_ways), Replacement::lru};
  }
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

  SetAssoc<Key, Nothing> io_;
  SetAssoc<Key, std::uint64_t> written_;
  std::uint64_t* sector_ = nullptr;  ///< of the last lookup; storage of a SetAssoc does not move
  std::uint64_t sector_key_ = 0;
};

}  // namespace iov::host
