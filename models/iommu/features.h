// SPDX-License-Identifier: Apache-2.0
/// Features -- what this remapping unit can do; CAP and ECAP are derived from it, and every check of
/// reserved bits and unsupported types asks it, so that what is advertised is what works.
///
/// Spec    VT-d 4.1 11.4.2 (CAP), 11.4.3 (ECAP).
#pragma once
#include <cstdint>

#include "models/core/params.h"

namespace iov::iommu {

struct Features {
  unsigned host_address_bits = 46;
  unsigned max_levels = 4;
  bool page_2m = true, page_1g = true;
  bool pass_through = true;
  bool device_tlb = true;
  bool coherent = true, snoop_control = true;
  bool interrupt_remapping = true, posted_interrupts = true, x2apic = true;
  bool scalable_mode = true, first_stage = true, nested = true, page_requests = true;
  bool execute_requests = true, extended_accessed = true, abort_mode = true;
  unsigned pasid_bits = 20;
  unsigned domain_id_bits = 16;
  unsigned fault_records = 8;

  template <class V>
  void describe(V& v) {
    const char* vtd = "VT-d 4.1 11.4.2 and 11.4.3; server parts of 2012 and later advertise it";
    v.field("host_address_bits", host_address_bits, Range<unsigned>{36, 52},
            "host address width; table bits above are reserved", vtd);
    v.field("max_levels", max_levels, Range<unsigned>{3, 5},
            "deepest second-stage table: 3 = 39, 4 = 48, 5 = 57 bits", vtd);
    v.flag("page_2m", page_2m, "2 MiB second-stage leaves (CAP.SSLPS)", vtd);
    v.flag("page_1g", page_1g, "1 GiB leaves (CAP.SSLPS, CAP.FL1GP)", vtd);
    v.flag("pass_through", pass_through, "translation type pass-through (ECAP.PT)", vtd);
    v.flag("device_tlb", device_tlb, "ATS (ECAP.DT)", vtd);
    v.flag("coherent", coherent, "walks snoop the caches (ECAP.C); else they go to DRAM", vtd);
    v.flag("snoop_control", snoop_control, "tables may overrule a device's No Snoop (ECAP.SC)", vtd);
    v.flag("interrupt_remapping", interrupt_remapping, "ECAP.IR", vtd);
    v.flag("posted_interrupts", posted_interrupts, "CAP.PI", vtd);
    v.flag("x2apic", x2apic, "32-bit interrupt destinations (ECAP.EIM)", vtd);
    v.flag("scalable_mode", scalable_mode, "scalable mode with PASIDs (ECAP.SMTS)", vtd);
    v.flag("first_stage", first_stage, "first-stage tables (ECAP.FLTS)", vtd);
    v.flag("nested", nested, "nested translation (ECAP.NEST)", vtd);
    v.flag("page_requests", page_requests, "page request queue, with drain (ECAP.PRS, ECAP.PDS)", vtd);
    v.flag("execute_requests", execute_requests, "execute permission asked for with a PASID (ECAP.ERS)", vtd);
    v.flag("abort_mode", abort_mode, "a root table mode that blocks all DMA (ECAP.ADMS)", vtd);
    v.flag("extended_accessed", extended_accessed, "extended-accessed bits of first-stage entries (ECAP.EAFS)", vtd);
    v.field("pasid_bits", pasid_bits, Range<unsigned>{6, 20}, "PASID width (ECAP.PSS + 1)", vtd);
    v.field("domain_id_bits", domain_id_bits, Range<unsigned>{4, 16}, "domain-ID width, even (CAP.ND)", vtd);
    v.field("fault_records", fault_records, Range<unsigned>{1, 256},
            "fault recording registers (CAP.NFR + 1)", vtd);
    v.require(domain_id_bits % 2 == 0, "domain_id_bits must be even");
    v.require(!nested || (first_stage && scalable_mode), "nested needs scalable_mode and first_stage");
    v.require(!posted_interrupts || interrupt_remapping, "posted_interrupts needs interrupt_remapping");
    v.require(!page_requests || device_tlb, "page_requests needs device_tlb");
  }

  unsigned address_bits(unsigned levels) const { return 12 + 9 * levels; }
  unsigned guest_address_bits() const { return address_bits(max_levels); }
  bool beyond_host(std::uint64_t address) const { return address >> host_address_bits != 0; }
  bool levels_supported(unsigned levels) const { return levels >= 3 && levels <= max_levels; }
  bool leaf_supported(unsigned level) const {
    return level == 1 || (level == 2 && page_2m) || (level == 3 && page_1g);
  }
  std::uint64_t capability() const;
  std::uint64_t extended_capability() const;
};

inline constexpr unsigned max_address_mask =
    18;  ///< CAP.MAMV: up to 2^18 pages per page-selective invalidation
inline constexpr unsigned max_handle_mask = 15;  ///< ECAP.MHMV: up to 2^15 entries per index-selective invalidation

}  // namespace iov::iommu
