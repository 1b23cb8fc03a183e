// SPDX-License-Identifier: Apache-2.0
// Interrupts of a core: its local interrupt controller, inter-processor interrupts, kicks.
#include "models/host/core.h"
#include "models/protocol/interrupt_ledger.h"

namespace iov::host {

std::uint8_t Core::allocate_vector(IrqHandler handler) {
  if (next_vector_ >= first_system_vector) throw SimError(timeline_.now(), name(), "no host interrupt vector left");
  handlers_[next_vector_] = handler;
  return next_vector_++;
}

void Core::claim_vector(std::uint8_t vector, IrqHandler handler) {
  if (vector < first_system_vector || handlers_[vector])
    throw SimError(timeline_.now(), name(), "vector " + std::to_string(vector) + " is no free system vector");
  handlers_[vector] = handler;
}

void Core::add_to(WorkingSet& set) const {
  set.add_members(*this, &Core::params_, &Core::irq_task_);
  set.add(&handlers_[first_system_vector], 2 * cache_line_bytes);
  set.add_object(pending_.front());
  set.add_object(exits_);
  set.add(exits_.cells(0), exit_causes * sizeof(std::uint64_t));
  irq_task_.add_to(set);
}

void Core::interrupt(const ProcessorInterrupt& interrupt) {
  const bool posted = interrupt.notification && mode_ == Context::guest && thread_;
  if (posted && thread_->notification_vector == interrupt.vector) return thread_->posted_notification();
  if (interrupt.line) interrupt.line->arrive(InterruptStage::host_request);
  if (requested_[interrupt.vector]) return;  // the IRR holds one request per vector
  requested_[interrupt.vector] = true;
  pending_.push(interrupt);
  irq_strand_.wake();
}

Task Core::irq_loop() {
  for (;;) {
    co_await irq_strand_.wait();
    while (!pending_.empty()) {
      const ProcessorInterrupt taken = pending_.front();
      pending_.pop();
      requested_[taken.vector] = false;
      if (taken.line) taken.line->advance(InterruptStage::host_request, InterruptStage::host_handler);
      ++interrupts_;
      co_await irq_strand_.spend(Context::irq, Work::interrupt, params_.world.interrupt_entry);
      interrupting_ = taken.journey;
      if (handlers_[taken.vector]) {
        Task handling = handlers_[taken.vector](irq_strand_);
        co_await handling;
      }
      co_await irq_strand_.spend(Context::irq, Work::interrupt, params_.world.interrupt_exit);
      if (taken.level && pins_) pins_->end_of_interrupt(taken.vector);
    }
  }
}

void Core::kick(Delegate<void()> then) {
  kicks_.emplace_back(timeline_.now() + params_.world.inter_processor_interrupt, then);
  send({.destination = apic_id_, .vector = kick_vector_});
}

void Core::send(const ProcessorInterrupt& interrupt) {
  const Time arrival = timeline_.now() + params_.world.inter_processor_interrupt;
  in_flight_.emplace_back(arrival, interrupt);
  arrival_.before(arrival);
}

void Core::arrives() {
  while (!in_flight_.empty() && in_flight_.front().first <= timeline_.now()) {
    const ProcessorInterrupt arrived = in_flight_.front().second;
    in_flight_.pop_front();
    interrupt(arrived);
  }
  if (!in_flight_.empty()) arrival_.at(in_flight_.front().first);
}

Task Core::kick_handler(Strand&) {
  while (!kicks_.empty() && kicks_.front().first <= timeline_.now()) {
    const auto then = kicks_.front().second;
    kicks_.pop_front();
    then();
  }
  co_return;
}

}  // namespace iov::host
