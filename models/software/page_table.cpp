// SPDX-License-Identifier: Apache-2.0
#include "models/software/page_table.h"

#include "models/protocol/vtd.h"

namespace iov::software {

/// Tables on the way are made when they are missing.
Gpa PageTable::leaf_slot(std::uint64_t address, unsigned log2_page) {
  std::uint64_t table = root_;
  for (unsigned level = levels_;; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    const Gpa slot = memory_.from_dma(table + (address >> shift & 0x1ff) * 8);
    if (shift == log2_page) return slot;
    auto entry = memory_.load<std::uint64_t>(slot);
    if (!(entry & (vtd::pte_read | vtd::pte_write))) {
      const Hpa next(new_table());
      entry = stage_ == TableStage::first ? vtd::first_stage_table_entry(next) : vtd::table_entry(next);
      memory_.store(slot, entry);
    }
    table = entry & vtd::page_mask;
  }
}

void PageTable::map(std::uint64_t address, std::uint64_t target, std::uint64_t bytes, unsigned log2_page, Rights rights) {
  const std::uint64_t snoop = rights.snoop ? vtd::pte_snoop : 0;
  for (std::uint64_t at = 0; at < bytes; at += std::uint64_t{1} << log2_page)
    memory_.store(leaf_slot(address + at, log2_page),
                  stage_ == TableStage::first
                      ? vtd::first_stage_leaf_entry(Hpa(target + at), rights.write, log2_page)
                      : vtd::leaf_entry(Hpa(target + at), rights.read, rights.write, log2_page) | snoop);
}

void PageTable::unmap(std::uint64_t address, std::uint64_t pages) {
  for (std::uint64_t page = 0; page < pages; ++page) memory_.store(leaf_slot(address + page * 4096, 12), std::uint64_t{0});
}

/// Of each level one more than fit exactly, for a range that begins within a table.
std::uint64_t PageTable::bytes_for(std::uint64_t range, unsigned levels) {
  std::uint64_t tables = 0;
  for (unsigned level = 1; level <= levels; ++level) tables += (range >> (12 + 9 * level)) + 2;
  return tables * 4096;
}

}  // namespace iov::software
