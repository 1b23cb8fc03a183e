// SPDX-License-Identifier: Apache-2.0
/// MemoryImage -- a dump of memory: sparse bytes. What was never put reads as zero, unless `strict`: then reading it is
/// an access error.
#pragma once
#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "models/iommu/resolve.h"

namespace iov::iommu {

class MemoryImage {
 public:
  /// @returns the first address of which something else was known before; nothing changes then
  std::optional<std::uint64_t> put(std::uint64_t address, std::span<const std::uint8_t> bytes);
  void set_strict(bool on) { strict_ = on; }
  bool read(std::uint64_t address, std::span<std::uint64_t> words);
  void write(std::uint64_t address, std::uint64_t word);
  /// @param updating  accessed and dirty bits, PIR and ON are set in the image: requests then see each other
  TableMemory tables(bool updating = false) {
    return {bind<&MemoryImage::read>(this), updating ? bind<&MemoryImage::write>(this) : Delegate<void(std::uint64_t, std::uint64_t)>{}, {}};
  }

 private:
  struct Page {
    std::array<std::uint8_t, 4096> bytes{};
    std::bitset<4096> known;
  };
  std::unordered_map<std::uint64_t, Page> pages_;
  bool strict_ = false;
};

}  // namespace iov::iommu
