// SPDX-License-Identifier: Apache-2.0
// Fetching, waiting, errors: the queue in time. What the descriptors mean is in invalidation_descriptors.cpp.
#include "models/iommu/invalidation_queue.h"

#include <algorithm>

namespace iov::iommu {

using namespace vtd;

InvalidationQueue::InvalidationQueue(Timeline& timeline, const Params& p, MemoryPort& memory,
                                     RegisterFile& registers, FaultLog& faults, TranslationUnit& translation,
                                     InterruptUnit& interrupts, PageRequestQueue& page_requests, InterruptBus& bus)
    : event(registers, reg_completion_event_control, bus),
      timeline_(timeline),
      memory_(memory),
      registers_(registers),
      faults_(faults),
      translation_(translation),
      interrupts_(interrupts),
      page_requests_(page_requests),
      features_(p.features),
      overhead_(p.descriptor_overhead),
      duration_(p.invalidation_time),
      timeout_(p.device_tlb_timeout) {}

void InvalidationQueue::enable(bool on) {
  enabled_ = on;
  if (on) {
    registers_.set64(reg_queue_head, 0);
    resume();
  } else {
    phase_ = Phase::idle;  // what was fetched is dropped; device-TLB completions may still come
    event_.cancel();
  }
}

void InvalidationQueue::resume() {
  constexpr std::uint32_t stopping = fsts_queue_error | fsts_timeout_error | fsts_completion_error;
  if (!enabled_ || (phase_ != Phase::idle && phase_ != Phase::halted)) return;
  phase_ = Phase::idle;
  if (registers_.get32(reg_fault_status) & stopping) {
    phase_ = Phase::halted;
    return;
  }
  const std::uint64_t head = registers_.get64(reg_queue_head), tail = registers_.get64(reg_queue_tail);
  if (head == tail) return;
  if (tail >= queue_bytes()) return fail(QueueError::tail);
  if ((tail | head) % descriptor_bytes() != 0)  // of the head: the width was changed meanwhile
    return fail(QueueError::misaligned_tail);
  if (wide() && !features_.scalable_mode && !features_.abort_mode) return fail(QueueError::width);
  if (!mode_supported(features_, translation_.root().mode)) return fail(QueueError::table_mode);
  fetch();
}

void InvalidationQueue::fetch() {
  phase_ = Phase::fetching;
  if (!in_batch_) batch_start_ = timeline_.now();
  in_batch_ = true;
  const std::uint64_t base = registers_.get64(reg_queue_address) & page_mask;
  const unsigned bytes = descriptor_bytes();
  words_ = {};
  const Time end = memory_.read(Hpa(base + registers_.get64(reg_queue_head)),
                                {reinterpret_cast<std::uint8_t*>(words_.data()), bytes}, bytes,
                                timeline_.now(), features_.coherent);
  if (!memory_.ok()) return fail(QueueError::fetch);
  event_.at(end + overhead_);
}

void InvalidationQueue::step() {
  switch (phase_) {
    case Phase::fetching: return execute();
    case Phase::executing: phase_ = Phase::draining; return drained();
    case Phase::draining: return drained();
    case Phase::waiting: return try_wait();
    default: return;
  }
}

/// Nothing older than the invalidation may still be under way when it counts as done.
void InvalidationQueue::drained() {
  if (phase_ == Phase::waiting) return try_wait();
  if (phase_ != Phase::draining || draining()) return;
  if (timeline_.now() < translation_.answered_by()) return event_.at(translation_.answered_by());
  next();
}

void InvalidationQueue::next() {
  ++descriptors;
  registers_.set64(reg_queue_head, (registers_.get64(reg_queue_head) + descriptor_bytes()) % queue_bytes());
  phase_ = Phase::idle;
  resume();
}

void InvalidationQueue::fail(QueueError error) {
  ++errors;
  registers_.set64(reg_queue_error, (registers_.get64(reg_queue_error) & ~std::uint64_t{0xf}) | static_cast<std::uint64_t>(error));
  phase_ = Phase::halted;
  in_batch_ = false;
  faults_.raise_status(fsts_queue_error);
}

void InvalidationQueue::try_wait() {
  if (outstanding_ > 0 || draining()) return;
  if (bits(7, 1) && page_requests_.writing()) return;  // PD: its end calls drained()
  if (timeline_.now() < translation_.answered_by()) return event_.at(translation_.answered_by());
  complete_wait();
}

void InvalidationQueue::complete_wait() {
  if (bits(5, 1)) {  // SW: status data
    const auto data = static_cast<std::uint32_t>(words_[0] >> 32);
    memory_.write(Hpa(words_[1] & ~std::uint64_t{3}), {reinterpret_cast<const std::uint8_t*>(&data), 4}, 4,
                  timeline_.now());
  }
  if (bits(4, 1) && !(registers_.get32(reg_completion_status) & ics_wait_completed)) {  // IF
    registers_.set32(reg_completion_status, ics_wait_completed);
    event.raise();
  }
  wait_time.record(timeline_.now() - batch_start_);
  in_batch_ = false;
  next();
}

bool InvalidationQueue::try_send() {
  const auto at_function = [&] {
    return std::count_if(tags_.begin(), tags_.end(),
                         [&](const Tag& t) { return t.busy && t.function == target_; });
  };
  if (outstanding_ == tags_.size() || at_function() >= static_cast<long>(target_depth_)) {
    phase_ = Phase::sending;
    return false;
  }
  const auto tag = std::find_if(tags_.begin(), tags_.end(), [](const Tag& t) { return !t.busy; });
  *tag = {true, target_, 0, timeline_.now() + timeout_};
  ++outstanding_;
  ++device_invalidations;
  arm_timeout();
  fabric_->send_invalidate(target_, static_cast<std::uint8_t>(tag - tags_.begin()), target_pasid_,
                           target_body_);
  return true;
}

/// PCIe 10.3.2: one completion may answer several tags, and a tag may take up to 8 completions.
void InvalidationQueue::device_tlb_completed(RequesterId function, std::uint32_t itag_vector,
                                             std::uint8_t count) {
  const unsigned expected = count == 0 ? 8 : count;
  for (std::size_t i = 0; i < tags_.size(); ++i) {
    Tag& tag = tags_[i];
    if (!(itag_vector >> i & 1) || !tag.busy || tag.function != function) continue;
    if (++tag.received < expected) continue;
    tag.busy = false;
    --outstanding_;
  }
  arm_timeout();
  if (phase_ == Phase::sending && try_send()) return next();
  if (phase_ == Phase::waiting) try_wait();
}

void InvalidationQueue::arm_timeout() {
  const Tag* first = nullptr;
  for (const Tag& t : tags_)
    if (t.busy && (!first || t.deadline < first->deadline)) first = &t;
  first ? timeout_event_.at(first->deadline) : timeout_event_.cancel();
}

/// ITE: all device-TLB invalidations outstanding and the wait behind them are aborted (6.5.2.11).
void InvalidationQueue::expire() {
  for (Tag& t : tags_) {
    if (!t.busy) continue;
    if (t.deadline <= timeline_.now())
      registers_.set64(reg_queue_error,
                       std::uint64_t{t.function.value} << 32 |
                           (registers_.get64(reg_queue_error) & ~(std::uint64_t{0xffff} << 32)));
    t.busy = false;
  }
  outstanding_ = 0;
  ++timeouts;
  if (phase_ == Phase::waiting || phase_ == Phase::sending) {
    registers_.set64(reg_queue_head, (registers_.get64(reg_queue_head) + descriptor_bytes()) % queue_bytes());
    phase_ = Phase::halted;
    in_batch_ = false;
  }
  faults_.raise_status(fsts_timeout_error);
}

}  // namespace iov::iommu
