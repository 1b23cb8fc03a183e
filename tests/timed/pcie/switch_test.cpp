// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/pcie/switch_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
LinkParams narrow() {
  LinkParams p;
  p.width = 1;
  return p;
}
SwitchParams whole() {
  SwitchParams p;
  p.forwarding = Forwarding::store_and_forward;
  return p;
}
}  // namespace

TEST_CASE("switch: a TLP cut through leaves its latency after its header, not 1 ps before") {
  SwitchBench b(1);
  const Tlp write = memory_write(256);
  const Time payload = b.root().wire_time(write) - b.root().wire_time_of(write.header());
  const Time arrival = b.timeline.now() + b.flight(write) - payload + SwitchParams{}.latency + b.flight(write);
  b.send(1, memory_write(256));
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at(0).got.empty());
  b.timeline.run(arrival);
  REQUIRE(b.at(0).got.size() == 1);
  CHECK(b.at(0).got[0].when == arrival);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("switch: a TLP stored leaves its latency after its last byte") {
  SwitchBench b(1, whole());
  const Tlp write = memory_write(256);
  const Time arrival = b.timeline.now() + b.flight(write) + SwitchParams{}.latency + b.flight(write);
  b.send(1, memory_write(256));
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at(0).got.empty());
  b.timeline.run(arrival);
  CHECK(b.at(0).got.size() == 1);
}

TEST_CASE("switch: from a slow link to a faster one a TLP is stored first, the other way it is cut through") {
  SwitchBench b(1, {}, {LinkParams{}, narrow()});
  const Time latency = SwitchParams{}.latency;
  const Tlp write = memory_write(256);
  const Time slow = b.device(1).wire_time(write) + b.device(1).params().propagation, fast = b.flight(write);
  const Time up = b.timeline.now() + slow + latency + fast;
  b.send(1, memory_write(256));
  b.timeline.run(up);
  REQUIRE(b.at(0).got.size() == 1);
  CHECK(b.at(0).got[0].when == up);
  const Time payload = b.root().wire_time(write) - b.root().wire_time_of(write.header());
  const Time down = b.timeline.now() + fast - payload + latency + slow;
  b.send(0, memory_write(256, 0, SwitchBench::bar(1)));
  b.timeline.run(down);
  REQUIRE(b.at(1).got.size() == 1);
  CHECK(b.at(1).got[0].when == down);
}

TEST_CASE("switch: routes requests by address, completions and messages by ID, the rest up", "[B24]") {
  SwitchBench b(3);
  b.send(0, memory_write(4, 1, SwitchBench::bar(2) + 8));
  b.send(0, completion_for(3, 64, 2));
  Tlp invalidate;
  invalidate.type = TlpType::message_data;
  invalidate.message = MessageCode::invalidate_request;
  invalidate.completer = SwitchBench::id(1);
  invalidate.tag = 3;
  invalidate.length = 8;
  b.send(0, std::move(invalidate));
  b.send(2, memory_read(64, 4));
  b.send(2, completion_for(0, 4, 5));
  Tlp page_request;
  page_request.type = TlpType::message;
  page_request.message = MessageCode::page_request;
  page_request.tag = 6;
  b.send(1, std::move(page_request));
  b.send(1, memory_write(64, 7, SwitchBench::bar(3)));  // peer to peer
  b.send(3, completion_for(1, 64, 8));                  // the answer to a peer
  b.run(10_us);
  const auto tags = [&](unsigned n) {
    std::vector<unsigned> seen;
    for (const auto& got : b.at(n).got) seen.push_back(got.tlp.tag);
    std::sort(seen.begin(), seen.end());
    return seen;
  };
  CHECK(tags(0) == std::vector<unsigned>{4, 5, 6});
  CHECK(tags(1) == std::vector<unsigned>{3, 8});
  CHECK(tags(2) == std::vector<unsigned>{1});
  CHECK(tags(3) == std::vector<unsigned>{2, 7});
  CHECK(b.fabric.forwarded.value() == 8);
  CHECK(b.fabric.peer_to_peer.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("switch: what leads nowhere is answered with UR or dropped, and counted") {
  SwitchBench b(2);
  b.send(0, memory_read(8, 1, 0x9999'0000'0000));
  b.send(0, memory_write(8, 2, 0x9999'0000'0000));
  Tlp stray = completion_for(0, 4, 3);
  stray.requester = RequesterId{0x9900};
  b.send(0, std::move(stray));
  b.send(1, memory_read(8, 4, SwitchBench::bar(1)));  // back below the port it came from
  b.run(10_us);
  REQUIRE(b.at(0).got.size() == 1);
  const Tlp& refused = b.at(0).got[0].tlp;
  CHECK(refused.type == TlpType::completion);
  CHECK(refused.status == CompletionStatus::unsupported_request);
  CHECK(refused.tag == 1);
  REQUIRE(b.at(1).got.size() == 1);
  CHECK(b.at(1).got[0].tlp.tag == 4);
  CHECK(b.at(1).got[0].tlp.completer == b.fabric.port(1).id());
  CHECK(b.fabric.port(2).id() == RequesterId{0x0208});  // bus 2 is inside the switch
  CHECK(b.fabric.unsupported_requests.value() == 3);
  CHECK(b.fabric.unexpected_completions.value() == 1);
  CHECK(b.fabric.dropped.value() == 2);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("switch: ingress ports take turns at an egress, by their weights") {
  LinkParams endless;
  endless.receive.posted_headers = endless.receive.posted_data = 0;
  SwitchBench b(3, {}, {endless}, {1, 1, 3, 2});
  for (int i = 0; i < 600; ++i)
    for (unsigned n = 1; n <= 3; ++n) b.send(n, memory_write(256));
  b.run(12_us);
  std::array<int, 4> share{};
  constexpr std::size_t from = 12, rounds = 40;
  REQUIRE(b.at(0).got.size() > from + rounds * 6);
  for (std::size_t i = from; i < from + rounds * 6; ++i) ++share[b.at(0).got[i].tlp.requester.bus() - 0x10u];
  CHECK(share[1] == rounds * 1);
  CHECK(share[2] == rounds * 3);
  CHECK(share[3] == rounds * 2);
}

TEST_CASE("switch: a full egress holds back its ingress ports' credits and nobody else's") {
  LinkParams one;
  one.receive.posted_headers = 1;
  SwitchBench b(3, {}, {LinkParams{}, LinkParams{}, one, LinkParams{}});
  b.branches[2].outer.on_arrival({});  // device 2 takes nothing
  for (int i = 0; i < 300; ++i) b.send(1, memory_write(64, 0, SwitchBench::bar(2)));
  b.run(20_us);
  CHECK(b.device(1).backlog(FcClass::posted) == 300 - 92 - 2);  // one in the device, one staged at the egress
  CHECK(b.fabric.inside.level() == 92);
  audit(Invariant::always, b.timeline.now());
  const Time sent = b.timeline.now();
  b.send(3, memory_write(64));
  b.timeline.run(sent + 2_us);
  CHECK(b.at(0).got.size() == 1);
}

TEST_CASE("switch: stalled reads never block writes and completions, whoever sends them") {
  LinkParams root;
  root.receive.non_posted_headers = 1;
  SwitchBench b(2, {}, {root, LinkParams{}});
  b.root().on_arrival({});
  struct Taker {
    Port& port;
    unsigned posted = 0, completions = 0, reads = 0;
    void arrived() {
      for (Tlp tlp; port.take(tlp);) {
        if (tlp.fc() == FcClass::non_posted) {
          ++reads;
          continue;  // for good
        }
        ++(tlp.fc() == FcClass::posted ? posted : completions);
        port.release(tlp.fc(), tlp.payload());
      }
    }
  } taker{b.root()};
  b.root().on_arrival(bind<&Taker::arrived>(&taker));
  for (int i = 0; i < 200; ++i)
    for (unsigned n = 1; n <= 2; ++n) b.send(n, memory_read(64));
  b.run(10_us);
  for (int i = 0; i < 500; ++i)
    for (unsigned n = 1; n <= 2; ++n) b.send(n, memory_write(64)), b.send(n, completion_for(0, 4, 0));
  b.run(200_us);
  CHECK(taker.reads == 1);
  CHECK(taker.posted == 1000);
  CHECK(taker.completions == 1000);
  audit(Invariant::always, b.timeline.now());
}

TEST_CASE("switch: when a link below goes down its reads are answered with UR, its writes dropped, the rest goes on", "[B19]") {
  SwitchBench b(2);
  b.branches[2].outer.on_arrival({});
  for (std::uint16_t i = 0; i < 100; ++i) {
    b.send(0, memory_read(8, i, SwitchBench::bar(1)));
    b.send(0, memory_write(8, i, SwitchBench::bar(1)));
  }
  b.run(200_ns);
  b.branches[1].inner.link_down();
  b.run(20_us);
  const auto reached = static_cast<std::uint64_t>(b.at(1).got.size());
  CHECK(reached < 200);
  CHECK(b.at(0).got.size() >= 90);
  for (const auto& got : b.at(0).got) CHECK(got.tlp.status == CompletionStatus::unsupported_request);
  audit(Invariant::at_rest, b.timeline.now());
  b.send(2, memory_write(64, 7));
  b.run(2_us);
  CHECK(b.at(0).got.back().tlp.tag == 7);
  b.branches[1].inner.link_up();
  b.send(0, memory_write(8, 9, SwitchBench::bar(1)));
  b.run(2_us);
  CHECK(b.at(1).got.back().tlp.tag == 9);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("switch: a hot reset from above reaches every device", "[B18]") {
  SwitchBench b(2);
  b.send(1, memory_write(64));
  b.send(2, memory_read(64, 0, SwitchBench::bar(1)));
  b.run(150_ns);
  b.root().hot_reset();
  CHECK_FALSE(b.device(1).up());
  CHECK_FALSE(b.device(2).up());
  const Time up = b.timeline.now() + b.root().params().training_time;
  b.timeline.run(up);
  CHECK(b.root().up());
  CHECK(b.device(1).up());
  CHECK(b.at(0).got.empty());
  CHECK(b.at(1).got.empty());
  b.send(0, memory_write(4, 0, SwitchBench::bar(1)));  // nobody has said again what is below
  b.run(5_us);
  CHECK(b.at(1).got.empty());
  CHECK(b.fabric.unsupported_requests.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}


namespace {
Tlp config_request(unsigned id, unsigned offset, bool type1, std::uint16_t tag) {
  Tlp tlp;
  tlp.type = TlpType::config_read;
  tlp.requester = RequesterId{1};
  tlp.completer = RequesterId{static_cast<std::uint16_t>(id)};
  tlp.address = offset;
  tlp.length = tlp.want_bytes = 4;
  tlp.type1 = type1;
  tlp.tag = tag;
  return tlp;
}
Tlp config_write(BytePool& pool, unsigned id, unsigned offset, bool type1, std::uint32_t value) {
  Tlp tlp = config_request(id, offset, type1, 0);
  tlp.type = TlpType::config_write;
  tlp.data = pool.copy({reinterpret_cast<const std::uint8_t*>(&value), 4});
  return tlp;
}
std::uint32_t value_of(const Tlp& tlp) {
  std::uint32_t value = 0;
  REQUIRE(tlp.data.size() == 4);
  std::memcpy(&value, tlp.data.data(), 4);
  return value;
}
}  // namespace

TEST_CASE("switch: software finds its ports and what is below them, bus by bus", "[B1]") {
  SwitchBench b(2);
  BytePool pool;
  b.send(0, config_write(pool, 0x0100, PCI_PRIMARY_BUS, false, 1 | 2 << 8 | 0x12 << 16));
  b.send(0, config_request(0x0100, PCI_VENDOR_ID, false, 1));
  b.send(0, config_request(0x0208, PCI_VENDOR_ID, true, 2));   // the second downstream port
  b.send(0, config_request(0x0210, PCI_VENDOR_ID, true, 3));   // there is no third one
  b.send(0, config_request(0x0201, PCI_VENDOR_ID, true, 4));   // nor another function
  b.send(0, config_request(0x1200, PCI_VENDOR_ID, true, 5));   // the device below
  b.send(0, config_request(0x1208, PCI_VENDOR_ID, true, 6));   // no device 1 there: ARI forwarding is off
  b.send(0, config_request(0x7700, PCI_VENDOR_ID, true, 7));
  b.run(10_us);
  CHECK(b.fabric.port(0).id() == RequesterId{0x0100});
  const std::uint32_t ids = b.fabric.port(1).read(PCI_VENDOR_ID, 4);
  REQUIRE(b.at(0).got.size() == 7);
  for (const auto& got : b.at(0).got) {
    INFO("tag " << got.tlp.tag);
    const bool answered = got.tlp.tag <= 2;
    CHECK((got.tlp.status == CompletionStatus::success) == answered);
    if (got.tlp.tag == 1 || got.tlp.tag == 2) CHECK(value_of(got.tlp) == ids);
  }
  REQUIRE(b.at(2).got.size() == 1);
  CHECK(b.at(2).got[0].tlp.tag == 5);
  CHECK_FALSE(b.at(2).got[0].tlp.type1);
  CHECK(b.fabric.config_requests.value() == 3);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("switch: a request below costs the latency of the switch there and back, to the picosecond") {
  SwitchBench b(1);
  const Tlp read = config_request(0x0100, PCI_VENDOR_ID, false, 1);
  Tlp answer = completion(4);
  const Time arrival = b.timeline.now() + b.flight(read) + SwitchParams{}.latency + b.flight(answer);
  b.send(0, config_request(0x0100, PCI_VENDOR_ID, false, 1));
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at(0).got.empty());
  b.timeline.run(arrival);
  CHECK(b.at(0).got.size() == 1);
}

TEST_CASE("switch: Secondary Bus Reset resets what is below one port, and only that", "[B18]") {
  SwitchBench b(2);
  b.fabric.write_port(1, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
  CHECK_FALSE(b.device(1).up());
  CHECK(b.device(2).up());
  b.run(b.root().params().training_time);
  CHECK(b.device(1).up());
}

TEST_CASE("switch: errors are in the port's AER registers, and its message reaches the root complex if it may") {
  SwitchBench b(2);
  const config::ConfigSpace& space = b.fabric.port(1).config();
  const unsigned aer = space.layout().extended(PCI_EXT_CAP_ID_ERR), express = space.layout().capability(PCI_CAP_ID_EXP);
  b.acs(1, PCI_ACS_SV);
  Tlp forged = memory_write(64);
  forged.requester = SwitchBench::id(2);
  b.device(1).send(std::move(forged));
  b.run(2_us);
  CHECK(space.dword(aer + PCI_ERR_UNCOR_STATUS) == PCI_ERR_UNC_ACSV);
  CHECK(b.at(0).got.empty());  // reporting is off
  b.fabric.write_port(1, express + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_FERE);
  b.branches[1].inner.link_down();
  b.run(2_us);
  CHECK(space.dword(aer + PCI_ERR_UNCOR_STATUS) == (PCI_ERR_UNC_ACSV | PCI_ERR_UNC_SURPDN));
  REQUIRE(b.at(0).got.size() == 1);
  CHECK(b.at(0).got[0].tlp.message == config::error_fatal);
  CHECK(b.at(0).got[0].tlp.requester == b.fabric.port(1).id());
}
