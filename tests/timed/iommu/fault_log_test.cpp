// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/iommu/rig.h"
using namespace rig;

TEST_CASE("faults fill the records, then overflow, and a cleared record takes the next one") {
  Params p = test_params();
  p.features.fault_records = 2;
  Rig r(p);
  r.enable_translation();
  r.dma(vf_a, 0x1000), r.dma(vf_b, 0x2000), r.dma(vf_c, 0x3000);
  CHECK(r.unit.fault_record(0).source() == vf_a.value);
  CHECK(r.unit.fault_record(1).source() == vf_b.value);
  CHECK(r.fault_status() == (vtd::fsts_pending | vtd::fsts_overflow));
  r.unit.write_register(vtd::reg_fault_records + 8, std::uint64_t{1} << 63, 8);
  CHECK_FALSE(r.unit.fault_record(0).valid());
  r.dma(vf_c, 0x4000);
  CHECK_FALSE(r.unit.fault_record(0).valid());  // nothing is recorded while PFO is set
  r.write32(vtd::reg_fault_status, vtd::fsts_overflow);
  r.dma(vf_c, 0x5000);
  CHECK(r.unit.fault_record(0).page() == 0x5000);
  r.unit.write_register(vtd::reg_fault_records + 8, std::uint64_t{1} << 63, 8);
  r.unit.write_register(vtd::reg_fault_records + 24, std::uint64_t{1} << 63, 8);
  CHECK(r.fault_status() == 0);
}

TEST_CASE("the fault event is sent once, held back while masked") {
  Rig r;
  r.enable_translation();
  r.write32(vtd::reg_fault_event_data, 0x77);
  r.write32(vtd::reg_fault_event_address, 0xfee0'2000);
  r.dma(vf_a, 0x1000);
  CHECK(r.processors.taken.empty());
  CHECK(r.unit.read_register(vtd::reg_fault_event_control, 4) == (vtd::event_mask | vtd::event_pending));
  r.write32(vtd::reg_fault_event_control, 0);
  REQUIRE(r.processors.taken.size() == 1);
  CHECK(r.processors.taken[0].interrupt.vector == 0x77);
  CHECK(r.processors.taken[0].interrupt.destination == 2);
  r.dma(vf_b, 0x1000);
  CHECK(r.processors.taken.size() == 1);  // still pending: software will find both
}

TEST_CASE("fault processing disable blocks without recording") {
  Rig r;
  r.store(r.context_slot(vf_a), vtd::Pair{2, 0});  // P = 0, FPD = 1
  r.enable_translation();
  CHECK(r.dma(vf_a, 0x1000).outcome == Outcome::blocked);
  CHECK(r.fault_status() == 0);
  CHECK(r.unit.translation.faults.value() == 1);
}

TEST_CASE("capability registers say what the parameters say") {
  Params p = test_params();
  p.features.max_levels = 5;
  p.features.page_1g = false;
  p.features.fault_records = 4;
  p.features.device_tlb = p.features.page_requests = false;
  Rig r(p);
  const std::uint64_t cap = r.unit.read_register(vtd::reg_capability, 8);
  const std::uint64_t ecap = r.unit.read_register(vtd::reg_extended_capability, 8);
  CHECK((cap >> 8 & 0x1f) == 0xe);  // 3, 4 and 5 levels
  CHECK((cap >> 16 & 0x3f) == 56);  // 57 bits
  CHECK((cap >> 34 & 3) == 1);      // 2 MiB only
  CHECK((cap >> 40 & 0xff) == 3);   // four records
  CHECK((cap >> 24 & 0x3ff) * 16 == vtd::reg_fault_records);
  CHECK((ecap >> 8 & 0x3ff) * 16 == vtd::reg_invalidate_address);
  CHECK((ecap >> 2 & 1) == 0);
  CHECK((ecap & 3) == 3);
  r.write64(vtd::reg_capability, 0);
  CHECK(r.unit.read_register(vtd::reg_capability, 8) == cap);
}
