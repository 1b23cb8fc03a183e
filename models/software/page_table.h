// SPDX-License-Identifier: Apache-2.0
/// PageTable -- a tree of translation tables as software builds it in memory of its own: a host's for a domain, or a
/// guest's for the first stage that the host's second stage lies below. Set-up work: no time.
///
/// Spec    Intel VT-d 4.1 3.6 and 9.7 (first stage, the processor's format), 3.7 and 9.8 (second stage).
/// Units   bytes; entries say what the walker calls an address: host-physical, guest-physical in a guest's table
#pragma once
#include "models/software/memory_view.h"

namespace iov::software {

enum class TableStage : std::uint8_t { second, first };  ///< which page tables translate

class PageTable {
 public:
  PageTable(MemoryView& memory, TableStage stage, unsigned levels)
      : memory_(memory), stage_(stage), levels_(levels), root_(new_table()) {}

  struct Rights {
    bool read = true, write = true, snoop = false;  ///< a first-stage page is always readable and knows no snoop
  };
  TableStage stage() const { return stage_; }
  unsigned levels() const { return levels_; }
  std::uint64_t root() const { return root_; }
  /// Maps [address, address + bytes) to `target` with leaves of 2^log2_page (12, 21 or 30); all three are aligned to it.
  void map(std::uint64_t address, std::uint64_t target, std::uint64_t bytes, unsigned log2_page, Rights rights);
  /// Clears the leaf entries of 4 KiB pages; what caches still hold of them is for the invalidation queue.
  void unmap(std::uint64_t address, std::uint64_t pages);
  /// The most memory that the tables of a range take.
  static std::uint64_t bytes_for(std::uint64_t range, unsigned levels);

 private:
  std::uint64_t new_table() { return memory_.dma(memory_.allocate(4096, 4096)); }
  Gpa leaf_slot(std::uint64_t address, unsigned log2_page);

  MemoryView& memory_;
  const TableStage stage_;
  const unsigned levels_;
  const std::uint64_t root_;
};

}  // namespace iov::software
