// SPDX-License-Identifier: Apache-2.0
/// SparseBytes -- the contents of a large memory of which little is ever written: lines of 64 B that exist from the
/// first write on that is not all zeros, behind a two-level table of 4 KiB pages; everything else reads as zero.
///
/// Models  contents only, no time. The lines of a page that exist lie one after the other in a run of their own: of a
///         translation table or a packet buffer often a single line is in use, and thousands of them then share the caches
///         below the simulator instead of a page each.
/// Units   bytes; the caller keeps address + length within size().
#pragma once
#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "models/core/prefetch.h"
#include "models/host/line_pool.h"

namespace iov::host {

class SparseBytes {
 public:
  static constexpr unsigned log2_page = 12, log2_chunk = 21;
  static constexpr std::uint64_t page_bytes = std::uint64_t{1} << log2_page;

  explicit SparseBytes(std::uint64_t size)
      : size_(size), chunks_((size + (std::uint64_t{1} << log2_chunk) - 1) >> log2_chunk) {}

  std::uint64_t size() const { return size_; }
  std::uint64_t pages() const { return pages_; }  ///< of which any line exists
  bool holds(std::uint64_t address, std::uint64_t length) const {
    return address <= size_ && length <= size_ - address;
  }

  void read(std::uint64_t address, std::span<std::uint8_t> to) const {
    if (within_line(address, to.size())) return read_line(address, to);
    for_each_piece(page_bytes, address, to.size(), [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      const Page* page = find(at);
      if (page && page->holds(lines_of(at, bytes))) return void(std::memcpy(to.data() + done, page->place(at), bytes));
      std::memset(to.data() + done, 0, bytes);
      if (page) each_line(*page, at, bytes, [&](std::uint8_t* place, std::size_t from, std::size_t length) {
          std::memcpy(to.data() + done + from, place, length);
        });
    });
  }
  /// As read(), within one line: what walks of tables do.
  void read_line(std::uint64_t at, std::span<std::uint8_t> to) const {
    const Page* const page = find(at);
    const std::uint8_t* const from = page && page->holds(std::uint64_t{1} << line_of(at)) ? page->place(at) : zeros.bytes.data();
    if (to.size() == entry_bytes)
      std::memcpy(to.data(), from, entry_bytes);
    else
      std::memcpy(to.data(), from, to.size());
  }
  /// A line that will be read soon.
  void prefetch(std::uint64_t address) const {
    const Page* const page = find(address);
    if (page && page->holds(std::uint64_t{1} << line_of(address))) iov::prefetch(page->place(address));
  }
  void write(std::uint64_t address, std::span<const std::uint8_t> from) {
    for_each_piece(page_bytes, address, from.size(), [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      const auto piece = from.subspan(done, bytes);
      const Page* page = find(at);
      if (page && page->holds(lines_of(at, bytes))) return void(std::memcpy(page->place(at), piece.data(), bytes));
      if (const std::uint64_t lines = not_zero(at, piece)) page = &make(at, lines);
      if (page) each_line(*page, at, bytes, [&](std::uint8_t* place, std::size_t to, std::size_t length) {
          std::memcpy(place, piece.data() + to, length);
        });
    });
  }

 private:
  using Line = LinePool::Line;
  static constexpr Line zeros{};
  static constexpr std::size_t entry_bytes = 8;  ///< most that is read within a line: entries of tables
  static constexpr unsigned page_lines = 1u << LinePool::log2_longest;
  static_assert(page_lines * LinePool::line_bytes == page_bytes);

  struct Page {
    std::uint64_t present = 0;  ///< a bit per line
    Line* lines = nullptr;      ///< those that are, in order; room for a power of two

    bool holds(std::uint64_t wanted) const { return (present & wanted) == wanted; }
    /// Of a line that is present, and of the following ones as far as they are.
    std::uint8_t* place(std::uint64_t at) const {
      const std::uint64_t below = (std::uint64_t{1} << line_of(at)) - 1, before = present & below;
      const auto index = before == 0 ? 0 : before == below ? line_of(at) : static_cast<unsigned>(std::popcount(before));
      return lines[index].bytes.data() + at % LinePool::line_bytes;
    }
  };
  using Chunk = std::array<Page, 1u << (log2_chunk - log2_page)>;

  static unsigned line_of(std::uint64_t at) { return static_cast<unsigned>(at >> LinePool::log2_line) % page_lines; }
  /// A bit per line that a piece within one page touches.
  static std::uint64_t lines_of(std::uint64_t at, std::size_t bytes) {
    return ~std::uint64_t{0} << line_of(at) & ~std::uint64_t{0} >> (page_lines - 1 - line_of(at + bytes - 1));
  }
  static bool within_line(std::uint64_t at, std::size_t bytes) { return at % LinePool::line_bytes + bytes <= LinePool::line_bytes; }
  static unsigned log2_run(std::uint64_t present) {
    return static_cast<unsigned>(std::bit_width(static_cast<unsigned>(std::popcount(present)) - 1u));
  }
  template <class Visit>
  static void for_each_piece(std::uint64_t of, std::uint64_t address, std::size_t length, Visit visit) {
    for (std::size_t done = 0; done < length;) {
      const std::uint64_t at = address + done;
      const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(length - done, of - at % of));
      visit(at, done, bytes);
      done += bytes;
    }
  }
  /// The lines of a piece that are present.
  template <class Visit>
  static void each_line(const Page& page, std::uint64_t address, std::size_t length, Visit visit) {
    for_each_piece(LinePool::line_bytes, address, length, [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      if (page.holds(std::uint64_t{1} << line_of(at))) visit(page.place(at), done, bytes);
    });
  }
  static std::uint64_t not_zero(std::uint64_t address, std::span<const std::uint8_t> piece) {
    std::uint64_t lines = 0;
    for_each_piece(LinePool::line_bytes, address, piece.size(), [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      const bool any = std::ranges::any_of(piece.subspan(done, bytes), [](std::uint8_t byte) { return byte != 0; });
      lines |= std::uint64_t{any} << line_of(at);
    });
    return lines;
  }
  static std::size_t page_index(std::uint64_t address) {
    return address >> log2_page & ((1u << (log2_chunk - log2_page)) - 1);
  }
  const Page* find(std::uint64_t address) const {
    const auto& chunk = chunks_[address >> log2_chunk];
    return chunk ? &(*chunk)[page_index(address)] : nullptr;
  }
  /// The page, in which these lines exist from now on.
  const Page& make(std::uint64_t address, std::uint64_t lines) {
    auto& chunk = chunks_[address >> log2_chunk];
    if (!chunk) chunk = std::make_unique<Chunk>();
    Page& page = (*chunk)[page_index(address)];
    if (!page.holds(lines)) add(page, page.present | lines);
    return page;
  }
  /// Moves what exists apart to where it will lie, from the last line on: no line lies behind its new place.
  void add(Page& page, std::uint64_t wanted) {
    const Page old = page;
    if (!old.present) ++pages_;
    const bool moves = !old.present || log2_run(wanted) != log2_run(old.present);
    page = {wanted, moves ? pool_.take(log2_run(wanted)) : old.lines};
    int from = std::popcount(old.present), to = std::popcount(wanted);
    for (unsigned line = page_lines; line-- > 0;) {
      const std::uint64_t bit = std::uint64_t{1} << line;
      if (!(wanted & bit)) continue;
      page.lines[--to] = old.present & bit ? old.lines[--from] : Line{};
    }
    if (moves && old.present) pool_.give_back(old.lines, log2_run(old.present));
  }

  std::uint64_t size_, pages_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  LinePool pool_;
};

}  // namespace iov::host
