// SPDX-License-Identifier: Apache-2.0
/// Timeline -- the one place where simulated time is scheduled: hardware events and sleeping software.
///
/// It runs inside one SystemC process. While the kernel has nothing else pending it runs ahead of the
/// kernel, exactly as far as nothing else can happen (sc_time_to_pending_activity), so modules ask
/// `now()` here and never sc_time_stamp(). With a foreign SystemC module attached it falls back to
/// lockstep by itself; calls into such a module annotate `lead()` as TLM-2.0 temporal decoupling asks.
///
/// Rule    what an event or coroutine notifies in the kernel (an sc_event, a signal, a foreign module that it
///         calls) it reports with kernel_touched(): only then the kernel is asked anew how far the timeline
///         may run ahead. MemoryPort does so for every memory but our own. Forgetting it is an error as soon
///         as it matters: run() finds out that it ran past what was notified.
/// Order   equal times run in the order in which they were scheduled, after them those of last_at(): determinism.
/// Errors  an exception thrown by an event or a coroutine ends run() and leaves it there.
#pragma once
#include <coroutine>
#include <cstdint>
#include <exception>
#include <systemc>

#include "models/core/future_event_list.h"
#include "models/core/prefetch.h"

namespace iov {

class Timeline;

/// A thing that will happen: a member of the module it happens to, scheduled at most once at a time.
class Event {
 public:
  Event(Timeline& timeline, Delegate<void()> happen) : timeline_(timeline), notice_(happen) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cancel(); }

  inline void at(const Time& when);      ///< (re)schedules; `when` must not be in the past
  inline void before(const Time& when);  ///< schedules unless something earlier is scheduled already
  inline void last_at(const Time& when);  ///< as at(), but after all that this instant has in it, also what it schedules itself
  inline void cancel();
  bool scheduled() const { return notice_.listed; }
  const Time& when() const { return notice_.when; }  ///< only while scheduled()

 private:
  Timeline& timeline_;
  EventNotice notice_;
};

class Timeline : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Timeline);
  explicit Timeline(const sc_core::sc_module_name& name);

  /// The current simulated time, in events and between runs alike.
  Time now() const { return running_ ? now_ : outside(); }
  Time lead() const { return now() - sc_core::sc_time_stamp(); }

  /// Simulates up to and including `until`, or until stop() is called.
  /// @throws what an event or coroutine threw
  void run(const Time& until);
  void stop() { stopped_ = true; }  ///< run() returns after the current event
  bool stopped() const { return stopped_; }
  void kernel_touched() { after_event_ |= touched; }  ///< see Rule
  /// The lines of `set` are asked for after each of the events that follow, some at a time. It stays as it is until
  /// prefetch_rest() or the next call.
  void prefetch(const WorkingSet& set) {
    prefetcher_.start(set);
    after_event_ |= prefetching;
  }
  void prefetch_rest() { prefetcher_.finish(); }
  bool idle() const { return pending_.empty(); }  ///< nothing will ever happen again by itself
  std::uint64_t events() const { return executed_; }

  /// A coroutine asleep; one that is destroyed meanwhile is not woken.
  class Sleep {
   public:
    Sleep(Timeline& timeline, const Time& when) : timeline_(timeline), when_(when) {}
    ~Sleep() {
      if (notice_.listed) timeline_.pending_.remove(notice_);
    }
    bool await_ready() const { return when_ <= timeline_.now(); }
    void await_suspend(std::coroutine_handle<> who) {
      notice_.happen = {who.address(), [](void* frame) { std::coroutine_handle<>::from_address(frame).resume(); }};
      timeline_.schedule(notice_, when_);
    }
    void await_resume() {}

   private:
    Timeline& timeline_;
    const Time when_;
    EventNotice notice_{{}};
  };
  /// co_await timeline.until(t): continue at simulated time t.
  Sleep until(const Time& when) { return {*this, when}; }

 private:
  friend class Event;
  [[gnu::cold]] Time outside() const;  ///< the time between runs, kept out of the callers of now()
  void schedule(EventNotice& notice, const Time& when);
  void reschedule(EventNotice& notice, const Time& when, std::uint64_t rank);
  [[noreturn, gnu::cold]] void refuse_past(const Time& when) const;
  void notify_kernel();
  void ask_kernel();
  void check_not_past_kernel() const;
  void run_due();
  void do_after_event();

  FutureEventList pending_;
  std::uint64_t executed_ = 0;
  bool running_ = false;
  bool stopped_ = false;
  enum AfterEvent : unsigned { touched = 1, prefetching = 2 };
  unsigned after_event_ = 0;  ///< what is to be done
  Time now_, until_;
  Time horizon_;  ///< as far as the timeline may run ahead of the kernel
  Prefetcher prefetcher_;
  std::exception_ptr error_;
  sc_core::sc_event wake_{"wake"};
};

inline void Event::at(const Time& when) { timeline_.schedule(notice_, when); }
inline void Event::last_at(const Time& when) { timeline_.reschedule(notice_, when, FutureEventList::last_of_instant); }
inline void Event::before(const Time& when) {
  if (!scheduled() || when < notice_.when) at(when);
}
inline void Event::cancel() {
  if (scheduled()) timeline_.pending_.remove(notice_);
}

}  // namespace iov
