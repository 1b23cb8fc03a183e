// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/memory_image.h"

#include <cstring>

namespace iov::iommu {

void MemoryImage::put(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    pages_[(address + i) >> 12].bytes[(address + i) & 0xfff] = bytes[i];
}

bool MemoryImage::read(std::uint64_t address, std::span<std::uint64_t> words) {
  for (std::uint64_t& word : words) {  // aligned: within one page
    const auto page = pages_.find(address >> 12);
    if (page == pages_.end() && strict_) return false;
    word = 0;
    if (page != pages_.end()) std::memcpy(&word, page->second.bytes.data() + (address & 0xff8), 8);
    address += 8;
  }
  return true;
}

void MemoryImage::write(std::uint64_t address, std::uint64_t word) {
  put(address, {reinterpret_cast<const std::uint8_t*>(&word), 8});
}

}  // namespace iov::iommu
