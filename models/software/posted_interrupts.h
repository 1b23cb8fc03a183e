// SPDX-License-Identifier: Apache-2.0
/// PostedInterrupts -- the hypervisor's part of posted interrupts: where the descriptors lie, what its two vectors do
/// on each core, and which vCPUs sleep there.
///
/// Spec    Intel VT-d 4.1 5.2.5 (software use), 9.12; Linux arch/x86/kvm/vmx/posted_intr.c.
/// Models  one notification vector for all vCPUs, whose handler in the host does nothing: the next entry looks; the
///         wake-up vector's handler wakes those of the core's sleeping vCPUs that have ON set, in the order in which they
///         fell asleep.
/// Omits   ON set in memory by anybody but IOMMU and hypervisor: only where these did the handler looks.
#pragma once
#include <vector>

#include "models/core/flat_map.h"
#include "models/core/stat.h"
#include "models/core/task.h"
#include "models/host/processors.h"
#include "models/protocol/vtd.h"
#include "models/software/costs.h"
#include "models/software/memory_view.h"

namespace iov::software {

class Vcpu;

class PostedInterrupts : public sc_core::sc_module {
 public:
  /// Linux arch/x86/include/asm/irq_vectors.h: POSTED_INTR_WAKEUP_VECTOR, POSTED_INTR_VECTOR.
  static constexpr std::uint8_t wakeup_vector = 0xf1, notification_vector = 0xf2;

  /// @param x2apic  how descriptors name processors: as IRTA.EIME
  PostedInterrupts(const sc_core::sc_module_name& name, host::Processors& processors, MemoryView& host_memory,
                   const SoftwareCosts& costs, bool x2apic);
  struct Sleeper {  ///< a vCPU
    Vcpu& vcpu;
    std::uint64_t order = 0;  ///< in which it fell asleep; 0: awake
  };
  Hpa allocate_descriptor(Sleeper& owner);
  MemoryPort& memory() const { return memory_.port(); }
  bool x2apic() const { return x2apic_; }
  void falls_asleep(Sleeper& sleeper) { sleeper.order = ++order_; }
  void wakes_up(Sleeper& sleeper);
  /// The descriptor, whose it is, and where the core's handler finds it.
  void add_to(WorkingSet& set, Hpa descriptor) const;
  void outstanding(Sleeper& sleeper);  ///< ON was set, asleep or not

 private:
  struct Local {  ///< of a core
    PostedInterrupts* all;
    std::vector<Sleeper*> outstanding;  ///< sleeping vCPUs with ON set, by order
    Task notified(host::Strand& strand) { return all->notified(strand); }
    Task wake(host::Strand& strand) { return all->wake(strand, *this); }
  };
  Local& local(const Sleeper& sleeper);
  const Local& local(const Sleeper& sleeper) const { return const_cast<PostedInterrupts*>(this)->local(sleeper); }
  void posted(Hpa descriptor);
  Task notified(host::Strand& strand);
  Task wake(host::Strand& strand, Local& local);

  MemoryView& memory_;
  const SoftwareCosts& costs_;
  const bool x2apic_;
  std::vector<Local> cores_;  ///< by APIC ID
  struct Number {
    std::uint64_t operator()(std::uint64_t descriptor) const { return descriptor / sizeof(vtd::PostedDescriptor); }
  };
  FlatMap<std::uint64_t, Sleeper*, Number> owners_{~std::uint64_t{0}};  ///< by address of the descriptor
  std::uint64_t order_ = 0;
  Counter notifications_{"notifications_in_host", "1", "notifications that found no vCPU in guest mode"};
  Counter wakeups_{"wakeups", "1", "sleeping vCPUs woken by the wake-up vector"};
};

}  // namespace iov::software
