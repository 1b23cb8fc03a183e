// SPDX-License-Identifier: Apache-2.0
#include "models/software/vcpu.h"

#include <algorithm>
#include <bit>

namespace iov::software {

using host::Context;
using host::ExitCause;
using host::Work;

Vcpu::Vcpu(const sc_core::sc_module_name& name, host::Core& core, const Params& params, const SoftwareCosts& costs,
           PostedInterrupts& posting)
    : sc_module(name),
      Thread(core, Kind::vcpu, std::string(sc_module::name())),
      params_(params),
      costs_(costs),
      posting_(posting),
      descriptor_(posting.allocate_descriptor(sleeper_)) {
  Thread::halt_exits = params.halt_exits;
  notification_vector = PostedInterrupts::notification_vector;
  Vcpu::blocked();  // until somebody starts it
  interrupt_task_ = interrupt_loop();
  interrupt_task_.start();
}

std::uint8_t Vcpu::allocate_vector(Handler handler, InterruptLine* line) {
  const std::size_t vector = first_vector + vectors_.size();
  if (vector >= host::Core::first_system_vector)
    throw SimError(core().timeline().now(), sc_module::name(), "no guest interrupt vector left");
  vectors_.push_back({handler, line, false, {}});
  return static_cast<std::uint8_t>(vector);
}

Vcpu::Vector* Vcpu::find(std::uint8_t vector) {
  const bool known = vector >= first_vector && vector < first_vector + vectors_.size();
  return known ? &vectors_[vector - first_vector] : nullptr;
}

void Vcpu::start() {
  compute_task_ = compute();
  compute_task_.start();
}

Task Vcpu::compute() {
  while (params_.computes && !stopped_) co_await background_.spend(Context::guest, Work::application, 100_us);
}

void Vcpu::add_to(WorkingSet& set) const {
  Thread::add_to(set);
  set.add_members(*this, &Vcpu::params_, &Vcpu::taken_);
  interrupt_task_.add_to(set);
  for (const Vector& v : vectors_)
    if (v.line) set.add_object(*v.line);
  posting_.add_to(set, descriptor_);
}

void Vcpu::prefetch() const {
  prefetch_object(sleeper_);
  prefetch_object(whereabouts_);
  posting_.memory().prefetch(descriptor_);
}

// --- what makes interrupts pending ----------------------------------------------------------------------------

void Vcpu::make_pending(std::uint8_t vector, bool exits_at_end) {
  Vector* v = find(vector);
  if (!v) return ++spurious_, void();  // a table entry names it, the guest never set it up
  if (v->line) v->line->advance(exits_at_end ? InterruptStage::host_handler : InterruptStage::posted, InterruptStage::requested);
  if (std::exchange(v->requested, true)) return;  // virtual IRR: one request per vector
  pending_.push_back({vector, exits_at_end});
  interrupt_.wake();
}

void Vcpu::raise(std::uint8_t vector) {
  const Vector* v = find(vector);
  if (!v || !v->line) return;
  v->line->raise(core().timeline().now());
  v->line->arrive(InterruptStage::host_handler);
}

void Vcpu::inject(std::uint8_t vector, JourneyRef journey) {
  ++injections_;
  journey.enter(Stage::injection, core().timeline().now());
  if (Vector* v = find(vector); v && !v->journey) v->journey = journey;
  if (params_.apic_virtualization) return post(vector);
  if (!core().in_guest(*this)) return make_pending(vector, true);
  waiting_for_kick_.push_back(vector);
  core().kick(bind<&Vcpu::kicked>(this));
}

void Vcpu::kicked() {
  for (const std::uint8_t vector : std::exchange(waiting_for_kick_, {})) make_pending(vector, true);
}

/// As a device would, but the sender knows where the vCPU is.
void Vcpu::post(std::uint8_t vector) {
  if (const Vector* v = find(vector); v && v->line) v->line->advance(InterruptStage::host_handler, InterruptStage::posted);
  auto d = read_descriptor();
  d.requests[vector / 64] |= std::uint64_t{1} << vector % 64;
  const bool outstanding = d.control & vtd::posted_outstanding;
  d.control |= vtd::posted_outstanding;
  write_descriptor(d);
  if (outstanding) return;
  posting_.outstanding(sleeper_);
  if (core().in_guest(*this))
    core().send({.destination = core().apic_id(), .vector = notification_vector, .notification = true});
  else if (whereabouts_ == Whereabouts::asleep)
    wake();
}

// --- the posted-interrupt descriptor --------------------------------------------------------------------------

void Vcpu::take_posted() {
  auto d = read_descriptor();
  if (!(d.control & vtd::posted_outstanding)) return;
  d.control &= ~vtd::posted_outstanding;
  const auto requests = std::to_array(d.requests);
  std::ranges::fill(d.requests, 0);
  write_descriptor(d);
  for (unsigned word = 0; word < requests.size(); ++word)
    for (std::uint64_t bits = requests[word]; bits; bits &= bits - 1) {
      ++posted_;
      make_pending(static_cast<std::uint8_t>(word * 64 + static_cast<unsigned>(std::countr_zero(bits))), false);
    }
}

Time Vcpu::entering_guest() {
  take_posted();
  return {};
}

/// What was posted while SN was set is outstanding from now on: nobody was told (vmx_vcpu_pi_load).
void Vcpu::scheduled_in() {
  if (whereabouts_ == Whereabouts::asleep) posting_.wakes_up(sleeper_);
  whereabouts_ = Whereabouts::core;
  auto d = read_descriptor();
  const bool requests = std::ranges::any_of(d.requests, [](std::uint64_t word) { return word != 0; });
  d.control = vtd::posted_control(notification_vector, core().apic_id(), posting_.x2apic()) |
              (requests || d.control & vtd::posted_outstanding ? vtd::posted_outstanding : 0);
  write_descriptor(d);
}

void Vcpu::preempted() {
  whereabouts_ = Whereabouts::preempted;
  auto d = read_descriptor();
  d.control |= vtd::posted_suppress;
  write_descriptor(d);
}

/// A notification that was sent before the vector changed wakes nobody: the vCPU wakes itself (pi_enable_wakeup_handler).
void Vcpu::blocked() {
  whereabouts_ = Whereabouts::asleep;
  posting_.falls_asleep(sleeper_);
  auto d = read_descriptor();
  d.control = vtd::posted_control(PostedInterrupts::wakeup_vector, core().apic_id(), posting_.x2apic()) |
              (d.control & vtd::posted_outstanding);
  write_descriptor(d);
  if (!(d.control & vtd::posted_outstanding)) return;
  posting_.outstanding(sleeper_);
  core().interrupt({.destination = core().apic_id(), .vector = PostedInterrupts::wakeup_vector});
}

std::string Vcpu::descriptor_finding() const {
  const auto d = read_descriptor();
  const bool suppressed = d.control & vtd::posted_suppress, outstanding = d.control & vtd::posted_outstanding;
  const bool requests = std::ranges::any_of(d.requests, [](std::uint64_t word) { return word != 0; });
  if (requests && !suppressed && !outstanding) return "requests that nobody was told of";
  if (suppressed != (whereabouts_ == Whereabouts::preempted)) return suppressed ? "SN set" : "SN clear while preempted";
  const bool asleep = whereabouts_ == Whereabouts::asleep;
  const std::uint64_t address = vtd::posted_control(asleep ? PostedInterrupts::wakeup_vector : notification_vector,
                                                    core().apic_id(), posting_.x2apic());
  const std::uint64_t said = d.control & ~(vtd::posted_suppress | vtd::posted_outstanding);
  return said == address ? "" : "notifications go elsewhere";
}

// --- the guest takes them -------------------------------------------------------------------------------------

Task Vcpu::interrupt_loop() {
  const host::WorldSwitchCosts& world = core().params().world;
  for (;;) {
    co_await interrupt_.wait();
    while (!pending_.empty()) {
      const Pending taken = pending_.front();
      pending_.erase(pending_.begin());
      Vector& v = *find(taken.vector);
      v.requested = false;
      const JourneyRef journey = std::exchange(v.journey, {});
      const Handler handler = v.handler;  // more vectors may be allocated meanwhile
      InterruptLine* const line = v.line;
      if (line) line->advance(InterruptStage::requested, InterruptStage::in_service);
      ++taken_;
      const Time entry = taken.exits_at_end ? world.guest_interrupt : world.guest_interrupt + world.posted_delivery;
      co_await interrupt_.spend(Context::guest, Work::interrupt, entry);
      journey.enter(Stage::guest_handler, core().timeline().now());
      if (line) line->handled(core().timeline().now());
      co_await handler(interrupt_);
      if (!taken.exits_at_end) continue;
      co_await interrupt_.vm_exit(ExitCause::eoi);
      co_await interrupt_.spend(Context::host_kernel, Work::emulation, costs_.eoi_emulation);
      co_await interrupt_.resume_guest();
    }
  }
}

}  // namespace iov::software
