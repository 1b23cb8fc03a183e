// SPDX-License-Identifier: Apache-2.0
/// Errors that an endpoint sees: what it does, what is in its AER registers, what it tells the root complex.
#include "models/endpoint/types/dma_bench.h"
#include "tests/timed/endpoint/enumerated.h"
#include "tests/timed/endpoint/fake_host.h"
using namespace iov;
using namespace iov::test;

namespace {
struct FaultyDevice {
  static constexpr std::uint64_t bar = 0x1'0000'0000;
  Timeline timeline{"timeline"};
  FakeHost host{timeline};
  endpoint::DmaBench device{"dma0", timeline, params(), host, 1};
  Enumerated enumerated{device, bar, 0x2'0000'0000};
  const unsigned aer = enumerated.space(0).layout().extended(PCI_EXT_CAP_ID_ERR);

  static endpoint::DmaBenchParams params() {
    endpoint::DmaBenchParams p;
    p.dma_engine.completion_timeout = 50_us;
    return p;
  }
  void run(const Time& more) { timeline.run(timeline.now() + more); }
  void report_all() {
    const unsigned express = enumerated.capability(0, PCI_CAP_ID_EXP);
    const std::uint32_t control = enumerated.space(0).read(express + PCI_EXP_DEVCTL, 2);
    enumerated.write(0, express + PCI_EXP_DEVCTL, 2,
                     control | PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE);
  }
  std::uint32_t status(unsigned function = 0) const {
    return enumerated.space(function).dword(enumerated.space(function).layout().extended(PCI_EXT_CAP_ID_ERR) + PCI_ERR_UNCOR_STATUS);
  }
  /// Codes and senders of the error messages so far.
  std::vector<std::pair<MessageCode, unsigned>> messages() const {
    std::vector<std::pair<MessageCode, unsigned>> all;
    for (const Sent& s : host.sent(TlpType::message)) all.emplace_back(s.message, s.requester);
    return all;
  }
  Tlp write(std::uint64_t address, std::uint32_t bytes) {
    Tlp tlp;
    tlp.type = TlpType::memory_write;
    tlp.address = address;
    tlp.length = bytes;
    return tlp;
  }
};
using ErrorMessages = std::vector<std::pair<MessageCode, unsigned>>;
}  // namespace

TEST_CASE("errors: a write that no function claims is an unsupported request that the root complex hears of") {
  FaultyDevice d;
  d.report_all();
  d.host.inject(d.write(0x9'0000'0000, 4));
  d.run(1_us);
  CHECK(d.status() == PCI_ERR_UNC_UNSUP);
  CHECK(d.messages() == ErrorMessages{{config::error_nonfatal, 0x0100}});
}

TEST_CASE("errors: a read that no function claims gets UR, that is only an advice, masked after reset") {
  FaultyDevice d;
  d.report_all();
  d.host.mmio_read(0x9'0000'0000, 4);
  d.run(1_us);
  REQUIRE(d.host.sent(TlpType::completion).size() == 1);
  CHECK(d.host.sent(TlpType::completion)[0].status == CompletionStatus::unsupported_request);
  CHECK(d.status() == PCI_ERR_UNC_UNSUP);
  CHECK(d.messages().empty());
}

TEST_CASE("errors: malformed TLPs are dropped and fatal") {
  FaultyDevice d;
  d.report_all();
  d.host.inject(d.write(FaultyDevice::bar, 512));  // more than the 256 B agreed on
  Tlp across = d.write(FaultyDevice::bar + 4092, 8);
  across.type = TlpType::memory_read;
  d.host.inject(std::move(across));
  d.run(1_us);
  CHECK(d.status() == PCI_ERR_UNC_MALF_TLP);
  CHECK(d.messages() == ErrorMessages{{config::error_fatal, 0x0100}, {config::error_fatal, 0x0100}});
  CHECK(d.host.sent(TlpType::completion_data).empty());
  CHECK(d.host.released == 2);
}

TEST_CASE("errors: poisoned payload is not used, a poisoned configuration write is refused") {
  FaultyDevice d;
  Tlp poisoned = d.write(FaultyDevice::bar, 64);
  poisoned.poisoned = true;
  d.host.inject(std::move(poisoned));
  Tlp config;
  config.type = TlpType::config_write;
  config.completer = RequesterId{0x0100};
  config.address = PCI_COMMAND;
  config.length = 2;
  config.poisoned = true;
  const auto before = d.enumerated.space(0).read(PCI_COMMAND, 2);
  d.host.inject(std::move(config));
  d.run(1_us);
  CHECK(d.status() == PCI_ERR_UNC_POISON_TLP);
  CHECK(d.enumerated.space(0).read(PCI_COMMAND, 2) == before);
  REQUIRE(d.host.sent(TlpType::completion).size() == 1);
  CHECK(d.host.sent(TlpType::completion)[0].status == CompletionStatus::unsupported_request);
}

TEST_CASE("errors: a completion that never comes is a timeout of the function that asked and of no other", "[B20]") {
  FaultyDevice d;
  REQUIRE(d.enumerated.enable_vfs(2) == 2);
  d.host.answering = false;
  d.device.set_windows({0x1000});
  d.device.transfers().start();
  d.run(10_us);
  d.device.transfers().stop();
  d.run(200_us);
  CHECK(d.status(0) == PCI_ERR_UNC_COMP_TIME);
  CHECK(d.status(1) == 0);
  CHECK(d.status(2) == 0);
  CHECK(d.device.transfers().failed.value() > 0);
}

TEST_CASE("errors: a completion nobody waits for is unexpected, its header is in the log") {
  FaultyDevice d;
  d.enumerated.write(0, d.aer + PCI_ERR_COR_MASK, 4, 0);  // advisory errors are masked after reset, and then not logged
  Tlp stray;
  stray.type = TlpType::completion_data;
  stray.requester = RequesterId{0x0100};
  stray.completer = RequesterId{0x0700};
  stray.tag = 9;
  stray.length = stray.byte_count = 4;
  d.host.inject(std::move(stray));
  d.run(1_us);
  CHECK(d.status() == PCI_ERR_UNC_UNX_COMP);
  CHECK(d.enumerated.space(0).dword(d.aer + PCI_ERR_HEADER_LOG) == 0x4a00'0001);
  CHECK(d.enumerated.space(0).dword(d.aer + PCI_ERR_HEADER_LOG + 4) == 0x0700'0004);
  CHECK(d.enumerated.space(0).dword(d.aer + PCI_ERR_HEADER_LOG + 8) == 0x0100'0900);
}

TEST_CASE("memory BAR: a read of a peer is cut at its boundaries, a write of any length is taken", "[B24]") {
  FaultyDevice d;
  Tlp read = d.write(FaultyDevice::bar + 0x60, 512);
  read.type = TlpType::memory_read;
  read.requester = RequesterId{0x0500};
  d.host.inject(std::move(read));
  d.host.inject(d.write(FaultyDevice::bar + 0x100, 256));
  d.run(1_us);
  std::vector<std::uint32_t> pieces;
  for (const Sent& s : d.host.sent(TlpType::completion_data)) pieces.push_back(s.length);
  CHECK(pieces == std::vector<std::uint32_t>{32, 256, 224});
  CHECK(d.status() == 0);
}
