// SPDX-License-Identifier: Apache-2.0
/// PagingCaches -- one cache per level of non-leaf entries, so that a walk can begin near its end.
/// Mechanism: knows no time.
///
/// Spec    VT-d 4.1 6.2.5 (paging-structure caches), 6.5.2.3 (leaf-only hint).
/// Models  an entry found at level L stands for all entries above it, permissions included; nested
///         walks cache first-stage entries with the guest address of the next table, which the second stage
///         then translates.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>

#include "models/core/set_assoc.h"
#include "models/iommu/iotlb.h"

namespace iov::iommu {

/// Permissions gathered from the entries passed so far: a bit each, those of reads and writes where second-stage entries have them.
class Permissions {
 public:
  static constexpr unsigned read = 1, write = 2, execute = 4, user = 8, all = 15;
  Permissions() = default;
  explicit Permissions(std::uint64_t bits) : bits_(static_cast<std::uint8_t>(bits & all)) {}
  void keep(std::uint64_t bits) { bits_ = static_cast<std::uint8_t>(bits_ & bits); }
  bool any_of(unsigned bits) const { return bits_ & bits; }
  std::uint8_t bits() const { return bits_; }

 private:
  std::uint8_t bits_ = all;
};

/// Where a table lies, and what the entries that led to it permit, in one word: a host stalls on copies of what it just wrote in parts.
class PagingEntry {
 public:
  PagingEntry() = default;
  PagingEntry(std::uint64_t table, const Permissions& p, bool is_nested) : word_(table | p.bits() | std::uint64_t{is_nested} << 4) {}
  /// The table it points to: host-physical, guest-physical in a nested first stage.
  std::uint64_t next() const { return word_ & ~std::uint64_t{0xfff}; }
  Permissions permissions() const { return Permissions(word_); }
  bool nested() const { return word_ >> 4 & 1; }

 private:
  std::uint64_t word_ = 0;
};

/// PASID tag and domain in one word, quick to compare, and what they contribute to hashes. Binding::no_tag: second stage.
struct PagingSpace {
  static constexpr unsigned log2_groups = 9;
  PagingSpace(DomainId domain, std::uint32_t tag)
      : hash((std::uint64_t{domain.value} * 0x9e3779b1u >> 7) ^ (std::uint64_t{tag + 1} * 0x85ebca6bu >> 5)),
        word(hash << (64 - log2_groups) | std::uint64_t{tag} << 16 | domain.value) {}
  static std::size_t group_of(std::uint64_t space_word) { return space_word >> (64 - log2_groups); }
  std::uint64_t hash, word;  ///< the word also has the group that the space is in
};

struct PagingKey {
  std::uint64_t prefix = 0;  ///< input address >> (12 + 9 * (level - 1))
  std::uint64_t space = 0;
  std::uint32_t tag() const { return static_cast<std::uint32_t>(space >> 16); }
  DomainId domain() const { return {static_cast<std::uint16_t>(space)}; }
  friend bool operator==(const PagingKey& a, const PagingKey& b) { return a.prefix == b.prefix && a.space == b.space; }
  std::uint64_t hash() const { return prefix ^ PagingSpace(domain(), tag()).hash; }
};

/// What is looked up, for one level after the other of the same space.
struct SoughtPagingEntry {
  std::uint64_t prefix;
  const PagingSpace& space;
  std::uint64_t hash() const { return prefix ^ space.hash; }
  explicit operator PagingKey() const { return {prefix, space.word}; }
  friend bool operator==(const SoughtPagingEntry& a, const PagingKey& b) { return a.prefix == b.prefix && a.space.word == b.space; }
};

class PagingCaches {
 public:
  using Level = SetAssoc<PagingKey, PagingEntry>;
  static constexpr unsigned lowest = 2, highest = 5;
  /// @param geometry  of the caches of level 2 (page directory) to 5
  explicit PagingCaches(const std::array<CacheGeometry, 4>& g) : levels_{Level(g[0]), Level(g[1]), Level(g[2]), Level(g[3])} {}
  struct Found {
    unsigned level;  ///< of the cached entry; 0: none
    PagingEntry entry;
  };
  /// The deepest cached non-leaf entry of a walk from level `top`.
  Found deepest(const PagingSpace& space, std::uint64_t address, unsigned top) {
    const Count* const counts = &counts_[place_of(space.word, lowest)];
    std::uint32_t all;
    static_assert(sizeof all == levels * sizeof(Count));
    std::memcpy(&all, counts, sizeof all);
    if (all == 0) return {0, {}};  // as of most spaces when they are many
    for (unsigned level = lowest; level <= top; ++level)
      if (counts[level - lowest] != 0)
        if (const PagingEntry* e = levels_[level - lowest].lookup(SoughtPagingEntry{prefix_of(address, level), space}))
          return {level, *e};
    return {0, {}};
  }
  [[gnu::noinline]] void fill(const PagingSpace& space, std::uint64_t address, unsigned level, PagingEntry entry) {
    Level& cache = levels_[level - lowest];
    Count* const counts = &counts_[place_of(0, level)];
    const auto count = [counts](std::uint64_t word) -> Count& { return counts[place_of(word, lowest)]; };
    if (count(space.word) != 0 || !cache.oldest_goes()) return fill_otherwise(space, address, level, entry);
    more(count(space.word));  // before the store that makes room, whose place takes long to know
    cache.put_new(SoughtPagingEntry{prefix_of(address, level), space}, entry, [&](const PagingKey& loser) { fewer(count(loser.space)); });
  }
  void invalidate(const IotlbInvalidation& what) {
    using Scope = IotlbInvalidation::Scope;
    if (what.leaf_only && (what.scope == Scope::pages || what.scope == Scope::pasid_pages)) return;
    for (unsigned level = lowest; level <= highest; ++level)
      levels_[level - lowest].erase_if([&](const PagingKey& k, const PagingEntry& e) {
        const unsigned log2 = 12 + 9 * (level - 1);
        if (!what.covers(k.domain(), k.tag(), e.nested(), false, k.prefix << log2, log2)) return false;
        fewer(count_of(k.space, level));
        return true;
      });
  }
  const Level& level(unsigned level) const { return levels_[level - lowest]; }

 private:
  static std::uint64_t prefix_of(std::uint64_t address, unsigned level) { return address >> (12 + 9 * (level - 1)); }
  /// Entries per level of the spaces of a group: spares the search where there are none. Small, as a thousand tenants come by all of
  /// it: a count that has come to its end stays there.
  using Count = std::uint8_t;
  static constexpr Count endless = 255;
  static void more(Count& count) { count = static_cast<Count>(count + (count != endless)); }
  static void fewer(Count& count) { count = static_cast<Count>(count - (count != endless)); }
  static constexpr unsigned levels = highest - lowest + 1;
  static std::size_t place_of(std::uint64_t space_word, unsigned level) { return PagingSpace::group_of(space_word) * levels + level - lowest; }
  Count& count_of(std::uint64_t space_word, unsigned level) { return counts_[place_of(space_word, level)]; }
  [[gnu::noinline]] void fill_otherwise(const PagingSpace& space, std::uint64_t address, unsigned level, PagingEntry entry) {
    const auto evict = [&](const PagingKey& loser) { fewer(count_of(loser.space, level)); };
    if (levels_[level - lowest].put(SoughtPagingEntry{prefix_of(address, level), space}, entry, evict)) more(count_of(space.word, level));
  }
  std::array<Count, levels << PagingSpace::log2_groups> counts_{};
  std::array<Level, levels> levels_;
};

}  // namespace iov::iommu
