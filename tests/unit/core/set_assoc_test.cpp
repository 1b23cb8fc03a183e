// SPDX-License-Identifier: Apache-2.0
// Which entry makes room, by replacement policy: exact victims where the policy decides, bounds where chance does.
#include "models/core/set_assoc.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "models/core/random.h"

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

TEST_CASE("what is known to be new takes the place that it would take unknown") {
  for (const Replacement policy : {Replacement::lru, Replacement::fifo}) {
    Cache unknown({24, 4, policy}), known({24, 4, policy});  // six sets: no power of two
    Random random(7, "new");
    unsigned evicted = 0;
    for (unsigned i = 0; i < 4000; ++i) {
      const Number n{static_cast<unsigned>(random.below(100))};
      if (const unsigned* const there = unknown.lookup(n)) {
        REQUIRE(*known.lookup(n) == *there);
        if (random.below(4) == 0) REQUIRE(unknown.erase(n) == known.erase(n));
        continue;
      }
      std::optional<Number> loser;
      known.put_new(n, i, [&](const Number& gone) { loser = gone; });
      REQUIRE(unknown.fill(n, i) == loser);
      REQUIRE(known.size() == unknown.size());
      evicted += loser.has_value();
    }
    CHECK(known.oldest_goes());
    CHECK(evicted > 1000);
  }
  CHECK_FALSE(Cache({16, 4, Replacement::random}).oldest_goes());
  CHECK_FALSE(Cache({0, 4, Replacement::lru}).oldest_goes());
}

TEST_CASE("what is known to be there and used again is as young as after a lookup, whatever the policy") {
  for (const Replacement policy : {Replacement::lru, Replacement::fifo, Replacement::tree_plru, Replacement::random}) {
    Cache looked_up({16, 4, policy}), known({16, 4, policy});
    Random random(5, "uses");
    for (unsigned i = 0; i < 4000; ++i) {
      const Number n{static_cast<unsigned>(random.below(24))};
      const unsigned* const there = known.peek(n);
      REQUIRE((looked_up.lookup(n) != nullptr) == (there != nullptr));
      if (there)
        known.use_again(n, *there);
      else
        REQUIRE(looked_up.fill(n, i) == known.fill(n, i));
    }
  }
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

namespace {
/// Hashes that differ in few bits: sets and marks are shared by many keys.
struct Crowded {
  std::uint64_t value = 0;
  bool operator==(const Crowded&) const = default;
  std::uint64_t hash() const { return value % 24; }
};

/// The same cache as lists of its sets, in order of use or of arrival.
struct Lists {
  std::vector<std::vector<std::pair<std::uint64_t, unsigned>>> sets;
  std::size_t ways;
  bool lru;
  auto find(std::uint64_t key) {
    auto& set = sets[key % 24 % sets.size()];
    return std::pair(&set, std::find_if(set.begin(), set.end(), [&](const auto& entry) { return entry.first == key; }));
  }
  std::optional<unsigned> lookup(std::uint64_t key) {
    auto [set, at] = find(key);
    if (at == set->end()) return std::nullopt;
    const unsigned value = at->second;
    if (lru) std::rotate(at, at + 1, set->end());
    return value;
  }
  std::optional<std::uint64_t> fill(std::uint64_t key, unsigned value) {
    auto [set, at] = find(key);
    if (at != set->end()) {
      at->second = value;
      if (lru) std::rotate(at, at + 1, set->end());
      return std::nullopt;
    }
    std::optional<std::uint64_t> evicted;
    if (set->size() == ways) evicted = set->front().first, set->erase(set->begin());
    set->emplace_back(key, value);
    return evicted;
  }
  bool erase(std::uint64_t key) {
    auto [set, at] = find(key);
    return at != set->end() && (set->erase(at), true);
  }
};
}  // namespace

TEST_CASE("of any associativity, a cache of keys that hash alike finds, replaces and forgets what lists of its sets do") {
  Random random(1, "keys");
  for (const Replacement policy : {Replacement::lru, Replacement::fifo})
    for (const unsigned ways : {1u, 3u, 4u, 6u, 8u, 12u, 64u})
      for (const unsigned sets : {1u, 4u, 6u}) {
        SetAssoc<Crowded, unsigned> cache({ways * sets, ways, policy});
        Lists lists{std::vector<std::vector<std::pair<std::uint64_t, unsigned>>>(sets), ways, policy == Replacement::lru};
        unsigned hits = 0, evictions = 0;
        for (unsigned step = 0; step < 5000; ++step) {
          const std::uint64_t key = random.below(2 * ways * sets + 2);
          if (random.below(8) == 0) {
            REQUIRE(cache.erase({key}) == lists.erase(key));
          } else if (random.below(2) == 0) {
            const unsigned* const found = cache.lookup({key});
            const std::optional<unsigned> expected = lists.lookup(key);
            REQUIRE((found != nullptr) == expected.has_value());
            if (found) REQUIRE(*found == *expected);
            hits += found != nullptr;
          } else {
            const auto evicted = cache.fill({key}, step);
            const auto expected = lists.fill(key, step);
            REQUIRE(evicted.has_value() == expected.has_value());
            if (evicted) REQUIRE(evicted->value == *expected);
            evictions += evicted.has_value();
          }
        }
        CHECK(hits > 100);
        CHECK(evictions > 100);
      }
}
}  // namespace set_assoc_test
