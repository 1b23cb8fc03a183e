// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/fault_reason.h"

namespace iov::iommu {

namespace {
using R = FaultReason;
struct ReasonRow {
  R reason;
  const char* name;
  bool qualified;
};
constexpr ReasonRow reason_rows[] = {
    {R::none, "none", false},
    {R::root_not_present, "root_not_present", false},
    {R::context_not_present, "context_not_present", true},
    {R::context_invalid, "context_invalid", true},
    {R::beyond_width, "beyond_width", true},
    {R::write_denied, "write_denied", true},
    {R::read_denied, "read_denied", true},
    {R::table_access, "table_access", true},
    {R::root_access, "root_access", false},
    {R::context_access, "context_access", false},
    {R::root_reserved, "root_reserved", false},
    {R::context_reserved, "context_reserved", true},
    {R::entry_reserved, "entry_reserved", true},
    {R::type_blocked, "type_blocked", true},
    {R::interrupt_range, "interrupt_range", true},
    {R::interrupt_reserved, "interrupt_reserved", false},
    {R::interrupt_index, "interrupt_index", false},
    {R::irte_not_present, "irte_not_present", true},
    {R::irte_access, "irte_access", false},
    {R::irte_reserved, "irte_reserved", true},
    {R::compatibility_blocked, "compatibility_blocked", false},
    {R::source_mismatch, "source_mismatch", true},
    {R::descriptor_access, "descriptor_access", true},
    {R::descriptor_reserved, "descriptor_reserved", true},
    {R::sm_root_address, "sm_root_address", false},
    {R::pasid_in_legacy, "pasid_in_legacy", false},
    {R::page_request_in_legacy, "page_request_in_legacy", false},
    {R::abort_mode, "abort_mode", false},
    {R::sm_root_access, "sm_root_access", false},
    {R::sm_root_not_present, "sm_root_not_present", false},
    {R::sm_root_reserved, "sm_root_reserved", false},
    {R::sm_context_access, "sm_context_access", false},
    {R::sm_context_not_present, "sm_context_not_present", true},
    {R::sm_context_reserved, "sm_context_reserved", true},
    {R::sm_context_invalid, "sm_context_invalid", true},
    {R::device_tlb_disabled, "device_tlb_disabled", true},
    {R::pasid_disabled, "pasid_disabled", true},
    {R::pasid_too_large, "pasid_too_large", true},
    {R::page_request_disabled, "page_request_disabled", true},
    {R::rid_pasid_invalid, "rid_pasid_invalid", true},
    {R::pasid_directory_access, "pasid_directory_access", true},
    {R::pasid_directory_not_present, "pasid_directory_not_present", true},
    {R::pasid_directory_reserved, "pasid_directory_reserved", true},
    {R::pasid_entry_access, "pasid_entry_access", true},
    {R::pasid_entry_not_present, "pasid_entry_not_present", true},
    {R::pasid_entry_reserved, "pasid_entry_reserved", true},
    {R::pasid_entry_invalid, "pasid_entry_invalid", true},
    {R::execute_disabled, "execute_disabled", true},
    {R::supervisor_disabled, "supervisor_disabled", true},
    {R::first_stage_access, "first_stage_access", true},
    {R::first_stage_not_present, "first_stage_not_present", true},
    {R::first_stage_reserved, "first_stage_reserved", true},
    {R::first_stage_top_access, "first_stage_top_access", true},
    {R::first_stage_beyond_width, "first_stage_beyond_width", true},
    {R::first_stage_top_read, "first_stage_top_read", true},
    {R::first_stage_read, "first_stage_read", true},
    {R::first_stage_update, "first_stage_update", true},
    {R::second_stage_access, "second_stage_access", true},
    {R::second_stage_not_present, "second_stage_not_present", true},
    {R::second_stage_reserved, "second_stage_reserved", true},
    {R::second_stage_top_access, "second_stage_top_access", true},
    {R::not_canonical, "not_canonical", true},
    {R::supervisor_page, "supervisor_page", true},
    {R::execute_denied, "execute_denied", true},
    {R::sm_beyond_host_width, "sm_beyond_host_width", true},
    {R::sm_beyond_width, "sm_beyond_width", true},
    {R::sm_write_denied, "sm_write_denied", true},
    {R::sm_read_denied, "sm_read_denied", true},
    {R::sm_interrupt_range, "sm_interrupt_range", true},
};
const ReasonRow* find(R reason) {
  for (const ReasonRow& row : reason_rows)
    if (row.reason == reason) return &row;
  return nullptr;
}
}  // namespace

const char* fault_name(FaultReason reason) {
  const ReasonRow* row = find(reason);
  return row ? row->name : "unknown";
}

bool qualified(FaultReason reason) {
  const ReasonRow* row = find(reason);
  return row && row->qualified;
}

}  // namespace iov::iommu
