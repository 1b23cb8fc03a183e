// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <unordered_map>

#include "models/core/flat_map.h"

namespace iov {
namespace {

struct Itself {
  std::uint64_t operator()(std::uint64_t key) const { return key; }
};
struct Few {  ///< numbers that many keys share
  std::uint64_t operator()(std::uint64_t key) const { return key % 7; }
};

template <class Number>
void check_against_map(std::uint64_t keys) {
  FlatMap<std::uint64_t, std::uint32_t, Number> flat{~std::uint64_t{0}};
  std::unordered_map<std::uint64_t, std::uint32_t> map;
  std::mt19937_64 random(keys);
  bool same = true;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const std::uint64_t key = random() % keys;
    if (random() % 5 < 3)
      flat.set(key, i), map[key] = i;
    else
      same &= flat.erase(key) == (map.erase(key) > 0);
    const std::uint64_t other = random() % keys;
    const std::uint32_t* const found = flat.find(other);
    const auto wanted = map.find(other);
    same &= wanted == map.end() ? !found : found && *found == wanted->second;
    same &= flat.size() == map.size();
  }
  CHECK(same);
  std::size_t seen = 0;
  flat.for_each([&](const auto& entry) { seen += map.at(entry.key) == entry.value; });
  CHECK(seen == map.size());
}

}  // namespace

TEST_CASE("a flat map holds what was set and not taken out, whatever numbers its keys have") {
  check_against_map<Itself>(8);
  check_against_map<Itself>(500);
  check_against_map<Few>(60);
}

TEST_CASE("a flat map loses what it is asked to, and nothing else") {
  FlatMap<std::uint64_t, int, Few> map{~std::uint64_t{0}};
  for (std::uint64_t key = 0; key < 100; ++key) map.set(key, static_cast<int>(key));
  map.erase_if([](const auto& entry) { return entry.value % 3 == 0; });
  CHECK(map.size() == 66);
  for (std::uint64_t key = 0; key < 100; ++key) CHECK(map.contains(key) == (key % 3 != 0));
}

TEST_CASE("neighbours in a flat map share lines") {
  FlatMap<std::uint64_t, std::uint64_t, Itself> map{~std::uint64_t{0}};
  WorkingSet set;
  for (std::uint64_t key = 1000; key < 1256; ++key) map.set(key, 0);
  for (std::uint64_t key = 1000; key < 1256; ++key) map.add_to(set, key);
  set.pack();
  CHECK(set.lines() < 256 / 4 * 5 / 4);  // four in a line, but for those whose place was taken
}

}  // namespace iov
