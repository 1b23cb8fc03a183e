// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <catch2/catch.hpp>

#include "models/core/prefetch.h"

namespace iov {
namespace {

struct alignas(cache_line_bytes) Lines {
  std::array<std::byte, 200 * cache_line_bytes> bytes{};
  const std::byte* at(std::size_t line) const { return bytes.data() + line * cache_line_bytes; }
};

}  // namespace

TEST_CASE("a working set has each line once, whatever named it and in whatever order") {
  const Lines memory;
  WorkingSet set;
  set.add(memory.at(9) + 60, 8);  // across two lines
  set.add(memory.at(2), 1);
  set.add(memory.at(9) + 4, 4);
  set.add(memory.at(3), cache_line_bytes);
  set.add(memory.at(2) + 63, 1);
  set.add(memory.at(5), 0);
  set.pack();
  CHECK(set.lines() == 4);  // 2, 3, 9, 10
  set.pack();
  CHECK(set.lines() == 4);
}

TEST_CASE("a working set holds objects of more lines than one of its entries can name") {
  const Lines memory;
  WorkingSet set;
  set.add_object(memory);
  set.add_object(memory);
  set.pack();
  CHECK(set.lines() == 200);
  set.clear();
  set.pack();
  CHECK(set.lines() == 0);
}

TEST_CASE("the lines of a working set are asked for some at a time, until all are") {
  const Lines memory;
  WorkingSet set, other;
  for (std::size_t line = 0; line < 200; line += 2) set.add(memory.at(line), 1);
  set.pack();
  other.add_object(memory);
  other.pack();
  Prefetcher prefetcher;
  CHECK(prefetcher.idle());
  prefetcher.some();
  CHECK(prefetcher.idle());
  prefetcher.start(set);
  unsigned times = 0;
  for (; !prefetcher.idle(); ++times) prefetcher.some();
  CHECK((times > 5 && times <= 100));
  prefetcher.start(set);
  prefetcher.some();
  prefetcher.start(other);
  CHECK(!prefetcher.idle());
  prefetcher.finish();
  CHECK(prefetcher.idle());
  prefetcher.start(WorkingSet());
  CHECK(prefetcher.idle());
}

TEST_CASE("a working set names members from the first to the last") {
  struct alignas(cache_line_bytes) Object {
    std::array<std::byte, cache_line_bytes> cold{};
    std::uint64_t first = 0;
    std::array<std::byte, cache_line_bytes> between{};
    std::uint32_t last = 0;
    std::array<std::byte, 4 * cache_line_bytes> rest{};
  } const object;
  WorkingSet set;
  set.add_members(object, &Object::first, &Object::last);
  set.pack();
  CHECK(set.lines() == 2);
}

}  // namespace iov
