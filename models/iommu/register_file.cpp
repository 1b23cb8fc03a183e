// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/register_file.h"

namespace iov::iommu {

namespace {
struct RegisterRow {
  std::uint32_t offset;
  std::uint64_t writable, write_one_to_clear;
};
constexpr std::uint64_t all64 = ~std::uint64_t{0};
constexpr RegisterRow register_rows[] = {
    {vtd::reg_global_command, 0xffff'ffff, 0},
    {vtd::reg_root_table, ~std::uint64_t{0x3ff}, 0},
    {vtd::reg_context_command, all64, 0},
    {vtd::reg_fault_status, 0,
     vtd::fsts_overflow | vtd::fsts_queue_error | vtd::fsts_completion_error | vtd::fsts_timeout_error |
         vtd::fsts_page_request_overflow},
    {vtd::reg_fault_event_control, vtd::event_mask, 0},
    {vtd::reg_fault_event_data, 0xffff, 0},
    {vtd::reg_fault_event_address, 0xffff'fffc, 0},
    {vtd::reg_fault_event_upper_address, 0xffff'ffff, 0},
    {vtd::reg_queue_tail, 0x7fff0, 0},
    {vtd::reg_queue_address, ~std::uint64_t{0x7f8}, 0},
    {vtd::reg_completion_status, 0, vtd::ics_wait_completed},
    {vtd::reg_completion_event_control, vtd::event_mask, 0},
    {vtd::reg_completion_event_data, 0xffff, 0},
    {vtd::reg_completion_event_address, 0xffff'fffc, 0},
    {vtd::reg_completion_event_upper_address, 0xffff'ffff, 0},
    {vtd::reg_interrupt_table, ~std::uint64_t{0x7f0}, 0},
    {vtd::reg_page_request_head, 0x7ffe0, 0},
    {vtd::reg_page_request_tail, 0x7ffe0, 0},
    {vtd::reg_page_request_address, ~std::uint64_t{0xff8}, 0},
    {vtd::reg_page_request_status, 0, vtd::prs_pending | vtd::prs_overflow},
    {vtd::reg_page_request_event_control, vtd::event_mask, 0},
    {vtd::reg_page_request_event_data, 0xffff, 0},
    {vtd::reg_page_request_event_address, 0xffff'fffc, 0},
    {vtd::reg_page_request_event_upper_address, 0xffff'ffff, 0},
    {vtd::reg_invalidate_address, all64, 0},
    {vtd::reg_iotlb_invalidate, all64, 0},
};
}  // namespace

RegisterFile::RegisterFile(const Features& f)
    : words_(vtd::register_bytes / 4), writable_(words_.size()), clear_(words_.size()) {
  for (const RegisterRow& row : register_rows) allow(row.offset, row.writable, row.write_one_to_clear);
  for (unsigned i = 0; i < f.fault_records; ++i)
    allow(vtd::reg_fault_records + i * vtd::fault_record_bytes + 8, 0, std::uint64_t{1} << 63);
  set32(vtd::reg_version, 0x41);  // 4.1
  set64(vtd::reg_capability, f.capability());
  set64(vtd::reg_extended_capability, f.extended_capability());
  for (const std::uint32_t control :
       {vtd::reg_fault_event_control, vtd::reg_completion_event_control, vtd::reg_page_request_event_control})
    set32(control, vtd::event_mask);
}

void RegisterFile::allow(std::uint32_t offset, std::uint64_t writable, std::uint64_t clear) {
  writable_[offset / 4] |= static_cast<std::uint32_t>(writable);
  clear_[offset / 4] |= static_cast<std::uint32_t>(clear);
  if (writable >> 32) writable_[offset / 4 + 1] |= static_cast<std::uint32_t>(writable >> 32);
  if (clear >> 32) clear_[offset / 4 + 1] |= static_cast<std::uint32_t>(clear >> 32);
}

std::uint64_t RegisterFile::read(std::uint32_t offset, unsigned bytes) const {
  if (!addressable(offset, bytes)) return 0;
  return bytes == 8 ? get64(offset) : get32(offset);
}

void RegisterFile::write(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  if (!addressable(offset, bytes)) return;
  for (std::uint32_t i = offset / 4; i < (offset + bytes) / 4; ++i, value >>= 32) {
    const auto word = static_cast<std::uint32_t>(value);
    words_[i] = (words_[i] & ~writable_[i]) | (word & writable_[i]);
    words_[i] &= ~(word & clear_[i]);
  }
}

}  // namespace iov::iommu
