// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/features.h"

#include "models/protocol/vtd_registers.h"

namespace iov::iommu {

namespace {
constexpr std::uint64_t put(std::uint64_t value, unsigned at) { return value << at; }
constexpr std::uint64_t flag(bool on, unsigned at) { return put(on, at); }
}  // namespace

std::uint64_t Features::capability() const {
  using namespace vtd;
  return put((domain_id_bits - 4) / 2, cap_domains) | flag(true, cap_three_levels) | flag(max_levels >= 4, cap_four_levels) |
         flag(max_levels >= 5, cap_five_levels) | put(guest_address_bits() - 1, cap_guest_width) | flag(true, cap_zero_length_read) |
         put(reg_fault_records / 16, cap_fault_records) | flag(page_2m, cap_2m_pages) | flag(page_1g, cap_1g_pages) |
         flag(true, cap_page_selective) | put(fault_records - 1, cap_fault_record_count) | put(max_address_mask, cap_address_mask) |
         flag(true, cap_write_drain) | flag(true, cap_read_drain) | flag(first_stage && page_1g, cap_first_stage_1g) |
         flag(posted_interrupts, cap_posting) | flag(first_stage && max_levels == 5, cap_first_stage_5_levels);
}

std::uint64_t Features::extended_capability() const {
  using namespace vtd;
  const bool sm = scalable_mode;
  return flag(coherent, ecap_coherent) | flag(true, ecap_queue) | flag(device_tlb, ecap_device_tlb) |
         flag(interrupt_remapping, ecap_remapping) | flag(interrupt_remapping && x2apic, ecap_x2apic) |
         flag(pass_through, ecap_pass_through) | flag(snoop_control, ecap_snoop_control) |
         put(reg_invalidate_address / 16, ecap_iotlb_registers) | put(interrupt_remapping ? max_handle_mask : 0, ecap_handle_mask) |
         flag(nested, ecap_nested) | flag(page_requests, ecap_page_requests) | flag(sm && execute_requests, ecap_execute_requests) |
         flag(device_tlb, ecap_no_write_flag) | flag(sm && first_stage && extended_accessed, ecap_extended_accessed) |
         put(sm ? pasid_bits - 1 : 0, ecap_pasid_bits) | flag(sm, ecap_pasids) | flag(page_requests, ecap_page_request_drain) |
         flag(sm, ecap_scalable_mode) | flag(sm, ecap_second_stage_dirty) | flag(sm, ecap_second_stage) |
         flag(sm && first_stage, ecap_first_stage) | flag(sm && coherent, ecap_scalable_coherent) | flag(sm, ecap_rid_pasid) |
         flag(abort_mode, ecap_abort_mode);
}

}  // namespace iov::iommu
