// SPDX-License-Identifier: Apache-2.0
#include "models/software/posted_interrupts.h"

#include <algorithm>

#include "models/software/vcpu.h"

namespace iov::software {

using host::Context;
using host::Work;

PostedInterrupts::PostedInterrupts(const sc_core::sc_module_name& name, host::Processors& processors,
                                   MemoryView& host_memory, const SoftwareCosts& costs, bool x2apic)
    : sc_module(name), memory_(host_memory), costs_(costs), x2apic_(x2apic), cores_(processors.size(), Local{this, {}}) {
  for (std::size_t c = 0; c < processors.size(); ++c) {
    processors.core(c).claim_vector(notification_vector, bind<&Local::notified>(&cores_[c]));
    processors.core(c).claim_vector(wakeup_vector, bind<&Local::wake>(&cores_[c]));
  }
}

void PostedInterrupts::falls_asleep(Vcpu& vcpu) { cores_[vcpu.core().apic_id()].asleep.push_back(&vcpu); }

void PostedInterrupts::wakes_up(Vcpu& vcpu) { std::erase(cores_[vcpu.core().apic_id()].asleep, &vcpu); }

Task PostedInterrupts::notified(host::Strand&) {
  ++notifications_;
  co_return;
}

Task PostedInterrupts::wake(host::Strand& strand, Local& local) {
  const std::vector<Vcpu*> asleep = local.asleep;  // it changes while the handler runs
  for (Vcpu* vcpu : asleep) {
    if (!vcpu->posted_outstanding()) continue;
    co_await strand.spend(Context::irq, Work::interrupt, costs_.thread_wakeup);
    ++wakeups_;
    vcpu->wake();
  }
}

}  // namespace iov::software
