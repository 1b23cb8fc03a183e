// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;
using endpoint::FunctionTable;

namespace {
/// `n` frames of `bytes` in a ring of 64 at `ring`, buffers behind it, ids from `id` on.
void post(NicBench& b, unsigned function, std::uint64_t ring, unsigned n, std::uint32_t bytes, PacketId id,
          MacAddress to = NicBench::mac(99)) {
  for (unsigned i = 0; i < n; ++i) {
    b.put_header(ring + 0x1000 + i * 0x800, {to, NicBench::mac(function), FrameHeader::vlan_none, 0, id + i});
    b.post_tx(ring, i, ring + 0x1000 + i * 0x800, bytes);
  }
  b.set_ring(function, true, 0, ring, 64, 0);
  b.write(function, nic::tx_register(0, nic::queue_tail), n);
}
std::vector<PacketId> ids(const NicBench& b) {
  std::vector<PacketId> all;
  for (const Frame& f : b.wire.frames) all.push_back(f.header.id);
  return all;
}
Time at(double ns) { return Time(ns, sc_core::SC_NS); }
}  // namespace

TEST_CASE("frames leave back to back at the Ethernet rate with preamble, FCS and gap") {
  NicBench b;
  post(b, 0, 0x10000, 3, 60, 1);
  b.timeline.run(10_us);
  // (60 + 4 + 8) B = 57.6 ns to the last bit, (+ 12 B gap) 67.2 ns to the next frame
  CHECK(b.wire.times == std::vector<Time>{at(1057.6), at(1124.8), at(1192.0)});
  CHECK(ids(b) == std::vector<PacketId>{1, 2, 3});
  b.audit(Invariant::at_rest);
}

TEST_CASE("propagation delays the arrival, not the write-back") {
  NicBench b;
  b.nic.set_wire(&b.wire, 300_ns);
  post(b, 0, 0x10000, 1, 60, 1);
  b.timeline.run(10_us);
  CHECK(b.wire.times == std::vector<Time>{at(1357.6)});
  CHECK(b.host.sent(TlpType::memory_write)[0].when == at(1057.6));
}

TEST_CASE("descriptors are fetched in batches of at most the prefetch size") {
  NicBench b;
  post(b, 0, 0x10000, 50, 60, 1);
  b.timeline.run(50_us);
  std::vector<std::uint32_t> fetches;
  for (const Sent& s : b.host.sent(TlpType::memory_read))
    if (s.address < 0x11000) fetches.push_back(s.length);
  CHECK(fetches == std::vector<std::uint32_t>{512, 128, 160});  // 40 x 16 B in two requests of MRRS, then 10
  CHECK(ids(b).size() == 50);
}

TEST_CASE("sent descriptors are written back eight at a time, the rest when the queue is idle") {
  NicBench b;
  b.set_vector(0, 0);
  post(b, 0, 0x10000, 19, 60, 1);
  b.timeline.run(50_us);
  std::vector<std::uint32_t> lengths;
  for (const Sent& s : b.host.sent(TlpType::memory_write))
    if (s.address < 0x11000) lengths.push_back(s.length);
  CHECK(lengths == std::vector<std::uint32_t>{128, 128, 48});
  for (unsigned i = 0; i < 19; ++i) CHECK((b.host.peek<nic::TxDescriptor>(0x10000 + 16 * i).status & 1) == 1);
  CHECK(b.interrupts().size() == 3);
}

TEST_CASE("without report status nothing is written back") {
  NicBench b;
  b.put_header(0x11000, {NicBench::mac(99), NicBench::mac(0), FrameHeader::vlan_none, 0, 1});
  b.post_tx(0x10000, 0, 0x11000, 60, nic::tx_end_of_packet);
  b.set_ring(0, true, 0, 0x10000, 64, 0);
  b.write(0, nic::tx_register(0, nic::queue_tail), 1);
  b.timeline.run(10_us);
  CHECK(ids(b) == std::vector<PacketId>{1});
  CHECK(b.host.sent(TlpType::memory_write).empty());
}

TEST_CASE("a frame spread over three buffers leaves as one") {
  NicBench b;
  b.put_header(0x11000, {NicBench::mac(99), NicBench::mac(0), FrameHeader::vlan_none, 0, 42});
  std::memcpy(b.host.memory.data() + 0x12000, b.host.memory.data() + 0x11000 + 20, FrameHeader::header_bytes - 20);  // in two parts
  b.post_tx(0x10000, 0, 0x11000, 20, 0);
  b.post_tx(0x10000, 1, 0x12000, 80, 0);
  b.post_tx(0x10000, 2, 0x13000, 900);
  b.set_ring(0, true, 0, 0x10000, 64, 0);
  b.write(0, nic::tx_register(0, nic::queue_tail), 2);
  b.timeline.run(5_us);
  CHECK(b.wire.frames.empty());  // its end is not there yet
  b.write(0, nic::tx_register(0, nic::queue_tail), 3);
  b.timeline.run(10_us);
  REQUIRE(ids(b) == std::vector<PacketId>{42});
  CHECK(b.wire.frames[0].bytes == 1000);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a frame of more descriptors than the queue prefetches has the rest fetched, one that never ends is still malformed") {
  auto params = NicBench::quick();
  params.transmitter.prefetch = params.transmitter.prefetch_threshold = 1, params.transmitter.host_threshold = 64;
  NicBench b(params);
  b.put_header(0x11000, {NicBench::mac(99), NicBench::mac(0), FrameHeader::vlan_none, 0, 42});
  b.post_tx(0x10000, 0, 0x11000, 64, 0);
  b.post_tx(0x10000, 1, 0x12000, 80, 0);
  b.post_tx(0x10000, 2, 0x13000, 900);
  for (unsigned i = 0; i < 40; ++i) b.post_tx(0x10000, 3 + i, 0x12000, 64, 0);
  b.post_tx(0x10000, 43, 0x11000, 64);
  b.set_ring(0, true, 0, 0x10000, 64, 0);
  b.write(0, nic::tx_register(0, nic::queue_tail), 2);
  b.timeline.run(5_us);
  CHECK(b.wire.frames.empty());  // its end is not there yet
  b.write(0, nic::tx_register(0, nic::queue_tail), 44);
  b.timeline.run(100_us);
  REQUIRE(ids(b) == std::vector<PacketId>{42, 42});
  CHECK(b.wire.frames[0].bytes == 1044);
  CHECK(b.nic.table().dropped(0, DropReason::malformed) == 1);
  b.audit(Invariant::at_rest);
}

TEST_CASE("queues of all functions take turns, frame by frame", "[G13]") {
  auto params = NicBench::quick();
  params.dma_engine.outstanding_reads = 2;  // one frame of 1000 B
  NicBench b(params);
  b.enable_vfs(2);
  post(b, 1, 0x10000, 5, 1000, 100);
  post(b, 2, 0x30000, 4, 1000, 200);
  b.timeline.run(50_us);
  CHECK(ids(b) == std::vector<PacketId>{100, 200, 101, 201, 102, 202, 103, 203, 104});
}

TEST_CASE("the packet buffer bounds how far payload reads run ahead of the wire") {
  auto params = NicBench::quick();
  params.transmitter.buffer = 16_KiB;
  NicBench b(params);
  post(b, 0, 0x10000, 30, 1500, 1);
  b.timeline.run(1000_ns);
  unsigned frames = 0;
  for (const Sent& s : b.host.sent(TlpType::memory_read)) frames += s.address >= 0x11000 && s.address % 0x800 == 0;
  CHECK(frames == 10);  // 10 x 1500 B fit in 16 KiB
  b.timeline.run(100_us);
  CHECK(ids(b).size() == 30);
}

TEST_CASE("a frame for a local function is switched inside and never reaches wire or host software", "[G6]") {
  NicBench b;
  b.enable_vfs(2);
  b.nic.sorter().add_filter(NicBench::mac(2), std::nullopt, Destination{2});
  b.rx_ring(2, 0, 0x50000, 0);
  b.timeline.run(1_us);
  post(b, 1, 0x10000, 1, 1000, 7, NicBench::mac(2));
  b.timeline.run(2_us + 100_ns - 1_ps);  // two reads of 500 ns, then 1000 B at 10 GB/s
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 0);
  b.timeline.run(2_us + 100_ns);
  CHECK(b.get_header(0x51000).id == 7);
  CHECK(b.nic.table().count(1, FunctionTable::local_frames) == 1);
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 0);
  b.timeline.run(10_us);
  CHECK(b.wire.frames.empty());
  b.audit(Invariant::at_rest);
}

TEST_CASE("a broadcast of one VF goes to the wire and to its siblings, not back to itself", "[G6]") {
  NicBench b;
  b.enable_vfs(3);
  for (unsigned n = 1; n <= 3; ++n) b.rx_ring(n, 0, 0x20000 * n, 0);
  b.timeline.run(1_us);
  post(b, 1, 0x80000, 1, 60, 7, {0xffff'ffff'ffffull});
  b.timeline.run(10_us);
  CHECK(ids(b) == std::vector<PacketId>{7});
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 0);
  CHECK(b.get_header(0x41000).id == 7);
  CHECK(b.get_header(0x61000).id == 7);
}

TEST_CASE("a payload that the IOMMU blocks is not sent, its descriptor still comes back") {
  NicBench b;
  b.host.unsupported = {0x11000 >> 12};
  post(b, 0, 0x10000, 3, 60, 1);  // the first two buffers lie in that page
  b.timeline.run(10_us);
  CHECK(ids(b) == std::vector<PacketId>{3});
  CHECK(b.nic.table().dropped(0, DropReason::blocked_by_iommu) == 2);
  CHECK((b.host.peek<nic::TxDescriptor>(0x10000).status & 1) == 1);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a frame of no length or without an end is malformed and stops nobody") {
  NicBench b;
  b.put_header(0x11800, {NicBench::mac(99), NicBench::mac(0), FrameHeader::vlan_none, 0, 2});
  b.post_tx(0x10000, 0, 0x11000, 0);
  b.post_tx(0x10000, 1, 0x11800, 60);
  b.set_ring(0, true, 0, 0x10000, 64, 0);
  b.write(0, nic::tx_register(0, nic::queue_tail), 2);
  b.timeline.run(10_us);
  CHECK(ids(b) == std::vector<PacketId>{2});
  CHECK(b.nic.table().dropped(0, DropReason::malformed) == 1);
}

TEST_CASE("a sent packet's journey is known once its header was read, and stamped as it happened") {
  NicBench b;
  JourneyLog log("log");
  const JourneyRef early = log.begin(Stage::guest_driver, Time()), rung = log.begin(Stage::guest_driver, Time());
  b.book.journeys = {{1, early}, {2, rung}};
  post(b, 0, 0x10000, 0, 60, 1);
  b.timeline.run(100_ns);
  for (unsigned i = 0; i < 2; ++i) {
    b.put_header(0x11000 + i * 0x800, {NicBench::mac(99), NicBench::mac(0), FrameHeader::vlan_none, 0, 1 + i});
    b.post_tx(0x10000, i, 0x11000 + i * 0x800, 60);
  }
  rung.enter(Stage::doorbell, b.timeline.now());
  b.timeline.run(200_ns);
  b.host.mmio_write(NicBench::pf_bar + nic::tx_register(0, nic::queue_tail), 2, 4, rung);
  b.timeline.run(5_us);
  const auto spent = [](const JourneyRef& ref, Stage s) { return ref.get()->spent[static_cast<std::size_t>(s)]; };
  CHECK(spent(early, Stage::guest_driver) == 200_ns);  // until the doorbell arrived
  CHECK(spent(rung, Stage::guest_driver) == 100_ns);
  CHECK(spent(rung, Stage::doorbell) == 100_ns);
  for (const JourneyRef& ref : {early, rung}) {
    CHECK(spent(ref, Stage::descriptor_fetch) == 500_ns);
    CHECK(spent(ref, Stage::link) == 500_ns);
    CHECK(ref.get()->stage == Stage::wire);
  }
  CHECK(spent(rung, Stage::device) == at(67.2));  // waits for the frame before it
}

TEST_CASE("frames between two pools of the PF are switched inside, frames to the own pool are not", "[A16][G6]") {
  NicBench b;
  b.assign_pool(0, 0, 1);
  b.assign_pool(1, 1, 1);
  b.nic.sorter().add_filter(NicBench::mac(10), std::nullopt, Destination{0, 0});
  b.nic.sorter().add_filter(NicBench::mac(11), std::nullopt, Destination{0, 1});
  b.rx_ring(0, 0, 0x50000, 0);
  b.rx_ring(0, 1, 0x70000, 0);
  b.timeline.run(1_us);
  post(b, 0, 0x10000, 1, 60, 7, NicBench::mac(11));
  b.timeline.run(5_us);
  CHECK(b.get_header(0x71000).id == 7);
  CHECK(b.wire.frames.empty());
  b.put_header(0x11800, {NicBench::mac(10), NicBench::mac(10), FrameHeader::vlan_none, 0, 8});
  b.post_tx(0x10000, 1, 0x11800, 60);
  b.write(0, nic::tx_register(0, nic::queue_tail), 2);
  b.timeline.run(10_us);
  CHECK(ids(b) == std::vector<PacketId>{8});
  b.audit(Invariant::at_rest);
}
