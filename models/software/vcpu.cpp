// SPDX-License-Identifier: Apache-2.0
#include "models/software/vcpu.h"

#include <bit>

namespace iov::software {

using host::Context;
using host::ExitCause;
using host::Work;

Vcpu::Vcpu(const sc_core::sc_module_name& name, host::Core& core, const Params& params, const SoftwareCosts& costs)
    : sc_module(name), Thread(core, Kind::vcpu, std::string(sc_module::name())), params_(params), costs_(costs) {
  Thread::halt_exits = params.halt_exits;
  interrupt_task_ = interrupt_loop();
  interrupt_task_.start();
}

std::uint8_t Vcpu::allocate_vector(Handler handler) {
  if (next_vector_ >= 0xf0) throw SimError(core().timeline().now(), sc_module::name(), "no guest interrupt vector left");
  handlers_[next_vector_] = handler;
  return next_vector_++;
}

void Vcpu::make_pending(std::uint8_t vector, bool posted, JourneyRef journey) {
  if (requested_[vector]) return;  // virtual IRR: one request per vector
  requested_[vector] = true;
  pending_.push_back({vector, posted, journey});
  interrupt_.wake();
}

void Vcpu::inject(std::uint8_t vector, JourneyRef journey) {
  ++injections_;
  journey.enter(Stage::injection, core().timeline().now());
  // A vCPU in guest mode on another core notices only through an interrupt: a posted one without an exit, else a kick.
  if (!params_.apic_virtualization && core().in_guest(*this)) {
    waiting_for_kick_.push_back({vector, false, journey});
    return core().kick(bind<&Vcpu::kicked>(this));
  }
  make_pending(vector, params_.apic_virtualization, journey);
}

void Vcpu::kicked() {
  for (const Pending& p : std::exchange(waiting_for_kick_, {})) make_pending(p.vector, p.posted, p.journey);
}

void Vcpu::use_posted_descriptor(MemoryPort& memory, Hpa descriptor, std::uint8_t notification) {
  memory_ = &memory;
  descriptor_ = descriptor;
  notification_vector = notification;
  vtd::PostedDescriptor empty{};
  empty.control = vtd::posted_control(notification, core().apic_id());
  memory.poke_value(descriptor, empty);
}

void Vcpu::take_posted() {
  auto descriptor = memory_->peek<vtd::PostedDescriptor>(descriptor_);
  if (!(descriptor.control & vtd::posted_outstanding)) return;
  descriptor.control &= ~vtd::posted_outstanding;
  for (unsigned word = 0; word < 4; ++word)
    for (std::uint64_t bits = std::exchange(descriptor.requests[word], 0); bits; bits &= bits - 1) {
      ++posted_;
      make_pending(static_cast<std::uint8_t>(word * 64 + static_cast<unsigned>(std::countr_zero(bits))), true, {});
    }
  memory_->poke_value(descriptor_, descriptor);
}

Time Vcpu::entering_guest() {
  if (memory_) take_posted();
  return {};
}

Task Vcpu::interrupt_loop() {
  const host::WorldSwitchCosts& world = core().params().world;
  for (;;) {
    co_await interrupt_.wait();
    while (!pending_.empty()) {
      const Pending taken = pending_.front();
      pending_.pop_front();
      requested_[taken.vector] = false;
      ++taken_;
      const Time entry = taken.posted ? world.guest_interrupt + world.posted_delivery : world.guest_interrupt;
      co_await interrupt_.spend(Context::guest, Work::interrupt, entry);
      taken.journey.enter(Stage::guest_handler, core().timeline().now());
      if (handlers_[taken.vector]) co_await handlers_[taken.vector](interrupt_);
      if (taken.posted) continue;
      co_await interrupt_.vm_exit(ExitCause::eoi);
      co_await interrupt_.spend(Context::host_kernel, Work::emulation, costs_.eoi_emulation);
      co_await interrupt_.resume_guest();
    }
  }
}

}  // namespace iov::software
