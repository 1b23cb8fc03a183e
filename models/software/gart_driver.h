// SPDX-License-Identifier: Apache-2.0
/// GartDriver -- the host's driver of a GART aperture: takes ranges of it one after the other and writes their table
/// entries. Set-up work: it takes no simulated time.
#pragma once
#include "models/protocol/gart.h"
#include "models/software/memory_view.h"

namespace iov::software {

class GartDriver {
 public:
  /// @param tables  host memory for the table @param aperture, bytes  the range of bus addresses that is remapped
  GartDriver(MemoryView& tables, std::uint64_t aperture, std::uint64_t bytes)
      : tables_(tables),
        aperture_(aperture),
        pages_(bytes / gart::page_bytes),
        table_(tables.allocate(pages_ * gart::entry_bytes, gart::page_bytes)) {}
  Hpa table() const { return tables_.host(table_); }

  /// Makes host memory visible at a bus address, to every device. @throws SimError when the aperture is used up
  std::uint64_t map(Hpa memory, std::uint64_t bytes) {
    const std::uint64_t pages = (bytes + gart::page_bytes - 1) / gart::page_bytes, first = next_;
    if (pages > pages_ - next_)
      throw SimError({}, "gart_driver", "the aperture of " + std::to_string(pages_ * gart::page_bytes >> 20) +
                                            " MiB has no room for another " + std::to_string(bytes >> 20) + " MiB");
    if (memory.value + bytes > std::uint64_t{1} << gart::address_bits)
      throw SimError({}, "gart_driver", "memory beyond 1 TiB cannot be reached through an aperture");
    for (; next_ < first + pages; ++next_)
      tables_.store(table_ + next_ * gart::entry_bytes, gart::entry(memory + (next_ - first) * gart::page_bytes));
    return aperture_ + first * gart::page_bytes;
  }

 private:
  MemoryView& tables_;
  const std::uint64_t aperture_, pages_;
  const Gpa table_;
  std::uint64_t next_ = 0;
};

}  // namespace iov::software
