// SPDX-License-Identifier: Apache-2.0
/// Errors at a root port: what is in its registers.
#include "models/core/invariant.h"
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
struct ErrorBench : RootBench {
  const config::ConfigSpace& space() { return rc.root_port(0).config(); }
  unsigned aer() { return space().layout().extended(PCI_EXT_CAP_ID_ERR); }
  std::uint32_t status() { return space().dword(aer() + PCI_ERR_UNCOR_STATUS); }
  void acs(unsigned services) {
    rc.write_root_port(0, space().layout().extended(PCI_EXT_CAP_ID_ACS) + PCI_ACS_CTRL, 2, services);
  }
};
struct Answer {
  std::uint64_t value = 0;
  void is(std::uint64_t v) { value = v; }
};
}  // namespace

TEST_CASE("root port: error messages from below are counted and kept with their first sender") {
  ErrorBench b;
  for (const auto& [code, sender] : {std::pair(config::error_nonfatal, 0x0103), std::pair(config::error_correctable, 0x0100)}) {
    Tlp message;
    message.type = TlpType::message;
    message.message = code;
    message.requester = RequesterId{static_cast<std::uint16_t>(sender)};
    b.device.send(std::move(message));
  }
  b.run(2_us);
  CHECK(b.rc.inbound.error_messages.value() == 2);
  CHECK(b.space().dword(b.aer() + PCI_ERR_ROOT_STATUS) ==
        (PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV | PCI_ERR_ROOT_COR_RCV));
  CHECK(b.space().dword(b.aer() + PCI_ERR_ROOT_ERR_SRC) == 0x0103'0100);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root port: ACS blocks forged requester IDs and translated requests, each by its own bit, and has no other", "[B6][B24]") {
  ErrorBench b;
  const auto answered = [&b](unsigned services, bool forged) {
    b.end.got.clear();
    b.acs(services);
    Tlp read = dma_read(0x1000, 64, 9);
    read.requester = RequesterId{static_cast<std::uint16_t>(forged ? 0x0700 : 0x0100)};
    read.at = forged ? AddressType::untranslated : AddressType::translated;
    b.device.send(std::move(read));
    b.run(5_us);
    return b.end.got.size() == 1 && b.end.got[0].tlp.status == CompletionStatus::success;
  };
  CHECK(answered(0, false));
  CHECK(answered(PCI_ACS_SV, false));
  CHECK_FALSE(answered(PCI_ACS_TB, false));
  CHECK_FALSE(answered(PCI_ACS_SV, true));
  CHECK((b.space().read(b.space().layout().extended(PCI_EXT_CAP_ID_ACS) + PCI_ACS_CAP, 2)) == (PCI_ACS_SV | PCI_ACS_TB));
}

TEST_CASE("root port: what ACS blocks is answered with CA or dropped, and logged", "[B6]") {
  ErrorBench b;
  b.acs(PCI_ACS_SV | PCI_ACS_TB);
  Tlp forged = dma_read(0x1000, 64, 1);
  forged.requester = RequesterId{0x0700};
  b.device.send(std::move(forged));
  Tlp translated = dma_read(0x1000, 64, 2);
  translated.at = AddressType::translated;
  b.send(std::move(translated));
  Tlp write = memory_write(64, 3, 0x1000);
  write.requester = RequesterId{0x0700};
  b.device.send(std::move(write));
  b.send(dma_read(0x1000, 64, 4));
  b.run(5_us);
  REQUIRE(b.end.got.size() == 3);  // also the forged one's answer goes back through the port it came from
  for (const auto& got : b.end.got) CHECK((got.tlp.status == CompletionStatus::success) == (got.tlp.tag == 4));
  CHECK(b.rc.inbound.acs_violations.value() == 3);
  CHECK(b.rc.inbound.dropped_writes.value() == 1);
  CHECK(b.status() == PCI_ERR_UNC_ACSV);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root port: a poisoned write is not written") {
  ErrorBench b;
  BytePool pool;
  Tlp write = dma_write(pool, 0x1000, 64, 0xaa);
  write.poisoned = true;
  b.send(std::move(write));
  b.run(2_us);
  CHECK(b.rc.inbound.poisoned.value() == 1);
  CHECK(b.memory.log.empty());
  CHECK(b.status() == PCI_ERR_UNC_POISON_TLP);
}

TEST_CASE("root port: a register read that is not answered is a completion timeout in its registers") {
  ErrorBench b;
  Answer answer;
  b.rc.read(Hpa(RootBench::bar), 4, bind<&Answer::is>(&answer));
  b.run(RootComplexParams{}.completion_timeout + 1_us);
  CHECK(answer.value == 0xffffffff);
  CHECK(b.status() == PCI_ERR_UNC_COMP_TIME);
  Tlp stray = completion(4, 0);
  stray.completer = RequesterId{0x0100};
  b.device.send(std::move(stray));
  b.run(2_us);
  CHECK(b.status() == (PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_UNX_COMP));
}

TEST_CASE("root port: an enabled error message interrupts by MSI when none is pending, with the bytes that software wrote", "[F1][B24]") {
  struct Interrupts : InterruptRemapper {
    explicit Interrupts(const Timeline& t) : timeline(t) {}
    void interrupt(const InterruptMessage& m) override { seen.push_back({timeline.now(), m}); }
    const Timeline& timeline;
    std::vector<std::pair<Time, InterruptMessage>> seen;
  };
  ErrorBench b;
  Interrupts interrupts(b.timeline);
  b.rc.set_interrupt_remapper(&interrupts);
  const unsigned msi = b.space().layout().capability(PCI_CAP_ID_MSI);
  const auto report = [&](MessageCode code) {
    Tlp message;
    message.type = TlpType::message;
    message.message = code;
    message.requester = RequesterId{0x0100};
    b.device.send(std::move(message));
    b.run(2_us);
  };
  b.rc.write_root_port(0, msi + PCI_MSI_ADDRESS_LO, 4, 0xfee01000);
  b.rc.write_root_port(0, msi + PCI_MSI_DATA_64, 2, 0x41);
  b.rc.write_root_port(0, b.aer() + PCI_ERR_ROOT_COMMAND, 4, PCI_ERR_ROOT_CMD_COR_EN);
  report(config::error_correctable);  // MSI is not enabled
  CHECK(interrupts.seen.empty());
  b.rc.write_root_port(0, b.aer() + PCI_ERR_ROOT_STATUS, 4, ~0u);
  b.rc.write_root_port(0, msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
  report(config::error_nonfatal);  // not asked for
  CHECK(interrupts.seen.empty());
  report(config::error_correctable);
  report(config::error_correctable);  // the first is pending
  REQUIRE(interrupts.seen.size() == 1);
  CHECK(interrupts.seen[0].second.requester == b.rc.root_port(0).id());
  CHECK(interrupts.seen[0].second.address == 0xfee01000);
  CHECK(interrupts.seen[0].second.data == 0x41);
  b.rc.write_root_port(0, b.aer() + PCI_ERR_ROOT_STATUS, 4, PCI_ERR_ROOT_COR_RCV);
  report(config::error_correctable);
  CHECK(interrupts.seen.size() == 2);
  CHECK(b.rc.inbound.interrupts.value() == 2);
}

TEST_CASE("root port: while its link is down requests are answered with all ones after the way in and out, not 1 ps before", "[B19]") {
  ErrorBench b;
  b.rc.outbound.set_link(0, false);
  Answer answer;
  const Time asked = b.timeline.now();
  b.rc.read(Hpa(RootBench::bar), 4, bind<&Answer::is>(&answer));
  const RootComplexParams params;
  b.timeline.run(asked + params.outbound_latency + params.inbound_latency - 1_ps);
  CHECK(answer.value == 0);
  b.timeline.run(asked + params.outbound_latency + params.inbound_latency);
  CHECK(answer.value == 0xffffffff);
  b.rc.outbound.set_link(0, true);
  CHECK(b.rc.outbound.completion_timeouts.value() == 0);
}
