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
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "models/core/fixed_divisor.h"
#include "models/core/prefetch.h"

namespace iov::host {

/// Numbers of lines in sets of few ways, as tags in order of use: SetAssoc with LRU at a quarter of the memory and time, for what
/// is looked up for every 64 bytes that devices move.
class LineTags {
 public:
  /// Numbers must be below 2^32 times `sets`, less one. No ways: always empty.
  LineTags(std::uint64_t sets, unsigned ways) : sets_(sets), ways_(sets ? ways : 0), tags_(sets * ways) {}

  bool empty() const { return used_ == 0; }
  /// Whether it is there; it is then the most recently used of its set.
  bool lookup(std::uint64_t number) {
    if (empty()) return false;
    const Place place = place_of(number);
    const unsigned way = find(place);
    if (way == ways_) return false;
    use(place, way);
    return true;
  }
  void prefetch(std::uint64_t number) const {
    if (!empty()) iov::prefetch(first_of_set(number));
  }
  void add_to(WorkingSet& set, std::uint64_t number) const {
    if (!empty()) set.add(first_of_set(number), ways_ * sizeof(Tag));
  }
  struct Run {
    std::uint64_t found = 0;
    std::uint64_t displaced = 0;  ///< numbers that had to make room
  };
  /// Numbers that follow one another, with one division: each is then the most recently used of its set. One that was not there,
  /// but is `elsewhere`, counts as found and stays there.
  template <class Elsewhere>
  Run use_run(std::uint64_t first, std::uint64_t last, Elsewhere elsewhere) {
    if (ways_ == 0) return without_ways(first, last, elsewhere);
    Place place = place_of(first);
    std::uint64_t number = first;
    for (; number <= last && place.set[0] == place.tag; ++number) to_next_set(place);
    // what a stream of writes will use next
    iov::prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(place.set) + cache_line_bytes));
    if (number > last) return {number - first, 0};  // nearly always
    return use_rest(first, number, last, elsewhere);
  }
  void erase(std::uint64_t number) {
    if (empty()) return;
    const Place place = place_of(number);
    unsigned way = find(place);
    if (way == ways_) return;
    for (; way + 1 < ways_; ++way) place.set[way] = place.set[way + 1];
    place.set[way] = 0;
    --used_;
  }

 private:
  using Tag = std::uint32_t;  ///< one more than number / sets; 0: empty, behind all others of its set
  struct Place {
    Tag* set;
    Tag tag;
  };
  void to_next_set(Place& place) {
    place.set += ways_;
    if (place.set == tags_.data() + tags_.size()) place = {tags_.data(), place.tag + 1};
  }
  template <class Elsewhere>
  [[gnu::cold]] static Run without_ways(std::uint64_t first, std::uint64_t last, Elsewhere elsewhere) {
    Run run;
    for (std::uint64_t number = first; number <= last; ++number) run.found += elsewhere(number);
    return run;
  }
  /// From `number` on, those before it were found.
  template <class Elsewhere>
  [[gnu::noinline]] Run use_rest(std::uint64_t first, std::uint64_t number, std::uint64_t last, Elsewhere elsewhere) {
    Run run{number - first, 0};
    for (Place place = place_of(number); number <= last; ++number, to_next_set(place)) {
      if (const unsigned way = find(place); way != ways_) {
        use(place, way);
        ++run.found;
      } else if (elsewhere(number)) {
        ++run.found;
      } else {
        run.displaced += fill(place);
      }
    }
    return run;
  }
  Place place_of(std::uint64_t number) {
    const auto [tag, set] = sets_.divide(number);
    return {&tags_[set * ways_], static_cast<Tag>(tag + 1)};
  }
  const Tag* first_of_set(std::uint64_t number) const { return &tags_[sets_.divide(number).rest * ways_]; }
  bool fill(const Place& place) {
    const bool full = place.set[ways_ - 1] != 0;
    used_ += !full;
    use(place, ways_ - 1);
    return full;
  }
  unsigned find(const Place& place) const {
    unsigned way = 0;
    while (way < ways_ && place.set[way] != place.tag) ++way;
    return way;
  }
  /// What is at `way` goes, those before it move up, and the number is at the front.
  void use(const Place& place, unsigned way) {
    for (; way > 0; --way) place.set[way] = place.set[way - 1];
    place.set[0] = place.tag;
  }

  FixedDivisor sets_;
  unsigned ways_;
  std::uint64_t used_ = 0;
  std::vector<Tag> tags_;
};

/// The same for numbers with a value each, in sets of a fixed number of ways: tags and values stay where they are, the order of
/// use is one word, and a lookup is the same few instructions wherever in its set the number is.
template <class Value, unsigned ways>
class RecencySets {
 public:
  /// Numbers must be below 2^32 - 1. No sets: always empty.
  explicit RecencySets(std::uint64_t sets) : divisor_(sets), sets_(sets) {}

  /// Its value, null when it is not there; it is then the most recently used of its set.
  Value* lookup(std::uint64_t number) { return lookup(place_of(number)); }
  /// For a number that is not there. @returns whether another one had to make room
  bool fill(std::uint64_t number, const Value& value) {
    const Place place = place_of(number);
    if (!place.set) return false;
    Set& set = *static_cast<Set*>(place.set);
    const unsigned way = oldest(set);
    Tag& tag = tag_of(set, way);
    const bool full = tag != 0;
    tag = place.tag;
    set.values[way] = value;
    renew(set, way);
    return full;
  }
  void erase(std::uint64_t number) {
    const Place place = place_of(number);
    if (!place.set) return;
    Set& set = *static_cast<Set*>(place.set);
    const std::uint64_t found = find(set, place.tag);
    if (found == 0) return;
    const unsigned way = way_of(found);
    tag_of(set, way) = 0;
    set.newer = (set.newer | column << way) & ~(row << 8 * way);
  }
  void prefetch(std::uint64_t number) const {
    if (!sets_.empty()) prefetch_object(sets_[index_of(number)]);
  }
  void add_to(WorkingSet& set, std::uint64_t number) const {
    if (!sets_.empty()) set.add_object(sets_[index_of(number)]);
  }

  using Tag = std::uint32_t;  ///< one more than the number; 0: empty, last in order of use
  struct Place {
    void* set = nullptr;
    Tag tag = 0;
  };
  /// Where it would be.
  Place place_of(std::uint64_t number) {
    if (sets_.empty()) return {};
    return {&sets_[index_of(number)], static_cast<Tag>(number + 1)};
  }
  static void prefetch(const Place& place) {
    iov::prefetch(place.set);
    iov::prefetch(static_cast<const char*>(place.set) + cache_line_bytes);
  }
  /// Of the number whose place it is.
  Value* lookup(const Place& place) {
    if (!place.set) return nullptr;
    Set& set = *static_cast<Set*>(place.set);
    const std::uint64_t found = find(set, place.tag);
    if (found == 0) return nullptr;
    const unsigned way = way_of(found);
    renew(set, way);
    return &set.values[way];
  }

 private:
  static_assert(ways > 0 && ways <= 8, "the order of use is a matrix of 8 x 8 bits");
  using FourTags [[gnu::vector_size(16)]] = Tag;
  static constexpr std::uint64_t row = (1u << ways) - 1, column = 0x0101'0101'0101'0101, tops = 0x8080'8080'8080'8080;
  /// At first each way is newer than those behind it; rows of no way are never 0.
  static constexpr std::uint64_t first_order() {
    std::uint64_t order = 0;
    for (unsigned way = 0; way < 8; ++way) order |= (way < ways ? row & ~std::uint64_t{0} << (way + 1) : std::uint64_t{0x80}) << 8 * way;
    return order;
  }
  struct alignas(cache_line_bytes) Set {
    std::array<FourTags, 2> tags{};
    std::uint64_t newer = first_order();  ///< a byte per way: a bit for each way that it was used after
    std::array<Value, ways> values{};
  };
  std::size_t index_of(std::uint64_t number) const { return divisor_.rest(static_cast<std::uint32_t>(number)); }
  static Tag& tag_of(Set& set, unsigned way) { return reinterpret_cast<Tag*>(set.tags.data())[way]; }
  /// All at a time, without a branch. @returns the byte of the way is not 0, if it is there
  static std::uint64_t find(const Set& set, Tag tag) {
#ifdef __SSE2__
    const __m128i low = reinterpret_cast<__m128i>(set.tags[0] == tag), high = reinterpret_cast<__m128i>(set.tags[1] == tag);
    const __m128i words = _mm_packs_epi32(low, high);
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_packs_epi16(words, words)));
#else
    std::uint64_t found = 0;
    for (unsigned way = 0; way < 8; ++way) found |= std::uint64_t{set.tags[way / 4][way % 4] == tag} << 8 * way;
    return found;
#endif
  }
  static unsigned way_of(std::uint64_t found) { return static_cast<unsigned>(std::countr_zero(found)) / 8; }
  /// It was used after all others, and none after it.
  static void renew(Set& set, unsigned way) { set.newer = (set.newer | row << 8 * way) & ~(column << way); }
  /// The one that was used after no other: its byte is 0.
  static unsigned oldest(const Set& set) { return way_of((set.newer - column) & ~set.newer & tops); }

  FixedDivisor divisor_;
  std::vector<Set> sets_;
};

class Llc {
  static constexpr unsigned sector_ways = 8;
  using Sectors = RecencySets<std::uint64_t, sector_ways>;  ///< a bit per line

 public:
  static constexpr unsigned log2_line = 6, log2_sector = 12;
  static constexpr std::uint64_t line_bytes = 64;

  /// @param io_ways  of `ways`, open to device writes
  Llc(std::uint64_t bytes, unsigned ways, unsigned io_ways)
      : io_(bytes / line_bytes / ways, io_ways), written_((bytes >> log2_sector) * (ways - io_ways) / ways / sector_ways) {}

  bool read(std::uint64_t line) { return io_.lookup(line) || written(line); }

  void prefetch(std::uint64_t line) const { written_.prefetch(line >> lines_shift); }
  using Sector = Sectors::Place;
  /// Where the line's sector would be; that is prefetched.
  Sector sector_of(std::uint64_t line) {
    io_.prefetch(line);
    const Sector place = written_.place_of(line >> lines_shift);
    Sectors::prefetch(place);
    return place;
  }
  /// As above, with the place of the line's sector.
  bool read(std::uint64_t line, const Sector& place) {
    if (io_.lookup(line)) return true;
    sector_ = no_sector;
    const std::uint64_t* const lines = written_.lookup(place);
    return lines && *lines & bit(line);
  }
  void add_to(WorkingSet& set, std::uint64_t line) const {
    io_.add_to(set, line);
    written_.add_to(set, line >> lines_shift);
  }
  struct Written {
    std::uint64_t hits = 0;
    std::uint64_t evicted = 0;  ///< dirty lines that go to DRAM
  };
  [[gnu::always_inline]] Written write(std::uint64_t first, std::uint64_t last) {
    const auto [hits, evicted] = io_.use_run(first, last, [this](std::uint64_t line) { return written(line); });
    return {hits, evicted};
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
    const std::uint64_t last = (address + length - 1) >> log2_line;
    for (std::uint64_t line = address >> log2_line; line <= last;) {
      const std::uint64_t end = std::min(last, line | lines_mask), sector = line >> lines_shift;
      const std::uint64_t bits = ~std::uint64_t{0} << (line & lines_mask) & ~std::uint64_t{0} >> (lines_mask - (end & lines_mask));
      if (std::uint64_t* const lines = lines_of(sector, [&] { return written_.lookup(sector); }))
        *lines |= bits;
      else
        fill(sector, bits);
      line = end + 1;
    }
  }

 private:
  static constexpr unsigned lines_shift = log2_sector - log2_line;
  static constexpr std::uint64_t lines_mask = (std::uint64_t{1} << lines_shift) - 1;
  static constexpr std::uint64_t no_sector = ~std::uint64_t{0};

  static std::uint64_t bit(std::uint64_t line) { return std::uint64_t{1} << (line & lines_mask); }
  [[gnu::always_inline]] bool written(std::uint64_t line) {
    return written(line, [&] { return look_up_sector(line >> lines_shift); });
  }
  [[gnu::noinline]] std::uint64_t* look_up_sector(std::uint64_t sector) { return written_.lookup(sector); }
  template <class Lookup>
  [[gnu::always_inline]] bool written(std::uint64_t line, Lookup lookup) {
    const std::uint64_t* const lines = lines_of(line >> lines_shift, lookup);
    return lines && *lines & bit(line);
  }
  /// Null: none of its lines was written. The lines of one access share a sector, as do the entries of a ring.
  template <class Lookup>
  [[gnu::always_inline]] std::uint64_t* lines_of(std::uint64_t sector, Lookup lookup) {
    if (sector != sector_) {
      sector_lines_ = lookup();
      sector_ = sector;
    }
    return sector_lines_;
  }
  [[gnu::noinline]] void fill(std::uint64_t sector, std::uint64_t lines) {
    written_.fill(sector, lines);
    sector_ = no_sector;
  }

  LineTags io_;
  Sectors written_;
  std::uint64_t sector_ = no_sector;  ///< of the last lookup, until another takes its place or a line is erased
  std::uint64_t* sector_lines_ = nullptr;
};

}  // namespace iov::host
