// SPDX-License-Identifier: Apache-2.0
/// SparseBytes -- the contents of a large memory of which little is ever written: 4 KiB pages that
/// exist from the first write on that is not all zeros, behind a two-level table; everything else reads as zero.
///
/// Models  contents only, no time. The bytes of a page are stored rotated by some lines, by its number: tables of many
///         domains use the same entry of each page, which would all fall into few sets of the cache below the simulator.
/// Units   bytes; the caller keeps address + length within size().
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace iov::host {

class SparseBytes {
 public:
  static constexpr unsigned log2_page = 12, log2_chunk = 21;
  static constexpr std::uint64_t page_bytes = std::uint64_t{1} << log2_page;

  explicit SparseBytes(std::uint64_t size)
      : size_(size), chunks_((size + (std::uint64_t{1} << log2_chunk) - 1) >> log2_chunk) {}

  std::uint64_t size() const { return size_; }
  std::uint64_t pages() const { return pages_; }  ///< that exist
  bool holds(std::uint64_t address, std::uint64_t length) const {
    return address <= size_ && length <= size_ - address;
  }

  void read(std::uint64_t address, std::span<std::uint8_t> to) const {
    for_each_piece(address, to.size(), [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      const Page* page = find(at);
      if (!page) return void(std::memset(to.data() + done, 0, bytes));
      for_each_run(at, bytes, [&](std::size_t place, std::size_t from, std::size_t length) {
        std::memcpy(to.data() + done + from, page->data() + place, length);
      });
    });
  }
  void write(std::uint64_t address, std::span<const std::uint8_t> from) {
    for_each_piece(address, from.size(), [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      const auto piece = from.subspan(done, bytes);
      if (!find(at) && std::ranges::all_of(piece, [](std::uint8_t byte) { return byte == 0; })) return;
      Page& page = find_or_make(at);
      for_each_run(at, bytes, [&](std::size_t place, std::size_t to, std::size_t length) {
        std::memcpy(page.data() + place, piece.data() + to, length);
      });
    });
  }

 private:
  using Page = std::array<std::uint8_t, page_bytes>;
  using Chunk = std::array<std::unique_ptr<Page>, 1u << (log2_chunk - log2_page)>;

  template <class Visit>
  static void for_each_piece(std::uint64_t address, std::size_t length, Visit visit) {
    for (std::size_t done = 0; done < length;) {
      const std::uint64_t at = address + done;
      const auto bytes = static_cast<std::size_t>(
          std::min<std::uint64_t>(length - done, page_bytes - (at & (page_bytes - 1))));
      visit(at, done, bytes);
      done += bytes;
    }
  }
  /// The one or two places within its page where a piece is stored.
  template <class Visit>
  static void for_each_run(std::uint64_t at, std::size_t bytes, Visit visit) {
    const std::uint64_t rotation = ((at >> log2_page) * 0x9e37'79b9'7f4a'7c15ull >> 58) * 64;
    const std::size_t place = (at + rotation) & (page_bytes - 1);
    const std::size_t first = std::min<std::size_t>(bytes, page_bytes - place);
    visit(place, 0, first);
    if (first < bytes) visit(0, first, bytes - first);
  }
  static std::size_t page_index(std::uint64_t address) {
    return address >> log2_page & ((1u << (log2_chunk - log2_page)) - 1);
  }
  const Page* find(std::uint64_t address) const {
    const auto& chunk = chunks_[address >> log2_chunk];
    return chunk ? (*chunk)[page_index(address)].get() : nullptr;
  }
  Page& find_or_make(std::uint64_t address) {
    auto& chunk = chunks_[address >> log2_chunk];
    if (!chunk) chunk = std::make_unique<Chunk>();
    auto& page = (*chunk)[page_index(address)];
    if (!page) page = std::make_unique<Page>(), ++pages_;
    return *page;
  }

  std::uint64_t size_, pages_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace iov::host
