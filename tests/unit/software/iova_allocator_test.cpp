// SPDX-License-Identifier: Apache-2.0
#include "models/software/iova_allocator.h"

#include <catch2/catch.hpp>
#include <set>

#include "models/core/random.h"
using namespace iov;
using namespace iov::software;

TEST_CASE("addresses come from below the interrupt range downwards, freed ones first, last in first out") {
  IovaAllocator space;
  const Iova first = *space.allocate(1), second = *space.allocate(1);
  CHECK(first == Iova(0xfedf'f000));
  CHECK(second == Iova(0xfedf'e000));
  space.free(first, 1);
  space.free(second, 1);
  CHECK(*space.allocate(1) == second);
  CHECK(*space.allocate(1) == first);
}

TEST_CASE("a range is aligned to its size, rounded up to a power of two, and sizes do not mix") {
  IovaAllocator space(0x10'0000);
  const Iova three = *space.allocate(3);
  CHECK(three.value % 0x4000 == 0);
  space.free(three, 3);
  CHECK(*space.allocate(1) != three);
  CHECK(*space.allocate(4) == three);
}

TEST_CASE("a space that is used up says so, and has room again after a free") {
  IovaAllocator space(0x4000, 0x1000);
  CHECK(space.allocate(1));
  CHECK(space.allocate(1));
  const auto last = space.allocate(1);
  REQUIRE(last);
  CHECK(last->value == 0x1000);
  CHECK_FALSE(space.allocate(1));
  space.free(*last, 1);
  CHECK(*space.allocate(1) == *last);
}

TEST_CASE("no two live ranges overlap, whatever the order of allocations and frees") {
  IovaAllocator space;
  Random random(5, "iova");
  std::vector<std::pair<Iova, std::uint64_t>> live;
  std::set<std::uint64_t> pages;
  for (unsigned i = 0; i < 20'000; ++i) {
    if (!live.empty() && random.below(2)) {
      const std::size_t which = random.below(live.size());
      const auto [at, count] = live[which];
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
      for (std::uint64_t p = 0; p < count; ++p) pages.erase((at.value >> 12) + p);
      space.free(at, count);
    } else {
      const std::uint64_t count = 1 + random.below(9);
      const Iova at = *space.allocate(count);
      for (std::uint64_t p = 0; p < count; ++p) REQUIRE(pages.insert((at.value >> 12) + p).second);
      live.emplace_back(at, count);
    }
  }
}
