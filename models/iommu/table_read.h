// SPDX-License-Identifier: Apache-2.0
/// TableRead -- one entry of a table as a translation met it: where it lies, what it holds, which step it is. What an
/// observer of the time-free function sees, and what table_text() puts into words.
///
/// Spec    VT-d 4.1 ch. 9 (translation structure formats).
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace iov::iommu {

enum class TableKind : std::uint8_t {
  root,
  context,
  pasid_directory,
  pasid_entry,
  first_stage,
  second_stage,
  interrupt_entry,
  posted_descriptor
};

struct TableRead {
  TableKind kind = TableKind::root;
  bool scalable = false;
  unsigned level = 0;       ///< of a page table, 1 is the last
  bool for_table = false;   ///< second stage: translates the address of a first-stage table
  std::uint64_t input = 0;  ///< page tables: the address being translated
  std::uint64_t address = 0;
  std::span<const std::uint64_t> words;
  bool readable = true;
};

/// "second-stage entry, level 2".
std::string table_name(const TableRead& read);
/// The fields that matter: "P=1 domain=3 table=0x1000 levels=4 type=untranslated_only".
std::string table_text(const TableRead& read);

}  // namespace iov::iommu
