// SPDX-License-Identifier: Apache-2.0
#include "models/core/timeline.h"

#include <algorithm>

#include "models/core/sim_error.h"

namespace iov {

Event::~Event() { cancel(); }

void Event::at(const Time& when) {
  if (scheduled_) return timeline_.reschedule(*this, when);
  timeline_.push(when, this, {});
}

void Event::before(const Time& when) {
  if (!scheduled_ || when < when_) at(when);
}

void Event::last_at(const Time& when) {
  if (scheduled_) return timeline_.reschedule(*this, when, Timeline::last_of_instant);
  timeline_.push(when, this, {}, Timeline::last_of_instant);
}

void Event::cancel() {
  if (scheduled_) timeline_.remove(*this);
}

Timeline::Timeline(const sc_core::sc_module_name& name) : sc_module(name) {
  SC_METHOD(run_due);
  sensitive << wake_;
  dont_initialize();
  heap_.reserve(1024);
}

void Timeline::run(const Time& until) {
  until_ = until;
  stopped_ = false;
  notify_kernel();
  if (until > sc_core::sc_time_stamp()) sc_core::sc_start(until - sc_core::sc_time_stamp());
  // sc_start leaves what is due exactly at its end for the next call: do it now.
  while (!stopped_ && !heap_.empty() && heap_.front().when <= until) {
    notify_kernel();
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  if (!stopped_) now_ = std::max(now_, until);
}

void Timeline::refuse_past(const Time& when) const {
  throw SimError(now(), name(), "scheduled in the past: " + when.to_string());
}

void Timeline::place(std::size_t slot, const Entry& entry) {
  heap_[slot] = entry;
  if (entry.event) entry.event->slot_ = static_cast<std::uint32_t>(slot);
}

void Timeline::sift_up(std::size_t slot, const Entry& entry) {
  while (slot > 0) {
    const std::size_t parent = (slot - 1) / 4;
    if (!entry.before(heap_[parent])) break;
    place(slot, heap_[parent]);
    slot = parent;
  }
  place(slot, entry);
}

void Timeline::sift_down(std::size_t slot, const Entry& entry) {
  const std::size_t size = heap_.size();
  for (;;) {
    const std::size_t first = 4 * slot + 1;
    if (first >= size) break;
    std::size_t least = first;
    for (std::size_t c = first + 1; c < std::min(first + 4, size); ++c)
      if (heap_[c].before(heap_[least])) least = c;
    if (!heap_[least].before(entry)) break;
    place(slot, heap_[least]);
    slot = least;
  }
  place(slot, entry);
}

void Timeline::push(const Time& when, Event* event, std::coroutine_handle<> who, std::uint64_t rank) {
  check_future(when);
  const Entry entry{when, order_++ | rank, event, who};
  if (event) event->when_ = when, event->scheduled_ = true;
  if (hole_) {
    hole_ = false;
    return sift_down(0, entry);
  }
  heap_.emplace_back();
  sift_up(heap_.size() - 1, entry);
  if (!running_ && heap_.front().order == entry.order) notify_kernel();
}

void Timeline::reschedule(Event& event, const Time& when, std::uint64_t rank) {
  check_future(when);
  const Entry entry{when, order_++ | rank, &event, {}};
  event.when_ = when;
  const std::size_t slot = event.slot_;
  if (slot > 0 && entry.before(heap_[(slot - 1) / 4]))
    sift_up(slot, entry);
  else
    sift_down(slot, entry);
  if (!running_) notify_kernel();
}

void Timeline::remove(Event& event) {
  event.scheduled_ = false;
  const std::size_t slot = event.slot_;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (slot == heap_.size()) return;
  if (slot > 0 && last.before(heap_[(slot - 1) / 4]))
    sift_up(slot, last);
  else
    sift_down(slot, last);
}

void Timeline::notify_kernel() {
  wake_.cancel();
  if (heap_.empty() || running_) return;
  const Time when = heap_.front().when;
  const auto kernel = sc_core::sc_time_stamp();
  if (when <= until_) wake_.notify(when > kernel ? when - kernel : sc_core::SC_ZERO_TIME);
}

void Timeline::ask_kernel() {
  touched_ = false;
  horizon_ = until_;
  if (sc_core::sc_pending_activity())
    horizon_ = std::min(until_, sc_core::sc_time_stamp() + sc_core::sc_time_to_pending_activity());
}

void Timeline::check_not_past_kernel() const {
  const Time kernel = sc_core::sc_time_stamp();
  if (touched_ || now_ <= kernel || !sc_core::sc_pending_activity()) return;
  if (kernel + sc_core::sc_time_to_pending_activity() < std::min(now_, horizon_))
    throw SimError(now_, name(), "the kernel was notified without kernel_touched()");
}

void Timeline::close_hole() {
  hole_ = false;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(0, last);
}

void Timeline::run_next() {
  Entry& first = heap_.front();
  now_ = first.when;
  ++executed_;
  hole_ = true;
  if (Event* event = std::exchange(first.event, nullptr)) {
    event->scheduled_ = false;
    event->happen_();
  } else {
    first.who.resume();
  }
  if (hole_) close_hole();
}

void Timeline::run_due() {
  running_ = true;
  ask_kernel();
  try {
    while (!stopped_ && !heap_.empty() && heap_.front().when <= horizon_) {
      run_next();
      if (touched_) ask_kernel();
    }
    check_not_past_kernel();
  } catch (...) {
    error_ = std::current_exception();
    stopped_ = true;
  }
  if (hole_) close_hole();
  running_ = false;
  if (stopped_)
    sc_core::sc_pause();
  else
    notify_kernel();
}

}  // namespace iov
