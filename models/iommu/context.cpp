// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/context.h"

#include <algorithm>

#include "models/protocol/vtd.h"

namespace iov::iommu {

namespace {
using R = FaultReason;
}  // namespace

R decode_scalable_context(const Features& f, std::span<const std::uint64_t> entry, Context& c) {
  c.scalable = true;
  c.suppress_faults = entry[0] >> 1 & 1;
  if (!(entry[0] & entry_present)) return R::sm_context_not_present;
  if ((entry[0] & 0x1e0) != 0 || f.beyond_host(entry[0]) || (entry[1] & 0xffff'ffff'ffe0'0000) != 0 ||
      entry[2] != 0 || entry[3] != 0)
    return R::sm_context_reserved;
  c.device_tlb = entry[0] >> 2 & 1;
  c.pasid_enabled = entry[0] >> 3 & 1;
  c.page_requests = entry[0] >> 4 & 1;
  if ((c.device_tlb && !f.device_tlb) || (c.page_requests && !f.page_requests)) return R::sm_context_invalid;
  // PDTS: 2^(PDTS+7) directory entries of 64 PASIDs
  c.pasid_limit = std::uint32_t{1} << std::min(entry_field(entry[0], 9, 3) + 7 + 6, f.pasid_bits);
  c.pasid_directory = entry_pointer(entry[0]);
  c.rid_pasid = entry_field(entry[1], 0, 20);
  return R::none;
}

R decode_pasid_directory(const Features& f, std::uint64_t entry, std::uint64_t& table) {
  if (!(entry & entry_present)) return R::pasid_directory_not_present;
  if ((entry & 0xffc) != 0 || f.beyond_host(entry)) return R::pasid_directory_reserved;
  table = entry_pointer(entry);
  return R::none;
}

R decode_pasid_entry(const Features& f, std::span<const std::uint64_t> entry, std::uint32_t pasid,
                     Binding& b) {
  b.scalable = true;
  b.suppress_faults |= (entry[0] >> 1 & 1) != 0;
  if (!(entry[0] & entry_present)) return R::pasid_entry_not_present;
  const unsigned type = entry_field(entry[0], 6, 3);
  const bool first = type == 1 || type == 3, second = type == 2 || type == 3;
  constexpr std::uint64_t execute = 1u << 1, extended = 1u << 7, snoop = 1u << 24;
  const std::uint64_t absent = (f.execute_requests ? 0 : execute) | (f.extended_accessed ? 0 : extended);
  if ((entry[0] & 0xc00) != 0 || (second && f.beyond_host(entry[0])) || (first && f.beyond_host(entry[2])) ||
      (entry[1] & snoop && !f.snoop_control) || (entry[2] & (0xf40 | absent)) != 0 || entry[4] != 0 || entry[5] != 0 ||
      entry[6] != 0 || entry[7] != 0)
    return R::pasid_entry_reserved;
  if (type == 0 || type > 4 || (first && !f.first_stage) || (type == 3 && !f.nested) ||
      (type == 4 && !f.pass_through))
    return R::pasid_entry_invalid;
  const unsigned second_levels = entry_field(entry[0], 2, 3) + 2, first_mode = entry_field(entry[2], 2, 2);
  if (second && !f.levels_supported(second_levels)) return R::pasid_entry_invalid;
  if (first && (first_mode > 1 || (first_mode == 1 && f.max_levels < 5))) return R::pasid_entry_invalid;
  b.stages = type == 1   ? Stages::first
             : type == 2 ? Stages::second
             : type == 3 ? Stages::nested
                         : Stages::pass_through;
  b.domain.value = static_cast<std::uint16_t>(entry[1]);
  b.tag = first ? pasid : Binding::no_tag;
  b.second_table = entry_pointer(entry[0]), b.second_levels = static_cast<std::uint8_t>(second_levels);
  b.first_table = entry_pointer(entry[2]), b.first_levels = static_cast<std::uint8_t>(first_mode + 4);
  b.second_dirty = entry[0] >> 9 & 1;
  b.snoop = entry[1] & snoop;
  b.supervisor = entry[2] & 1;
  b.execute_requests = entry[2] >> 1 & 1;
  b.no_execute = entry[2] >> 5 & 1;
  b.write_protect = entry[2] >> 4 & 1;
  b.extended_accessed = entry[2] >> 7 & 1;
  return R::none;
}

}  // namespace iov::iommu
