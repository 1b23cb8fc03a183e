// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
struct Remapping : Rig {
  explicit Remapping(bool on = true, bool x2apic = false, std::uint32_t extra = 0) {
    table = allocate();
    write64(vtd::reg_interrupt_table, vtd::interrupt_table_address(table, 6, x2apic));
    command(vtd::gcmd_set_interrupt_table);
    enable_queue();
    if (extra) command(extra);
    if (on) command(vtd::gcmd_interrupt_remapping);
  }
  void irte(std::uint16_t index, const vtd::Pair& entry) { store(table + index * 16u, entry); }
  void send(RequesterId from, std::uint32_t address, std::uint32_t data) {
    unit.interrupt({from, address, data, {}});
    run();
  }
  void send_index(RequesterId from, std::uint16_t index) {
    send(from, vtd::remappable_msi_address(index), 0);
  }
  std::uint8_t reason() { return unit.fault_record(0).reason(); }
  std::uint64_t table;
};
}  // namespace

TEST_CASE("without remapping a rogue function raises any vector on any processor", "[F2]") {
  Remapping r(false);
  r.send(vf_b, vtd::compatibility_msi_address(5), 0xf3);
  REQUIRE(r.processors.taken.size() == 1);
  CHECK(r.processors.taken[0].interrupt.vector == 0xf3);
  CHECK(r.processors.taken[0].interrupt.destination == 5);
}

TEST_CASE("with remapping the same message is blocked and recorded", "[F2][F3]") {
  Remapping r;
  r.send(vf_b, vtd::compatibility_msi_address(5), 0xf3);
  CHECK(r.processors.taken.empty());
  CHECK(r.reason() == 0x25);
  CHECK(r.unit.fault_record(0).source() == vf_b.value);
  CHECK(r.unit.interrupts.blocked.value() == 1);
}

TEST_CASE("compatibility format passes when software allows it, but not with x2APIC") {
  Remapping r(true, false, vtd::gcmd_compatibility_format);
  r.send(vf_b, vtd::compatibility_msi_address(5), 0xf3);
  CHECK(r.processors.taken.size() == 1);
}

TEST_CASE("a message is delivered as its table entry says, from its own source only", "[F3]") {
  Remapping r;
  r.irte(9, vtd::remapped_irte(3, 0x41, vf_a));
  const Time start = r.timeline.now();
  r.send_index(vf_a, 9);
  REQUIRE(r.processors.taken.size() == 1);
  CHECK(r.processors.taken[0].interrupt.vector == 0x41);
  CHECK(r.processors.taken[0].interrupt.destination == 3);
  const Time cold = r.params.interrupt_latency + 2_ns + r.memory.latency + r.params.walk_read_overhead;
  CHECK(r.processors.taken[0].when == start + cold);
  const Time again = r.timeline.now();
  const unsigned reads = r.memory.reads;
  r.send_index(vf_a, 9);
  CHECK(r.memory.reads == reads);  // from the interrupt entry cache
  CHECK(r.processors.taken[1].when == again + r.params.interrupt_latency);
  r.send_index(vf_b, 9);
  CHECK(r.processors.taken.size() == 2);
  CHECK(r.reason() == 0x26);
  CHECK(r.unit.fault_record(0).interrupt_index() == 9);
}

TEST_CASE("each interrupt fault has its reason") {
  Remapping r;
  r.irte(2, {});
  r.irte(3, {1 | 1u << 12, 0});
  r.irte(4, {2, 0});  // not present, fault processing disabled
  const auto reason = [&](unsigned i) { return r.unit.fault_record(i).reason(); };
  r.send(vf_a, vtd::remappable_msi_address(1), 0x10000);
  CHECK(reason(0) == 0x20);
  r.send_index(vf_a, 64);
  CHECK(reason(1) == 0x21);
  r.send_index(vf_a, 2);
  CHECK(reason(2) == 0x22);
  r.memory.limit = r.table;
  r.send_index(vf_a, 1);
  CHECK(reason(3) == 0x23);
  r.memory.limit = ~std::uint64_t{0};
  r.send_index(vf_a, 3);
  CHECK(reason(4) == 0x24);
  r.send_index(vf_a, 4);
  CHECK(reason(5) == 0x00);
  CHECK(r.unit.interrupts.blocked.value() == 6);
  CHECK(r.processors.taken.empty());
}

TEST_CASE("source checks by function mask and by bus range") {
  InterruptEntry e;
  e.source = 0x0108, e.source_check = 1;
  CHECK(source_allowed(e, {0x0108}));
  CHECK_FALSE(source_allowed(e, {0x010c}));
  e.source_qualifier = 1;
  CHECK(source_allowed(e, {0x010c}));
  CHECK_FALSE(source_allowed(e, {0x010a}));
  e.source_qualifier = 3;
  CHECK(source_allowed(e, {0x010f}));
  CHECK_FALSE(source_allowed(e, {0x0110}));
  e.source_check = 2, e.source = 0x0205;
  CHECK(source_allowed(e, {0x02ff}));
  CHECK(source_allowed(e, {0x0500}));
  CHECK_FALSE(source_allowed(e, {0x0600}));
  CHECK_FALSE(source_allowed(e, {0x01ff}));
  e.source_check = 0;
  CHECK(source_allowed(e, {0xffff}));
}

TEST_CASE("a subhandle is added to the handle, x2APIC destinations have 32 bits") {
  Remapping r(true, true);
  r.irte(12, vtd::remapped_irte(0x1'2345, 0x50, vf_a, true));
  r.send(vf_a, vtd::remappable_msi_address(10) | 8, 2);
  REQUIRE(r.processors.taken.size() == 1);
  CHECK(r.processors.taken[0].interrupt.destination == 0x1'2345);
  r.send(vf_b, vtd::compatibility_msi_address(5), 0xf3);
  CHECK(r.reason() == 0x25);
}

TEST_CASE("a changed entry takes effect after its invalidation, and other indices stay cached") {
  Remapping r;
  r.irte(8, vtd::remapped_irte(0, 0x30, vf_a));
  r.irte(20, vtd::remapped_irte(0, 0x40, vf_a));
  r.send_index(vf_a, 8), r.send_index(vf_a, 20);
  r.irte(8, vtd::remapped_irte(0, 0x31, vf_a));
  r.irte(20, vtd::remapped_irte(0, 0x41, vf_a));
  r.send_index(vf_a, 8);
  CHECK(r.processors.taken.back().interrupt.vector == 0x30);
  r.invalidate(vtd::invalidate_interrupt_entries(9, 1));  // 8 and 9
  r.send_index(vf_a, 8);
  CHECK(r.processors.taken.back().interrupt.vector == 0x31);
  r.send_index(vf_a, 20);
  CHECK(r.processors.taken.back().interrupt.vector == 0x40);
  r.invalidate(vtd::invalidate_interrupt_entries_global());
  r.send_index(vf_a, 20);
  CHECK(r.processors.taken.back().interrupt.vector == 0x41);
}

TEST_CASE("a posted interrupt sets its bit and notifies once until software clears ON", "[F5]") {
  Remapping r;
  const std::uint64_t descriptor = r.allocate();
  const std::uint64_t control = descriptor + 32;
  r.store(control, vtd::posted_control(0xf2, 4));
  r.irte(1, vtd::posted_irte(Hpa(descriptor), 0x61, vf_a));
  r.irte(2, vtd::posted_irte(Hpa(descriptor), 0xc3, vf_a));
  r.send_index(vf_a, 1);
  REQUIRE(r.processors.taken.size() == 1);
  CHECK(r.processors.taken[0].interrupt.notification);
  CHECK(r.processors.taken[0].interrupt.vector == 0xf2);
  CHECK(r.processors.taken[0].interrupt.destination == 4);
  CHECK(r.load(descriptor + 8) == std::uint64_t{1} << (0x61 - 64));
  CHECK((r.load(control) & 3) == vtd::posted_outstanding);
  r.send_index(vf_a, 2);
  CHECK(r.processors.taken.size() == 1);  // ON: the processor will look anyway
  CHECK(r.load(descriptor + 24) == std::uint64_t{1} << (0xc3 - 192));
  r.store(control, vtd::posted_control(0xf2, 4));
  r.send_index(vf_a, 1);
  CHECK(r.processors.taken.size() == 2);
  CHECK(r.unit.interrupts.posted.value() == 3);
  CHECK(r.unit.interrupts.notifications.value() == 2);
}

TEST_CASE("a suppressed descriptor notifies only for urgent interrupts") {
  Remapping r;
  const std::uint64_t descriptor = r.allocate();
  r.store(descriptor + 32, vtd::posted_control(0xf2, 4) | vtd::posted_suppress);
  r.irte(1, vtd::posted_irte(Hpa(descriptor), 0x61, vf_a));
  r.irte(2, vtd::posted_irte(Hpa(descriptor), 0x62, vf_a, true));
  r.send_index(vf_a, 1);
  CHECK(r.processors.taken.empty());
  CHECK(r.load(descriptor + 8) != 0);
  r.send_index(vf_a, 2);
  CHECK(r.processors.taken.size() == 1);
}

TEST_CASE("an entry read overtaken by its invalidation is read again") {
  Remapping r;
  r.irte(8, vtd::remapped_irte(0, 0x30, vf_a));
  r.memory.latency = 2_us;
  r.unit.interrupt({vf_a, vtd::remappable_msi_address(8), 0, {}});
  r.timeline.run(r.timeline.now() + 500_ns);  // the old entry is on its way
  r.irte(8, vtd::remapped_irte(0, 0x31, vf_a));
  r.memory.latency = 1_ns;
  r.invalidate(vtd::invalidate_interrupt_entries(8));
  REQUIRE(r.processors.taken.size() == 1);
  CHECK(r.processors.taken[0].interrupt.vector == 0x31);
}

TEST_CASE("an invalidation's wait stays until a posting through the old entry is over") {
  Remapping r;
  const std::uint64_t descriptor = r.allocate();
  r.store(descriptor + 32, vtd::posted_control(0xf2, 4));
  r.irte(8, vtd::posted_irte(Hpa(descriptor), 0x61, vf_a));
  r.send_index(vf_a, 8);
  r.store(descriptor + 8, 0);
  r.memory.latency = 5_us;
  r.unit.interrupt({vf_a, vtd::remappable_msi_address(8), 0, {}});
  r.timeline.run(r.timeline.now() + 100_ns);
  r.memory.latency = 1_ns;
  r.store(r.status, 0);
  r.submit(vtd::invalidate_interrupt_entries_global());
  r.submit(vtd::wait_status(Hpa(r.status), 1));
  r.timeline.run(r.timeline.now() + 3_us);
  CHECK(static_cast<std::uint32_t>(r.load(r.status)) == 0);
  CHECK(r.load(descriptor + 8) == 0);
  r.run();
  CHECK(static_cast<std::uint32_t>(r.load(r.status)) == 1);
  CHECK(r.load(descriptor + 8) != 0);
}

TEST_CASE("interrupts keep their order, the cached behind the uncached") {
  Remapping r;
  r.irte(1, vtd::remapped_irte(0, 0x31, vf_a));
  r.irte(2, vtd::remapped_irte(0, 0x32, vf_a));
  r.send_index(vf_a, 1);
  r.unit.interrupt({vf_a, vtd::remappable_msi_address(2), 0, {}});
  r.unit.interrupt({vf_a, vtd::remappable_msi_address(1), 0, {}});
  r.run();
  REQUIRE(r.processors.taken.size() == 3);
  CHECK(r.processors.taken[1].interrupt.vector == 0x32);
  CHECK(r.processors.taken[2].interrupt.vector == 0x31);
}
