// SPDX-License-Identifier: Apache-2.0
/// Page requests of a device whose pages are not there.
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/dma_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::DmaStatus;

namespace {
constexpr unsigned success = 0, invalid = 1, failure = 15;

struct PriBench : AtsBench {
  explicit PriBench(unsigned allocation = 32, unsigned pages_per_group = 1)
      : AtsBench(params(allocation, pages_per_group)) {
    tlb.page_requests().control(0, true, allocation);
    host.translations.clear();
  }
  static endpoint::DeviceTlb::Params params(unsigned allocation, unsigned pages_per_group) {
    auto p = ats();
    p.page_requests = {true, allocation, pages_per_group, Time()};
    return p;
  }
  std::vector<Sent> page_requests() const {
    std::vector<Sent> some;
    for (const Sent& s : host.sent(TlpType::message))
      if (s.message == MessageCode::page_request) some.push_back(s);
    return some;
  }
  static std::uint64_t group_of(const Sent& s) { return s.address >> 3 & 0x1ff; }
  void respond(const Sent& to, unsigned code) { host.send_page_response(to.requester, group_of(to), code, to.pasid); }
  void make_present(const Sent& s) { host.translations[s.address >> 12] = entry((s.address >> 12) + 0x40); }
};
}  // namespace

TEST_CASE("an absent page is asked for, its DMA waits and goes translated once the group is answered", "[E1]") {
  PriBench b;
  b.write(0x3010, 64, 1);
  b.timeline.run(500_ns - 1_ps);
  CHECK(b.page_requests().empty());
  b.timeline.run(500_ns);
  REQUIRE(b.page_requests().size() == 1);
  const Sent ask = b.page_requests()[0];
  CHECK((ask.address & ~std::uint64_t{0xff8}) == (0x3000 | 4 | 2));  // last of its group, write
  CHECK(ask.requester == DmaBench::function);
  b.timeline.run(10_us);
  CHECK(b.done.empty());
  CHECK(b.requests().size() == 1);  // nothing is asked again meanwhile
  b.make_present(ask);
  b.respond(ask, success);
  b.timeline.run(20_us);
  REQUIRE(b.dmas().size() == 1);
  CHECK(b.dmas()[0].when == 10_us + 500_ns);
  CHECK(b.dmas()[0].address == 0x43010);
  CHECK(b.done[0].status == DmaStatus::success);
  b.audit(Invariant::at_rest);
}

TEST_CASE("accesses to one absent page share its page request, a write to a read-only page asks on its own", "[E1]") {
  PriBench b;
  for (std::uint32_t i = 0; i < 4; ++i) b.read(0x3000 + i * 64, 64, i);
  b.timeline.run(5_us);
  REQUIRE(b.page_requests().size() == 1);
  CHECK((b.page_requests()[0].address & 7) == (4 | 1));
  b.host.translations[3] = DmaBench::entry(0x43, 1);
  b.respond(b.page_requests()[0], success);
  b.timeline.run(10_us);
  CHECK(b.done.size() == 4);
  b.write(0x3000, 64, 9);
  b.timeline.run(20_us);
  REQUIRE(b.page_requests().size() == 2);
  CHECK((b.page_requests()[1].address & 7) == (4 | 2));
  b.host.translations[3] = DmaBench::entry(0x43, 3);
  b.respond(b.page_requests()[1], success);
  b.timeline.run(30_us);
  CHECK(b.done.size() == 5);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a response without the page makes the device ask again", "[E1]") {
  PriBench b;
  b.read(0x3000, 64, 1);
  b.timeline.run(1_us);
  b.respond(b.page_requests()[0], success);  // as after an overflow of the queue (VT-d 7.5.1)
  b.timeline.run(3_us);
  CHECK(b.requests().size() == 2);
  REQUIRE(b.page_requests().size() == 2);
  b.make_present(b.page_requests()[1]);
  b.respond(b.page_requests()[1], success);
  b.timeline.run(6_us);
  CHECK(b.done[0].status == DmaStatus::success);
}

TEST_CASE("no more page requests are outstanding than allocated, the next leaves when a response returns credits", "[E1]") {
  PriBench b(2);
  for (std::uint32_t i = 0; i < 4; ++i) b.write(0x1000 * (i + 1), 64, i);
  b.timeline.run(5_us);
  REQUIRE(b.page_requests().size() == 2);
  b.make_present(b.page_requests()[1]);
  b.respond(b.page_requests()[1], success);
  REQUIRE(b.page_requests().size() == 3);
  CHECK(PriBench::group_of(b.page_requests()[2]) == PriBench::group_of(b.page_requests()[1]));  // its index is free again
  for (const std::size_t i : {0u, 2u}) b.make_present(b.page_requests()[i]), b.respond(b.page_requests()[i], success);
  b.make_present(b.page_requests()[3]);
  b.respond(b.page_requests()[3], success);
  b.timeline.run(20_us);
  CHECK(b.done.size() == 4);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a group asks for several pages of a transfer: one index, L on the last, a credit each", "[E1]") {
  PriBench b(4, 3);
  b.write(0x1f00, 0x4000, 1);  // pages 1 to 5
  b.timeline.run(1_us);
  const auto asked = b.page_requests();
  REQUIRE(asked.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(asked[i].address >> 12 == i + 1);
    CHECK(PriBench::group_of(asked[i]) == PriBench::group_of(asked[0]));
    CHECK((asked[i].address >> 2 & 1) == (i == 2));
    b.make_present(asked[i]);
  }
  b.write(0x9000, 64, 2);  // one credit is left
  b.write(0xa000, 64, 3);  // none
  b.timeline.run(2_us);
  CHECK(b.page_requests().size() == 4);
  b.respond(asked[2], success);
  b.timeline.run(20_us);
  CHECK(b.page_requests().size() == 7);  // page a, then 4 and 5 as one group
}

TEST_CASE("an invalid request fails its DMA only, a response failure turns PRI off for the function", "[E1]") {
  PriBench b;
  const unsigned other = b.dma.add_channel({0x0102}, b);
  b.read(0x3000, 64, 1);
  b.timeline.run(1_us);
  b.respond(b.page_requests()[0], invalid);
  REQUIRE(b.done.size() == 1);
  CHECK(b.done[0].status == DmaStatus::not_translated);
  b.read(0x3000, 64, 2);
  b.timeline.run(2_us);
  REQUIRE(b.page_requests().size() == 2);
  b.respond(b.page_requests()[1], failure);
  b.read(0x3000, 64, 3);
  b.read(0x3000, 64, 4, 0, other);
  b.timeline.run(5_us);
  CHECK(b.page_requests().size() == 3);  // the other function's
  CHECK(b.page_requests()[2].requester == 0x0102);
  CHECK(b.done.size() == 3);
  for (const Done& d : b.done) CHECK(d.status == DmaStatus::not_translated);
  b.tlb.forget({DmaBench::function});  // a reset gives PRI back
  b.read(0x3000, 64, 5);
  b.timeline.run(8_us);
  CHECK(b.page_requests().size() == 4);
}

TEST_CASE("a response that nobody waits for, or of another function, is counted and does nothing", "[E1]") {
  PriBench b;
  b.read(0x3000, 64, 1);
  b.timeline.run(1_us);
  const std::uint64_t group = PriBench::group_of(b.page_requests()[0]);
  b.host.send_page_response(0x0102, group, success);
  b.host.send_page_response(DmaBench::function, group ^ 1, failure);
  b.host.send_page_response(DmaBench::function, 511, success);
  b.timeline.run(3_us);
  CHECK(b.done.empty());
  CHECK(b.requests().size() == 1);
  for_each<Stat>([](Stat& stat) {
    std::vector<StatRow> rows;
    stat.append_rows(rows);
    for (const StatRow& row : rows)
      if (row.path.ends_with("unexpected_responses")) CHECK(row.value == 3);
  });
}

TEST_CASE("a stopped PASID fails its accesses, sends a stop marker, and late responses only return credits", "[E1][L6]") {
  PriBench b(1);
  const unsigned pasid5 = b.dma.add_channel({DmaBench::function}, b, {5});
  const unsigned pasid6 = b.dma.add_channel({DmaBench::function}, b, {6});
  b.read(0x3000, 64, 1, 0, pasid5);
  b.timeline.run(1_us);
  b.read(0x4000, 64, 2, 0, pasid5);
  b.read(0x5000, 64, 3, 0, pasid6);
  b.timeline.run(2_us);
  REQUIRE(b.page_requests().size() == 1);
  CHECK(b.page_requests()[0].pasid.value == 5);
  b.tlb.page_requests().stop({DmaBench::function}, {5});
  CHECK(b.done.size() == 2);
  REQUIRE(b.page_requests().size() == 2);
  CHECK(b.page_requests()[1].address == 4);  // L without R and W
  CHECK(b.page_requests()[1].pasid.value == 5);
  b.respond(b.page_requests()[0], failure);  // stale: returns the credit, turns nothing off
  REQUIRE(b.page_requests().size() == 3);
  CHECK(b.page_requests()[2].pasid.value == 6);
  b.make_present(b.page_requests()[2]);
  b.respond(b.page_requests()[2], success);
  b.timeline.run(9_us);
  CHECK(b.done.back().status == DmaStatus::success);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a read that waits its turn behind an absent page holds up no invalidation, and translates anew", "[E1][E5]") {
  PriBench b;
  b.host.translations[4] = DmaBench::entry(0x44);
  b.read(0x3000, 64, 1);  // absent
  b.read(0x4000, 64, 2);  // there, but reads leave in order
  b.timeline.run(2_us);
  CHECK(b.dmas().empty());
  b.host.send_invalidate(DmaBench::function, 2, 0x4000);  // the host wants the frame for the first one's page
  CHECK(b.host.sent(TlpType::message).back().message == MessageCode::invalidate_completion);
  b.host.translations[3] = DmaBench::entry(0x44), b.host.translations[4] = DmaBench::entry(0x55);
  b.respond(b.page_requests()[0], success);
  b.timeline.run(9_us);
  REQUIRE(b.dmas().size() == 2);
  CHECK(b.dmas()[0].address == 0x44000);
  CHECK(b.dmas()[1].address == 0x55000);
  b.audit(Invariant::at_rest);
}

TEST_CASE("an invalidation while a page is waited for leaves the request alone", "[E5]") {
  PriBench b;
  b.read(0x3000, 64, 1);
  b.timeline.run(1_us);
  b.host.send_invalidate(DmaBench::function, 2, 0x3000);
  CHECK(b.host.sent(TlpType::message).back().message == MessageCode::invalidate_completion);
  b.make_present(b.page_requests()[0]);
  b.respond(b.page_requests()[0], success);
  b.timeline.run(4_us);
  CHECK(b.done[0].status == DmaStatus::success);
  b.audit(Invariant::at_rest);
}
