// SPDX-License-Identifier: Apache-2.0
// Mechanisms of switching and policy: hash, filters, rules, memberships, token buckets, mailbox, event queue.
#include <catch2/catch.hpp>
#include <random>

#include "models/endpoint/flow_rules.h"
#include "models/endpoint/l2_sorter.h"
#include "models/endpoint/membership.h"
#include "models/endpoint/pacer.h"
#include "models/endpoint/toeplitz.h"
#include "models/endpoint/types/mailbox.h"
#include "models/endpoint/types/pf_events.h"

using namespace iov;
using namespace iov::endpoint;

namespace {
constexpr std::uint32_t ip(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
struct Vector {
  std::uint32_t destination_ip;
  std::uint16_t destination_port;
  std::uint32_t source_ip;
  std::uint16_t source_port;
  std::uint32_t addresses, with_ports;
};
// Microsoft, "Verifying the RSS Hash Calculation", table for IPv4
constexpr Vector microsoft[] = {
    {ip(161, 142, 100, 80), 1766, ip(66, 9, 149, 187), 2794, 0x323e8fc2, 0x51ccc178},
    {ip(65, 69, 140, 83), 4739, ip(199, 92, 111, 2), 14230, 0xd718262a, 0xc626b0ea},
    {ip(12, 22, 207, 184), 38024, ip(24, 19, 198, 95), 12898, 0xd2d0a5de, 0x5c2b394a},
    {ip(209, 142, 163, 6), 2217, ip(38, 27, 205, 30), 48228, 0x82989176, 0xafc7327f},
    {ip(202, 188, 127, 2), 1303, ip(153, 39, 163, 191), 44251, 0x5d1809c5, 0x10e828a2}};

FrameHeader header_of(const Vector& v) {
  FrameHeader h;
  h.source_ip = v.source_ip, h.destination_ip = v.destination_ip;
  h.flow = std::uint32_t{v.destination_port} << 16 | v.source_port;
  return h;
}
}  // namespace

TEST_CASE("the RSS hash is Microsoft's, on the bytes of a frame", "[G1]") {
  const ToeplitzHash hash;
  for (const Vector& v : microsoft) {
    FrameHeader h = header_of(v);
    std::array<std::uint8_t, FrameHeader::header_bytes> bytes;
    h.write(bytes, 60);
    const FrameHeader read = FrameHeader::read(bytes);
    CHECK(hash.of(read) == v.with_ports);
    h.protocol = 1;  // ICMP: addresses only
    CHECK(hash.of(h) == v.addresses);
    CHECK(hash.of(std::span<const std::uint8_t>(bytes).subspan(30, 12)) == v.with_ports);
  }
}

TEST_CASE("a remembered RSS hash is that of its flow, its protocol and the key of now", "[G1]") {
  ToeplitzHash hash;
  CHECK(hash.of_next(FrameHeader{}) == hash.of(FrameHeader{}));
  for (const Vector& v : microsoft)
    for (int again = 0; again < 2; ++again) CHECK(hash.of_next(header_of(v)) == v.with_ports);
  FrameHeader h = header_of(microsoft[4]);
  h.protocol = 1;
  CHECK(hash.of_next(h) == microsoft[4].addresses);
  ToeplitzHash::Key key = ToeplitzHash::default_key;
  key[0] ^= 0x80;
  hash.set_key(key);
  CHECK(hash.of_next(h) == hash.of(h));
  CHECK(hash.of_next(h) != microsoft[4].addresses);
}

TEST_CASE("another key is another hash", "[G1]") {
  ToeplitzHash hash;
  ToeplitzHash::Key key = ToeplitzHash::default_key;
  key[3] = static_cast<std::uint8_t>(key[3] ^ 1);
  hash.set_key(key);
  CHECK(hash.of(header_of(microsoft[0])) != microsoft[0].with_ports);
}

TEST_CASE("a frame header is what it was after its way through bytes, lengths included") {
  FrameHeader h;
  h.destination = {0x02'11'22'33'44'55}, h.source = {0x02'66'77'88'99'aa}, h.vlan = 0x2064;
  h.flow = 0x1451c123, h.id = 0x1234'5678'9abc'def0, h.source_ip = ip(10, 1, 2, 3), h.destination_ip = ip(10, 4, 5, 6);
  std::array<std::uint8_t, FrameHeader::header_bytes> bytes;
  h.write(bytes, 1496);
  const FrameHeader r = FrameHeader::read(bytes);
  CHECK((r.destination == h.destination && r.source == h.source && r.vlan == h.vlan && r.id == h.id));
  CHECK((r.flow == h.flow && r.source_ip == h.source_ip && r.destination_ip == h.destination_ip && r.protocol == 17));
  CHECK((bytes[20] << 8 | bytes[21]) == 1496 - 18);  // IPv4 total length
  CHECK((bytes[42] << 8 | bytes[43]) == 1496 - 38);  // UDP length
  CHECK((bytes[16] << 8 | bytes[17]) == 0x0800);
}

TEST_CASE("a sorter compares what its mode says", "[G1]") {
  L2Sorter sorter(4);
  FrameHeader h;
  h.destination = {7}, h.vlan = 100;
  REQUIRE(sorter.add_filter({7}, std::nullopt, {1}));
  REQUIRE(sorter.add_filter({7}, std::uint16_t{100}, {2}));
  CHECK(sorter.match(h) == Destination{2});
  sorter.set_mode(nic::SortMode::mac);
  CHECK(sorter.match(h) == Destination{1});
  sorter.set_mode(nic::SortMode::vlan);
  CHECK_FALSE(sorter.match(h));
  REQUIRE(sorter.add_filter({99}, std::uint16_t{100}, {3}));  // its MAC does not matter
  CHECK(sorter.match(h) == Destination{3});
  h.vlan = FrameHeader::vlan_none;
  CHECK_FALSE(sorter.match(h));
}

TEST_CASE("subscribers leave in any order", "[G8]") {
  L2Sorter sorter(4);
  for (unsigned f = 0; f < 5; ++f) sorter.subscribe({f}), sorter.subscribe({f});
  sorter.unsubscribe({1});
  sorter.unsubscribe({4});
  sorter.unsubscribe({4});
  std::vector<unsigned> left;
  for (const Destination& d : sorter.subscribers()) left.push_back(d.function);
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<unsigned>{0, 2, 3});
}

TEST_CASE("a flow rule matches every field it names and no other, the first one counts", "[G1]") {
  FlowRules rules(4);
  FrameHeader h = header_of(microsoft[0]);
  h.destination = {0x0200'0000'0005}, h.vlan = 12;
  CHECK(rules.find(h) == nullptr);
  const std::pair<std::uint32_t, std::uint32_t> fields[] = {
      {nic::reg_flow_mac, 5},          {nic::reg_flow_mac + 4, 0x0200},           {nic::reg_flow_vlan, 12},
      {nic::reg_flow_source_ip, h.source_ip}, {nic::reg_flow_destination_ip, h.destination_ip},
      {nic::reg_flow_ports, h.flow},   {nic::reg_flow_protocol, 17},              {nic::reg_flow_action, 3u << 16 | 1}};
  for (const auto& [reg, value] : fields) {
    rules.write(2, reg, value);
    CHECK(rules.read(2, reg) == value);
  }
  rules.write(2, nic::reg_flow_match, nic::flow_valid | 0x7f);
  REQUIRE(rules.find(h) != nullptr);
  CHECK((rules.find(h)->vf() == 3 && rules.find(h)->queue() == 1 && !rules.find(h)->drops()));
  const auto without = [&rules](FrameHeader other) { return rules.find(other) == nullptr; };
  FrameHeader o = h;
  CHECK((o.destination.value ^= 1, without(o)));
  o = h;
  CHECK((o.vlan = 13, without(o)));
  o = h;
  CHECK((o.source_ip ^= 1, without(o)));
  o = h;
  CHECK((o.destination_ip ^= 1, without(o)));
  o = h;
  CHECK((o.flow ^= 1, without(o)));
  o = h;
  CHECK((o.flow ^= 1u << 16, without(o)));
  o = h;
  CHECK((o.protocol = 6, without(o)));
  rules.write(0, nic::reg_flow_action, nic::flow_drop);
  rules.write(0, nic::reg_flow_match, nic::flow_valid);  // matches everything
  CHECK(rules.find(h)->drops());
  rules.write(4, nic::reg_flow_match, nic::flow_valid);  // there is no fifth
  rules.write(0, nic::reg_flow_match, 0);
  rules.write(2, nic::reg_flow_match, 0);
  CHECK(rules.find(h) == nullptr);
}

TEST_CASE("a table of groups is finite in groups, not in members", "[G5]") {
  Membership vlans(2);
  CHECK(vlans.join(1, 10));
  CHECK(vlans.join(2, 10));
  CHECK(vlans.join(1, 11));
  CHECK_FALSE(vlans.join(3, 12));
  CHECK(vlans.join(3, 11));
  CHECK(vlans.count(1) == 2);
  vlans.leave(1, 10);
  CHECK(vlans.contains(2, 10));
  CHECK_FALSE(vlans.join(3, 12));
  vlans.leave_all(2);
  CHECK(vlans.join(3, 12));
  CHECK_FALSE(vlans.contains(2, 10));
}

TEST_CASE("a token bucket lets through its burst and then its rate", "[G9]") {
  Pacer pacer;
  CHECK(pacer.conforms(Time()));
  pacer.charge(Time(), 1'000'000);
  CHECK(pacer.conforms(Time()));  // without a rate there is no limit
  pacer.set(1e9, 2000);           // 1 B per ns, 2000 B ahead
  CHECK(pacer.take(Time(), 1000));
  CHECK(pacer.take(Time(), 1000));
  CHECK(pacer.take(Time(), 1000));  // conforms until more than the burst is ahead
  CHECK_FALSE(pacer.take(Time(), 1000));
  CHECK(pacer.earliest() == 1000_ns);
  CHECK_FALSE(pacer.conforms(1000_ns - 1_ps));
  CHECK(pacer.take(1000_ns, 1000));
  CHECK(pacer.earliest() == 2000_ns);
  CHECK(pacer.take(100'000_ns, 1000));  // idleness does not save up
  CHECK(pacer.earliest() == 99'000_ns);
}

TEST_CASE("a mailbox belongs to one side at a time, and each learns what the other did", "[H1][H2]") {
  using namespace nic;
  Mailbox box;
  CHECK(box.read_vf() == vf_mailbox_reset);
  box.opened();
  CHECK(box.read_vf() == vf_mailbox_reset_done);
  CHECK(box.read_vf() == 0);  // read to clear
  box.write_vf(vf_mailbox_vfu);
  CHECK(box.read_pf() == pf_mailbox_vfu);
  CHECK_FALSE(box.write_pf(pf_mailbox_pfu).interrupt_vf);
  CHECK(box.read_pf() == pf_mailbox_vfu);  // collision: refused
  box.write_word(0, 0x1234);
  const auto asked = box.write_vf(vf_mailbox_request);  // asks, and lets go
  CHECK((asked.request && !asked.ack && !asked.interrupt_vf));
  CHECK(box.read_pf() == 0);
  CHECK(box.read_word(0) == 0x1234);
  CHECK(box.write_pf(pf_mailbox_ack).interrupt_vf);
  CHECK(box.read_vf() == vf_mailbox_pf_ack);
  box.write_pf(pf_mailbox_pfu);
  box.write_vf(vf_mailbox_vfu);
  CHECK(box.read_vf() == vf_mailbox_pfu);  // collision the other way
  CHECK(box.write_pf(pf_mailbox_status).interrupt_vf);
  CHECK(box.read_vf() == vf_mailbox_pf_status);
  CHECK(box.write_vf(vf_mailbox_ack).ack);
  box.write_vf(vf_mailbox_vfu);
  box.write_pf(pf_mailbox_rvfu | pf_mailbox_pfu);  // by force
  CHECK(box.read_pf() == pf_mailbox_pfu);
  box.reset();
  CHECK(box.read_vf() == vf_mailbox_reset);
  CHECK(box.read_word(0) == 0);
}

TEST_CASE("whatever both sides write, they never own a mailbox together", "[H2]") {
  Mailbox box;
  std::mt19937 random(7);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint32_t bits = random() & 0xff;
    random() & 1 ? box.write_vf(bits) : box.write_pf(bits);
    REQUIRE(box.read_pf() != (nic::pf_mailbox_vfu | nic::pf_mailbox_pfu));
  }
}

TEST_CASE("with its reset a VF's earlier request is forgotten, a later one comes after the reset, others keep their turn", "[H1][H2]") {
  PfEvents events;
  const auto event = [](unsigned vf, nic::PfEvent kind) { return 1u << 31 | static_cast<std::uint32_t>(kind) << 16 | vf; };
  events.post(1, nic::PfEvent::mailbox_request);
  events.post(2, nic::PfEvent::mailbox_request);
  events.post(1, nic::PfEvent::mailbox_ack);
  events.post(1, nic::PfEvent::mac_spoof);
  CHECK(events.post(1, nic::PfEvent::vf_reset));
  CHECK(events.post(1, nic::PfEvent::mailbox_request));
  CHECK(events.take() == event(2, nic::PfEvent::mailbox_request));
  CHECK(events.take() == event(1, nic::PfEvent::mac_spoof));
  CHECK(events.take() == event(1, nic::PfEvent::vf_reset));
  CHECK(events.take() == event(1, nic::PfEvent::mailbox_request));
  CHECK(events.empty());
}

TEST_CASE("an event that the driver has not read yet is not queued again, so the queue is bounded", "[H1][G11]") {
  PfEvents events;
  for (int i = 0; i < 1000; ++i)
    for (unsigned vf = 1; vf <= 3; ++vf) CHECK(events.post(vf, nic::PfEvent::mac_spoof) == (i == 0));
  CHECK(events.post(2, nic::PfEvent::mailbox_request));
  const auto event = [](unsigned vf, nic::PfEvent kind) { return 1u << 31 | static_cast<std::uint32_t>(kind) << 16 | vf; };
  for (unsigned vf = 1; vf <= 3; ++vf) CHECK(events.take() == event(vf, nic::PfEvent::mac_spoof));
  CHECK(events.post(2, nic::PfEvent::mac_spoof));
  CHECK(events.take() == event(2, nic::PfEvent::mailbox_request));
  CHECK(events.take() == event(2, nic::PfEvent::mac_spoof));
  CHECK(events.take() == 0);
}
