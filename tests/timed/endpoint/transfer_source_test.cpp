// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/transfer_source.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/timed/endpoint/dma_bench.h"
#include "tests/timed/pcie/link_bench.h"
using namespace iov;
using namespace iov::test;
using namespace iov::endpoint;

namespace {
constexpr std::uint64_t window = 0x10000;

TransferParams params(DmaPattern pattern, unsigned outstanding) {
  TransferParams p;
  p.access.pattern = pattern, p.access.order = AddressOrder::sequential, p.access.window = 4_KiB;
  p.outstanding = outstanding, p.local_bandwidth = {8e9}, p.write_setup = 20_ns;  // 64 B: 8 ns
  return p;
}
struct Transfers {  ///< reads take 500 ns in the fake host
  explicit Transfers(const TransferParams& p) : source("transfers", b.timeline, p, b.dma, 1) {
    if (p.trace.empty()) source.add_requester({0x0100}, {}, window);
  }
  std::vector<std::uint64_t> sent_ns() const {
    std::vector<std::uint64_t> at;
    for (const Sent& s : b.host.log) at.push_back(to_ps(s.when) / 1000);
    return at;
  }
  DmaBench b;
  TransferSource source;
};

/// Transfers over a real link, whose far end logs and answers nothing.
struct LinkedTransfers : DmaClient {
  explicit LinkedTransfers(const TransferParams& p, const pcie::LinkParams& root = {})
      : b(root),
        outstanding("outstanding", b.timeline, b.device, 256, 50_us),
        tlb("device_tlb", b.timeline, {}, b.device, outstanding),
        dma("dma_engine", b.timeline, set_up(), b.device, outstanding, tlb),
        source("transfers", b.timeline, p, dma, 1) {
    source.add_requester({0x0100}, {}, window);
  }
  static DmaEngine::Params set_up() {
    DmaEngine::Params p;
    p.read_setup = 500_ns;  // later than the wire is free
    return p;
  }
  void dma_done(std::uint32_t, DmaStatus, ByteBuffer&&) override {}
  void start_one() {
    source.start();
    source.stop();
  }
  Time wire(std::uint32_t bytes) const {  ///< of a write at 64 KiB: 12 B of header
    Tlp tlp;
    tlp.type = TlpType::memory_write, tlp.address = window, tlp.length = bytes;
    return b.device.wire_time(tlp);
  }
  Time buffer(std::uint32_t bytes) const { return pcie::tlp_bandwidth(b.device.params()).time_for(bytes); }
  pcie::LinkBench b;
  OutstandingRequests outstanding;
  DeviceTlb tlb;
  DmaEngine dma;
  TransferSource source;
};
TransferParams kib(DmaPattern pattern) {
  TransferParams p = params(pattern, 1);
  p.access.transfer_size = 1_KiB;  // fetched in 128 ns
  return p;
}
Time handed_over() { return 148_ns; }  // fetched and set up
}  // namespace

TEST_CASE("a write is over when all but the transmit buffer of it is on the wire, not 1 ps before") {
  LinkedTransfers t(kib(DmaPattern::write));
  t.start_one();
  const Time over = handed_over() + 4 * t.wire(256) - t.buffer(512);
  t.b.timeline.run(over - 1_ps);
  CHECK(t.source.transactions.value() == 0);
  CHECK(t.source.written_bytes.value() == 0);
  t.b.timeline.run(over);
  CHECK(t.source.transactions.value() == 1);
  CHECK(t.source.written_bytes.value() == 1024);
  CHECK(t.source.latency.max_ns() == Approx(to_ns(over)).margin(0.001));
}

TEST_CASE("the read that follows a write begins when the write is over, not when it was handed over") {
  LinkedTransfers t(kib(DmaPattern::write_then_read));
  t.start_one();
  const Time over = handed_over() + 4 * t.wire(256) - t.buffer(512);
  const Time arrival = over + 500_ns + t.b.device.wire_time_of(12) + t.b.device.params().propagation;
  t.b.timeline.run(arrival - 1_ps);
  CHECK(t.b.at_root.got.size() == 4);
  t.b.timeline.run(arrival);
  REQUIRE(t.b.at_root.got.size() == 5);
  CHECK(t.b.at_root.got[4].fc == FcClass::non_posted);
}

TEST_CASE("a write that the transmit buffer holds is over at once, without an event of its own") {
  TransferParams p = kib(DmaPattern::write);
  p.transmit_buffer = 2_KiB;
  LinkedTransfers t(p);
  t.start_one();
  t.b.timeline.run(handed_over());
  CHECK(t.source.transactions.value() == 1);
  CHECK(t.b.timeline.events() == 1);
}

TEST_CASE("without a transmit buffer a write is over when the wire has carried it") {
  TransferParams p = kib(DmaPattern::write);
  p.transmit_buffer = 0_B;
  LinkedTransfers t(p);
  t.start_one();
  const Time over = handed_over() + 4 * t.wire(256);
  t.b.timeline.run(over - 1_ps);
  CHECK(t.source.transactions.value() == 0);
  t.b.timeline.run(over);
  CHECK(t.source.transactions.value() == 1);
}

TEST_CASE("a write whose last TLP waits for credits is over when that is in the transmit buffer") {
  pcie::LinkParams root;
  root.receive.posted_headers = 3;
  LinkedTransfers t(kib(DmaPattern::write), root);
  t.b.at_root.releases = false;
  t.start_one();
  t.b.timeline.run(2_us);
  CHECK(t.b.device.backlog(FcClass::posted) == 1);
  CHECK(t.source.transactions.value() == 0);
  t.b.root.release(FcClass::posted, 256);
  const Time credit = 2_us + pcie::dllp_latency(t.b.root.params());  // then nothing else is on the wire
  t.b.timeline.run(credit - 1_ps);
  CHECK(t.source.transactions.value() == 0);
  t.b.timeline.run(credit);
  CHECK(t.source.transactions.value() == 1);
}

TEST_CASE("writes that wait for credits are over one by one, as the wire takes them") {
  pcie::LinkParams root;
  root.receive.posted_headers = 1;
  TransferParams p = params(DmaPattern::write, 3);
  p.transmit_buffer = 0_B;
  LinkedTransfers t(p, root);
  t.start_one();
  const Time credit = t.b.device.params().propagation + pcie::dllp_latency(t.b.root.params());  // after a TLP has left the wire
  Time over = 28_ns;
  for (std::uint64_t n = 0; n < 3; ++n) {
    over += t.wire(64);
    t.b.timeline.run(over - 1_ps);
    CHECK(t.source.transactions.value() == n);
    t.b.timeline.run(over);
    CHECK(t.source.transactions.value() == n + 1);
    over += credit;
  }
}

TEST_CASE("writes that wait for credits end with the link") {
  pcie::LinkParams root;
  root.receive.posted_headers = 1;
  LinkedTransfers t(kib(DmaPattern::write), root);
  t.b.at_root.releases = false;
  t.start_one();
  t.b.timeline.run(2_us);
  CHECK(t.source.transactions.value() == 0);
  t.b.root.link_down();
  t.b.timeline.run(3_us);
  CHECK(t.source.transactions.value() == 1);
}

TEST_CASE("a read is over when it is stored in the device") {
  Transfers t(params(DmaPattern::read, 1));
  t.source.start();
  t.source.stop();
  t.b.timeline.run(508_ns - 1_ps);
  CHECK(t.source.transactions.value() == 0);
  t.b.timeline.run(508_ns);
  CHECK(t.source.transactions.value() == 1);
  CHECK(t.source.read_bytes.value() == 64);
  CHECK(t.source.latency.min_ns() == Approx(508));
}

TEST_CASE("a write is fetched from the device first, and over when it has left") {
  Transfers t(params(DmaPattern::write, 1));
  t.source.start();
  t.source.stop();
  t.b.timeline.run(28_ns - 1_ps);
  CHECK(t.b.host.log.empty());
  t.b.timeline.run(28_ns);
  REQUIRE(t.b.host.log.size() == 1);
  CHECK(t.b.host.log[0].address == window);
  CHECK(t.source.latency.max_ns() == Approx(28));
}

TEST_CASE("write_then_read reads the same bytes once the write has left") {
  Transfers t(params(DmaPattern::write_then_read, 1));
  t.source.start();
  t.source.stop();
  t.b.timeline.run(1_us);
  CHECK(t.sent_ns() == std::vector<std::uint64_t>{28, 28});
  CHECK(t.b.host.log[1].type == TlpType::memory_read);
  CHECK(t.b.host.log[1].address == t.b.host.log[0].address);
  CHECK(t.source.transactions.value() == 1);
  CHECK(t.source.latency.max_ns() == Approx(28 + 500 + 8));
}

TEST_CASE("no more transactions are under way than allowed, and the next begins when one ends") {
  Transfers t(params(DmaPattern::read, 2));
  t.source.start();
  t.b.timeline.run(520_ns);
  CHECK(t.sent_ns() == std::vector<std::uint64_t>{0, 0, 508, 516});  // stored one after the other
  CHECK(t.source.under_way.peak() == 2);
}

TEST_CASE("transactions start at least the issue interval apart") {
  TransferParams p = params(DmaPattern::read, 8);
  p.issue_interval = 100_ns;
  Transfers t(p);
  t.source.start();
  t.b.timeline.run(300_ns - 1_ps);
  CHECK(t.sent_ns() == std::vector<std::uint64_t>{0, 100, 200});
  t.b.timeline.run(300_ns);
  CHECK(t.b.host.log.size() == 4);
}

TEST_CASE("read_write is one transaction of a read and a write") {
  Transfers t(params(DmaPattern::read_write, 1));
  t.source.start();
  t.source.stop();
  t.b.timeline.run(508_ns);
  CHECK(t.source.transactions.value() == 1);
  CHECK(t.source.read_bytes.value() == 64);
  CHECK(t.source.written_bytes.value() == 64);
}

TEST_CASE("a blocked read is a failed transaction without latency, and the next one starts") {
  Transfers t(params(DmaPattern::read, 1));
  t.b.host.unsupported = {window >> 12};
  t.source.start();
  t.b.timeline.run(1100_ns);
  CHECK(t.source.failed.value() == 2);
  CHECK(t.source.requesters.at(0, 1) == 2);
  CHECK(t.source.latency.count() == 0);
  CHECK(t.source.read_bytes.value() == 0);
}

TEST_CASE("a trace is replayed at its times, under its requester IDs") {
  std::ofstream("replay_test.csv") << "10,256,,0x1000,64,r\n40,01:10.0,,0x2000,64,r\n1000,256,,0x3000,128,w\n";
  TransferParams p = params(DmaPattern::read, 8);
  p.trace = "replay_test.csv";
  Transfers t(p);
  std::remove("replay_test.csv");
  t.source.on_count(0, bind<&Timeline::stop>(&t.b.timeline));
  t.source.start();
  t.b.timeline.run(5_us);
  CHECK(t.b.timeline.stopped());
  CHECK(t.source.exhausted());
  CHECK(t.sent_ns() == std::vector<std::uint64_t>{0, 30, 990 + 16 + 20});
  CHECK(t.b.host.log[1].requester == 0x0180);
  CHECK(t.b.host.log[1].address == 0x2000);
  CHECK(t.b.host.log[2].type == TlpType::memory_write);
  CHECK(t.source.requesters.rows() == 2);
}
