// SPDX-License-Identifier: Apache-2.0
/// Iotlb -- the cache of finished translations, pages of any size side by side, optionally cut into
/// partitions so that one domain cannot evict another's entries. Mechanism: knows no time.
///
/// Spec    VT-d 4.1 6.2.4 (tagging), 6.5.2.3, 6.5.2.4 (what an invalidation removes).
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "models/core/address.h"
#include "models/core/set_assoc.h"
#include "models/iommu/context.h"

namespace iov::iommu {

/// A translation: where a page lies and what may be done to it.
struct Mapping {
  std::uint64_t page = 0;  ///< host-physical address of its first byte
  std::uint8_t log2_page = 12;
  bool read = false, write = false, execute = false;
  bool dirty = true;  ///< no D bit left to set before a write
  bool global = false, snoop = false, nested = false;
};

/// Which address space an entry belongs to: PASID tag and domain in one word, quick to compare.
constexpr std::uint64_t space_of(std::uint32_t tag, std::uint16_t domain) {
  return std::uint64_t{tag} << 32 | std::uint64_t{domain} << 8;
}

struct IotlbKey {
  std::uint64_t page = 0;   ///< untranslated address >> log2_page
  std::uint64_t space = 0;  ///< space_of(tag, domain) | log2_page
  IotlbKey() = default;
  IotlbKey(std::uint64_t page_number, std::uint64_t address_space, std::uint8_t log2)
      : page(page_number), space(address_space | log2) {}
  std::uint32_t tag() const { return static_cast<std::uint32_t>(space >> 32); }
  DomainId domain() const { return {static_cast<std::uint16_t>(space >> 8)}; }
  std::uint8_t log2_page() const { return static_cast<std::uint8_t>(space); }
  friend bool operator==(const IotlbKey& a, const IotlbKey& b) {
    return a.page == b.page && a.space == b.space;
  }
  /// Sets are picked by page number, shuffled by domain and PASID so that equal addresses of many
  /// domains do not fall into one set.
  std::uint64_t hash() const { return page ^ ((space >> 8) * 0x9e3779b97f4a7c15ull >> 40); }
};

/// What an IOTLB or PASID-IOTLB invalidation names.
struct IotlbInvalidation {
  enum class Scope : std::uint8_t { global, domain, pages, pasid, pasid_pages };
  Scope scope = Scope::global;
  DomainId domain;
  std::uint32_t pasid = 0;
  std::uint64_t address = 0;  ///< aligned down to its range
  std::uint8_t mask = 0;      ///< 2^mask pages
  bool leaf_only = false;     ///< IH: paging-structure caches may stay

  std::uint64_t first() const { return address >> 12 >> mask << mask << 12; }
  std::uint64_t last() const { return first() + (std::uint64_t{4096} << mask) - 1; }
  /// @param base, log2_size  the range the entry covers
  bool covers(DomainId entry_domain, std::uint32_t tag, bool nested, bool global, std::uint64_t base,
              unsigned log2_size) const {
    if (scope == Scope::global) return true;
    if (entry_domain != domain) return false;
    const bool overlap = base <= last() && first() <= base + ((std::uint64_t{1} << log2_size) - 1);
    switch (scope) {
      case Scope::domain: return true;
      case Scope::pages:
        return nested || (tag == Binding::no_tag && overlap);  // addresses are second-stage inputs
      case Scope::pasid: return tag == pasid && !global;
      default: return tag == pasid && overlap;
    }
  }
};

class Iotlb {
 public:
  using Cache = SetAssoc<IotlbKey, Mapping>;
  /// @param partitions  domains share by domain ID modulo partitions; 1: one cache for all
  Iotlb(const CacheGeometry& geometry, unsigned partitions) {
    CacheGeometry part = geometry;
    part.entries /= partitions;
    for (unsigned p = 0; p < partitions; ++p) parts_.emplace_back(part);
  }
  Mapping* lookup(const Binding& b, std::uint64_t address) {
    Cache& part = part_of(b.domain.value);
    const std::uint64_t space = space_of(b.tag, b.domain.value);
    if (count_of(space) == 0) return nullptr;  // as of most spaces when they are many
    for (unsigned left = sizes_present_; left != 0; left &= left - 1) {
      const std::uint8_t log2 = sizes[static_cast<std::size_t>(std::countr_zero(left))];
      if (Mapping* m = part.lookup(IotlbKey{address >> log2, space, log2})) return m;
    }
    return nullptr;
  }
  /// As a lookup of the address that finds this mapping, which is still there.
  void use_again(const Binding& b, std::uint64_t address, const Mapping& m) {
    part_of(b.domain.value).use_again({address >> m.log2_page, space_of(b.tag, b.domain.value), m.log2_page}, m);
  }
  const Mapping* peek(const Binding& b, std::uint64_t address) const {
    const Cache& part = parts_[b.domain.value % parts_.size()];
    for (const std::uint8_t log2 : sizes)
      if (const Mapping* m = part.peek({address >> log2, space_of(b.tag, b.domain.value), log2})) return m;
    return nullptr;
  }
  void add_to(WorkingSet& set, const Binding& b, std::uint64_t address) const {
    for (unsigned left = sizes_present_; left != 0; left &= left - 1) {
      const std::uint8_t log2 = sizes[static_cast<std::size_t>(std::countr_zero(left))];
      parts_[b.domain.value % parts_.size()].add_to(set, {address >> log2, space_of(b.tag, b.domain.value), log2});
    }
  }
  static constexpr std::uint32_t nobody = ~std::uint32_t{0};
  /// @returns the domain that lost an entry, or nobody
  std::uint32_t fill(const Binding& b, std::uint64_t address, const Mapping& m) {
    const IotlbKey key{address >> m.log2_page, space_of(b.tag, b.domain.value), m.log2_page};
    std::uint32_t loser = nobody;
    std::uint8_t lost = 0;
    Cache& part = part_of(b.domain.value);
    std::uint32_t& in_space = count_of(key.space);
    const bool absent = in_space++ == 0;  // before one of the same space may lose its entry, which takes long to know
    const auto evict = [&](const IotlbKey& evicted) {
      loser = evicted.domain().value, lost = evicted.log2_page();
      --count_of(evicted.space);
    };
    if (absent && part.oldest_goes()) {
      part.put_new(key, m, evict);
    } else if (!part.put(key, m, evict)) {
      --in_space;
      return nobody;
    }
    if (lost != m.log2_page) {  // else one of the same size made room
      count(m.log2_page, 1);
      if (loser != nobody) count(lost, -1);
    }
    return loser;
  }
  std::size_t invalidate(const IotlbInvalidation& what) {
    std::size_t removed = 0;
    for (Cache& part : parts_)
      removed += part.erase_if([&](const IotlbKey& k, const Mapping& m) {
        const std::uint8_t log2 = k.log2_page();
        if (!what.covers(k.domain(), k.tag(), m.nested, m.global, k.page << log2, log2)) return false;
        count(log2, -1);
        --count_of(k.space);
        return true;
      });
    return removed;
  }
  std::size_t size() const {
    std::size_t n = 0;
    for (const Cache& part : parts_) n += part.size();
    return n;
  }
  std::size_t capacity() const { return parts_.size() * parts_.front().capacity(); }
  template <class Visit>
  void for_each_entry(Visit visit) const {
    for (const Cache& part : parts_) part.for_each_entry(visit);
  }

 private:
  static constexpr std::array<std::uint8_t, 3> sizes{12, 21, 30};
  /// Entries of the spaces with the same hash as this one, whatever size the word also names.
  std::uint32_t& count_of(std::uint64_t space) { return in_spaces_[(space >> 8) * 0x9e37'79b9'7f4a'7c15 >> (64 - log2_groups)]; }
  void count(std::uint8_t log2, int change) {
    const unsigned size = (log2 - 12u) / 9u;
    const std::size_t before = present_[size];
    present_[size] = before + static_cast<std::size_t>(change);
    if (before == 0 || present_[size] == 0) sizes_present_ ^= 1u << size;  // the first or the last
  }
  Cache& part_of(std::uint16_t domain) {
    return parts_.size() == 1 ? parts_.front() : parts_[domain % parts_.size()];
  }
  std::vector<Cache> parts_;
  std::array<std::size_t, 3> present_{};  ///< entries by page size
  static constexpr unsigned log2_groups = 9;
  std::array<std::uint32_t, 1u << log2_groups> in_spaces_{};
  unsigned sizes_present_ = 0;            ///< a bit for each of which there are any: the others are not probed
};

}  // namespace iov::iommu
