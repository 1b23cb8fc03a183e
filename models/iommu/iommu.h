// SPDX-License-Identifier: Apache-2.0
/// Iommu -- a VT-d remapping unit: DMA remapping, interrupt remapping and posting, queued invalidation,
/// fault recording, ATS. Software sees its registers and memory, nothing else.
///
/// Spec    Intel VT-d 4.1; PCIe Base 5.0 ch. 10 (ATS).
/// Models, Simplified, Omits   see SPEC.md.
/// Use     bind `memory.socket`, set_ats_fabric() if functions have device TLBs; program it as a driver
/// would:
///         tables in memory, then read_register()/write_register().
#pragma once
#include <systemc>

#include "models/core/invariant.h"
#include "models/core/prefetch.h"
#include "models/iommu/interrupt_unit.h"
#include "models/iommu/invalidation_queue.h"
#include "models/iommu/page_request_queue.h"
#include "models/iommu/params.h"
#include "models/iommu/register_file.h"
#include "models/iommu/register_invalidation.h"
#include "models/iommu/translation_unit.h"
#include "models/protocol/interrupt.h"
#include "models/protocol/memory_port.h"
#include "models/protocol/translation.h"

namespace iov::iommu {

class Iommu : public sc_core::sc_module, public Translator, public InterruptRemapper, public AtsAgent {
 public:
  Iommu(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, InterruptBus& bus);
  void set_ats_fabric(AtsFabric* fabric);

  std::uint64_t read_register(std::uint32_t offset, unsigned bytes);
  void write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes);
  vtd::FaultRecord fault_record(unsigned index) const { return registers_.fault_record(index); }

  bool translate(const TranslationRequest& request, std::uint32_t ticket,
                 TranslationClient& client) override {
    return translation.translate(request, ticket, client);
  }
  const TranslationReply* translate_again(const TlpHeader& tlp) override { return translation.translate_again(tlp); }
  void foresee(RequesterId requester) const override { translation.foresee(requester); }
  /// What it will look up for these accesses and this message.
  void add_to(WorkingSet& set, std::span<const std::uint64_t> addresses, const InterruptMessage& message) const {
    translation.add_to(set, message.requester, addresses);
    interrupts.add_to(set, message);
  }
  void interrupt(const InterruptMessage& message) override { interrupts.interrupt(message); }
  void invalidate_completed(RequesterId function, std::uint32_t itag_vector, std::uint8_t count) override {
    invalidation.device_tlb_completed(function, itag_vector, count);
  }
  void page_requested(RequesterId function, Pasid pasid, std::uint64_t body) override;

 private:
  const Features features_;
  RegisterFile registers_;
  FaultLog faults_;

 public:
  MemoryPort memory;
  TranslationUnit translation;
  InterruptUnit interrupts;
  PageRequestQueue page_requests;
  InvalidationQueue invalidation;
  RegisterInvalidation register_invalidation;

 private:
  void global_command();
  void latch_root_table();
  void latch_interrupt_table();
  void drained();
  std::string at_rest() const;

  std::uint32_t status_ = 0;  ///< GSTS
  Invariant capacity_{
      "capacity", Invariant::always, "no cache or queue holds more than its capacity",
      [this] { return translation.within_capacity() && interrupts.within_capacity() ? "" : "exceeded"; }};
  Invariant conservation_{"conservation", Invariant::always,
                          "every accepted request is pending or was answered once",
                          [this] { return translation.conserves() ? "" : "counts differ"; }};
  Invariant grants_{
      "grants", Invariant::always,
      "isolation and freshness: nothing is granted that the tables do not say or an invalidation removed",
      [this] { return translation.audit_finding(); }};
  Invariant rest_{"rest", Invariant::at_rest, "nothing is pending once traffic has drained",
                  [this] { return at_rest(); }};
};

}  // namespace iov::iommu
