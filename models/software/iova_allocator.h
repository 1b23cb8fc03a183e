// SPDX-License-Identifier: Apache-2.0
/// IovaAllocator -- which I/O virtual pages are free: top-down, freed ranges are taken again last in first out by size
/// class, in constant time. A mechanism.
///
/// Spec    Linux drivers/iommu/iova.c: allocation from the 32-bit limit downwards, per-size caches (iova_rcache), sizes
///         rounded up to powers of two; the interrupt range is reserved.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/core/address.h"

namespace iov::software {

class IovaAllocator {
 public:
  /// @param end, begin  the space, in bytes; the first range handed out ends at `end`
  explicit IovaAllocator(std::uint64_t end = 0xfee0'0000, std::uint64_t begin = 0x1000) : next_(end >> 12), begin_(begin >> 12) {}
  /// A range of so many 4 KiB pages, at least 1; nullopt when the space is used up.
  std::optional<Iova> allocate(std::uint64_t pages) {
    const unsigned size = class_of(pages);
    if (!freed_[size].empty()) {
      const std::uint64_t page = freed_[size].back();
      freed_[size].pop_back();
      return Iova(page << 12);
    }
    const std::uint64_t range = std::uint64_t{1} << size;
    const std::uint64_t page = next_ >= range ? (next_ - range) & ~(range - 1) : 0;  // aligned to its size
    if (page < begin_) return std::nullopt;
    next_ = page;
    return Iova(page << 12);
  }
  void free(Iova address, std::uint64_t pages) { freed_[class_of(pages)].push_back(address.value >> 12); }

 private:
  static unsigned class_of(std::uint64_t pages) { return static_cast<unsigned>(std::bit_width(pages - 1)); }
  std::uint64_t next_;
  const std::uint64_t begin_;
  std::array<std::vector<std::uint64_t>, 64> freed_;
};

}  // namespace iov::software
