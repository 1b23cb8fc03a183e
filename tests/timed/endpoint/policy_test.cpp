// SPDX-License-Identifier: Apache-2.0
// What the PF decides about its VFs, by register writes, and what the VFs then get.
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;
using endpoint::FunctionTable;
using Drops = std::vector<std::pair<PacketId, DropReason>>;

namespace {
constexpr MacAddress far{0x02'00'00'00'00'99}, broadcast{0xffff'ffff'ffff};
endpoint::Nic::Params small_burst() {
  auto p = NicBench::quick();
  p.transmitter.rate_burst = 64_B;
  p.receiver.shaping_burst = 64_B;
  return p;
}
std::vector<PacketId> sent_ids(const NicBench& b) {
  std::vector<PacketId> all;
  for (const Frame& f : b.wire.frames) all.push_back(f.header.id);
  return all;
}
}  // namespace

TEST_CASE("a VF's rate limit spaces its frames exactly, and nobody else's", "[G9]") {
  NicBench b(small_burst());
  REQUIRE(b.enable_vfs(2) == 2);
  b.write_vf(1, nic::vf_transmit_rate, 1000);
  b.tx_stream(1, 0x10000, 64, 3, NicBench::header(NicBench::mac(1), far, 1), 1496);
  b.tx_stream(2, 0x20000, 64, 3, NicBench::header(NicBench::mac(2), far, 2), 1496);
  b.timeline.run(100_us);
  std::vector<Time> limited, free;
  for (std::size_t i = 0; i < b.wire.frames.size(); ++i)
    (b.wire.frames[i].header.id == 1 ? limited : free).push_back(b.wire.times[i]);
  REQUIRE(limited.size() == 3);
  REQUIRE(free.size() == 3);
  // 1500 B at 1 Gb/s are 12 us; the bucket of 64 B lets the next frame go 512 ns earlier, once
  CHECK(limited[2] - limited[1] == 12_us);
  CHECK(limited[1] - limited[0] == 12_us - 512_ns);
  CHECK(free[2] < limited[1]);
  b.write(0, nic::reg_vf_select, 1);
  CHECK(b.read(0, nic::vf_transmit_rate) == 1000);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a VF gets its least share however many others send, and they share the rest", "[G9][G13]") {
  auto params = small_burst();
  params.transmitter.buffer = 16_KiB;
  params.transmitter.rate_burst = 16_KiB;
  NicBench b(params);
  REQUIRE(b.enable_vfs(5) == 5);
  b.write_vf(1, nic::vf_transmit_share, 5000);
  for (unsigned n = 1; n <= 5; ++n)
    b.tx_stream(n, 0x20000 * n, 2048, 2000, NicBench::header(NicBench::mac(n), far, n), 1496);
  b.timeline.run(1000_us);
  std::vector<double> gbps(6);
  for (unsigned n = 1; n <= 5; ++n)
    gbps[n] = static_cast<double>(b.nic.table().count(n, FunctionTable::tx_frames)) * 1500 * 8 / 1e6;
  CHECK(gbps[1] == Approx(5.0).epsilon(0.02));
  for (unsigned n = 2; n <= 5; ++n) CHECK(gbps[n] == Approx((9.868 - 5.0) / 4).epsilon(0.03));
}

TEST_CASE("without shares the functions that send share equally, and one alone has the whole wire", "[G13]") {
  NicBench b;
  REQUIRE(b.enable_vfs(8) == 8);
  b.tx_stream(3, 0x20000, 1024, 400, NicBench::header(NicBench::mac(3), far), 1496);
  b.timeline.run(400_us);
  const double alone = static_cast<double>(b.nic.table().count(3, FunctionTable::tx_frames)) * 1500 * 8 / 400e3;
  CHECK(alone == Approx(9.868).epsilon(0.01));
  b.timeline.run(1000_us);
  for (unsigned n = 1; n <= 4; ++n)
    b.tx_stream(n + 4, 0x20000 * n, 1024, 400, NicBench::header(NicBench::mac(n + 4), far), 1496);
  b.timeline.run(1200_us);  // the packet buffer is full, nobody begins
  std::uint64_t before[9] = {};
  for (unsigned n = 5; n <= 8; ++n) before[n] = b.nic.table().count(n, FunctionTable::tx_frames);
  b.timeline.run(2200_us);
  for (unsigned n = 5; n <= 8; ++n)
    CHECK(static_cast<double>(b.nic.table().count(n, FunctionTable::tx_frames) - before[n]) ==
          Approx(1000 * 9.868 / 12 / 4).epsilon(0.01));
}

TEST_CASE("a frame with a foreign source never leaves, the PF is told, its neighbours do not notice", "[G11]") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  b.set_vector(0, 5);
  b.write(0, nic::reg_event_vector, 1u << 31 | 5);
  b.write_vf(1, nic::vf_mac, NicBench::mac(1).value, 8);
  b.write(0, nic::vf_control, nic::vf_reset_value | nic::vf_check_mac | nic::vf_check_vlan);
  for (unsigned i = 0; i < 4; ++i) {
    FrameHeader h = NicBench::header(NicBench::mac(i == 1 ? 2 : 1), far, i + 1);
    if (i == 2) h.vlan = 77;
    b.put_header(0x11000 + 0x100 * i, h);
    b.post_tx(0x10000, i, 0x11000 + 0x100 * i, 60);
  }
  b.set_ring(1, true, 0, 0x10000, 64, 0);
  b.write(1, nic::tx_register(0, nic::queue_tail), 4);
  b.tx_stream(2, 0x20000, 64, 2, NicBench::header(NicBench::mac(2), far, 10), 60);
  b.timeline.run(20_us);
  auto left = sent_ids(b);
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<PacketId>{1, 4, 10, 10});
  CHECK(b.book.drops == Drops{{2, DropReason::spoofed}, {3, DropReason::spoofed}});
  CHECK(b.dropped(1, DropReason::spoofed) == 2);
  for (unsigned i = 0; i < 4; ++i) CHECK((b.host.peek<nic::TxDescriptor>(0x10000 + 16 * i).status & 1) == 1);
  CHECK(b.interrupts().size() >= 1);
  CHECK(b.interrupts()[0].address == 0xfee0'5000);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::mac_spoof, 1));
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::vlan_spoof, 1));
  CHECK(b.event() == 0);
  b.write_vf(1, nic::vf_vlan, 77);  // now it is a member
  CHECK(b.read(0, nic::vf_vlan) == 1);
  FrameHeader tagged = NicBench::header(NicBench::mac(1), far, 5);
  tagged.vlan = 77;
  b.put_header(0x11400, tagged);
  b.post_tx(0x10000, 4, 0x11400, 60);
  b.write(1, nic::tx_register(0, nic::queue_tail), 5);
  b.timeline.run(60_us);
  CHECK(sent_ids(b).back() == 5);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a stopped VF neither sends nor receives, goes on when let, and its sibling never stops", "[G11][B18]") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  for (unsigned n = 1; n <= 2; ++n) {
    b.nic.sorter().add_filter(NicBench::mac(n), std::nullopt, Destination{n});
    b.rx_ring(n, 0, 0x40000 + 0x20000 * n, 0);
  }
  b.write_vf(1, nic::vf_control, nic::vf_drop_enable);
  b.tx_stream(1, 0x10000, 64, 2, NicBench::header(NicBench::mac(1), far, 1), 60);
  b.tx_stream(2, 0x20000, 64, 2, NicBench::header(NicBench::mac(2), far, 2), 60);
  b.timeline.run(10_us);
  CHECK(sent_ids(b) == std::vector<PacketId>{2, 2});
  for (unsigned n = 1; n <= 2; ++n) b.nic.frame(NicBench::make_frame(NicBench::mac(n), 20 + n));
  CHECK(b.book.drops == Drops{{21, DropReason::function_stopped}});
  CHECK(b.get_header(0x81000).id == 22);
  b.write_vf(1, nic::vf_control, nic::vf_reset_value);
  b.timeline.run(20_us);
  CHECK(sent_ids(b) == std::vector<PacketId>{2, 2, 1, 1});
  b.write(1, nic::reg_vf_select, 2);  // a VF's own writes there are not the PF's
  b.write(1, nic::vf_control, 0);
  b.nic.frame(NicBench::make_frame(NicBench::mac(2), 30));
  CHECK(b.get_header(0x81800).id == 30);
}

TEST_CASE("broadcasts beyond a VF's limit are dropped for that VF, received and sent", "[G8]") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  for (unsigned n = 1; n <= 2; ++n) b.rx_ring(n, 0, 0x40000 + 0x20000 * n, 0);
  b.timeline.run(1_us);
  b.write_vf(1, nic::vf_storm_rate, 1000);  // one in the window of 1 ms ahead of the rate
  for (unsigned i = 0; i < 10; ++i) b.nic.frame(NicBench::make_frame(broadcast, 100 + i));
  b.timeline.run(20_us);
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 2);
  CHECK(b.dropped(1, DropReason::storm) == 8);
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 10);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::storm, 1));
  b.tx_stream(1, 0x10000, 64, 5, NicBench::header(NicBench::mac(1), broadcast), 60);
  b.timeline.run(60_us);
  CHECK(b.wire.frames.size() == 2);
  CHECK(b.dropped(1, DropReason::storm) == 8 + 3);
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 12);  // and so inside the device
  b.timeline.run(3000_us);
  b.nic.frame(NicBench::make_frame(broadcast, 200));
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 3);
  b.audit(Invariant::always);
}

TEST_CASE("a VF gets the multicast groups it joined, and none when it left all", "[G8][H3]") {
  NicBench b;
  REQUIRE(b.enable_vfs(1) == 1);
  b.rx_ring(1, 0, 0x60000, 0);
  b.timeline.run(1_us);
  const MacAddress group{0x01'00'5e'00'01'23}, other{0x01'00'5e'00'01'24};
  b.write_vf(1, nic::vf_control, nic::vf_receive_enable | nic::vf_transmit_enable | nic::vf_drop_enable);
  b.write(0, nic::vf_multicast, 0x123);
  b.nic.frame(NicBench::make_frame(group, 1));
  b.nic.frame(NicBench::make_frame(other, 2));
  b.write(0, nic::vf_multicast, 1u << 31);
  b.nic.frame(NicBench::make_frame(group, 3));
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 1);
  CHECK(b.book.drops == Drops{{2, DropReason::no_filter_match}, {3, DropReason::no_filter_match}});
}

TEST_CASE("a VF's receive rate spaces what it gets, and drops beyond its backlog", "[G9][G12]") {
  auto params = small_burst();
  params.receiver.shaping_backlog = 4_KiB;
  NicBench b(params);
  REQUIRE(b.enable_vfs(1) == 1);
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{1});
  b.rx_ring(1, 0, 0x60000, 0);
  b.write_vf(1, nic::vf_receive_rate, 1000);
  b.timeline.run(1_us);
  for (unsigned i = 0; i < 5; ++i) b.nic.frame(NicBench::make_frame(NicBench::mac(1), 1 + i, 1496));
  CHECK(b.book.drops == Drops{{4, DropReason::shaped}, {5, DropReason::shaped}});  // one moves, two wait
  b.timeline.run(1_us + 12_us - 512_ns - 1_ps);
  CHECK(b.get_header(0x61800).id == 0);
  b.timeline.run(1_us + 12_us - 512_ns);
  CHECK(b.get_header(0x61800).id == 2);
  b.timeline.run(1_us + 24_us - 512_ns - 1_ps);
  CHECK(b.get_header(0x62000).id == 0);
  b.timeline.run(1_us + 24_us - 512_ns);
  CHECK(b.get_header(0x62000).id == 3);
  b.timeline.run(100_us);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a full receive buffer pauses the far end until it is empty, and the PF hears of it", "[G10]") {
  NicBench b;
  REQUIRE(b.enable_vfs(1) == 1);
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{1});
  b.rx_ring(1, 0, 0x60000, 0, 1);  // one descriptor
  b.write_vf(1, nic::vf_control, nic::vf_reset_value & ~std::uint32_t{nic::vf_drop_enable});
  b.write(0, nic::reg_pause_time, 1000);
  b.write(0, nic::reg_pause_low, 1000);
  b.write(0, nic::reg_pause_high, 4000);
  b.write(0, nic::reg_congestion, 3000);
  b.timeline.run(1_us);
  for (unsigned i = 0; i < 4; ++i) b.nic.frame(NicBench::make_frame(NicBench::mac(1), 1 + i, 1496));
  CHECK(b.book.drops.empty());
  b.timeline.run(2_us);
  REQUIRE(b.wire.frames.size() == 1);  // three wait: 4488 B
  CHECK(b.wire.frames[0].header.destination == MacAddress{0x01'80'c2'00'00'01});
  CHECK(b.wire.frames[0].pause_quanta == 1000);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::congestion, 0));
  // 1000 quanta of 512 bit times at 10 Gb/s are 51.2 us: again after half of it
  b.timeline.run(1_us + 25600_ns + 57600_ps - 1_ps);
  CHECK(b.wire.frames.size() == 1);
  b.timeline.run(1_us + 25600_ns + 57600_ps);
  CHECK(b.wire.frames.size() == 2);
  b.write(1, nic::rx_register(0, nic::queue_tail), 15);
  b.timeline.run(60_us);
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 4);
  CHECK(b.wire.frames.back().pause_quanta == 0);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::congestion_over, 0));
  b.timeline.run(500_us);
  b.audit(Invariant::at_rest);
}

TEST_CASE("the PF takes the link down and up: every function sees it, frames are lost and counted", "[B18][B19]") {
  NicBench b;
  REQUIRE(b.enable_vfs(1) == 1);
  b.nic.sorter().set_default(Destination{0});
  CHECK(b.read(1, nic::reg_status) == 1);
  b.write(1, nic::reg_link, 0);  // a VF has no such register
  CHECK(b.read(0, nic::reg_status) == 1);
  b.write(0, nic::reg_link, 0);
  CHECK(b.read(1, nic::reg_status) == 0);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::link, 0));
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 1));
  b.tx_stream(1, 0x10000, 64, 1, NicBench::header(NicBench::mac(1), far, 2), 60);
  b.timeline.run(b.timeline.now() + 10_us);
  CHECK(b.book.drops == Drops{{1, DropReason::link_down}, {2, DropReason::link_down}});
  b.nic.plug(false);
  b.write(0, nic::reg_link, 1);
  CHECK(b.read(1, nic::reg_status) == 0);  // no cable
  b.nic.plug(true);
  CHECK(b.read(1, nic::reg_status) == 1);
  b.audit(Invariant::at_rest);
}
