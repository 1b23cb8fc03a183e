// SPDX-License-Identifier: Apache-2.0
/// FaultReason -- why the IOMMU refused, as the number software reads in a fault record.
///
/// Spec    VT-d 4.1 7.1.3 (tables of interrupt and address translation fault conditions).
#pragma once
#include <cstdint>

namespace iov::iommu {

enum class FaultReason : std::uint8_t {
  none = 0,
  root_not_present = 0x01,
  context_not_present = 0x02,
  context_invalid = 0x03,
  beyond_width = 0x04,
  write_denied = 0x05,
  read_denied = 0x06,
  table_access = 0x07,
  root_access = 0x08,
  context_access = 0x09,
  root_reserved = 0x0a,
  context_reserved = 0x0b,
  entry_reserved = 0x0c,
  type_blocked = 0x0d,
  interrupt_range = 0x0e,

  interrupt_reserved = 0x20,
  interrupt_index = 0x21,
  irte_not_present = 0x22,
  irte_access = 0x23,
  irte_reserved = 0x24,
  compatibility_blocked = 0x25,
  source_mismatch = 0x26,
  descriptor_access = 0x27,
  descriptor_reserved = 0x28,

  sm_root_address = 0x30,
  pasid_in_legacy = 0x31,
  page_request_in_legacy = 0x32,
  abort_mode = 0x33,
  sm_root_access = 0x38,
  sm_root_not_present = 0x39,
  sm_root_reserved = 0x3a,
  sm_context_access = 0x40,
  sm_context_not_present = 0x41,
  sm_context_reserved = 0x42,
  sm_context_invalid = 0x43,
  device_tlb_disabled = 0x44,
  pasid_disabled = 0x45,
  pasid_too_large = 0x46,
  page_request_disabled = 0x47,
  rid_pasid_invalid = 0x48,
  pasid_directory_access = 0x50,
  pasid_directory_not_present = 0x51,
  pasid_directory_reserved = 0x52,
  pasid_entry_access = 0x58,
  pasid_entry_not_present = 0x59,
  pasid_entry_reserved = 0x5a,
  pasid_entry_invalid = 0x5b,
  execute_disabled = 0x5c,
  supervisor_disabled = 0x5d,
  first_stage_access = 0x70,
  first_stage_not_present = 0x71,
  first_stage_reserved = 0x72,
  first_stage_top_access = 0x73,
  first_stage_beyond_width = 0x74,
  first_stage_top_read = 0x75,
  first_stage_read = 0x76,
  first_stage_update = 0x77,
  second_stage_access = 0x78,
  second_stage_not_present = 0x79,
  second_stage_reserved = 0x7a,
  second_stage_top_access = 0x7b,
  not_canonical = 0x80,
  supervisor_page = 0x81,
  execute_denied = 0x82,
  sm_beyond_host_width = 0x83,
  sm_beyond_width = 0x84,
  sm_write_denied = 0x85,
  sm_read_denied = 0x86,
  sm_interrupt_range = 0x87,
};

/// snake_case name, "unknown" for a number the specification leaves free.
const char* fault_name(FaultReason reason);

/// Recorded only when no FPD of the entries used is set (7.1.3, column "qualified").
bool qualified(FaultReason reason);

}  // namespace iov::iommu
