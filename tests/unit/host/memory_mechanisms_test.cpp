// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "models/core/random.h"
#include "models/core/set_assoc.h"
#include "models/host/bandwidth_calendar.h"
#include "models/host/llc.h"
#include "models/host/sparse_bytes.h"

using namespace iov;
using namespace iov::host;
using namespace iov::literals;

TEST_CASE("unwritten memory reads as zero and costs no page") {
  SparseBytes memory(std::uint64_t{1} << 40);
  std::vector<std::uint8_t> bytes(10000, 0xee);
  memory.read(0x12'3456'7ff0, bytes);
  CHECK(bytes == std::vector<std::uint8_t>(10000, 0));
  CHECK(memory.pages() == 0);
}

TEST_CASE("bytes written across pages and table chunks come back, their neighbours stay zero") {
  SparseBytes memory(std::uint64_t{1} << 30);
  const std::uint64_t at = (std::uint64_t{1} << 21) - 5000;  // ends in the next 2 MiB chunk
  std::vector<std::uint8_t> written(9000), back(9002);
  for (std::size_t i = 0; i < written.size(); ++i) written[i] = static_cast<std::uint8_t>(i * 7 + 1);
  memory.write(at, written);
  memory.read(at - 1, back);
  CHECK(back.front() == 0);
  CHECK(back.back() == 0);
  CHECK(std::equal(written.begin(), written.end(), back.begin() + 1));
  CHECK(memory.pages() == 3);
}

TEST_CASE("zeros cost no page, but overwrite what is there") {
  SparseBytes memory(std::uint64_t{1} << 30);
  memory.write(0x5000, std::vector<std::uint8_t>(4096));
  CHECK(memory.pages() == 0);
  memory.write(0x5ff0, std::vector<std::uint8_t>(16, 0xaa));
  memory.write(0x5ff8, std::vector<std::uint8_t>(8));
  std::vector<std::uint8_t> back(32);
  memory.read(0x5ff0, back);
  CHECK(back[7] == 0xaa);
  CHECK(std::all_of(back.begin() + 8, back.end(), [](std::uint8_t b) { return b == 0; }));
  CHECK(memory.pages() == 1);
}

TEST_CASE("whatever is written in whatever order, it reads back as from a plain array") {
  constexpr std::uint64_t begin = (std::uint64_t{1} << 21) - 8192, size = 16384;  // two pages at each side of a table chunk
  SparseBytes memory(std::uint64_t{1} << 30);
  std::vector<std::uint8_t> plain(size), back(size);
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t at = random() % size;
    std::vector<std::uint8_t> piece(1 + random() % std::min<std::uint64_t>(size - at, i % 8 == 0 ? 6000 : 100));
    if (random() % 4) std::ranges::generate(piece, [&] { return static_cast<std::uint8_t>(random()); });
    memory.write(begin + at, piece);
    std::ranges::copy(piece, plain.begin() + static_cast<std::ptrdiff_t>(at));
    memory.read(begin, back);
    REQUIRE(back == plain);
  }
  CHECK(memory.pages() == 4);
}

TEST_CASE("bytes found once lie where they were found until the version changes") {
  constexpr std::uint64_t pages = 6, size = pages * SparseBytes::page_bytes;
  SparseBytes memory(size);
  std::vector<std::uint8_t> plain(size);
  struct Kept {
    std::uint64_t at, version;
    SparseBytes::Found found;
  };
  std::vector<Kept> kept(64);
  for (Kept& k : kept) k.version = ~std::uint64_t{0};
  std::mt19937 random(5);
  unsigned compared = 0, moved = 0;
  for (int i = 0; i < 20000; ++i) {
    // pages that stay empty, that have one word, a few lines and all of them
    const std::uint64_t page = random() % pages, word = random() % (page == 1 ? 1 : page == 2 ? 16 : 512);
    const std::uint64_t at = page * SparseBytes::page_bytes + 8 * word;
    if (page != 0 && random() % 8 == 0) {
      std::vector<std::uint8_t> piece(8, static_cast<std::uint8_t>(random()));
      const std::uint64_t before = memory.version();
      memory.write(at, piece);
      moved += memory.version() != before;
      std::ranges::copy(piece, plain.begin() + static_cast<std::ptrdiff_t>(at));
    }
    kept[random() % kept.size()] = {at, memory.version(), memory.find_entry(at)};
    for (const Kept& k : kept) {
      if (k.version != memory.version()) continue;
      REQUIRE(std::equal(k.found.bytes, k.found.bytes + k.found.length, plain.begin() + static_cast<std::ptrdiff_t>(k.at)));
      compared += k.found.length >= 8;
    }
  }
  CHECK(moved > 100);
  CHECK(compared > 100'000);
}

TEST_CASE("pages of which a single word is in use, or hardly more, read back as from a plain array") {
  constexpr std::uint64_t pages = 64, size = pages << 12;
  SparseBytes memory(std::uint64_t{1} << 30);
  std::vector<std::uint8_t> plain(size), back(size);
  std::mt19937 random(5);
  for (int i = 0; i < 6000; ++i) {
    const std::uint64_t page = random() % pages, word = page % 8 * 64 + page / 8;  // its favourite
    const bool elsewhere = random() % 64 == 0;
    const std::uint64_t at = page << 12 | (elsewhere ? random() % 4000 : 8 * word + (random() % 4 ? 0 : random() % 8));
    std::vector<std::uint8_t> piece(elsewhere ? 1 + random() % 96 : 1 + random() % (8 - at % 8));
    if (random() % 4) std::ranges::generate(piece, [&] { return static_cast<std::uint8_t>(random()); });
    memory.write(at, piece);
    std::ranges::copy(piece, plain.begin() + static_cast<std::ptrdiff_t>(at));
    const std::uint64_t from = page << 12 | random() % 4096;
    const auto found = memory.find_entry(from);
    REQUIRE(std::equal(found.bytes, found.bytes + found.length, plain.begin() + static_cast<std::ptrdiff_t>(from)));
    const std::uint64_t length = 1 + random() % std::min<std::uint64_t>(size - from, 5000);
    memory.read(from, std::span(back).first(length));
    REQUIRE(std::equal(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(length), plain.begin() + static_cast<std::ptrdiff_t>(from)));
  }
  memory.write(0, std::vector<std::uint8_t>(size));
  memory.read(0, back);
  CHECK(std::ranges::all_of(back, [](std::uint8_t byte) { return byte == 0; }));
  CHECK(memory.pages() == pages);
}

TEST_CASE("the end of memory is checked without overflow") {
  SparseBytes whole(std::uint64_t{1} << 21);  // nothing lies behind its last table
  std::vector<std::uint8_t> none;
  whole.write(whole.size(), none);
  whole.read(whole.size(), none);
  CHECK(whole.pages() == 0);
  const SparseBytes memory(8192);
  CHECK(memory.holds(8191, 1));
  CHECK(memory.holds(8192, 0));
  CHECK_FALSE(memory.holds(8191, 2));
  CHECK_FALSE(memory.holds(~std::uint64_t{0}, 2));
}

TEST_CASE("a line is in the LLC or not, whether its sector was found before or is looked for now") {
  for (const unsigned io_ways : {0u, 2u}) {
    Llc found_before(20 * 64 * 512, 20, io_ways), plain(20 * 64 * 512, 20, io_ways);
    struct Kept {
      std::uint64_t line = 0;
      Llc::Sector sector;
    };
    std::vector<Kept> kept(16);
    std::mt19937 random(7);
    unsigned hits = 0, misses = 0;
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t line = random() % 8192;
      const auto what = random() % 8;
      if (what == 0) found_before.processor_write(line * 64, 8), plain.processor_write(line * 64, 8);
      if (what == 1) found_before.invalidate(line), plain.invalidate(line);
      if (what == 2) {
        const auto one = found_before.write(line, line), other = plain.write(line, line);
        REQUIRE(one.hits == other.hits);
        REQUIRE(one.evicted == other.evicted);
      }
      if (what == 3) REQUIRE(found_before.read(line) == plain.read(line));
      Kept& k = kept[random() % kept.size()];
      if (what < 6) {
        k = {line, found_before.sector_of(line)};
        continue;
      }
      const bool hit = found_before.read(k.line, k.sector);
      REQUIRE(hit == plain.read(k.line));
      ++(hit ? hits : misses);
    }
    CHECK(hits > 500);
    CHECK(misses > 500);
  }
}

TEST_CASE("a booking ahead of time leaves the time before it free") {
  BandwidthCalendar calendar;
  CHECK(calendar.book(0_ns, 100_ns, 10_ns) == 110_ns);
  CHECK(calendar.book(0_ns, 20_ns, 10_ns) == 30_ns);   // before it
  CHECK(calendar.book(0_ns, 25_ns, 10_ns) == 40_ns);   // waits for the one before
  CHECK(calendar.book(0_ns, 95_ns, 10_ns) == 115_ns);  // 5 ns before 100, the rest after 110
  CHECK(calendar.book(0_ns, 40_ns, 55_ns) == 95_ns);   // exactly the gap
  CHECK(calendar.intervals() == 1);
  CHECK(calendar.book(0_ns, 20_ns, 1_ns) == 116_ns);
}

TEST_CASE("bookings in any order conserve capacity") {
  BandwidthCalendar calendar;
  Time last;
  for (unsigned i = 0; i < 1000; ++i)  // starts jump within 0..99 ns, 1000 x 3 ns asked for
    last = std::max(last, calendar.book(0_ns, Time(static_cast<double>(i * 37 % 100), sc_core::SC_NS), 3_ns));
  CHECK(last == 3000_ns);
  CHECK(calendar.intervals() == 1);
}

TEST_CASE("past bookings are forgotten") {
  BandwidthCalendar calendar;
  for (unsigned i = 0; i < 10000; ++i) {
    const Time now(10.0 * i, sc_core::SC_NS);
    REQUIRE(calendar.book(now, now, 1_ns) == now + 1_ns);
  }
  CHECK(calendar.intervals() <= 2);
}

TEST_CASE("device writes stay within their share of the cache") {
  Llc llc(20 * 64 * 16, 20, 2);  // 16 sets; device writes: 32 lines
  unsigned evicted = 0;
  for (std::uint64_t line = 0; line < 48; ++line) evicted += static_cast<unsigned>(llc.write(line, line).evicted);
  CHECK(evicted == 16);
  CHECK_FALSE(llc.read(0));
  CHECK(llc.read(16));
  CHECK(llc.write(47, 47).hits == 1);
}

TEST_CASE("lines written in one run are cached as if written one by one, round the sets and over what processors wrote") {
  const auto make = [] { return Llc(20 * 64 * 16, 20, 2); };
  Llc together = make(), apart = make();
  std::uint64_t seed = 1;
  for (int i = 0; i < 2000; ++i) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    const std::uint64_t first = seed >> 33 & 127, last = first + (seed >> 50 & 31);
    if ((seed >> 60) == 0) together.processor_write(first << 6, 64), apart.processor_write(first << 6, 64);
    const Llc::Written run = together.write(first, last);
    Llc::Written sum;
    for (std::uint64_t line = first; line <= last; ++line) {
      const Llc::Written one = apart.write(line, line);
      sum.hits += one.hits, sum.evicted += one.evicted;
    }
    REQUIRE(run.hits == sum.hits);
    REQUIRE(run.evicted == sum.evicted);
  }
}

TEST_CASE("what a processor wrote is hit by device reads and updated in place by device writes") {
  Llc llc(20 << 20, 20, 2);
  llc.processor_write(0x1ffe, 4);  // crosses a sector
  CHECK(llc.read(0x1fc0 >> 6));
  CHECK(llc.read(0x2000 >> 6));
  CHECK_FALSE(llc.read(0x2040 >> 6));
  CHECK(llc.write(0x2000 >> 6, 0x2000 >> 6).hits == 1);
  llc.invalidate(0x2000 >> 6);
  CHECK_FALSE(llc.read(0x2000 >> 6));
  CHECK(llc.read(0x1fc0 >> 6));
}

TEST_CASE("a device read that misses does not allocate") {
  Llc llc(20 << 20, 20, 2);
  CHECK_FALSE(llc.read(7));
  CHECK_FALSE(llc.read(7));
}

namespace {
struct LineKey {
  std::uint64_t value = 0;
  std::uint64_t hash() const { return value; }
  bool operator==(const LineKey&) const = default;
};

bool nowhere(std::uint64_t) { return false; }

template <unsigned ways>
void compare_with_set_assoc(unsigned sets) {
  Random random(1, "lines");
  LineTags tags(sets, ways);
  RecencySets<unsigned, ways> values(sets);
  SetAssoc<LineKey, unsigned> model({sets * ways, ways, Replacement::lru});
  unsigned hits = 0, evicted = 0;
  for (unsigned step = 0; step < 20'000; ++step) {
    const std::uint64_t far = random.below(2), near = random.below(2 * sets * ways);
    const std::uint64_t line = far * (std::uint64_t{sets} << 31) + near, sector = far * ((1u << 31) / sets * sets) + near;
    if (random.below(10) == 0) {
      tags.erase(line), values.erase(sector), model.erase({line});
      continue;
    }
    const unsigned* const known = model.lookup({line});
    const unsigned* const value = values.lookup(sector);
    REQUIRE(tags.lookup(line) == (known != nullptr));
    REQUIRE((value != nullptr) == (known != nullptr));
    if (known) REQUIRE(*value == *known);
    hits += known != nullptr;
    if (known || random.below(2) == 0) continue;
    const bool full = tags.use_run(line, line, nowhere).displaced != 0;
    REQUIRE(values.fill(sector, step) == full);
    REQUIRE(model.fill({line}, step).has_value() == full);
    REQUIRE(*values.lookup(sector) == step);
    evicted += full;
  }
  CHECK(hits > 1000);
  CHECK(evicted > 1000);
  CHECK_FALSE(tags.empty());
}
}  // namespace

TEST_CASE("sets in order of use hold the numbers and values that a set-associative cache with LRU holds") {
  for (const unsigned sets : {1u, 16u, 51u}) {
    compare_with_set_assoc<1>(sets);
    compare_with_set_assoc<2>(sets);
    compare_with_set_assoc<3>(sets);
    compare_with_set_assoc<8>(sets);
  }
}

TEST_CASE("without ways for devices no line is ever there") {
  LineTags none(16, 0);
  CHECK(none.use_run(3, 4, nowhere).displaced == 0);
  CHECK(none.use_run(3, 4, [](std::uint64_t number) { return number == 4; }).found == 1);
  CHECK_FALSE(none.lookup(3));
  none.erase(3);
}
