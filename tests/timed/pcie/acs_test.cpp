// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/acs.h"

#include "tests/timed/pcie/switch_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
Tlp from_device_1(Tlp tlp, AddressType at = AddressType::untranslated) {
  tlp.at = at;
  tlp.requester = SwitchBench::id(1);
  return tlp;
}
Tlp peer_read(std::uint16_t tag, AddressType at = AddressType::untranslated) {
  return from_device_1(memory_read(64, tag, SwitchBench::bar(2)), at);
}
}  // namespace

TEST_CASE("acs: redirect, egress control and direct translated as the table of their interaction says", "[B24]") {
  struct Row {
    unsigned services;
    bool controlled;  ///< the egress vector's bit of the target
    AcsVerdict untranslated, translated;
  };
  constexpr auto direct = AcsVerdict::direct, redirect = AcsVerdict::redirect, blocked = AcsVerdict::violation;
  constexpr Row rows[] = {
      {0, true, direct, direct},
      {PCI_ACS_RR, false, redirect, redirect},
      {PCI_ACS_EC, true, blocked, blocked},
      {PCI_ACS_EC, false, direct, direct},
      {PCI_ACS_EC | PCI_ACS_RR, true, redirect, redirect},
      {PCI_ACS_EC | PCI_ACS_RR, false, direct, direct},
      {PCI_ACS_RR | PCI_ACS_DT, false, redirect, direct},
      {PCI_ACS_EC | PCI_ACS_DT, true, blocked, direct},
  };
  for (const Row& row : rows) {
    INFO("services " << row.services << ", controlled " << row.controlled);
    const AcsControl acs{static_cast<std::uint16_t>(row.services), row.controlled ? 1u << 3 : ~(1u << 3)};
    CHECK(acs_request(acs, AddressType::untranslated, 3) == row.untranslated);
    CHECK(acs_request(acs, AddressType::translated, 3) == row.translated);
  }
}

TEST_CASE("acs: a peer's request goes straight without redirect and up with it, a translated one straight if allowed",
          "[B24][E4]") {
  SwitchBench b(2);
  b.send(1, peer_read(1));
  b.run(2_us);
  b.acs(1, PCI_ACS_RR);
  b.send(1, peer_read(2));
  b.send(1, peer_read(3, AddressType::translated));
  b.run(2_us);
  b.acs(1, PCI_ACS_RR | PCI_ACS_DT);
  b.send(1, peer_read(4));
  b.send(1, peer_read(5, AddressType::translated));
  b.run(2_us);
  REQUIRE(b.at(2).got.size() == 2);
  CHECK(b.at(2).got[0].tlp.tag == 1);
  CHECK(b.at(2).got[1].tlp.tag == 5);
  REQUIRE(b.at(0).got.size() == 3);
  CHECK(b.fabric.redirected.value() == 3);
  CHECK(b.fabric.peer_to_peer.value() == 2);
  // What comes back from above is not looked at again.
  Tlp back = peer_read(6);
  b.root().send(std::move(back));
  b.run(2_us);
  CHECK(b.at(2).got.back().tlp.tag == 6);
}

TEST_CASE("acs: a straight request takes one hop of the switch, to the picosecond", "[B24]") {
  SwitchBench b(2);
  const Tlp read = peer_read(0);
  const Time arrival = b.timeline.now() + b.flight(read) + SwitchParams{}.latency + b.flight(read);
  b.send(1, peer_read(0));
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at(2).got.empty());
  b.timeline.run(arrival);
  CHECK(b.at(2).got.size() == 1);
}

TEST_CASE("acs: source validation and translation blocking answer with CA, drop writes and count violations", "[B6]") {
  SwitchBench b(2);
  b.acs(1, PCI_ACS_SV | PCI_ACS_TB);
  Tlp forged = memory_read(64, 1);
  forged.requester = SwitchBench::id(2);
  b.device(1).send(std::move(forged));
  Tlp forged_write = memory_write(64, 2);
  forged_write.requester = SwitchBench::id(2);
  b.device(1).send(std::move(forged_write));
  b.send(1, from_device_1(memory_read(64, 3), AddressType::translated));
  b.send(1, from_device_1(memory_read(64, 4), AddressType::translation_request));
  b.send(1, from_device_1(memory_read(64, 5)));
  b.run(5_us);
  REQUIRE(b.at(0).got.size() == 1);
  CHECK(b.at(0).got[0].tlp.tag == 5);
  CHECK(b.fabric.acs_violations.value() == 4);
  CHECK(b.fabric.dropped.value() == 1);
  REQUIRE(b.at(1).got.size() == 3);  // also of the forged one: the answer stays at the port it came from
  for (const auto& got : b.at(1).got) CHECK(got.tlp.status == CompletionStatus::abort);
  CHECK(b.at(2).got.empty());
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("acs: egress control blocks single peers", "[B24]") {
  SwitchBench b(3);
  b.acs(1, PCI_ACS_EC, 1u << 2);
  b.send(1, peer_read(1));
  b.send(1, from_device_1(memory_read(64, 2, SwitchBench::bar(3))));
  b.run(5_us);
  CHECK(b.at(2).got.empty());
  CHECK(b.at(3).got.size() == 1);
  REQUIRE(b.at(1).got.size() == 1);
  CHECK(b.at(1).got[0].tlp.status == CompletionStatus::abort);
}

TEST_CASE("acs: completions are redirected too, unless their ordering is relaxed", "[B24]") {
  SwitchBench b(2);
  b.acs(2, PCI_ACS_CR);
  b.send(2, completion_for(1, 64, 1));
  Tlp relaxed = completion_for(1, 64, 2);
  relaxed.relaxed_ordering = true;
  b.send(2, std::move(relaxed));
  b.run(5_us);
  REQUIRE(b.at(0).got.size() == 1);
  CHECK(b.at(0).got[0].tlp.tag == 1);
  REQUIRE(b.at(1).got.size() == 1);
  CHECK(b.at(1).got[0].tlp.tag == 2);
}

TEST_CASE("acs: what was redirected below a port is refused there without upstream forwarding", "[B24]") {
  SwitchBench b(2);
  b.send(1, from_device_1(memory_read(64, 1, SwitchBench::bar(1))));
  b.run(5_us);
  REQUIRE(b.at(1).got.size() == 1);
  CHECK(b.at(1).got[0].tlp.status == CompletionStatus::unsupported_request);
  b.acs(1, PCI_ACS_UF);
  b.send(1, from_device_1(memory_read(64, 2, SwitchBench::bar(1))));
  b.run(5_us);
  REQUIRE(b.at(0).got.size() == 1);
  CHECK(b.at(0).got[0].tlp.tag == 2);
}

namespace {
/// A switch whose port 1 gets other services for each TLP; where the TLP ends up: "up", at the peer, or with which answer.
struct FateBench {
  SwitchBench b{2};
  std::string fate(unsigned services, Tlp tlp) {
    for (unsigned n = 0; n < 3; ++n) b.at(n).got.clear();
    b.acs(1, services, 1u << 2);
    b.send(1, std::move(tlp));
    b.run(5_us);
    if (!b.at(1).got.empty()) return b.at(1).got[0].tlp.status == CompletionStatus::abort ? "CA" : "UR";
    return !b.at(0).got.empty() ? "up" : !b.at(2).got.empty() ? "peer" : "nowhere";
  }
};
Tlp forged_read() {
  Tlp tlp = memory_read(64, 1);
  tlp.requester = SwitchBench::id(2);
  return tlp;
}
}  // namespace

TEST_CASE("acs: every bit of the control register changes what becomes of a TLP", "[B6][B24][E4]") {
  constexpr auto translated = AddressType::translated;
  FateBench f;
  struct Row {
    const char* service;
    unsigned others, bit;
    Tlp (*tlp)();
    const char *off, *on;
  };
  const Row rows[] = {
      {"source validation", 0, PCI_ACS_SV, forged_read, "up", "CA"},
      {"translation blocking", 0, PCI_ACS_TB, [] { return from_device_1(memory_read(64, 1), translated); }, "up", "CA"},
      {"request redirect", 0, PCI_ACS_RR, [] { return peer_read(1); }, "peer", "up"},
      {"completion redirect", 0, PCI_ACS_CR, [] { return completion_for(2, 64, 1); }, "peer", "up"},
      {"upstream forwarding", 0, PCI_ACS_UF, [] { return from_device_1(memory_read(64, 1, SwitchBench::bar(1))); }, "UR", "up"},
      {"egress control", 0, PCI_ACS_EC, [] { return peer_read(1); }, "peer", "CA"},
      {"direct translated", PCI_ACS_RR, PCI_ACS_DT, [] { return peer_read(1, translated); }, "up", "peer"},
  };
  unsigned services = 0;
  for (const Row& row : rows) {
    INFO(row.service);
    CHECK(f.fate(row.others, row.tlp()) == row.off);
    CHECK(f.fate(row.others | row.bit, row.tlp()) == row.on);
    services |= row.bit;
  }
  const config::ConfigSpace& port = f.b.fabric.port(1).config();  // nothing else is advertised
  CHECK((port.read(port.layout().extended(PCI_EXT_CAP_ID_ACS) + PCI_ACS_CAP, 2) & 0x7f) == services);
  audit(Invariant::at_rest, f.b.timeline.now());
}
