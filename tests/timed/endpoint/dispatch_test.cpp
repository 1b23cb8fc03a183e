// SPDX-License-Identifier: Apache-2.0
// Where frames go: queue policies, flow rules, VEB, VEPA and representor mode, all by registers; mailboxes and resets.
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;
using endpoint::FunctionTable;
using endpoint::ToeplitzHash;
using Drops = std::vector<std::pair<PacketId, DropReason>>;

namespace {
constexpr MacAddress far{0x02'00'00'00'00'99}, broadcast{0xffff'ffff'ffff};
constexpr std::uint64_t ring(unsigned queue) { return 0x20000 + 0x20000 * queue; }

/// The PF with four receive queues; `got(q)` is what came into queue q.
struct Queues : NicBench {
  Queues() {
    nic.sorter().set_default(Destination{0});
    for (unsigned q = 0; q < 4; ++q) rx_ring(0, q, ring(q), 0);
    timeline.run(1_us);
  }
  std::vector<PacketId> got(unsigned queue) const {
    std::vector<PacketId> ids;
    for (unsigned i = 0; i < 16 && get_header(ring(queue) + 0x1000 + i * 0x800).id != 0; ++i)
      ids.push_back(get_header(ring(queue) + 0x1000 + i * 0x800).id);
    return ids;
  }
};
using Ids = std::vector<PacketId>;
/// Adds a filter as the PF driver does. @returns whether the device took it
bool add_filter(NicBench& b, MacAddress mac, std::uint32_t vlan, std::uint32_t target) {
  b.write(0, nic::reg_filter_mac, mac.value, 8);
  b.write(0, nic::reg_filter_vlan, vlan);
  b.write(0, nic::reg_filter_target, target);
  b.write(0, nic::reg_filter_command, nic::filter_add);
  return b.read(0, nic::reg_filter_command) & 1;
}
}  // namespace

TEST_CASE("frames take the queues in turn, or only the first, as the function's register says", "[G1]") {
  Queues b;
  b.write(0, nic::reg_spread, static_cast<std::uint32_t>(nic::Spread::round_robin));
  CHECK(b.read(0, nic::reg_spread) == 2);
  for (PacketId id = 1; id <= 6; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(0), id));
  CHECK((b.got(0) == Ids{1, 5} && b.got(1) == Ids{2, 6} && b.got(2) == Ids{3} && b.got(3) == Ids{4}));
  b.write(0, nic::reg_spread, static_cast<std::uint32_t>(nic::Spread::first));
  for (PacketId id = 7; id <= 9; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(0), id, 60, static_cast<std::uint32_t>(3 * id)));
  CHECK(b.got(0) == Ids{1, 5, 7, 8, 9});
}

TEST_CASE("RSS looks the hash up in the table that software wrote, under the key it wrote", "[G1][G3]") {
  Queues b;
  // an important flow has queue 3 for itself: everything else goes to queues 0 to 2
  const Frame important = NicBench::make_frame(NicBench::mac(0), 1, 60, 0x1451c000);
  const std::uint32_t entry = ToeplitzHash().of(important.header) % nic::redirection_entries;
  for (std::uint32_t i = 0; i < nic::redirection_entries; i += 4) {
    std::uint32_t dw = 0;
    for (std::uint32_t j = 0; j < 4; ++j) dw |= (i + j == entry ? 3 : (i + j) % 3) << (8 * j);
    b.write(0, nic::reg_redirection + i, dw);
    CHECK(b.read(0, nic::reg_redirection + i) == dw);
  }
  for (std::uint32_t flow = 0; flow < 30; ++flow) b.nic.frame(NicBench::make_frame(NicBench::mac(0), 100 + flow, 60, flow));
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 1, 60, 0x1451c000));
  CHECK(b.got(3).back() == 1);
  CHECK(b.got(3).size() <= 2);
  CHECK((b.got(0).size() > 4 && b.got(1).size() > 4 && b.got(2).size() > 4));
  ToeplitzHash other;
  ToeplitzHash::Key key = ToeplitzHash::default_key;
  key[0] = 0x11;
  other.set_key(key);
  b.write(0, nic::reg_rss_key, 0xda565a11);
  CHECK(b.read(0, nic::reg_rss_key) == 0xda565a11);
  const std::uint32_t queue = (other.of(important.header) % nic::redirection_entries) % 3;
  const auto before = b.got(queue).size();
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 2, 60, 0x1451c000));
  if (other.of(important.header) % nic::redirection_entries != entry) CHECK(b.got(queue).size() == before + 1);
}

TEST_CASE("a flow rule sends one flow to a queue of a VF and drops another, before any filter", "[G1][G5]") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{1});
  b.rx_ring(1, 0, ring(0), 0);
  b.rx_ring(2, 0, ring(1), 0);
  b.rx_ring(2, 1, ring(2), 0);
  b.timeline.run(1_us);
  b.write(0, nic::reg_flow_select, 0);
  b.write(0, nic::reg_flow_ports, 80u << 16);
  b.write(0, nic::reg_flow_action, 2u << 16 | 1);
  b.write(0, nic::reg_flow_match, nic::flow_valid | nic::flow_destination_port);
  b.write(0, nic::reg_flow_select, 1);
  b.write(0, nic::reg_flow_ports, 6666);
  b.write(0, nic::reg_flow_action, nic::flow_drop);
  b.write(0, nic::reg_flow_match, nic::flow_valid | nic::flow_source_port);
  b.nic.frame(NicBench::make_frame(NicBench::mac(1), 1, 60, 80u << 16 | 5));
  b.nic.frame(NicBench::make_frame(NicBench::mac(1), 2, 60, 81u << 16 | 6666));
  b.nic.frame(NicBench::make_frame(NicBench::mac(1), 3, 60, 81u << 16 | 5));
  CHECK(b.get_header(ring(2) + 0x1000).id == 1);
  CHECK(b.get_header(ring(0) + 0x1000).id == 3);
  CHECK(b.book.drops == Drops{{2, DropReason::flow_rule}});
  b.write(0, nic::reg_flow_select, 0);
  b.write(0, nic::reg_flow_action, 2u << 16 | 7);  // a queue that VF 2 does not have
  b.nic.frame(NicBench::make_frame(NicBench::mac(1), 4, 60, 80u << 16));
  CHECK(b.book.drops.back() == std::pair<PacketId, DropReason>{4, DropReason::no_receive_descriptor});
}

TEST_CASE("filters are the PF's: by MAC, by MAC and VLAN, by VLAN, to VFs and pools, until the table is full", "[G1][G5]") {
  auto params = NicBench::quick();
  params.embedded_switch.filters = 3;
  NicBench b(params);
  REQUIRE(b.enable_vfs(2) == 2);
  for (unsigned n = 1; n <= 2; ++n) b.rx_ring(n, 0, ring(n), 0);
  b.assign_pool(1, 1, 1);
  b.rx_ring(0, 1, ring(0), 0);
  b.timeline.run(1_us);
  CHECK(add_filter(b, {0x50}, nic::filter_any_vlan, 1));
  CHECK(add_filter(b, {0x50}, 9, 2));
  CHECK(add_filter(b, {0x51}, nic::filter_any_vlan, nic::filter_has_pool | 1u << 16));
  CHECK_FALSE(add_filter(b, {0x52}, nic::filter_any_vlan, 1));  // full
  CHECK_FALSE(add_filter(b, {0x50}, nic::filter_any_vlan, 3));  // no such VF
  b.write(1, nic::reg_filter_command, nic::filter_remove);      // a VF has no such register
  const auto send = [&b](std::uint64_t mac, PacketId id, std::uint16_t vlan = FrameHeader::vlan_none) {
    Frame f = NicBench::make_frame({mac}, id);
    f.header.vlan = vlan;
    b.nic.frame(std::move(f));
  };
  send(0x50, 1), send(0x50, 2, 9), send(0x51, 3);
  CHECK(b.get_header(ring(1) + 0x1000).id == 1);
  CHECK(b.get_header(ring(2) + 0x1000).id == 2);
  CHECK(b.get_header(ring(0) + 0x1000).id == 3);
  b.write(0, nic::reg_switch, static_cast<std::uint32_t>(nic::SortMode::mac) << 4);
  send(0x50, 4, 9);
  CHECK(b.get_header(ring(1) + 0x1800).id == 4);
  b.write(0, nic::reg_filter_mac, 0x51, 8);
  b.write(0, nic::reg_filter_command, nic::filter_remove);
  CHECK((b.read(0, nic::reg_filter_command) & 1) == 1);
  b.write(0, nic::reg_switch, static_cast<std::uint32_t>(nic::SortMode::vlan) << 4);
  CHECK(add_filter(b, {}, 30, 2));
  send(0xabc, 5, 30);
  CHECK(b.get_header(ring(2) + 0x1800).id == 5);
}

TEST_CASE("VEB keeps frames between VFs inside, VEPA sends them out, representor mode to the host and back in", "[G6][G7]") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{1});
  b.nic.sorter().add_filter(NicBench::mac(2), std::nullopt, Destination{2});
  b.assign_pool(1, 1, 1);
  b.rx_ring(0, 1, ring(0), 0);
  b.rx_ring(2, 0, ring(1), 0);
  b.timeline.run(1_us);
  const FrameHeader to_sibling = NicBench::header(NicBench::mac(1), NicBench::mac(2), 7);
  const auto send = [&b](unsigned function, unsigned queue, std::uint64_t at, const FrameHeader& h) {
    b.put_header(at + 0x400, h);
    b.post_tx(at, 0, at + 0x400, 60);
    b.write(function, nic::tx_register(queue, nic::queue_control), 0);
    b.set_ring(function, true, queue, at, 16, 0);
    b.write(function, nic::tx_register(queue, nic::queue_tail), 1);
    b.timeline.run(b.timeline.now() + 10_us);
  };
  send(1, 0, 0x10000, to_sibling);
  CHECK(b.get_header(ring(1) + 0x1000).id == 7);
  CHECK(b.wire.frames.empty());
  b.write(0, nic::reg_switch, static_cast<std::uint32_t>(nic::SwitchMode::vepa));
  send(1, 0, 0x10000, to_sibling);
  REQUIRE(b.wire.frames.size() == 1);
  b.nic.frame(std::move(b.wire.frames[0]));  // the adjacent bridge returns it
  CHECK(b.get_header(ring(1) + 0x1800).id == 7);
  b.write(0, nic::reg_switch, static_cast<std::uint32_t>(nic::SwitchMode::representor) | 1u << 16);
  send(1, 0, 0x10000, to_sibling);
  CHECK(b.get_header(ring(0) + 0x1000).id == 7);
  CHECK(b.get_header(ring(1) + 0x2000).id == 0);
  send(0, 1, 0x14000, to_sibling);  // the host forwards it
  CHECK(b.get_header(ring(1) + 0x2000).id == 7);
  CHECK(b.wire.frames.size() == 1);
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 3);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a broadcast that comes back from beyond does not return to its sender", "[G7][G8]") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  for (unsigned n = 1; n <= 2; ++n) {
    b.nic.sorter().add_filter(NicBench::mac(n), std::nullopt, Destination{n});
    b.rx_ring(n, 0, ring(n), 0);
  }
  b.timeline.run(1_us);
  b.write(0, nic::reg_switch, static_cast<std::uint32_t>(nic::SwitchMode::vepa));
  b.tx_stream(1, 0x10000, 16, 1, NicBench::header(NicBench::mac(1), broadcast, 5), 60);
  b.timeline.run(10_us);
  REQUIRE(b.wire.frames.size() == 1);
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 0);
  b.nic.frame(std::move(b.wire.frames[0]));
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 0);
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 1);
}

TEST_CASE("an unwanted unicast frame goes to whom the PF made promiscuous, and to nobody else") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  for (unsigned n = 1; n <= 2; ++n) b.rx_ring(n, 0, ring(n), 0);
  b.timeline.run(1_us);
  b.write_vf(2, nic::vf_control, nic::vf_reset_value | nic::vf_accept_all);
  b.nic.frame(NicBench::make_frame({0x5555}, 1));
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 1);
  b.write(0, nic::vf_control, nic::vf_reset_value);
  b.nic.frame(NicBench::make_frame({0x5555}, 2));
  CHECK(b.nic.table().count(2, FunctionTable::rx_frames) == 1);
  CHECK(b.book.drops == Drops{{2, DropReason::no_filter_match}});
}

TEST_CASE("a mailbox rings at both ends: words, doorbell, event, interrupt of its own vector", "[H1][H2]") {
  NicBench b;
  REQUIRE(b.enable_vfs(3) == 3);
  b.set_vector(0, 6);
  b.set_vector(2, 1);
  b.write(0, nic::reg_event_vector, 1u << 31 | 6);
  b.write(2, nic::reg_mailbox_vector, 1);
  b.write(2, nic::reg_mailbox, nic::vf_mailbox_vfu);
  CHECK(b.read(2, nic::reg_mailbox) == (nic::vf_mailbox_vfu | nic::vf_mailbox_reset));
  for (unsigned i = 0; i < 16; i += 2) b.write(2, nic::reg_mailbox_memory + 4 * i, (i + 1ull) << 32 | i, 8);
  CHECK(b.interrupts().empty());
  b.write(2, nic::reg_mailbox, nic::vf_mailbox_request);
  b.timeline.run(b.timeline.now() + 1_us);
  REQUIRE(b.interrupts().size() == 1);
  CHECK(b.interrupts()[0].address == 0xfee0'6000);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::mailbox_request, 2));
  b.write(0, nic::reg_vf_select, 2);
  for (unsigned i = 0; i < 16; ++i) CHECK(b.read(0, nic::vf_window_mailbox_memory + 4 * i) == i);
  b.write(0, nic::reg_vf_select, 3);
  CHECK(b.read(0, nic::vf_window_mailbox_memory + 4) == 0);  // each has its own
  b.write(0, nic::reg_vf_select, 2);
  b.write(0, nic::vf_window_mailbox, nic::pf_mailbox_pfu);
  b.write(0, nic::vf_window_mailbox_memory, 0x8000'0001);
  b.write(0, nic::vf_window_mailbox, nic::pf_mailbox_status | nic::pf_mailbox_ack);
  b.timeline.run(b.timeline.now() + 1_us);
  REQUIRE(b.interrupts().size() == 2);
  CHECK(b.interrupts()[1].address == 0xfee0'1000);
  CHECK(b.interrupts()[1].requester == b.nic.requester(2).value);
  CHECK((b.read(2, nic::reg_mailbox) & (nic::vf_mailbox_pf_status | nic::vf_mailbox_pf_ack)) ==
        (nic::vf_mailbox_pf_status | nic::vf_mailbox_pf_ack));
  CHECK(b.read(2, nic::reg_mailbox_memory) == 0x8000'0001);
  b.write(2, nic::reg_mailbox, nic::vf_mailbox_ack);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::mailbox_ack, 2));
}

TEST_CASE("a VF's reset closes it as the PF wants, a reset of the device stops all, and no VF can ask for one", "[B18][H3]") {
  NicBench b;
  REQUIRE(b.enable_vfs(2) == 2);
  b.write(0, nic::reg_vf_default, nic::vf_drop_enable);
  b.write_vf(1, nic::vf_transmit_rate, 100);
  b.write_vf(1, nic::vf_vlan, 5);
  for (unsigned n = 1; n <= 2; ++n) b.rx_ring(n, 0, ring(n), 0);
  b.write(1, nic::reg_control, nic::control_reset_device);
  CHECK((b.read(2, nic::rx_register(0, nic::queue_control)) & 1) == 1);
  b.write(1, nic::reg_control, nic::control_reset_function);
  CHECK(b.event() == NicBench::event_of(nic::PfEvent::vf_reset, 1));
  CHECK(b.read(0, nic::vf_control) == nic::vf_drop_enable);
  CHECK(b.read(0, nic::vf_transmit_rate) == 100);  // a VF does not shake off its limits
  CHECK(b.read(0, nic::vf_vlan) == 1);
  CHECK((b.read(1, nic::reg_mailbox) & nic::vf_mailbox_reset) != 0);
  CHECK((b.read(2, nic::rx_register(0, nic::queue_control)) & 1) == 1);
  b.write(0, nic::vf_control, nic::vf_reset_value);
  CHECK((b.read(1, nic::reg_mailbox) & (nic::vf_mailbox_reset | nic::vf_mailbox_reset_done)) == nic::vf_mailbox_reset_done);
  b.write(0, nic::reg_control, nic::control_reset_device);
  for (unsigned n = 1; n <= 2; ++n) CHECK((b.read(n, nic::rx_register(0, nic::queue_control)) & 1) == 0);
}

TEST_CASE("a queue that is turned off reads as on until its last frame has left") {
  NicBench b;
  b.tx_stream(0, 0x10000, 64, 10, NicBench::header(NicBench::mac(0), far), 1496);
  b.timeline.run(1100_ns);  // read, and booked on the wire
  b.write(0, nic::tx_register(0, nic::queue_control), 0);
  CHECK((b.read(0, nic::tx_register(0, nic::queue_control)) & 1) == 1);
  b.timeline.run(100_us);
  CHECK((b.read(0, nic::tx_register(0, nic::queue_control)) & 1) == 0);
  const auto lost = b.dropped(0, DropReason::reset);  // taken, but not read yet
  CHECK(b.wire.frames.size() + lost == b.read(0, nic::tx_register(0, nic::queue_head)));
  b.audit(Invariant::at_rest);
}
