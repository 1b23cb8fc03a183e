// SPDX-License-Identifier: Apache-2.0
// Which entry makes room, by replacement policy: exact victims where the policy decides, bounds where chance does.
#include "models/core/set_assoc.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
namespace set_assoc_test {
using namespace iov;

namespace {
struct Number {
  unsigned value = 0;
  friend bool operator==(Number, Number) = default;
  std::uint64_t hash() const { return value; }
};
using Cache = SetAssoc<Number, unsigned>;

/// A full set of four, entries 0 to 3 in this order, then lookups of `used`; who goes when 4, 5, ... come?
std::vector<unsigned> victims(Replacement policy, const std::vector<unsigned>& used, unsigned newcomers) {
  Cache cache({4, 4, policy});
  for (unsigned i = 0; i < 4; ++i) REQUIRE_FALSE(cache.fill({i}, i));
  for (const unsigned i : used) REQUIRE(cache.lookup({i}));
  std::vector<unsigned> gone;
  for (unsigned i = 4; i < 4 + newcomers; ++i) gone.push_back(cache.fill({i}, i).value().value);
  CHECK(cache.size() == 4);
  return gone;
}
using Who = std::vector<unsigned>;
}  // namespace

TEST_CASE("LRU: the entry that was not used for the longest time makes room") {
  CHECK(victims(Replacement::lru, {}, 4) == Who{0, 1, 2, 3});
  CHECK(victims(Replacement::lru, {0, 2}, 4) == Who{1, 3, 0, 2});
  CHECK(victims(Replacement::lru, {3, 2, 1, 0}, 4) == Who{3, 2, 1, 0});
}

TEST_CASE("FIFO: the entry that came first makes room, used or not") {
  CHECK(victims(Replacement::fifo, {}, 4) == Who{0, 1, 2, 3});
  CHECK(victims(Replacement::fifo, {0, 2, 0, 1}, 4) == Who{0, 1, 2, 3});
}

TEST_CASE("tree pseudo-LRU: the bits point away from what was used, half by half") {
  CHECK(victims(Replacement::tree_plru, {}, 1) == Who{0});         // 3 was last: left half, of that 0, as 1 came after it
  CHECK(victims(Replacement::tree_plru, {0}, 1) == Who{2});        // 0 was last: right half, there 3 came after 2
  CHECK(victims(Replacement::tree_plru, {0, 2}, 1) == Who{1});     // true LRU, too
  CHECK(victims(Replacement::tree_plru, {2, 0, 3}, 1) == Who{1});  // LRU as well
  CHECK(victims(Replacement::tree_plru, {1, 0, 3}, 1) == Who{1});  // LRU would be 2: its half was used last
  CHECK(victims(Replacement::tree_plru, {}, 4) == Who{0, 2, 1, 3});
}

TEST_CASE("random: every way makes room about as often, the same in every run, and never an entry while there is room") {
  std::map<unsigned, unsigned> lost;
  std::vector<unsigned> first, second;
  for (std::vector<unsigned>* run : {&first, &second}) {
    Cache cache({8, 8, Replacement::random});
    for (unsigned i = 0; i < 8; ++i) REQUIRE_FALSE(cache.fill({i}, i));
    std::map<unsigned, unsigned> way;
    for (unsigned i = 0; i < 8; ++i) way[i] = i;
    for (unsigned i = 8; i < 8008; ++i) {
      const unsigned gone = cache.fill({i}, i).value().value;
      way[i] = way.at(gone);
      ++lost[way.at(gone)];
      run->push_back(gone);
    }
  }
  CHECK(first == second);
  for (unsigned w = 0; w < 8; ++w) CHECK(lost[w] == Approx(2000).margin(200));
}

TEST_CASE("an entry's room is used again first, and sets do not take each other's room, whatever the policy") {
  for (const Replacement policy : {Replacement::lru, Replacement::tree_plru, Replacement::fifo, Replacement::random}) {
    Cache cache({8, 2, policy});
    for (unsigned i = 0; i < 8; ++i) REQUIRE_FALSE(cache.fill({i}, i));  // four sets of two
    REQUIRE(cache.erase({5}));
    CHECK_FALSE(cache.fill({9}, 9));  // 9 is of the set of 1 and 5
    CHECK(cache.fill({13}, 13).value().value % 4 == 1);
    for (const unsigned other : {0u, 2u, 3u, 4u, 6u, 7u}) CHECK(cache.peek({other}));
    CHECK(cache.size() == 8);
    const Cache none({0, 4, policy});
    CHECK_FALSE(none.peek({1}));
  }
}
}  // namespace set_assoc_test
