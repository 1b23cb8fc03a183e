// SPDX-License-Identifier: Apache-2.0
/// IommuDriver -- the host's IOMMU driver: builds VT-d tables as real bytes in host memory and programs the
/// unit through its registers. Set-up work: it takes no simulated time; what happens while devices work is in DmaApi.
///
/// Spec    Intel VT-d 4.1 3.4 (legacy and scalable mode tables), 5.1 (interrupt remapping), 6.5.2 (what to invalidate), 11.4
///         (registers); Linux intel/iommu.c, pasid.c: 256-bit descriptors in scalable mode, tear-down of a PASID; nested.c,
///         cache.c: what to invalidate when a guest's first stage or the second stage below it changes.
#pragma once
#include <map>
#include <optional>

#include "models/protocol/vtd.h"
#include "models/protocol/vtd_registers.h"
#include "models/software/page_table.h"
#include "models/software/queued_invalidation.h"
#include "models/software/scalable_tables.h"

namespace iov::software {

class IommuDriver {
 public:
  struct Registers {  ///< how to reach the unit's register file
    Delegate<void(std::uint32_t offset, std::uint64_t value, unsigned bytes)> write;
    Delegate<std::uint64_t(std::uint32_t offset, unsigned bytes)> read;
  };
  static constexpr unsigned first_stage_levels = 4;  ///< also of tables that a guest makes

  /// @param tables  host memory for the tables. Second-stage tables get 4 levels, 3 when the unit has no
  /// more.
  IommuDriver(MemoryView& tables, const Registers& registers, const SoftwareCosts& costs);

  /// First-stage tables are for scalable mode. @param snoop  overrules a device's No Snoop. @throws SimError when the unit
  /// has none, or does not control snooping
  DomainId create_domain(TableStage stage = TableStage::second, bool snoop = false);
  /// Maps [iova, iova + bytes) to hpa with leaves of 2^log2_page bytes (12, 21 or 30); all three must be
  /// aligned to it.
  /// @throws SimError when they are not, or when the unit cannot walk such tables
  void map(DomainId domain, Iova iova, Hpa hpa, std::uint64_t bytes, unsigned log2_page, bool read = true,
           bool write = true);
  /// Clears the leaf entries of 4 KiB pages; what caches still hold of them is for the invalidation queue.
  void unmap(DomainId domain, Iova iova, std::uint64_t pages);
  QueuedInvalidation& queue() { return queue_; }
  /// with_ats counts as untranslated_only on a unit without device TLB support. @throws SimError without
  /// pass-through
  void attach(RequesterId function, DomainId domain, vtd::TranslationType type);
  /// Legacy mode: the function reaches nothing any more, once what caches hold of it is invalidated.
  void detach(RequesterId function);
  /// Scalable mode from now on, before anything is attached. @throws SimError when the unit has none
  void use_scalable_mode();
  /// Scalable mode: the function's PASIDs and rights, before attach() and attach_pasid().
  void add_function(RequesterId function, const ScalableTables::Function& what);
  void attach_pasid(RequesterId function, Pasid pasid, DomainId domain);
  /// Scalable mode: a PASID, or without one the function's requests without PASID, goes through the guest's own first-stage
  /// table below which the domain's second stage lies. @param first_stage  of 4 levels, guest-physical. @throws SimError
  /// when the unit does not nest
  void attach_nested(RequesterId function, Pasid pasid, DomainId domain, Gpa first_stage);
  /// Scalable mode: takes a PASID, or without one the function's requests without PASID, from the function. @returns what
  /// is to be invalidated, in this order: PASID cache, IOTLB, device TLB
  std::array<vtd::Pair, 3> detach(RequesterId function, Pasid pasid, DomainId domain);
  /// What removes a page of a domain from all caches: IOTLB, then device TLB (6.5.2.6: in this order).
  std::array<vtd::Pair, 2> invalidate_page(RequesterId function, Pasid pasid, DomainId domain, Iova page) const;
  /// The same after a guest changed its first stage. @param page  as its devices name it
  std::array<vtd::Pair, 2> invalidate_guest_page(RequesterId function, Pasid pasid, DomainId domain, Iova page) const;
  /// The same after the second stage below a guest's first stage changed: which of the device TLB's pages lead there is not
  /// known. @param page  guest-physical
  std::array<vtd::Pair, 2> invalidate_guest_memory(RequesterId function, Pasid pasid, DomainId domain, Gpa page) const;
  /// Every function that is not attached elsewhere passes through untranslated (iommu=pt).
  void attach_pass_through(RequesterId function) {
    attach(function, pass_through_, vtd::TranslationType::pass_through);
  }
  DomainId pass_through() const { return pass_through_; }
  /// @throws SimError when the unit has no pages of this size
  void check_page(unsigned log2_page) const;
  bool x2apic() const;             ///< interrupt destinations have 32 bits
  bool remaps_interrupts() const;  ///< else devices' interrupts go to cores as they are written
  /// @throws SimError when the entry is posted and the unit does not post
  std::uint16_t allocate_irte(const vtd::Pair& entry);
  void set_irte(std::uint16_t index, const vtd::Pair& entry);
  /// Sets root table and interrupt table and turns the invalidation queue, translation and, if the unit has it, remapping
  /// on.
  void enable(bool translation, bool interrupt_remapping);

 private:
  struct Domain {
    PageTable table;
    bool snoop;
  };
  bool has(vtd::Capability what) const { return capability_ >> what & 1; }
  bool has(vtd::ExtendedCapability what) const { return extended_capability_ >> what & 1; }
  unsigned deepest() const { return has(vtd::cap_five_levels) ? 5 : levels_; }  ///< what pass-through entries must name (9.3: AW)
  void require_first_stage() const;
  void bind(RequesterId function, std::uint32_t pasid, DomainId domain);
  Hpa new_table() { return tables_.host(tables_.allocate(4096, 4096)); }
  MemoryView& tables_;
  const Registers registers_;
  const std::uint64_t capability_, extended_capability_;
  const unsigned levels_;
  Hpa root_, interrupt_table_;
  std::map<std::uint16_t, Domain> domains_;
  std::map<std::uint8_t, Hpa> contexts_;       ///< by bus; legacy mode
  std::optional<ScalableTables> scalable_;
  std::uint16_t next_domain_ = 1, next_irte_ = 0;
  DomainId pass_through_;
  QueuedInvalidation queue_;
};

}  // namespace iov::software
