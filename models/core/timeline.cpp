// SPDX-License-Identifier: Apache-2.0
#include "models/core/timeline.h"

#include <algorithm>

#include "models/core/sim_error.h"

namespace iov {

Timeline::Timeline(const sc_core::sc_module_name& name) : sc_module(name) {
  SC_METHOD(run_due);
  sensitive << wake_;
  dont_initialize();
}

void Timeline::run(const Time& until) {
  until_ = until;
  stopped_ = false;
  notify_kernel();
  if (until > sc_core::sc_time_stamp()) sc_core::sc_start(until - sc_core::sc_time_stamp());
  // sc_start leaves what is due exactly at its end for the next call: do it now.
  for (const EventNotice* next; !stopped_ && (next = pending_.first(now_)) && next->when <= until;) {
    notify_kernel();
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  if (!stopped_) now_ = std::max(now_, until);
}

Time Timeline::outside() const { return std::max(now_, sc_core::sc_time_stamp()); }

void Timeline::refuse_past(const Time& when) const {
  throw SimError(now(), name(), "scheduled in the past: " + exact_text(when));
}

/// Nearly all is scheduled anew, by an event: that takes no calls.
void Timeline::schedule(EventNotice& notice, const Time& when) {
  if (notice.listed || !running_ || when < now_) return reschedule(notice, when, 0);
  pending_.insert(notice, when, now_);
}

[[gnu::noinline]] void Timeline::reschedule(EventNotice& notice, const Time& when, std::uint64_t rank) {
  if (when < now()) refuse_past(when);
  if (notice.listed) pending_.remove(notice);
  pending_.insert(notice, when, now_, rank);
  if (!running_) notify_kernel();
}

void Timeline::notify_kernel() {
  wake_.cancel();
  const EventNotice* const next = pending_.first(now_);
  if (!next || running_ || next->when > until_) return;
  const auto kernel = sc_core::sc_time_stamp();
  wake_.notify(next->when > kernel ? next->when - kernel : sc_core::SC_ZERO_TIME);
}

void Timeline::ask_kernel() {
  after_event_ &= ~unsigned{touched};
  horizon_ = until_;
  if (sc_core::sc_pending_activity())
    horizon_ = std::min(until_, sc_core::sc_time_stamp() + sc_core::sc_time_to_pending_activity());
}

void Timeline::check_not_past_kernel() const {
  const Time kernel = sc_core::sc_time_stamp();
  if ((after_event_ & touched) || now_ <= kernel || !sc_core::sc_pending_activity()) return;
  if (kernel + sc_core::sc_time_to_pending_activity() < std::min(now_, horizon_))
    throw SimError(now_, name(), "the kernel was notified without kernel_touched()");
}

[[gnu::noinline]] void Timeline::do_after_event() {
  if (after_event_ & touched) ask_kernel();
  prefetcher_.some();
  if (prefetcher_.idle()) after_event_ &= ~unsigned{prefetching};
}

void Timeline::run_due() {
  running_ = true;
  ask_kernel();
  try {
    while (!stopped_) {
      EventNotice* const next = pending_.take_first(now_, horizon_);
      if (!next) break;
      now_ = next->when;
      ++executed_;
      next->happen();
      if (after_event_) do_after_event();
    }
    check_not_past_kernel();
  } catch (...) {
    error_ = std::current_exception();
    stopped_ = true;
  }
  running_ = false;
  if (stopped_)
    sc_core::sc_pause();
  else
    notify_kernel();
}

}  // namespace iov
