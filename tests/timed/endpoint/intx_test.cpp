// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace {
struct IntxBench : NicBench {
  IntxBench() : NicBench(with_pin()) {
    nic.sorter().set_default(Destination{0});
    set_vector(0, 0);
    set_vector(0, 1);
    enable_msix(false);
    rx_ring(0, 0, 0x10000, 0);
  }
  static endpoint::Nic::Params with_pin() {
    auto params = quick();
    params.functions.intx = true;
    return params;
  }
  void enable_msix(bool on) {
    const unsigned msix = enumerated.capability(0, PCI_CAP_ID_MSIX);
    enumerated.write(0, msix + PCI_MSIX_FLAGS, 2, on ? PCI_MSIX_FLAGS_ENABLE : 0);
  }
  void receive_at(const Time& when, PacketId id) {
    timeline.run(when);
    nic.frame(make_frame(mac(0), id));
  }
  std::vector<std::pair<Time, MessageCode>> messages() const {
    std::vector<std::pair<Time, MessageCode>> some;
    for (const Sent& s : host.sent(TlpType::message)) some.emplace_back(s.when, s.message);
    return some;
  }
};
using Messages = std::vector<std::pair<Time, MessageCode>>;
}  // namespace

TEST_CASE("without MSI-X a cause asserts INTA once, and reading the causes deasserts it", "[F1]") {
  IntxBench b;
  b.receive_at(2_us, 1);
  b.receive_at(3_us, 2);
  CHECK(b.messages() == Messages{{2_us, MessageCode::assert_inta}});
  CHECK(b.interrupts().empty());
  CHECK(b.host.sent(TlpType::message)[0].requester == b.nic.requester(0).value);
  b.timeline.run(4_us);
  b.host.mmio_read(NicBench::pf_bar + nic::reg_interrupt_cause, 8);
  CHECK(b.messages() == Messages{{2_us, MessageCode::assert_inta}, {4_us, MessageCode::deassert_inta}});
}

TEST_CASE("masking the cause deasserts INTA, unmasking it asserts it again", "[F1]") {
  IntxBench b;
  b.receive_at(2_us, 1);
  b.timeline.run(3_us);
  b.write(0, nic::reg_interrupt_mask_clear, 1, 8);
  b.timeline.run(4_us);
  b.write(0, nic::reg_interrupt_mask_set, 1, 8);
  CHECK(b.messages() == Messages{{2_us, MessageCode::assert_inta}, {3_us, MessageCode::deassert_inta}, {4_us, MessageCode::assert_inta}});
}

TEST_CASE("enabling MSI-X takes the line back, and a reset of the registers does", "[F1]") {
  IntxBench b;
  b.receive_at(2_us, 1);
  b.timeline.run(3_us);
  b.enable_msix(true);
  CHECK(b.messages() == Messages{{2_us, MessageCode::assert_inta}, {3_us, MessageCode::deassert_inta}});
  b.enable_msix(false);
  b.timeline.run(5_us);
  b.write(0, nic::reg_control, 1);
  CHECK(b.messages().back().second == MessageCode::deassert_inta);
}

TEST_CASE("Interrupt Disable keeps the pin quiet, a function level reset lets it go", "[F1]") {
  IntxBench b;
  b.receive_at(2_us, 1);
  b.timeline.run(3_us);
  b.enumerated.write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
  b.timeline.run(4_us);
  b.enumerated.write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  b.timeline.run(5_us);
  b.enumerated.function_level_reset(0);
  CHECK(b.messages() == Messages{{2_us, MessageCode::assert_inta},
                                 {3_us, MessageCode::deassert_inta},
                                 {4_us, MessageCode::assert_inta},
                                 {5_us, MessageCode::deassert_inta}});
}

TEST_CASE("a function without a pin has no INTx") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 0);
  b.enumerated.write(0, b.enumerated.capability(0, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS, 2, 0);
  b.rx_ring(0, 0, 0x10000, 0);
  b.timeline.run(2_us);
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 1));
  b.timeline.run(3_us);
  CHECK(b.host.sent(TlpType::message).empty());
}
