// SPDX-License-Identifier: Apache-2.0
/// TranslationCache -- what an address translation cache (ATC) remembers, and how ATS puts it in bytes.
///
/// Spec    PCIe Base 5.0 10.2.3 (translation completion), 10.3.1 (invalidate request).
/// Models  pages of any power of two, R/W/U/N, global entries, invalidation of ranges, partitions by tenant.
/// Omits   execute and privileged accesses: the DMA engine makes none, so a privileged entry permits nothing.
/// Units   addresses in bytes, page sizes as log2
#pragma once
#include <array>
#include <bit>
#include <optional>
#include <vector>

#include "models/core/address.h"
#include "models/core/set_assoc.h"
#include "models/protocol/translation.h"

namespace iov::endpoint {

/// Whose addresses these are, and whose share of the cache they may take.
struct AddressSpace {
  RequesterId function;
  Pasid pasid;
  unsigned tenant = 0;  ///< counts (function, PASID) pairs
};

struct Translation {  ///< one entry of a translation completion
  std::uint64_t address = 0;  ///< of the page's first byte
  std::uint8_t log2_page = 12;
  bool readable = false, writable = false;
  bool untranslated_only = false;  ///< U: the requests themselves must go untranslated
  bool snoop_only = false;         ///< N: requests must not ask for no-snoop
  bool global = false;             ///< holds for every PASID of the function

  bool permits(bool write) const { return write ? writable : readable; }
};

/// Size of the range an address with S names: its run of ones from bit 12 on (10.2.3.2). 64: everything.
constexpr unsigned log2_range(std::uint64_t address, bool s) {
  if (!s) return 12;
  const auto ones = static_cast<unsigned>(std::countr_one(address >> 12));
  return 13 + ones < 64 ? 13 + ones : 64;
}
constexpr std::uint64_t range_begin(std::uint64_t address, unsigned log2) {
  return log2 >= 64 ? 0 : address >> log2 << log2;
}

constexpr Translation decode_translation(std::uint64_t entry) {
  const unsigned log2 = log2_range(entry, entry >> 11 & 1);
  Translation t;
  t.address = range_begin(entry, log2);
  t.log2_page = static_cast<std::uint8_t>(log2);
  const bool privileged = entry >> 4 & 1;  // R and W then speak of privileged accesses only
  t.readable = !privileged && (entry & 1);
  t.writable = !privileged && (entry >> 1 & 1);
  t.untranslated_only = entry >> 2 & 1;
  t.snoop_only = entry >> 10 & 1;
  t.global = entry >> 5 & 1;
  return t;
}

struct InvalidateRange {  ///< what an invalidate request names
  std::uint64_t begin = 0;
  unsigned log2 = 12;
  bool all_pasids = false;
  constexpr bool overlaps(std::uint64_t first, std::uint64_t last) const {
    return log2 >= 64 || (last >= begin && first <= begin + ((std::uint64_t{1} << log2) - 1));
  }
};
constexpr InvalidateRange decode_invalidate(std::uint64_t body) {
  const unsigned log2 = log2_range(body, body >> 11 & 1);
  return {range_begin(body & ~std::uint64_t{0xfff}, log2), log2, (body & 1) != 0};
}

class TranslationCache {
 public:
  /// @param partitions  tenants share one by their number modulo partitions; 1: one cache for all
  TranslationCache(const CacheGeometry& geometry, unsigned partitions) {
    CacheGeometry part = geometry;
    part.entries /= partitions;
    for (unsigned p = 0; p < partitions; ++p) parts_.emplace_back(part);
  }

  /// The translation of the page that holds `address`; the largest page wins.
  const Translation* lookup(const AddressSpace& space, std::uint64_t address) {
    Cache& part = part_of(space);
    return find(space, address, [&part](const Key& key) -> const Translation* { return part.lookup(key); });
  }
  /// As lookup(), but it counts as no use.
  const Translation* peek(const AddressSpace& space, std::uint64_t address) const {
    const Cache& part = parts_[space.tenant % parts_.size()];
    return find(space, address, [&part](const Key& key) { return part.peek(key); });
  }
  void fill(const AddressSpace& space, std::uint64_t address, const Translation& t) {
    Cache& part = part_of(space);
    if (part.capacity() == 0 || t.log2_page > 63) return;
    const Key key{space.function, t.global && space.pasid.present() ? every_pasid : space.pasid, address, t.log2_page};
    const std::size_t before = part.size();
    const auto evicted = part.fill(key, t);
    if (evicted) went(*evicted);
    if (evicted || part.size() > before) came(key);
  }
  /// Global entries go with any PASID of their function. @returns how many entries went
  std::size_t invalidate(RequesterId function, Pasid pasid, const InvalidateRange& range) {
    return erase_if([&](const Key& key) {
      if (key.function != function || !(range.all_pasids || key.pasid == pasid || key.pasid == every_pasid)) return false;
      const std::uint64_t first = key.page << key.log2;
      return range.overlaps(first, first + ((std::uint64_t{1} << key.log2) - 1));
    });
  }
  void forget(RequesterId function) {  ///< function level reset
    erase_if([&](const Key& key) { return key.function == function; });
  }
  std::size_t size() const {
    std::size_t n = 0;
    for (const Cache& part : parts_) n += part.size();
    return n;
  }

 private:
  struct Key {
    Key() = default;
    Key(RequesterId f, Pasid p, std::uint64_t address, unsigned log2_page)
        : page(address >> log2_page), pasid(p), function(f), log2(static_cast<std::uint8_t>(log2_page)) {}
    std::uint64_t page = 0;
    Pasid pasid;
    RequesterId function;
    std::uint8_t log2 = 12;
    /// The page number indexes the sets as hardware does; functions are spread so that equal pages of
    /// many guests do not meet in one set.
    std::uint64_t hash() const {
      return page ^ (function.value * 0x9e3779b97f4a7c15ull >> 40) ^ (pasid.value * 0x9e3779b9ull);
    }
    friend bool operator==(const Key&, const Key&) = default;
  };
  using Cache = SetAssoc<Key, Translation>;
  static constexpr Pasid every_pasid{Pasid::none - 1};  ///< of a global entry; no PASID has 21 bits

  Cache& part_of(const AddressSpace& space) {
    return parts_.size() == 1 ? parts_.front() : parts_[space.tenant % parts_.size()];
  }
  template <class Ask>
  const Translation* find(const AddressSpace& space, std::uint64_t address, Ask ask) const {
    for (std::uint64_t sizes = present_; sizes != 0;) {
      const auto log2 = static_cast<unsigned>(std::bit_width(sizes) - 1);
      if (const Translation* hit = ask(Key{space.function, space.pasid, address, log2})) return hit;
      if (globals_ != 0 && space.pasid.present())
        if (const Translation* hit = ask(Key{space.function, every_pasid, address, log2})) return hit;
      sizes &= ~(std::uint64_t{1} << log2);
    }
    return nullptr;
  }
  template <class Doomed>
  std::size_t erase_if(Doomed doomed) {
    std::size_t removed = 0;
    for (Cache& part : parts_)
      removed += part.erase_if([&](const Key& key, const Translation&) {
        if (!doomed(key)) return false;
        went(key);
        return true;
      });
    return removed;
  }
  void came(const Key& key) {
    if (of_size_[key.log2]++ == 0) present_ |= std::uint64_t{1} << key.log2;
    globals_ += key.pasid == every_pasid;
  }
  void went(const Key& key) {
    if (--of_size_[key.log2] == 0) present_ &= ~(std::uint64_t{1} << key.log2);
    globals_ -= key.pasid == every_pasid;
  }
  std::vector<Cache> parts_;
  std::array<std::uint32_t, 64> of_size_{};  ///< entries per page size ...
  std::uint64_t present_ = 0;                ///< ... and which sizes lookups must try
  std::uint32_t globals_ = 0;                ///< global entries: without any, one key less to try
};

}  // namespace iov::endpoint
