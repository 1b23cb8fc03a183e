// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <optional>

#include "models/core/invariant.h"
#include "models/workload/packet_ledger.h"

using namespace iov;
using namespace iov::workload;
using namespace iov::literals;

namespace {
/// Lets a test lose a packet behind the ledger's back.
struct LeakyLedger : PacketLedger {
  using PacketLedger::PacketLedger;
  void lose() { ++totals_[0].offered; }
};
struct LedgerBench {
  explicit LedgerBench(bool carry_payload = false) : ledger("ledger", timeline, carry_payload) {
    ledger.add_vm(), ledger.add_vm();
    ledger.begin_window(0_ns);
  }
  PacketEntry send(Way way = Way::transmit, unsigned vm = 0, std::uint32_t bytes = 100) {
    PacketEntry entry;
    entry.way = way, entry.vm = vm, entry.bytes = bytes;
    entry.header.destination = {0x0200'0000'0001}, entry.header.source = {0x0200'0000'0002};
    ledger.send(entry, Stage::application);
    return entry;
  }
  std::vector<std::uint8_t> contents(const PacketEntry& entry) const {
    std::vector<std::uint8_t> bytes(entry.bytes);
    PacketLedger::write_payload(entry.header, bytes);
    return bytes;
  }
  std::optional<PacketEntry> receive(Way way, std::optional<unsigned> vm, std::span<const std::uint8_t> contents,
                                     std::uint32_t bytes, const Time& now) {
    const FrameHeader header = FrameHeader::read(contents.first<FrameHeader::header_bytes>());
    const PacketEntry* const entry = ledger.receive(way, vm.value_or(PacketLedger::any_vm), header, contents, bytes, now);
    return entry ? std::optional(*entry) : std::nullopt;
  }
  std::uint64_t ways(Way way, std::size_t column) const {
    return ledger.ways.at(static_cast<std::size_t>(way), column);
  }
  std::uint64_t malformed(Way way) const {
    return ways(way, PacketLedger::first_drop + static_cast<std::size_t>(DropReason::malformed));
  }
  Timeline timeline{"timeline"};
  LeakyLedger ledger;
};
}  // namespace

TEST_CASE("a packet is delivered once, a copy of it is unknown, also after its slot was reused") {
  LedgerBench bench;
  const PacketEntry first = bench.send();
  CHECK(bench.receive(Way::transmit, std::nullopt, bench.contents(first), 100, 7_ns).has_value());
  CHECK_FALSE(
      bench.receive(Way::transmit, std::nullopt, bench.contents(first), 100, 8_ns).has_value());
  const PacketEntry second = bench.send();
  CHECK((second.header.id & 0xffff'ffff) == (first.header.id & 0xffff'ffff));
  CHECK_FALSE(
      bench.receive(Way::transmit, std::nullopt, bench.contents(first), 100, 9_ns).has_value());
  CHECK_FALSE(static_cast<bool>(bench.ledger.journey(first.header.id)));
  CHECK(static_cast<bool>(bench.ledger.journey(second.header.id)));
  CHECK(bench.ledger.unknown.value() == 2);
  CHECK(bench.ways(Way::transmit, PacketLedger::delivered) == 1);
  CHECK(bench.ledger.one_way.count() == 1);
  CHECK(bench.ledger.one_way.max_ns() == 7);
}

TEST_CASE("a packet that arrives shorter, elsewhere or from somebody else is malformed") {
  LedgerBench bench;
  auto entry = bench.send(Way::receive, 1);
  CHECK_FALSE(bench.receive(Way::receive, 1, bench.contents(entry), 99, 0_ns).has_value());
  entry = bench.send(Way::receive, 1);
  CHECK_FALSE(bench.receive(Way::receive, 0, bench.contents(entry), 100, 0_ns).has_value());
  entry = bench.send(Way::receive, 1);
  auto contents = bench.contents(entry);
  contents[11] ^= 1;
  CHECK_FALSE(bench.receive(Way::receive, 1, contents, 100, 0_ns).has_value());
  CHECK(bench.malformed(Way::receive) == 3);
  CHECK(bench.ledger.in_flight() == 0);
  CHECK_NOTHROW(audit(Invariant::at_rest, 0_ns));
}

TEST_CASE("with carry_payload one flipped byte of the payload is noticed") {
  LedgerBench bench(true);
  auto entry = bench.send(Way::transmit, 0, 1496);
  CHECK(bench.receive(Way::transmit, std::nullopt, bench.contents(entry), 1496, 0_ns).has_value());
  for (const std::size_t at : {FrameHeader::header_bytes, std::size_t{700}, std::size_t{1495}}) {
    entry = bench.send(Way::transmit, 0, 1496);
    auto contents = bench.contents(entry);
    contents[at] ^= 0x10;
    CHECK_FALSE(bench.receive(Way::transmit, std::nullopt, contents, 1496, 0_ns).has_value());
  }
  CHECK(bench.malformed(Way::transmit) == 3);
}

TEST_CASE("payloads of different packets differ") {
  LedgerBench bench(true);
  const auto a = bench.contents(bench.send()), b = bench.contents(bench.send());
  CHECK(!std::equal(a.begin() + 32, a.end(), b.begin() + 32));
}

TEST_CASE("a drop is booked once, under its reason and VM") {
  LedgerBench bench;
  const PacketEntry entry = bench.send(Way::receive, 1);
  bench.ledger.dropped(entry.header.id, DropReason::no_receive_descriptor);
  bench.ledger.dropped(entry.header.id, DropReason::no_receive_descriptor);
  CHECK(bench.ledger.vms.at(1, PacketLedger::first_drop) == 1);
  CHECK(bench.ledger.vms.at(0, PacketLedger::first_drop) == 0);
  CHECK(bench.ledger.journeys.open() == 0);
  CHECK(bench.ledger.journeys.finished() == 0);
}

TEST_CASE("only what happens within the window is counted, conservation always") {
  LedgerBench bench;
  const PacketEntry before = bench.send();
  bench.ledger.begin_window(10_ns);
  bench.receive(Way::transmit, std::nullopt, bench.contents(before), 100, 20_ns);
  const PacketEntry within = bench.send();
  bench.ledger.end_window(110_ns);
  bench.receive(Way::transmit, std::nullopt, bench.contents(within), 100, 120_ns);
  CHECK(bench.ledger.window() == 100_ns);
  CHECK(bench.ways(Way::transmit, PacketLedger::sent) == 1);
  CHECK(bench.ways(Way::transmit, PacketLedger::delivered) == 1);
  CHECK(bench.ways(Way::transmit, PacketLedger::delivered_bytes) == 100);
  CHECK(bench.ledger.one_way.count() == 1);
  CHECK_NOTHROW(audit(Invariant::at_rest, 120_ns));
}

TEST_CASE("the journey of a request goes on in its response and is as long as the round trip") {
  LedgerBench bench;
  PacketEntry request;
  request.kind = PacketKind::request, request.way = Way::receive;
  bench.ledger.send(request, Stage::wire);
  const auto taken = bench.receive(Way::receive, 0, bench.contents(request), request.bytes, 30_ns);
  REQUIRE(taken.has_value());
  PacketEntry response;
  response.kind = PacketKind::response, response.due = 30_ns, response.request_due = taken->due;
  response.journey = taken->journey;
  bench.ledger.send(response, Stage::application);
  bench.receive(Way::transmit, std::nullopt, bench.contents(response), response.bytes, 100_ns);
  CHECK(bench.ledger.journeys.finished() == 1);
  CHECK(bench.ledger.journeys.spent(Stage::wire) == 30_ns);
  CHECK(bench.ledger.journeys.spent(Stage::application) == 70_ns);
  CHECK(bench.ledger.round_trip.max_ns() == 100);
}

TEST_CASE("conservation notices a packet that vanished") {
  LedgerBench bench;
  bench.send();
  CHECK_NOTHROW(audit(Invariant::always, 0_ns));
  CHECK_THROWS_AS(audit(Invariant::at_rest, 0_ns), InvariantBroken);  // one is under way
  bench.ledger.lose();
  CHECK_THROWS_WITH(
      audit(Invariant::always, 0_ns),
      Catch::Contains("offered = delivered + dropped + in flight") && Catch::Contains("offered 2, known 1"));
}
