// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/memory_image.h"

#include <algorithm>
#include <cstring>

namespace iov::iommu {

std::optional<std::uint64_t> MemoryImage::put(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  const auto each_page = [&](auto&& work) {
    for (std::size_t done = 0; done < bytes.size();) {
      const std::size_t at = (address + done) & 0xfff, n = std::min(bytes.size() - done, 4096 - at);
      work((address + done) >> 12, at, bytes.subspan(done, n));
      done += n;
    }
  };
  std::optional<std::uint64_t> other;
  each_page([&](std::uint64_t number, std::size_t at, std::span<const std::uint8_t> part) {
    const auto page = pages_.find(number);
    for (std::size_t i = 0; page != pages_.end() && !other && i < part.size(); ++i)
      if (page->second.known[at + i] && page->second.bytes[at + i] != part[i]) other = number << 12 | (at + i);
  });
  if (other) return other;
  each_page([&](std::uint64_t number, std::size_t at, std::span<const std::uint8_t> part) {
    Page& page = pages_[number];
    std::copy(part.begin(), part.end(), page.bytes.begin() + static_cast<std::ptrdiff_t>(at));
    for (std::size_t i = 0; i < part.size(); ++i) page.known[at + i] = true;
  });
  return std::nullopt;
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
  Page& page = pages_[address >> 12];  // aligned: within one page
  std::memcpy(page.bytes.data() + (address & 0xff8), &word, 8);
  for (std::size_t i = 0; i < 8; ++i) page.known[(address & 0xff8) + i] = true;
}

}  // namespace iov::iommu
