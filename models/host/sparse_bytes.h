// SPDX-License-Identifier: Apache-2.0
/// SparseBytes -- the contents of a large memory of which little is ever written: lines of 64 B that exist from the
/// first write on that is not all zeros, behind a two-level table of 4 KiB pages; everything else reads as zero.
///
/// Models  contents only, no time. The lines of a page that exist lie one after the other in a run of their own: of a
///         translation table or a packet buffer often a single line is in use, and thousands of them then share the caches
///         below the simulator instead of a page each. Of the upper tables of a small address space it is a single word:
///         that lies in the table of pages itself.
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
      : size_(size), lines_end_(size / LinePool::line_bytes * LinePool::line_bytes), chunks_((size + (std::uint64_t{1} << log2_chunk) - 1) >> log2_chunk) {}

  std::uint64_t size() const { return size_; }
  std::uint64_t pages() const { return pages_; }  ///< of which anything exists
  bool holds(std::uint64_t address, std::uint64_t length) const {
    return address <= size_ && length <= size_ - address;
  }

  /// All of the line that it is in.
  bool holds_line_of(std::uint64_t address) const { return address < lines_end_; }

  void read(std::uint64_t address, std::span<std::uint8_t> to) const {
    if (within_line(address, to.size())) return read_line(address, to);
    for_each_piece(page_bytes, address, to.size(), [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      const Page* page = find(at);
      if (page && page->holds(lines_of(at, bytes))) return copy(to.data() + done, page->place(at), bytes);
      read_partly(page, at, to.subspan(done, bytes));
    });
  }
  /// As read(), within one line: what walks of tables do.
  [[gnu::noinline]] void read_line(std::uint64_t at, std::span<std::uint8_t> to) const {
    const Found found = find_entry(at);
    if (to.size() > found.length) return read_partly(find(at), at, to);
    copy_entry(to, found.bytes);
  }
  struct Found {
    const std::uint8_t* bytes;
    std::uint64_t length;  ///< of them, up to the end of the line; 0: they do not lie one after the other
  };
  /// Where the bytes from here on lie for reading, while version() stays the same.
  [[gnu::always_inline]] Found find_entry(std::uint64_t at) const {
    const Page* const page = find(at);
    if (page && page->single_at(at)) return {page->word(), word_bytes};
    const std::uint64_t rest = LinePool::line_bytes - at % LinePool::line_bytes;
    if (!page) return {zeros.bytes.data(), rest};
    if (page->single()) return page->word_line() != line_of(at) ? Found{zeros.bytes.data(), rest} : Found{page->word(), 0};
    if (!page->holds(std::uint64_t{1} << line_of(at))) return {zeros.bytes.data(), rest};
    return {page->place(at), rest};
  }
  const std::uint64_t& version() const { return version_; }
  /// Mostly the entry of a table: then without a call.
  static void copy_entry(std::span<std::uint8_t> to, const std::uint8_t* from) {
    if (to.size() == word_bytes)
      std::memcpy(to.data(), from, word_bytes);
    else
      std::memcpy(to.data(), from, to.size());
  }
  /// A line that will be read soon.
  void prefetch(std::uint64_t address) const { iov::prefetch(find_entry(address).bytes); }
  /// What a later prefetch() of it reads.
  void prefetch_page(std::uint64_t address) const {
    if (const Page* const page = find(address)) iov::prefetch(page);
  }
  void add_to(WorkingSet& set, std::uint64_t address) const {
    set.add_object(chunks_[address >> log2_chunk]);
    const Page* const page = find(address);
    if (page) set.add_object(*page);
    set.add(find_entry(address).bytes, 1);
  }
  void write(std::uint64_t address, std::span<const std::uint8_t> from) {
    if (within_line(address, from.size()))
      if (const Page* page = find(address); page && page->holds(std::uint64_t{1} << line_of(address)))
        return void(std::memcpy(page->place(address), from.data(), from.size()));
    write_pieces(address, from);
  }

 private:
  /// Of any size: what the compiler knows to be short it would copy by an instruction that takes long to start.
  [[gnu::noinline]] static void copy(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  [[gnu::noinline]] void write_pieces(std::uint64_t address, std::span<const std::uint8_t> from) {
    for_each_piece(page_bytes, address, from.size(), [&](std::uint64_t at, std::size_t done, std::size_t bytes) {
      const auto piece = from.subspan(done, bytes);
      const Page* page = find(at);
      if (page && page->holds(lines_of(at, bytes))) return copy(page->place(at), piece.data(), bytes);
      write_partly(page, at, piece);
    });
  }
  using Line = LinePool::Line;
  static constexpr Line zeros{{}};
  static constexpr std::size_t word_bytes = 8;  ///< what a page keeps here; most reads within a line: entries of tables
  static constexpr unsigned page_lines = 1u << LinePool::log2_longest;
  static_assert(page_lines * LinePool::line_bytes == page_bytes);

  /// As std::popcount, which is a call where a processor need not have the instruction: who reads an entry would save registers for it.
  static unsigned count(std::uint64_t bits) {
    constexpr std::uint64_t every_second = 0x5555'5555'5555'5555, pairs = 0x3333'3333'3333'3333, nibbles = 0x0f0f'0f0f'0f0f'0f0f,
                            ones = 0x0101'0101'0101'0101;
    bits -= bits >> 1 & every_second;
    bits = (bits & pairs) + (bits >> 2 & pairs);
    return static_cast<unsigned>(((bits + (bits >> 4)) & nibbles) * ones >> 56);
  }

  class Page {
   public:
    bool empty() const { return present_ == 0 && place_ == 0; }
    /// All of it is zero but one word, and that is here.
    bool single() const { return place_ & 1; }
    bool single_at(std::uint64_t at) const { return place_ * (word_bytes / 2) == at % page_bytes + word_bytes / 2; }
    bool holds(std::uint64_t wanted) const { return !single() && (present_ & wanted) == wanted; }
    std::uint64_t present() const { return single() ? 0 : present_; }  ///< a bit per line
    Line* lines() const { return reinterpret_cast<Line*>(place_); }     ///< those that are, in order; room for a power of two
    void set_lines(std::uint64_t present, Line* lines) { present_ = present, place_ = reinterpret_cast<std::uintptr_t>(lines); }
    /// Of a line that is present, and of the following ones as far as they are.
    std::uint8_t* place(std::uint64_t at) const {
      const std::uint64_t below = (std::uint64_t{1} << line_of(at)) - 1, before = present_ & below;
      const auto index = before == 0 ? 0 : before == below ? line_of(at) : count(before);
      return lines()[index].bytes.data() + at % LinePool::line_bytes;
    }

    void set_word(std::uint64_t at, std::uint64_t word) { present_ = word, place_ = 2 * (at % page_bytes / word_bytes) + 1; }
    std::uint64_t word_at() const { return place_ / 2 * word_bytes; }  ///< within the page
    unsigned word_line() const { return line_of(word_at()); }
    std::uint8_t* word() { return reinterpret_cast<std::uint8_t*>(&present_); }
    const std::uint8_t* word() const { return reinterpret_cast<const std::uint8_t*>(&present_); }

   private:
    std::uint64_t present_ = 0;  ///< or the word
    std::uintptr_t place_ = 0;   ///< of the lines, or twice the number of the word, and one
  };
  using Chunk = std::array<Page, 1u << (log2_chunk - log2_page)>;

  static unsigned line_of(std::uint64_t at) { return static_cast<unsigned>(at >> LinePool::log2_line) % page_lines; }
  /// A bit per line that a piece within one page touches.
  static std::uint64_t lines_of(std::uint64_t at, std::size_t bytes) {
    return ~std::uint64_t{0} << line_of(at) & ~std::uint64_t{0} >> (page_lines - 1 - line_of(at + bytes - 1));
  }
  /// No bytes are in no line: they may begin where memory ends.
  static bool within_line(std::uint64_t at, std::size_t bytes) {
    return bytes != 0 && at % LinePool::line_bytes + bytes <= LinePool::line_bytes;
  }
  static unsigned log2_run(std::uint64_t present) {
    return static_cast<unsigned>(std::bit_width(count(present) - 1u));
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
  /// What a piece within one page and the single word have in common, if anything.
  template <class Visit>
  static void with_word(const Page& page, std::uint64_t address, std::size_t length, Visit visit) {
    const std::uint64_t begin = address % page_bytes, word = page.word_at();
    const std::uint64_t from = std::max(begin, word), to = std::min(begin + length, word + word_bytes);
    if (from < to) visit(from - word, from - begin, to - from);
  }
  [[gnu::noinline]] static void read_partly(const Page* page, std::uint64_t at, std::span<std::uint8_t> to) {
    std::memset(to.data(), 0, to.size());
    if (!page) return;
    if (page->single())
      return with_word(*page, at, to.size(), [&](std::uint64_t from, std::size_t place, std::size_t bytes) {
        std::memcpy(to.data() + place, page->word() + from, bytes);
      });
    each_line(*page, at, to.size(), [&](std::uint8_t* from, std::size_t place, std::size_t bytes) { std::memcpy(to.data() + place, from, bytes); });
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
  Page& page_at(std::uint64_t address) {
    auto& chunk = chunks_[address >> log2_chunk];
    if (!chunk) chunk = std::make_unique<Chunk>();
    return (*chunk)[page_index(address)];
  }
  /// Within a page of which not all these lines are present.
  [[gnu::noinline]] void write_partly(const Page* page, std::uint64_t at, std::span<const std::uint8_t> piece) {
    if (!page || page->empty() || page->single()) {
      if (write_word(page, at, piece)) return;
      if (page && page->single()) dissolve(page_at(at));
    }
    if (const std::uint64_t lines = not_zero(at, piece)) {
      Page& made = page_at(at);
      if (!made.holds(lines)) add(made, made.present() | lines);
      page = &made;
    }
    if (page) each_line(*page, at, piece.size(), [&](std::uint8_t* place, std::size_t from, std::size_t bytes) {
        std::memcpy(place, piece.data() + from, bytes);
      });
  }
  /// Whether the page has, with this piece, still no more than a single word; then it is written.
  bool write_word(const Page* page, std::uint64_t at, std::span<const std::uint8_t> piece) {
    const auto zero = [](std::uint8_t byte) { return byte == 0; };
    const auto first = std::ranges::find_if_not(piece, zero);
    const bool was = page && !page->empty();
    std::uint64_t word = was ? page->word_at() : 0;
    if (first != piece.end()) {
      const auto behind = std::find_if_not(piece.rbegin(), piece.rend(), zero).base();
      const std::uint64_t begin = at % page_bytes, from = begin + static_cast<std::uint64_t>(first - piece.begin());
      const std::uint64_t last = begin + static_cast<std::uint64_t>(behind - piece.begin()) - 1;
      if (from / word_bytes != last / word_bytes || (was && word != from / word_bytes * word_bytes)) return false;
      word = from / word_bytes * word_bytes;
    } else if (!was) {
      return true;
    }
    Page& made = page_at(at);
    if (!was) made.set_word(word, 0), ++pages_, ++version_;
    with_word(made, at, piece.size(), [&](std::uint64_t to, std::size_t from, std::size_t bytes) {
      std::memcpy(made.word() + to, piece.data() + from, bytes);
    });
    return true;
  }
  /// A word becomes the line that it is in.
  void dissolve(Page& page) {
    const std::uint64_t at = page.word_at();
    const Page word = page;
    page.set_lines(std::uint64_t{1} << line_of(at), pool_.take(0));
    *page.lines() = Line{};
    std::memcpy(page.place(at), word.word(), word_bytes);
    ++version_;
  }
  /// Moves what exists apart to where it will lie, from the last line on: no line lies behind its new place.
  void add(Page& page, std::uint64_t wanted) {
    const Page old = page;
    if (!old.present()) ++pages_;
    ++version_;
    const bool moves = !old.present() || log2_run(wanted) != log2_run(old.present());
    page.set_lines(wanted, moves ? pool_.take(log2_run(wanted)) : old.lines());
    unsigned from = count(old.present()), to = count(wanted);
    for (unsigned line = page_lines; line-- > 0;) {
      const std::uint64_t bit = std::uint64_t{1} << line;
      if (!(wanted & bit)) continue;
      page.lines()[--to] = old.present() & bit ? old.lines()[--from] : zeros;
    }
    if (moves && old.present()) pool_.give_back(old.lines(), log2_run(old.present()));
  }

  std::uint64_t size_, lines_end_;
  std::uint64_t pages_ = 0, version_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  LinePool pool_;
};

}  // namespace iov::host
