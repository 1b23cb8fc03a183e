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

#include "models/core/set_assoc.h"
#include "models/iommu/iotlb.h"

namespace iov::iommu {

/// Permissions gathered from the entries passed so far.
struct Permissions {
  bool read = true, write = true, execute = true, user = true;
};

struct PagingEntry {
  std::uint64_t next = 0;  ///< the table it points to: host-physical, guest-physical in a nested first stage
  Permissions permissions;
  bool nested = false;
};

struct PagingKey {
  std::uint64_t prefix = 0;  ///< input address >> (12 + 9 * (level - 1))
  std::uint64_t space = 0;   ///< tag and domain in one word, quick to compare
  PagingKey() = default;
  PagingKey(std::uint64_t input_prefix, std::uint32_t tag, std::uint16_t domain)  ///< Binding::no_tag: second stage
      : prefix(input_prefix), space(std::uint64_t{tag} << 16 | domain) {}
  std::uint32_t tag() const { return static_cast<std::uint32_t>(space >> 16); }
  std::uint16_t domain() const { return static_cast<std::uint16_t>(space); }
  friend bool operator==(const PagingKey& a, const PagingKey& b) { return a.prefix == b.prefix && a.space == b.space; }
  std::uint64_t hash() const {
    return prefix ^ (std::uint64_t{domain()} * 0x9e3779b1u >> 7) ^ (std::uint64_t{tag() + 1} * 0x85ebca6bu >> 5);
  }
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
  /// The deepest cached non-leaf entry of a walk with `levels` levels.
  Found deepest(DomainId domain, std::uint32_t tag, std::uint64_t address, unsigned levels) {
    for (unsigned level = lowest; level <= levels; ++level)
      if (const PagingEntry* e = levels_[level - lowest].lookup(key(domain, tag, address, level)))
        return {level, *e};
    return {0, {}};
  }
  bool fill(DomainId domain, std::uint32_t tag, std::uint64_t address, unsigned level,
            const PagingEntry& entry) {
    return levels_[level - lowest].fill(key(domain, tag, address, level), entry).has_value();
  }
  void invalidate(const IotlbInvalidation& what) {
    using Scope = IotlbInvalidation::Scope;
    if (what.leaf_only && (what.scope == Scope::pages || what.scope == Scope::pasid_pages)) return;
    for (unsigned level = lowest; level <= highest; ++level)
      levels_[level - lowest].erase_if([&](const PagingKey& k, const PagingEntry& e) {
        const unsigned log2 = 12 + 9 * (level - 1);
        return what.covers({k.domain()}, k.tag(), e.nested, false, k.prefix << log2, log2);
      });
  }
  const Level& level(unsigned level) const { return levels_[level - lowest]; }

 private:
  static PagingKey key(DomainId domain, std::uint32_t tag, std::uint64_t address, unsigned level) {
    return {address >> (12 + 9 * (level - 1)), tag, domain.value};
  }
  std::array<Level, 4> levels_;
};

}  // namespace iov::iommu
