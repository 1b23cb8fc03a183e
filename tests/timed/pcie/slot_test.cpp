// SPDX-License-Identifier: Apache-2.0
/// Slots below root and switch ports: what their registers say, and when they interrupt.
#include "models/core/invariant.h"
#include "tests/timed/pcie/switch_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
struct SlotInterrupts : InterruptRemapper {
  void interrupt(const InterruptMessage& m) override { seen.push_back(m); }
  std::vector<InterruptMessage> seen;
};
constexpr unsigned all_events = PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE | PCI_EXP_SLTCTL_HPIE;

struct RootSlot : RootBench {
  SlotInterrupts interrupts;
  RootSlot() {
    rc.set_interrupt_remapper(&interrupts);
    root.on_link(bind<&RootSlot::link_changed>(this));
    const unsigned msi = space().layout().capability(PCI_CAP_ID_MSI);
    rc.write_root_port(0, msi + PCI_MSI_ADDRESS_LO, 4, 0xfee02000);
    rc.write_root_port(0, msi + PCI_MSI_DATA_64, 2, 0x51);
    rc.write_root_port(0, msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
  }
  const config::ConfigSpace& space() { return rc.root_port(0).config(); }
  void link_changed(bool up) { rc.link_changed(0, up, root.present()); }
  unsigned express() { return space().layout().capability(PCI_CAP_ID_EXP); }
  std::uint32_t status() { return space().read(express() + PCI_EXP_SLTSTA, 2); }
  bool active() { return (space().read(express() + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA) != 0; }
  void control(unsigned bits) { rc.write_root_port(0, express() + PCI_EXP_SLTCTL, 2, bits); }
  void clear() { rc.write_root_port(0, express() + PCI_EXP_SLTSTA, 2, 0xffff); }
};
}  // namespace

TEST_CASE("slot: a link that goes and comes is in Slot Status and Link Status, each event interrupts once until it is cleared", "[C6][C7]") {
  RootSlot b;
  CHECK(b.status() == PCI_EXP_SLTSTA_PDS);
  CHECK(b.active());
  b.control(all_events);
  b.root.link_down();
  CHECK(b.status() == (PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC));  // and nothing is present
  CHECK_FALSE(b.active());
  REQUIRE(b.interrupts.seen.size() == 1);
  CHECK(b.interrupts.seen[0].requester == b.rc.root_port(0).id());
  CHECK(b.interrupts.seen[0].address == 0xfee02000);
  CHECK(b.interrupts.seen[0].data == 0x51);
  b.root.link_up();
  CHECK(b.interrupts.seen.size() == 1);  // events are pending since before
  CHECK(b.status() == (PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC));
  CHECK(b.active());
  b.clear();
  CHECK(b.status() == PCI_EXP_SLTSTA_PDS);
  b.root.link_down();
  CHECK(b.interrupts.seen.size() == 2);
}

TEST_CASE("slot: a reset of the link leaves what is in the slot present", "[B18]") {
  RootSlot b;
  b.root.hot_reset();
  CHECK(b.status() == (PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_DLLSC));
  CHECK_FALSE(b.active());
  b.run(b.root.params().training_time);
  CHECK(b.active());
  CHECK(b.status() == (PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_DLLSC));
}

TEST_CASE("slot: only enabled events interrupt, also those that are enabled while they are pending", "[C6]") {
  RootSlot b;
  b.control(PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE);  // without HPIE
  b.root.link_down();
  CHECK(b.interrupts.seen.empty());
  b.control(PCI_EXP_SLTCTL_HPIE);
  CHECK(b.interrupts.seen.empty());
  b.control(PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_PDCE);
  CHECK(b.interrupts.seen.size() == 1);
  b.control(PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_DLLSCE);  // true before and after
  CHECK(b.interrupts.seen.size() == 1);
  b.control(0);
  b.control(PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_DLLSCE);
  CHECK(b.interrupts.seen.size() == 2);
}

TEST_CASE("slot: of a switch, its event is a memory write from the port's own ID, after the switch's latency and not 1 ps before", "[C6][B24]") {
  SwitchBench b(2);
  const config::ConfigSpace& space = b.fabric.port(2).config();
  const unsigned express = space.layout().capability(PCI_CAP_ID_EXP), msi = space.layout().capability(PCI_CAP_ID_MSI);
  b.fabric.write_port(2, msi + PCI_MSI_ADDRESS_LO, 4, 0xfee03000);
  b.fabric.write_port(2, msi + PCI_MSI_DATA_64, 2, 0x61);
  b.fabric.write_port(2, msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
  b.fabric.write_port(2, express + PCI_EXP_SLTCTL, 2, all_events);
  const Time down = b.timeline.now();
  b.branches[2].inner.link_down();
  const Time arrival = down + SwitchParams{}.latency + b.flight(memory_write(4, 0, 0xfee03000));
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at(0).got.empty());
  b.timeline.run(arrival);
  REQUIRE(b.at(0).got.size() == 1);
  const Tlp& message = b.at(0).got[0].tlp;
  CHECK(message.type == TlpType::memory_write);
  CHECK(message.requester == b.fabric.port(2).id());
  CHECK(message.address == 0xfee03000);
  REQUIRE(message.data.size() == 4);
  CHECK(message.data.data()[0] == 0x61);
  CHECK((space.read(express + PCI_EXP_SLTSTA, 2) & PCI_EXP_SLTSTA_PDS) == 0);
  // A port that may not send does not.
  b.fabric.write_port(2, express + PCI_EXP_SLTSTA, 2, 0xffff);
  b.fabric.write_port(2, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  b.branches[2].inner.link_up();
  b.run(5_us);
  CHECK(b.at(0).got.size() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}
