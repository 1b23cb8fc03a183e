// SPDX-License-Identifier: Apache-2.0
/// PostedInterrupts -- the hypervisor's part of posted interrupts: where the descriptors lie, what its two vectors do
/// on each core, and which vCPUs sleep there.
///
/// Spec    Intel VT-d 4.1 5.2.5 (software use), 9.12; Linux arch/x86/kvm/vmx/posted_intr.c.
/// Models  one notification vector for all vCPUs, whose handler in the host does nothing: the next entry looks; the
///         wake-up vector's handler looks through the core's list of sleeping vCPUs and wakes those with ON set.
#pragma once
#include <vector>

#include "models/core/stat.h"
#include "models/core/task.h"
#include "models/host/processors.h"
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
  Hpa allocate_descriptor() { return memory_.host(memory_.allocate(64, 64)); }
  MemoryPort& memory() const { return memory_.port(); }
  bool x2apic() const { return x2apic_; }
  void falls_asleep(Vcpu& vcpu);
  void wakes_up(Vcpu& vcpu);

 private:
  struct Local {  ///< of a core
    PostedInterrupts* all;
    std::vector<Vcpu*> asleep;
    Task notified(host::Strand& strand) { return all->notified(strand); }
    Task wake(host::Strand& strand) { return all->wake(strand, *this); }
  };
  Task notified(host::Strand& strand);
  Task wake(host::Strand& strand, Local& local);

  MemoryView& memory_;
  const SoftwareCosts& costs_;
  const bool x2apic_;
  std::vector<Local> cores_;  ///< by APIC ID
  Counter notifications_{"notifications_in_host", "1", "notifications that found no vCPU in guest mode"};
  Counter wakeups_{"wakeups", "1", "sleeping vCPUs woken by the wake-up vector"};
};

}  // namespace iov::software
