// SPDX-License-Identifier: Apache-2.0
/// TranslationCache -- what an address translation cache (ATC) remembers, and how ATS puts it in bytes.
///
/// Spec    PCIe Base 5.0 10.2.3 (translation completion), 10.3.1 (invalidate request).
/// Models  pages of any power of two, R/W/U/N, invalidation of ranges.
/// Units   addresses in bytes, page sizes as log2
#pragma once
#include <array>
#include <bit>
#include <optional>

#include "models/core/address.h"
#include "models/core/set_assoc.h"

namespace iov::endpoint {

struct Translation {  ///< one entry of a translation completion
  std::uint64_t address = 0;  ///< of the page's first byte
  unsigned log2_page = 12;
  bool readable = false, writable = false;
  bool untranslated_only = false;  ///< U: the requests themselves must go untranslated
  bool snoop_only = false;         ///< N: requests must not ask for no-snoop
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
  t.log2_page = log2;
  t.readable = entry & 1;
  t.writable = entry >> 1 & 1;
  t.untranslated_only = entry >> 2 & 1;
  t.snoop_only = entry >> 10 & 1;
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
  explicit TranslationCache(const CacheGeometry& geometry) : pages_(geometry) {}

  /// The translation of the page that holds `address`; the largest page wins.
  const Translation* lookup(RequesterId function, Pasid pasid, std::uint64_t address) {
    for (std::uint64_t sizes = present_; sizes != 0;) {
      const auto log2 = static_cast<unsigned>(std::bit_width(sizes) - 1);
      if (const Translation* hit = pages_.lookup(Key{function, pasid, address >> log2, log2})) return hit;
      sizes &= ~(std::uint64_t{1} << log2);
    }
    return nullptr;
  }
  void fill(RequesterId function, Pasid pasid, std::uint64_t address, const Translation& t) {
    if (pages_.capacity() == 0 || t.log2_page > 63) return;
    const Key key{function, pasid, address >> t.log2_page, t.log2_page};
    if (!pages_.peek(key)) came(t.log2_page);
    if (const auto evicted = pages_.fill(key, t)) went(evicted->key.log2);
  }
  /// @returns how many entries went
  std::size_t invalidate(RequesterId function, Pasid pasid, const InvalidateRange& range) {
    return pages_.erase_if([&](const Key& key, const Translation&) {
      if (key.function != function || !(range.all_pasids || key.pasid == pasid)) return false;
      const std::uint64_t first = key.page << key.log2;
      if (!range.overlaps(first, first + ((std::uint64_t{1} << key.log2) - 1))) return false;
      went(key.log2);
      return true;
    });
  }
  void forget(RequesterId function) {  ///< function level reset
    pages_.erase_if([&](const Key& key, const Translation&) {
      if (key.function != function) return false;
      went(key.log2);
      return true;
    });
  }
  std::size_t size() const { return pages_.size(); }

 private:
  struct Key {
    RequesterId function;
    Pasid pasid;
    std::uint64_t page = 0;
    unsigned log2 = 12;
    /// The page number indexes the sets as hardware does; functions are spread so that equal pages of
    /// many guests do not meet in one set.
    std::uint64_t hash() const {
      return page ^ (function.value * 0x9e3779b97f4a7c15ull >> 40) ^ (pasid.value * 0x9e3779b9ull);
    }
    friend bool operator==(const Key&, const Key&) = default;
  };
  void came(unsigned log2) {
    if (of_size_[log2]++ == 0) present_ |= std::uint64_t{1} << log2;
  }
  void went(unsigned log2) {
    if (--of_size_[log2] == 0) present_ &= ~(std::uint64_t{1} << log2);
  }
  SetAssoc<Key, Translation> pages_;
  std::array<std::uint32_t, 64> of_size_{};  ///< entries per page size ...
  std::uint64_t present_ = 0;                ///< ... and which sizes lookups must try
};

}  // namespace iov::endpoint
