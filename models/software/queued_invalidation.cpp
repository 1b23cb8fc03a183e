// SPDX-License-Identifier: Apache-2.0
#include "models/software/queued_invalidation.h"

#include "models/protocol/vtd_registers.h"

namespace iov::software {

using host::Context;
using host::Strand;
using host::Work;

QueuedInvalidation::QueuedInvalidation(const sc_core::sc_module_name& name, MemoryView& memory, const SoftwareCosts& costs)
    : sc_module(name),
      memory_(memory),
      costs_(costs),
      ring_(memory.allocate(ring_entries * 2 * sizeof(vtd::Pair), 4096)),
      status_(memory.allocate(ring_entries * sizeof(Status), 64)) {}

std::uint64_t QueuedInvalidation::ring() const {
  const bool wide = descriptor_bytes_ > sizeof(vtd::Pair);
  return vtd::queue_address(memory_.host(ring_).value, wide ? 1 : 0, wide);
}

/// Descriptors and tail go out in one: were the tail written later, that of another core might be there already and ahead.
Task QueuedInvalidation::submit(Strand& strand, Context context, MappedRegisters& registers, std::span<const vtd::Pair> batch,
                                Drain drain) {
  if (batch.size() > largest_batch) throw SimError({}, name(), "a batch of more descriptors than the driver ever makes");
  for (Status result = Status::aborted; result == Status::aborted;) {
    co_await strand.spend(context, Work::driver, costs_.invalidation_submit);
    co_await strand.spend(context, Work::mmio, costs_.mmio_write);
    while (free_ < batch.size() + 2) co_await spin(strand, registers);  // one more than needed: full never looks empty
    const Slots slots = place(batch, drain);
    registers.post(vtd::reg_queue_tail, next_ * descriptor_bytes_, 4);
    while ((result = status(slots.wait)) == Status::in_use) co_await spin(strand, registers);
    release(slots);
    if (result == Status::aborted) ++retries;
  }
}

QueuedInvalidation::Slots QueuedInvalidation::place(std::span<const vtd::Pair> batch, Drain drain) {
  const Slots slots{next_, static_cast<unsigned>(next_ + batch.size()) % ring_entries};
  const auto put = [this](const vtd::Pair& d) {
    memory_.store(ring_ + next_ * std::uint64_t{descriptor_bytes_}, d);  // the upper half of a wide one stays 0
    used_[next_] = true;
    next_ = (next_ + 1) % ring_entries;
    --free_;
    ++descriptors;
  };
  for (const vtd::Pair& d : batch) put(d);
  waits_[slots.wait] = true;
  set_status(slots.wait, Status::in_use);
  const vtd::Pair wait = vtd::wait_status(memory_.host(status_ + slots.wait * 4u), static_cast<std::uint32_t>(Status::done));
  put(drain == Drain::page_requests ? vtd::draining_page_requests(wait) : wait);
  ++submissions;
  return slots;
}

/// The ring is freed from its oldest end on; submissions may end in another order.
void QueuedInvalidation::release(const Slots& slots) {
  for (unsigned slot = slots.first;; slot = (slot + 1) % ring_entries) {
    used_[slot] = false;
    if (slot == slots.wait) break;
  }
  waits_[slots.wait] = false;
  set_status(slots.wait, Status::free);
  for (; free_ < ring_entries && !used_[oldest_]; oldest_ = (oldest_ + 1) % ring_entries) ++free_;
}

Task QueuedInvalidation::spin(Strand& strand, RegisterIo& registers) {
  ++spins;
  std::uint64_t faults = 0;
  co_await registers.read(strand, vtd::reg_fault_status, 4, faults);
  if (faults & vtd::fsts_queue_error) co_await recover_error(strand, registers);
  if (faults & vtd::fsts_timeout_error) co_await recover_timeout(strand, registers);
}

/// The descriptor at the head was refused: a wait takes its place, so that the queue can go on.
Task QueuedInvalidation::recover_error(Strand& strand, RegisterIo& registers) {
  ++errors;
  std::uint64_t head = 0;
  co_await registers.read(strand, vtd::reg_queue_head, 8, head);
  for (auto slot = static_cast<unsigned>(head / descriptor_bytes_) % ring_entries; used_[slot]; slot = (slot + 1) % ring_entries)
    if (waits_[slot]) {
      const auto wait = memory_.host(status_ + slot * 4u);
      memory_.store(ring_ + head % (ring_entries * descriptor_bytes_),
                    vtd::wait_status(wait, static_cast<std::uint32_t>(Status::in_use)));
      break;
    }
  co_await registers.write(strand, vtd::reg_fault_status, vtd::fsts_queue_error, 4, {});
}

/// The unit has given up the waits before its head: whoever spins on one submits again.
Task QueuedInvalidation::recover_timeout(Strand& strand, RegisterIo& registers) {
  std::uint64_t head = 0;
  co_await registers.read(strand, vtd::reg_queue_head, 8, head);
  const auto end = static_cast<unsigned>(head / descriptor_bytes_) % ring_entries;
  for (unsigned slot = oldest_; slot != end; slot = (slot + 1) % ring_entries)
    if (waits_[slot] && status(slot) == Status::in_use) set_status(slot, Status::aborted);
  co_await registers.write(strand, vtd::reg_fault_status, vtd::fsts_timeout_error, 4, {});
}

}  // namespace iov::software
