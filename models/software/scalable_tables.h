// SPDX-License-Identifier: Apache-2.0
/// ScalableTables -- root, context and PASID tables of scalable mode as an IOMMU driver builds them: who may use device
/// TLB, PASIDs and page requests, and which page table serves each PASID of a function.
///
/// Spec    Intel VT-d 4.1 3.4.3 (scalable mode), 3.4.4 (RID_PASID), 9.2, 9.4-9.6; Linux intel/pasid.c.
/// Models  directories of the size that a function's PASIDs need; requests without PASID through PASID 0, as in Linux.
#pragma once
#include <map>

#include "models/protocol/vtd_scalable.h"
#include "models/software/memory_view.h"

namespace iov::software {

class ScalableTables {
 public:
  static constexpr std::uint32_t rid_pasid = 0;  ///< IOMMU_NO_PASID
  explicit ScalableTables(MemoryView& tables);

  struct Function {
    std::uint32_t pasids = 0;  ///< it may use 1 to `pasids`; 0: none
    bool device_tlb = false, page_requests = false;
  };
  Hpa root() const { return root_; }
  /// Writes the function's context entry. Once per function: its directory keeps its size.
  void add(RequesterId function, const Function& what);
  bool has(RequesterId function) const { return directories_.contains(function.value); }
  /// Writes the entry of one PASID of a function that was added; rid_pasid: its requests without PASID.
  /// @throws SimError for a PASID that the function may not use
  void bind(RequesterId function, std::uint32_t pasid, const vtd::PasidEntry& what);
  /// Takes a PASID away; what caches still hold of it is for the invalidation queue.
  void unbind(RequesterId function, std::uint32_t pasid);

 private:
  struct Directory {
    Hpa at;
    std::uint32_t pasids = 0;  ///< those that it has room for
  };
  Hpa new_table(std::uint64_t bytes = 4096) { return tables_.host(tables_.allocate(bytes, 4096)); }
  Hpa pasid_slot(RequesterId function, std::uint32_t pasid);

  MemoryView& tables_;
  const Hpa root_;
  std::map<std::uint16_t, Hpa> contexts_;  ///< by bus and half of it
  std::map<std::uint16_t, Directory> directories_;  ///< by requester ID
};

}  // namespace iov::software
