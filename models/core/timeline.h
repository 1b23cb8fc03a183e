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
#include <vector>

#include "models/core/delegate.h"
#include "models/core/units.h"

namespace iov {

class Timeline;

/// A thing that will happen: a member of the module it happens to, scheduled at most once at a time.
class Event {
 public:
  Event(Timeline& timeline, Delegate<void()> happen) : timeline_(timeline), happen_(happen) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();

  void at(const Time& when);      ///< (re)schedules; `when` must not be in the past
  void before(const Time& when);  ///< schedules unless something earlier is scheduled already
  void last_at(const Time& when);  ///< as at(), but after all that this instant has in it, also what it schedules itself
  void cancel();
  bool scheduled() const { return scheduled_; }
  Time when() const { return when_; }  ///< only while scheduled()

 private:
  friend class Timeline;
  Timeline& timeline_;
  Delegate<void()> happen_;
  Time when_;
  std::uint32_t slot_ = 0;  ///< index in the timeline's heap while scheduled
  bool scheduled_ = false;
};

class Timeline : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Timeline);
  explicit Timeline(const sc_core::sc_module_name& name);

  /// The current simulated time, in events and between runs alike.
  Time now() const { return running_ || now_ > sc_core::sc_time_stamp() ? now_ : sc_core::sc_time_stamp(); }
  Time lead() const { return now() - sc_core::sc_time_stamp(); }

  /// Simulates up to and including `until`, or until stop() is called.
  /// @throws what an event or coroutine threw
  void run(const Time& until);
  void stop() { stopped_ = true; }  ///< run() returns after the current event
  bool stopped() const { return stopped_; }
  void kernel_touched() { touched_ = true; }  ///< see Rule
  bool idle() const { return heap_.size() == (hole_ ? 1u : 0u); }  ///< nothing will ever happen again by itself
  std::uint64_t events() const { return executed_; }

  /// co_await timeline.until(t): continue at simulated time t.
  auto until(const Time& when) {
    struct Sleep {
      Timeline& timeline;
      Time when;
      bool await_ready() const { return when <= timeline.now(); }
      void await_suspend(std::coroutine_handle<> who) { timeline.push(when, nullptr, who); }
      void await_resume() {}
    };
    return Sleep{*this, when};
  }

 private:
  friend class Event;
  struct Entry {
    Time when;
    std::uint64_t order;
    Event* event;                 ///< either this ...
    std::coroutine_handle<> who;  ///< ... or a sleeping coroutine
    bool before(const Entry& o) const { return when != o.when ? when < o.when : order < o.order; }
  };
  static constexpr std::uint64_t last_of_instant = std::uint64_t{1} << 63;  ///< in Entry::order
  void push(const Time& when, Event* event, std::coroutine_handle<> who, std::uint64_t rank = 0);
  void reschedule(Event& event, const Time& when, std::uint64_t rank = 0);
  void remove(Event& event);
  void place(std::size_t slot, const Entry& entry);
  void sift_up(std::size_t slot, const Entry& entry);
  void sift_down(std::size_t slot, const Entry& entry);
  void check_future(const Time& when) const {
    if (when < now()) refuse_past(when);
  }
  [[noreturn]] void refuse_past(const Time& when) const;
  void notify_kernel();
  void ask_kernel();
  void check_not_past_kernel() const;
  void run_due();
  void run_next();
  void close_hole();

  std::vector<Entry> heap_;  ///< 4-ary min-heap
  /// The root is the entry that is happening: before all others, so still a heap. What it schedules first
  /// takes its place, which spares a removal and an insertion.
  bool hole_ = false;
  std::uint64_t order_ = 0;
  std::uint64_t executed_ = 0;
  bool running_ = false;
  bool stopped_ = false;
  bool touched_ = false;
  Time now_, until_;
  Time horizon_;  ///< as far as the timeline may run ahead of the kernel
  std::exception_ptr error_;
  sc_core::sc_event wake_{"wake"};
};

}  // namespace iov
