// SPDX-License-Identifier: Apache-2.0
// CAP and ECAP, bit by bit as drivers read them (Linux drivers/iommu/intel/iommu.h, cap_* and ecap_*): each feature shows in
// its own bits and nowhere else.
#include <catch2/catch.hpp>

#include "models/iommu/features.h"
using namespace iov::iommu;

namespace {
constexpr std::uint64_t at(unsigned bit) { return std::uint64_t{1} << bit; }

struct FeatureRow {
  const char* what;
  void (*off)(Features&);
  std::uint64_t cap, ecap;  ///< the bits that go with it
};
const FeatureRow feature_rows[] = {
    {"2 MiB pages", [](Features& f) { f.page_2m = false; }, at(34), 0},
    {"1 GiB pages: cap_super_page_val, cap_fl1gp_support", [](Features& f) { f.page_1g = false; }, at(35) | at(56), 0},
    {"ecap_pass_through", [](Features& f) { f.pass_through = false; }, 0, at(6)},
    {"ecap_coherent, ecap_smpwc", [](Features& f) { f.coherent = false; }, 0, at(0) | at(48)},
    {"ecap_sc_support", [](Features& f) { f.snoop_control = false; }, 0, at(7)},
    {"cap_pi_support", [](Features& f) { f.posted_interrupts = false; }, at(59), 0},
    {"ecap_eim_support", [](Features& f) { f.x2apic = false; }, 0, at(4)},
    {"ecap_ir_support, its EIM, PI and ecap_max_handle_mask",
     [](Features& f) { f.interrupt_remapping = f.posted_interrupts = false; }, at(59), at(3) | at(4) | 0xfull << 20},
    {"ecap_nest", [](Features& f) { f.nested = false; }, 0, at(26)},
    {"ecap_prs, ecap_pds", [](Features& f) { f.page_requests = false; }, 0, at(29) | at(42)},
    {"ecap_dev_iotlb_support, ecap_nwfs, and page requests with it", [](Features& f) { f.device_tlb = f.page_requests = false; }, 0,
     at(2) | at(33) | at(29) | at(42)},
    {"ecap_ers", [](Features& f) { f.execute_requests = false; }, 0, at(30)},
    {"ecap_eafs", [](Features& f) { f.extended_accessed = false; }, 0, at(34)},
    {"ecap_adms", [](Features& f) { f.abort_mode = false; }, 0, at(52)},
    {"ecap_flts, its EAFS, FL1GP and nesting", [](Features& f) { f.first_stage = f.nested = false; }, at(56), at(47) | at(34) | at(26)},
    {"ecap_smts and all that needs it: ERS, EAFS, PASID, SLADS, SLTS, FLTS, SMPWC, RPS, PSS",
     [](Features& f) { f.scalable_mode = f.nested = false; }, 0,
     at(43) | at(30) | at(34) | at(40) | at(45) | at(46) | at(47) | at(48) | at(49) | 0x1full << 35 | at(26)},
};
}  // namespace

TEST_CASE("each feature of the IOMMU shows in its own bits of CAP and ECAP and nowhere else") {
  const Features all;
  for (const FeatureRow& row : feature_rows) {
    INFO(row.what);
    Features f;
    row.off(f);
    CHECK((all.capability() ^ f.capability()) == (row.cap & all.capability()));
    CHECK((all.extended_capability() ^ f.extended_capability()) == (row.ecap & all.extended_capability()));
    CHECK((f.capability() & row.cap) == 0);
    CHECK((f.extended_capability() & row.ecap) == 0);
  }
}

TEST_CASE("fields of CAP and ECAP: widths, domains, fault records, address and handle mask, PASID size") {
  Features f;
  f.max_levels = 5, f.domain_id_bits = 12, f.fault_records = 200, f.pasid_bits = 17;
  const std::uint64_t cap = f.capability(), ecap = f.extended_capability();
  CHECK((cap & 7) == 4);                  // cap_ndoms: 2^(4 + 2 * 4)
  CHECK((cap >> 8 & 0x1f) == 0xe);        // cap_sagaw: 3, 4 and 5 levels
  CHECK((cap >> 16 & 0x3f) + 1 == 57);    // cap_mgaw
  CHECK((cap >> 22 & 1) == 1);            // cap_zlr
  CHECK((cap >> 40 & 0xff) + 1 == 200);   // cap_num_fault_regs
  CHECK((cap >> 39 & 1) == 1);            // cap_pgsel_inv
  CHECK((cap >> 48 & 0x3f) == 18);        // cap_max_amask_val
  CHECK((cap >> 54 & 3) == 3);            // write and read drain
  CHECK((cap >> 60 & 1) == 1);            // cap_fl5lp_support
  CHECK((ecap >> 20 & 0xf) == 15);        // ecap_max_handle_mask
  CHECK((ecap >> 35 & 0x1f) + 1 == 17);   // ecap_pss
  // what the unit does not do: AFL, RWBF, PLMR, PHMR, CM, ESIRTPS, ESRTPS, ECMDS; MTS, SRS, DIT, VCS, RPRIVS
  CHECK((cap & (at(3) | at(4) | at(5) | at(6) | at(7) | at(61) | at(62) | at(63))) == 0);
  CHECK((ecap & (at(25) | at(31) | at(41) | at(44) | at(53))) == 0);
  f.max_levels = 3;
  CHECK((f.capability() >> 8 & 0x1f) == 2);
  CHECK((f.capability() >> 60 & 1) == 0);
}
