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
  processors.on_posted(bind<&PostedInterrupts::posted>(this));
}

Hpa PostedInterrupts::allocate_descriptor(Sleeper& owner) {
  const Hpa descriptor = memory_.host(memory_.allocate(sizeof(vtd::PostedDescriptor), alignof(vtd::PostedDescriptor)));
  owners_.set(descriptor.value, &owner);
  return descriptor;
}

void PostedInterrupts::add_to(WorkingSet& set, Hpa descriptor) const {
  memory_.port().add_to(set, descriptor);
  Sleeper* const* const owner = owners_.find(descriptor.value);
  if (!owner) return;
  owners_.add_to(set, descriptor.value);
  const Local& sleepers = local(**owner);
  set.add_object(sleepers);
  set.add(sleepers.outstanding.data(), sizeof(Sleeper*));
}

PostedInterrupts::Local& PostedInterrupts::local(const Sleeper& sleeper) { return cores_[sleeper.vcpu.core().apic_id()]; }

void PostedInterrupts::wakes_up(Sleeper& sleeper) {
  std::erase(local(sleeper).outstanding, &sleeper);
  sleeper.order = 0;
}

void PostedInterrupts::outstanding(Sleeper& sleeper) {
  if (sleeper.order == 0) return;  // it looks itself before it enters its guest
  auto& list = local(sleeper).outstanding;
  const auto at = std::ranges::lower_bound(list, sleeper.order, {}, &Sleeper::order);
  if (at == list.end() || *at != &sleeper) list.insert(at, &sleeper);
}

void PostedInterrupts::posted(Hpa descriptor) {
  if (Sleeper* const* const owner = owners_.find(descriptor.value)) outstanding(**owner);
}

Task PostedInterrupts::notified(host::Strand&) {
  ++notifications_;
  co_return;
}

/// Others may get something while the handler wakes one: it finds them if it has not come past them.
Task PostedInterrupts::wake(host::Strand& strand, Local& local) {
  const auto& list = local.outstanding;
  auto next = list.begin();
  for (std::uint64_t past = 0; (next = std::ranges::upper_bound(list, past, {}, &Sleeper::order)) != list.end();) {
    Vcpu& vcpu = (*next)->vcpu;
    past = (*next)->order;
    if (!vcpu.posted_outstanding()) continue;
    co_await strand.spend(Context::irq, Work::interrupt, costs_.thread_wakeup);
    ++wakeups_;
    vcpu.wake();
  }
}

}  // namespace iov::software
