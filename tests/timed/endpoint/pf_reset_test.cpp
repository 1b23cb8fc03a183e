// SPDX-License-Identifier: Apache-2.0
// What a PF's driver has set in the device is gone with a reset of the PF or of the device, and nothing of it works on.
#include <functional>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace pf_reset {
constexpr MacAddress far{0x02'00'00'00'00'99}, broadcast{0xffff'ffff'ffff}, chosen{0x02'00'00'00'00'77};
constexpr std::uint32_t closed = nic::vf_drop_enable;

struct Register {
  std::uint32_t offset;
  std::uint32_t set, reset;
};
constexpr Register registers[] = {
    {nic::reg_event_vector, 1u << 31 | 3, 0},
    {nic::reg_switch, 1 | 1 << 4 | 2 << 16, 0xffff'0000},
    {nic::reg_link, 0, 1},
    {nic::reg_vf_default, closed, nic::vf_reset_value},
    {nic::reg_pause_high, 4096, 0},
    {nic::reg_pause_low, 2048, 0},
    {nic::reg_pause_time, 100, 0xffff},
    {nic::reg_congestion, 8192, 0},
    {nic::reg_filter_mac, 0x77, 0},
    {nic::reg_filter_vlan, 7, nic::filter_any_vlan},
    {nic::reg_filter_target, 1, 0},
    {nic::reg_rss_key, 0x1234'5678, 0xda56'5a6d},
    {nic::reg_flow_select, 3, 0},
    {nic::reg_vf_select, 2, 0},
};
constexpr Register window[] = {
    {nic::vf_control, closed, nic::vf_reset_value},
    {nic::vf_mac, 0x55, 0},
    {nic::vf_transmit_rate, 100, 0},
    {nic::vf_transmit_share, 50, 0},
    {nic::vf_receive_rate, 200, 0},
    {nic::vf_interrupt_interval, 7000, 0},
    {nic::vf_storm_rate, 10, 0},
    {nic::vf_max_frame, 1514, 0},
};

endpoint::Nic::Params pfs(unsigned n) {
  auto p = NicBench::quick();
  p.functions.physical_functions = n;
  p.functions.total_vfs = 8;
  return p;
}

struct PfBench : NicBench {
  explicit PfBench(const endpoint::Nic::Params& p = quick()) : NicBench(p) {
    timeline.run(1_us);
    REQUIRE(enable_vfs(2) == 2);
  }
  void set_everything() {
    for (const Register& r : window) write_vf(2, r.offset, r.set);
    write(0, nic::vf_vlan, 5);
    write(0, nic::reg_flow_select, 3);
    write(0, nic::reg_flow_match, nic::flow_valid | nic::flow_protocol);
    for (const Register& r : registers) write(0, r.offset, r.set);
  }
  /// Its address is gone with the reset; the host gives it again.
  void configure_again() {
    const Enumerated again(nic, pf_bar, vf_bar, host.link);
    REQUIRE(enable_vfs(2) == 2);
  }
  void all_are_reset() {
    for (const Register& r : registers) {
      INFO("register " << std::hex << r.offset);
      CHECK(read(0, r.offset) == r.reset);
    }
    write(0, nic::reg_flow_select, 3);
    CHECK(read(0, nic::reg_flow_match) == 0);
    write(0, nic::reg_vf_select, 2);
    for (const Register& r : window) {
      INFO("window " << std::hex << r.offset);
      CHECK(read(0, r.offset) == r.reset);
    }
    CHECK(read(0, nic::vf_vlan) == 0);
    CHECK(read(0, nic::tx_register(1, nic::queue_base)) == 0);
    CHECK(read(0, nic::tx_register(1, nic::queue_length)) == 0);
  }
  void everything_is_set() {
    for (const Register& r : registers) REQUIRE(read(0, r.offset) == r.set);
  }
};

void registers_are_lost(PfBench& b, const std::function<void()>& reset) {
  b.set_everything();
  b.set_ring(0, true, 1, 0x40000, 16, 0);
  b.everything_is_set();
  reset();
  CHECK(b.nic.link_up());  // the PF had taken it down
  CHECK(b.event() == (1u << 31 | static_cast<std::uint32_t>(nic::PfEvent::link) << 16));
  CHECK(b.event() == 0);  // of the VFs' end nothing is left
  b.all_are_reset();
  b.audit(Invariant::at_rest);
}

TEST_CASE("a hot reset takes all that the PF's driver set: every register reads its reset value", "[B18][B20][G5]") {
  PfBench b;
  registers_are_lost(b, [&] { b.nic.hot_reset(), b.configure_again(); });
}

TEST_CASE("a function level reset of the only PF takes all that its driver set", "[B18][B20][G5]") {
  PfBench b;
  registers_are_lost(b, [&] { b.enumerated.function_level_reset(0), b.configure_again(); });
}

TEST_CASE("a link that goes down takes all that the PF's driver set", "[B18][B20][G5]") {
  PfBench b;
  registers_are_lost(b, [&] { b.nic.link_changed(false), b.nic.link_changed(true), b.configure_again(); });
}

TEST_CASE("a reset of the device by register takes all that the PF's driver set, but not its configuration space", "[B18][G5]") {
  PfBench b;
  registers_are_lost(b, [&] { b.write(0, nic::reg_control, nic::control_reset_device); });
  CHECK(b.nic.functions().vfs() == 2);
}

TEST_CASE("an end of the VFs is no reset of the PF: what its driver set for them holds for those that come", "[B17][G9]") {
  PfBench b;
  b.set_everything();
  b.enumerated.disable_vfs();
  REQUIRE(b.enable_vfs(2) == 2);
  b.everything_is_set();
  for (const Register& r : window)
    if (r.offset != nic::vf_control) CHECK(b.read(0, r.offset) == r.set);
}

TEST_CASE("of several PFs a function level reset of one leaves the others' filters, limits, events and the port alone", "[B2][B20]") {
  PfBench b(pfs(2));
  REQUIRE(b.enumerated.enable_vfs(2, 1) == 2);
  const unsigned other = b.nic.functions().number(1, 1);
  b.nic.sorter().add_filter(NicBench::mac(other), std::nullopt, Destination{other});
  b.nic.sorter().add_filter(NicBench::mac(0), std::nullopt, Destination{0});
  b.write(1, nic::reg_switch, static_cast<std::uint32_t>(nic::SwitchMode::vepa));
  b.write(1, nic::reg_vf_select, 1);
  b.write(1, nic::vf_transmit_rate, 100);
  b.write(1, nic::reg_event_vector, 1u << 31 | 3);
  b.write(0, nic::reg_vf_default, closed);
  b.enumerated.function_level_reset(0);
  CHECK(b.nic.functions().pf(1).vfs() == 2);
  CHECK(b.nic.policy(other).transmit_mbps == 100);
  CHECK((b.read(1, nic::reg_switch) & 3) == static_cast<std::uint32_t>(nic::SwitchMode::vepa));
  CHECK(b.read(1, nic::reg_event_vector) == (1u << 31 | 3));
  FrameHeader h;
  h.destination = NicBench::mac(other);
  CHECK(b.nic.sorter().match(h) == Destination{other});
  h.destination = NicBench::mac(0);
  CHECK_FALSE(b.nic.sorter().match(h).has_value());
}

TEST_CASE("what only an administrator's filter accepts is lost from the reset on, until the filter is written again", "[G4][G5]") {
  PfBench b;
  const auto place = [&] {
    b.assign_pool(1, 1, 1);
    b.write(0, nic::reg_filter_mac, chosen.value, 8);
    b.write(0, nic::reg_filter_vlan, nic::filter_any_vlan);
    b.write(0, nic::reg_filter_target, nic::filter_has_pool | 1u << 16);
    b.write(0, nic::reg_filter_command, nic::filter_add);
    REQUIRE((b.read(0, nic::reg_filter_command) & 1) == 1);
  };
  const auto arrives = [&](PacketId id, MacAddress to = chosen) {
    b.nic.frame(NicBench::make_frame(to, id));
    b.timeline.run(b.timeline.now() + 5_us);
  };
  place();
  b.rx_ring(0, 1, 0x50000, 0);
  arrives(1);
  CHECK(b.book.drops.empty());
  b.nic.hot_reset();
  b.configure_again();
  b.rx_ring(0, 1, 0x60000, 0);  // nobody but the pool's filter leads there
  arrives(2);
  arrives(3, broadcast);
  CHECK(b.book.drops == std::vector<std::pair<PacketId, DropReason>>{{2, DropReason::no_filter_match}, {3, DropReason::no_filter_match}});
  place();
  arrives(4);
  CHECK(b.book.drops.size() == 2);
  CHECK(b.get_header(0x61000).id == 4);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a VF held back by a limit does not wait for it any longer when the reset has taken the limit", "[G9][B20]") {
  auto params = NicBench::quick();
  params.transmitter.rate_burst = params.receiver.shaping_burst = 64_B;
  PfBench b(params);
  b.write_vf(1, nic::vf_transmit_rate, 1);  // 1500 B take 12 ms
  b.write_vf(1, nic::vf_receive_rate, 1);
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{1});
  b.rx_ring(1, 0, 0x30000, 0);
  b.tx_stream(1, 0x10000, 64, 40, NicBench::header(NicBench::mac(1), far, 1), 1496);
  for (PacketId id = 50; id < 60; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(1), id, 1000));
  b.timeline.run(100_us);
  const auto before = b.wire.frames.size();
  REQUIRE(before < 15);
  b.enumerated.function_level_reset(0);
  b.configure_again();
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{1});
  b.rx_ring(1, 0, 0x30000, 0);
  b.tx_stream(1, 0x10000, 64, 40, NicBench::header(NicBench::mac(1), far, 2), 1496);
  for (PacketId id = 60; id < 70; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(1), id, 1000));
  b.timeline.run(b.timeline.now() + 100_us);
  CHECK(b.wire.frames.size() == before + 40);
  CHECK(b.nic.table().count(1, endpoint::FunctionTable::rx_frames) >= 10);
  b.timeline.run(1000_us * 1000);
  b.audit(Invariant::at_rest);
}

TEST_CASE("resets while frames are in every stage: each that arrived is received or lost once, and nothing stays behind", "[B18][B20]") {
  PfBench b;
  const auto received = [&] {
    return b.nic.table().count(1, endpoint::FunctionTable::rx_frames) + b.nic.table().count(2, endpoint::FunctionTable::rx_frames);
  };
  std::uint64_t arrived = 0, locally = 0;
  for (unsigned step = 0; step < 45; ++step) {
    for (unsigned n = 1; n <= 2; ++n) {
      b.nic.sorter().add_filter(NicBench::mac(n), std::nullopt, Destination{n});
      b.rx_ring(n, 0, 0x30000ull * n, 0);
      b.write_vf(n, nic::vf_receive_rate, step % 2 ? 1000 : 0);
    }
    const std::uint64_t before = b.nic.table().count(1, endpoint::FunctionTable::local_frames);
    b.tx_stream(1, 0x100000, 64, 8, NicBench::header(NicBench::mac(1), NicBench::mac(2)), 500);
    b.tx_stream(2, 0x200000, 64, 8, NicBench::header(NicBench::mac(2), far), 500);
    for (PacketId id = 1; id <= 10; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(1 + id % 2), 100 + id, 300));
    arrived += 10;
    b.timeline.run(b.timeline.now() + 97_ns * static_cast<double>(step));
    if (step % 3 == 0) b.nic.hot_reset();
    if (step % 3 == 1) b.enumerated.function_level_reset(0);
    if (step % 3 == 2) b.write(0, nic::reg_control, nic::control_reset_device);
    b.timeline.run(b.timeline.now() + 50_us);
    locally += b.nic.table().count(1, endpoint::FunctionTable::local_frames) - before;
    b.audit(Invariant::at_rest);
    if (step % 3 != 2) b.configure_again();
  }
  std::uint64_t lost = 0;
  for (const auto& [id, reason] : b.book.drops) lost += id > 100;
  CHECK(lost > 0);
  CHECK(received() > 0);
  CHECK(locally > 0);
  const auto local_received = received() + lost - arrived;  // of those that the functions sent to each other
  CHECK(received() + lost >= arrived);
  CHECK(local_received <= locally);
}

}  // namespace pf_reset
