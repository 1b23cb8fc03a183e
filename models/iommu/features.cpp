// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/features.h"

#include "models/protocol/vtd_registers.h"

namespace iov::iommu {

namespace {
constexpr std::uint64_t bit(bool on, unsigned at) { return on ? std::uint64_t{1} << at : 0; }
constexpr std::uint64_t put(std::uint64_t value, unsigned at) { return value << at; }
}  // namespace

std::uint64_t Features::capability() const {
  const std::uint64_t agaw = (2u << (max_levels - 2)) - 2u;  // bit 1: 3 levels, 2: 4, 3: 5
  return put((domain_id_bits - 4) / 2, 0) | put(agaw, 8) | put(guest_address_bits() - 1, 16) |
         bit(true, 22) |                                                                               // ZLR
         put(vtd::reg_fault_records / 16, 24) | bit(page_2m, 34) | bit(page_1g, 35) | bit(true, 39) |  // PSI
         put(fault_records - 1, 40) | put(max_address_mask, 48) | put(3, 54) |  // drains
         bit(first_stage && page_1g, 56) | bit(posted_interrupts, 59) |
         bit(first_stage && max_levels == 5, 60);
}

std::uint64_t Features::extended_capability() const {
  return bit(coherent, 0) | bit(true, 1) | bit(device_tlb, 2) | bit(interrupt_remapping, 3) |
         bit(interrupt_remapping && x2apic, 4) | bit(pass_through, 6) |
         put(vtd::reg_invalidate_address / 16, 8) | bit(nested, 26) | bit(page_requests, 29) |
         bit(scalable_mode, 40) | put(scalable_mode ? pasid_bits - 1 : 0, 35) | bit(scalable_mode, 43) |
         bit(scalable_mode, 45) | bit(scalable_mode, 46) | bit(scalable_mode && first_stage, 47) |
         bit(scalable_mode, 48) | bit(scalable_mode, 49);
}

}  // namespace iov::iommu
