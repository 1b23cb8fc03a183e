// SPDX-License-Identifier: Apache-2.0
#include "models/software/scalable_tables.h"

#include <bit>

#include "models/protocol/vtd.h"

namespace iov::software {

using namespace vtd;

namespace {
constexpr unsigned root_bytes = 16, context_bytes = 32, directory_bytes = 8, pasid_bytes = 64;
}

ScalableTables::ScalableTables(MemoryView& tables) : tables_(tables), root_(new_table()) {}

void ScalableTables::add(RequesterId function, const Function& what) {
  const unsigned half = function.devfn() >> 7;  // each half of a bus has a context table of its own
  auto [context, fresh] = contexts_.try_emplace(static_cast<std::uint16_t>(function.bus() << 1 | half));
  if (fresh) {
    context->second = new_table();
    tables_.port().poke_value(root_ + function.bus() * root_bytes + half * 8u, root_entry(context->second).lo);
  }
  const unsigned log2_pasids = std::max<unsigned>(log2_smallest_directory + log2_pasids_per_table, std::bit_width(what.pasids));
  const unsigned log2_directory = log2_pasids - log2_pasids_per_table;
  const Hpa directory = new_table(std::uint64_t{directory_bytes} << log2_directory);
  directories_[function.value] = {directory, std::uint32_t{1} << log2_pasids};
  const ScalableContext entry{directory, log2_directory, rid_pasid, what.device_tlb, what.pasids > 0, what.page_requests};
  tables_.port().poke_value(context->second + (function.devfn() & 127) * context_bytes, entry.entry());
}

Hpa ScalableTables::pasid_slot(RequesterId function, std::uint32_t pasid) {
  const auto found = directories_.find(function.value);
  if (found == directories_.end() || pasid >= found->second.pasids)
    throw SimError({}, "scalable_tables", "PASID " + std::to_string(pasid) + " is none of requester " +
                                              std::to_string(function.value));
  const Hpa slot = found->second.at + (pasid >> log2_pasids_per_table) * directory_bytes;
  auto entry = tables_.port().peek<std::uint64_t>(slot);
  if (!(entry & 1)) {
    entry = pasid_directory_entry(new_table());
    tables_.port().poke_value(slot, entry);
  }
  return Hpa(entry & page_mask) + (pasid & ((1u << log2_pasids_per_table) - 1)) * pasid_bytes;
}

void ScalableTables::bind(RequesterId function, std::uint32_t pasid, const PasidEntry& what) {
  tables_.port().poke_value(pasid_slot(function, pasid), what.entry());
}

void ScalableTables::unbind(RequesterId function, std::uint32_t pasid) {
  tables_.port().poke_value(pasid_slot(function, pasid), std::array<std::uint64_t, 8>{});
}

}  // namespace iov::software
