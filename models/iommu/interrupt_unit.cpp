// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/interrupt_unit.h"

#include <utility>

#include "models/protocol/interrupt_ledger.h"

namespace iov::iommu {

InterruptUnit::InterruptUnit(Timeline& timeline, const Params& p, MemoryPort& memory, FaultLog& faults,
                             InterruptBus& bus)
    : timeline_(timeline),
      memory_(memory),
      faults_(faults),
      bus_(bus),
      features_(p.features),
      latency_(p.interrupt_latency),
      posting_latency_(p.posting_latency),
      read_overhead_(p.walk_read_overhead),
      entries_(p.interrupt_entry_cache.geometry),
      interrupt_entry_cache("interrupt_entry_cache", p.interrupt_entry_cache, p.clock) {}

void InterruptUnit::interrupt(const InterruptMessage& message) {
  waiting_.push_back({message, timeline_.now()});
  message.journey.enter(Stage::interrupt, timeline_.now());
  if (phase_ == Phase::idle) begin();
}

void InterruptUnit::begin() {
  if (waiting_.empty()) return;
  phase_ = Phase::remapping;
  event_.at(timeline_.now() + latency_);
}

void InterruptUnit::step() {
  switch (phase_) {
    case Phase::remapping: break;
    case Phase::reading_entry: return entry_read();
    case Phase::reading_descriptor: return descriptor_read();
    case Phase::notifying: return deliver(outgoing_);
    default: return;
  }
  request_ = decode_message(root_, message().address, message().data);
  switch (request_.route) {
    case InterruptRequest::Route::direct:
      ++direct;
      return deliver(direct_interrupt(message().address, message().data));
    case InterruptRequest::Route::blocked: return block(request_.index, request_.fault, false);
    case InterruptRequest::Route::remap: break;
  }
  if (features_.beyond_host(root_.table + request_.index * 16u))
    return block(request_.index, FaultReason::interrupt_index, false);
  const InterruptEntry* cached = entries_.lookup({request_.index});
  const Time looked_up = interrupt_entry_cache.look_up(timeline_.now(), cached);
  if (cached) return use(*cached);
  stale_ = false;
  const Time end =
      memory_.read(Hpa(root_.table + request_.index * 16u), {reinterpret_cast<std::uint8_t*>(&irte_), 16}, 16,
                   looked_up, features_.coherent);
  failed_ = !memory_.ok();
  phase_ = Phase::reading_entry;
  event_.at(end + read_overhead_);
}

void InterruptUnit::entry_read() {
  if (stale_) {  // an invalidation overtook the read
    phase_ = Phase::remapping;
    return event_.at(timeline_.now());
  }
  if (failed_) return block(request_.index, FaultReason::irte_access, false);
  InterruptEntry entry;
  const FaultReason reason = decode_irte(features_, root_, irte_, entry);
  if (reason != FaultReason::none) return block(request_.index, reason, entry.suppress_faults);
  if (entries_.fill({request_.index}, entry)) ++interrupt_entry_cache.evictions;
  use(entry);
}

void InterruptUnit::use(const InterruptEntry& entry) {
  entry_ = entry;
  if (!source_allowed(entry_, message().requester))
    return block(request_.index, FaultReason::source_mismatch, entry_.suppress_faults);
  if (!entry_.posted) {
    ++remapped;
    return deliver({.destination = entry_.destination, .vector = entry_.vector, .level = entry_.level});
  }
  phase_ = Phase::reading_descriptor;  // the read-modify-write is one atomic access, done when it is answered
  const Time end = memory_.read(Hpa(entry_.descriptor), {}, 64, timeline_.now());
  event_.at(end + posting_latency_);
}

void InterruptUnit::descriptor_read() {
  vtd::PostedDescriptor d;
  const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(&d), sizeof d);
  memory_.peek(Hpa(entry_.descriptor), bytes);
  if (!well_formed(d)) return block(request_.index, FaultReason::descriptor_reserved, entry_.suppress_faults);
  const bool notify = post(d, entry_.vector, entry_.urgent);
  memory_.write(Hpa(entry_.descriptor), bytes, 64, timeline_.now());
  if (!memory_.ok()) return block(request_.index, FaultReason::descriptor_access, entry_.suppress_faults);
  ++posted;
  if (message().line) message().line->arrive(InterruptStage::posted);
  if (!notify) return finish();
  ++notifications;
  bus_.posted(Hpa(entry_.descriptor));
  deliver(notification(d, root_.x2apic));
}

void InterruptUnit::deliver(ProcessorInterrupt interrupt) {
  interrupt.journey = message().journey;
  if (!interrupt.notification) interrupt.line = message().line;
  retire();
  bus_.deliver(interrupt);
  if (phase_ == Phase::idle) begin();
}

void InterruptUnit::finish() {
  retire();
  if (phase_ == Phase::idle) begin();
}

void InterruptUnit::retire() {
  latency.record(timeline_.now() - waiting_.front().arrived);
  waiting_.pop_front();
  phase_ = Phase::idle;
  if (std::exchange(draining_, false) && drained_) drained_();
}

void InterruptUnit::block(std::uint16_t index, FaultReason reason, bool suppress) {
  ++blocked;
  if (message().line) message().line->block();
  if (!(suppress && qualified(reason))) faults_.record_interrupt(message().requester, index, reason);
  finish();
}

void InterruptUnit::invalidate(std::uint16_t index, unsigned log2_entries) {
  const unsigned shift = log2_entries > 16 ? 16 : log2_entries;
  interrupt_entry_cache.invalidated += entries_.erase_if(
      [&](InterruptIndex k, const InterruptEntry&) { return k.value >> shift == index >> shift; });
  stale_ = true;
  draining_ = draining_ || phase_ == Phase::reading_descriptor;
}

}  // namespace iov::iommu
