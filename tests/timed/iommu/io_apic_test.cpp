// SPDX-License-Identifier: Apache-2.0
/// The I/O interrupt controller in front of interrupt remapping.
#include "models/host/io_apic.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
struct Board : Rig {
  explicit Board(bool remapping, std::uint32_t extra = 0) {
    table = allocate();
    write64(vtd::reg_interrupt_table, vtd::interrupt_table_address(table, 6, false));
    command(vtd::gcmd_set_interrupt_table);
    enable_queue();
    if (extra) command(extra);
    if (remapping) command(vtd::gcmd_interrupt_remapping);
    io_apic.set_remapper(unit);
  }
  void set_entry(unsigned pin, std::uint64_t entry) {
    for (const unsigned half : {1u, 0u}) {
      io_apic.write(host::IoApic::reg_select, 0x10 + 2 * pin + half);
      io_apic.write(host::IoApic::reg_window, static_cast<std::uint32_t>(entry >> 32 * half));
    }
  }
  void pulse(unsigned pin) {
    io_apic.wire(vf_a, pin, true);
    run();
    io_apic.wire(vf_a, pin, false);
  }
  host::IoApic io_apic{"io_apic", timeline, {}};
  std::uint64_t table;
};
}  // namespace

TEST_CASE("a remappable IOAPIC entry goes through the table, with the controller's own source ID", "[F1][F3]") {
  Board b(true);
  b.store(b.table + 9 * 16, vtd::remapped_irte(3, 0x41, b.io_apic.requester()));
  b.set_entry(4, host::redirection::remappable(9, 0x41, false));
  b.pulse(4);
  REQUIRE(b.processors.taken.size() == 1);
  CHECK(b.processors.taken[0].interrupt.vector == 0x41);
  CHECK(b.processors.taken[0].interrupt.destination == 3);
  CHECK_FALSE(b.processors.taken[0].interrupt.level);
  b.store(b.table + 10 * 16, vtd::remapped_irte(3, 0x42, vf_a));  // a device's entry
  b.set_entry(5, host::redirection::remappable(10, 0x42, false));
  b.pulse(5);
  CHECK(b.processors.taken.size() == 1);
  CHECK(b.unit.fault_record(0).reason() == 0x26);
}

TEST_CASE("a level-triggered IOAPIC interrupt keeps its trigger through a remapping entry", "[F1][F3]") {
  Board b(true);
  auto irte = vtd::remapped_irte(3, 0x41, b.io_apic.requester());
  irte.lo |= 1u << 4;  // TM
  b.store(b.table + 9 * 16, irte);
  b.set_entry(16, host::redirection::remappable(9, 0x41, true));
  b.io_apic.wire(vf_a, 16, true);
  b.run();
  REQUIRE(b.processors.taken.size() == 1);
  CHECK(b.processors.taken[0].interrupt.level);
  b.io_apic.end_of_interrupt(0x41);  // still asserted
  b.run();
  CHECK(b.processors.taken.size() == 2);
}

TEST_CASE("compatibility IOAPIC entries are blocked by remapping unless software lets them pass", "[F1][F3]") {
  Board b(true);
  b.set_entry(4, host::redirection::compatibility(5, 0x41, false));
  b.pulse(4);
  CHECK(b.processors.taken.empty());
  CHECK(b.unit.fault_record(0).reason() == 0x25);
  CHECK(b.unit.fault_record(0).source() == b.io_apic.requester().value);
  b.command(vtd::gcmd_compatibility_format | vtd::gcmd_interrupt_remapping);
  b.pulse(4);
  REQUIRE(b.processors.taken.size() == 1);
  CHECK(b.processors.taken[0].interrupt.destination == 5);
}
