// SPDX-License-Identifier: Apache-2.0
#include "models/core/future_event_list.h"

#include <catch2/catch.hpp>
#include <deque>
#include <set>

#include "models/core/random.h"
using namespace iov;

namespace {
/// A list and what it must be: the pairs of time and age, sorted.
struct Listed {
  explicit Listed(std::size_t notices) : age(notices) {
    for (std::size_t i = 0; i < notices; ++i) pool.emplace_back(Delegate<void()>{});
  }
  void list(std::size_t i, std::uint64_t when, std::uint64_t rank = 0) {
    if (pool[i].listed) take(i);
    list_.insert(pool[i], Time::from_value(when), now(), rank);
    age[i] = ++ages | rank;
    expected.insert({when, age[i], i});
  }
  void take(std::size_t i) {
    expected.erase({pool[i].when.value(), age[i], i});
    list_.remove(pool[i]);
  }
  /// The first one happens. @returns whether it was the right one
  bool happen() {
    const auto [when, order, i] = *expected.begin();
    EventNotice* const first = list_.first(now());
    if (first != &pool[i] || first->when.value() != when) return false;
    take(i);
    now_ = when;
    return true;
  }
  Time now() const { return Time::from_value(now_); }

  std::uint64_t now_ = 0, ages = 0;
  std::deque<EventNotice> pool;
  std::vector<std::uint64_t> age;
  std::set<std::tuple<std::uint64_t, std::uint64_t, std::size_t>> expected;
  FutureEventList list_;
};
}  // namespace

TEST_CASE("whatever is listed, moved and taken out, what happens first is the earliest and of those the oldest") {
  const std::size_t notices = GENERATE(6, 44, 300);  // few: an array; some: now and then on the wheel; many
  Listed l(notices);
  Random random(1, "events");
  const std::uint64_t reach[] = {1, 1000, 4'000'000, 100'000'000, 4'300'000'000, 1'000'000'000'000};  // fs
  std::uint64_t happened = 0;
  for (unsigned step = 0; step < 100'000; ++step) {
    const std::size_t i = random.below(notices);
    const std::uint64_t choice = random.below(10);
    if (choice < 5)
      l.list(i, l.now_ + random.below(reach[random.below(std::size(reach))]),
             random.below(8) == 0 ? FutureEventList::last_of_instant : 0);
    else if (choice < 6 && l.pool[i].listed)
      l.take(i);
    else if (choice >= 6 && !l.expected.empty())
      REQUIRE((++happened, l.happen()));
    REQUIRE(l.list_.empty() == l.expected.empty());
  }
  CHECK(happened > 10'000);
  while (!l.expected.empty()) REQUIRE(l.happen());
  CHECK(l.list_.first(l.now()) == nullptr);
}

TEST_CASE("many notices of one instant happen in the order of listing, wherever they are kept") {
  Listed l(100);
  for (std::size_t i = 0; i < 100; ++i) l.list(i * 37 % 100, 5'000'000);
  for (std::size_t i = 0; i < 50; ++i) l.take(i);
  while (!l.expected.empty()) REQUIRE(l.happen());
}

TEST_CASE("the wheel turns: a slot is used again for what lies a turn ahead") {
  Listed l(50);
  const std::uint64_t turn = std::uint64_t{512} << 23;
  for (std::uint64_t t = 0; t < 5; ++t) {
    for (std::size_t i = 2; i < 50; ++i) l.list(i, l.now_ + turn / 2);  // too many for the array
    l.list(0, l.now_ + turn - 1), l.list(1, l.now_ + turn);
    while (!l.expected.empty()) REQUIRE(l.happen());
  }
}

TEST_CASE("the array has room for what comes ever later and for what comes ever earlier") {
  Listed l(30);
  for (std::uint64_t t = 0; t < 1000; ++t) {  // 20 wait, each new one is the last
    l.list(t % 20, 1'000'000 + t * 1000);
    if (t >= 19) REQUIRE(l.happen());
  }
  while (!l.expected.empty()) REQUIRE(l.happen());
  for (std::uint64_t t = 0; t < 1000; ++t) {  // each new one is the first
    l.list(t % 20, l.now_ + 10'000'000 - t * 1000);
    if (t % 20 == 19)
      for (std::size_t i = 0; i < 20; ++i) l.take(i);
  }
  CHECK(l.list_.empty());
}

TEST_CASE("a notice may outlive the list") {
  std::deque<EventNotice> notices;
  {
    FutureEventList list;
    for (const std::uint64_t when : {1ull, 1'000'000'000'000ull}) list.insert(notices.emplace_back(Delegate<void()>{}), Time::from_value(when), {});
  }
  {
    FutureEventList list;
    for (std::uint64_t when = 0; when < 100; ++when) list.insert(notices.emplace_back(Delegate<void()>{}), Time::from_value(when), {});
  }
  for (const EventNotice& notice : notices) CHECK_FALSE(notice.listed);
}
