// SPDX-License-Identifier: Apache-2.0
/// Core -- a processor core with its local interrupt controller: runs one strand at a time, switches
/// worlds and pays for it, and accounts every picosecond to a context and a kind of work.
///
/// Models  two-level urgency (host interrupt > host softirq > threads by fair share of run time;
///         inside a vCPU interrupt > softirq > application), ksoftirqd under sustained softirq load, preemption of the remaining work, guest /
///         kernel / user modes with the cost of each transition, VM exits by cause, halting, posted
///         notifications.
/// Omits   frequency scaling, SMT, cache state of the software itself (costs are averages).
/// Spec    Intel SDM vol. 3 ch. 25-31 (VMX), 10 (local APIC); Linux scheduling order of irq, softirq, threads.
#pragma once
#include <array>
#include <bitset>
#include <deque>
#include <memory>
#include <vector>

#include "models/core/invariant.h"
#include "models/core/prefetch.h"
#include "models/core/ring.h"
#include "models/core/stat.h"
#include "models/core/task.h"
#include "models/core/timeline.h"
#include "models/host/costs.h"
#include "models/host/strand.h"
#include "models/protocol/interrupt.h"

namespace iov::host {

/// Whether any core of a machine has something to do, as an occupancy of one: its mean is the share of time in which they are
/// not all at rest. Two that take turns fill it together, though neither is busy all the time.
class AwakeCores {
 public:
  void wakes(const Time& now) {
    if (cores_++ == 0) any_.set(1, now);
  }
  void rests(const Time& now) {
    if (--cores_ == 0) any_.set(0, now);
  }
  void settle(const Time& now) { any_.set(cores_ > 0, now); }  ///< brings the account up to date

 private:
  unsigned cores_ = 0;
  Occupancy any_{"any_awake", "whether a core has something to do or is on its way to it"};
};

class Core : public sc_core::sc_module {
 public:
  struct Params {
    Frequency frequency{2.1e9};
    Time time_slice = Time(1, sc_core::SC_MS);
    Time sleeper_credit = Time(3, sc_core::SC_MS);
    Time softirq_limit = Time(2, sc_core::SC_MS);
    WorldSwitchCosts world;
    template <class V>
    void describe(V& v) {
      v.field("frequency", frequency, Range<Frequency>{{1e8}, {1e10}}, "turns time into cycles",
              "Xeon E5-2450, the machine of the exit costs (Dall 2017)");
      const Range<Time> range{Time(1, sc_core::SC_US), Time(1, sc_core::SC_SEC)};
      v.field("time_slice", time_slice, range, "by which a thread may outrun a waiting one before it gives way",
              "Linux CFS sched_wakeup_granularity 1 ms");
      v.field("sleeper_credit", sleeper_credit, range, "run time that a thread that slept may catch up with",
              "Linux CFS: half of sched_latency 6 ms");
      v.field("softirq_limit", softirq_limit, range,
              "softirqs that run on for longer compete with the threads (ksoftirqd)", "Linux kernel/softirq.c MAX_SOFTIRQ_TIME");
      v.group("world", world, "world-switch costs");
    }
  };
  using IrqHandler = Delegate<Task(Strand&)>;

  Core(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, std::uint32_t apic_id);

  std::uint32_t apic_id() const { return apic_id_; }
  const Params& params() const { return params_; }
  Timeline& timeline() { return timeline_; }

  /// Reserves a host interrupt vector; `handler` runs on the core's interrupt strand (context irq).
  std::uint8_t allocate_vector(IrqHandler handler);
  /// A vector that has one meaning on all cores, from `first_system_vector` up.
  void claim_vector(std::uint8_t vector, IrqHandler handler);
  static constexpr std::uint8_t first_system_vector = 0xec;  ///< Linux arch/x86/include/asm/irq_vectors.h
  void set_interrupt_pins(InterruptPins& pins) { pins_ = &pins; }
  void set_awake_cores(AwakeCores& awake) { awake_cores_ = &awake; }
  /// A message from the interrupt bus arrives now.
  void interrupt(const ProcessorInterrupt& interrupt);
  /// While a handler runs: the I/O that its interrupt's message came with.
  const JourneyRef& interrupting() const { return interrupting_; }
  /// The same from another core: arrives when the inter-processor interrupt has.
  void send(const ProcessorInterrupt& interrupt);
  /// Forces a vCPU of this core out of guest mode (IPI), then calls `then` before it enters again.
  void kick(Delegate<void()> then);
  bool in_guest(const Thread& thread) const { return mode_ == Context::guest && thread_ == &thread; }

  void add_to(WorkingSet& set) const;  ///< of an interrupt that will come
  /// The thread that it will find; when that is at hand, what else it touches.
  void prefetch_thread() const {
    if (thread_) prefetch_object(*thread_);
  }
  void prefetch() const {
    if (thread_) thread_->prefetch();
  }
  void settle() { settle_until(timeline_.now()); }  ///< brings the accounts up to date
  Time spent(Context c) const;                      ///< since the last reset, as of the last settle()
  Time spent(Context c, Work w) const { return spent_[static_cast<std::size_t>(c)][static_cast<std::size_t>(w)]; }
  Time busy() const;
  const Time& idle_time() const { return idle_total_; }
  std::uint64_t exits(ExitCause cause) const { return exits_.at(static_cast<std::size_t>(cause), 0); }
  std::uint64_t interrupts() const { return interrupts_.value(); }
  void reset_accounts();  ///< end of warm-up: accounts start anew at now()
  Time accounted_since() const { return since_; }

 private:
  friend class Strand;
  friend struct CoreAccess;  ///< tests break the accounts through it
  friend struct Strand::Spend;
  friend struct Strand::Stall;
  void request(Strand& strand);
  void begin_stall(Strand& strand);
  void end_stall(Strand& strand);
  /// Softirqs count as a thread of their own while they are deferred.
  bool deferred(const Strand& s) const { return deferring_ && s.level_ == Level::host_softirq; }
  bool thread_level(const Strand& s) const { return s.level_ <= Level::thread_high || deferred(s); }
  Thread* thread_of(const Strand& s) { return deferred(s) ? &ksoftirqd_ : s.thread_; }
  RunQueue<Strand>& queue_of(Strand& strand);
  void consider_deferring();
  void enqueue(Strand& strand, bool front);
  void dequeue(Strand& strand);
  void dispatch();
  bool step();
  Strand* most_urgent();
  static Strand* best_of(Thread& thread);
  bool nothing_ready() const { return ready_ == 0 && !deferring_; }
  bool unchallenged() const { return running_ && nothing_ready(); }
  bool alone(const Strand& strand) const;
  bool outranks(const Strand& a, const Strand& b);
  bool outran(const Thread& runner, const Thread& waiter) const {
    return runner.run_time_ >= waiter.run_time_ + params_.time_slice;
  }
  Thread* fairest_other();
  void preempt();
  void start(Strand& strand);
  bool goes_on_here(const Strand& strand);
  Time switch_to(Strand& strand);
  void schedule_out(Thread& thread);
  Time change_mode(Context target, Strand& strand);
  Time leave_guest(ExitCause cause);
  Time enter_guest();
  void rest();
  void set_idle(bool idle);
  Time go_where_it_idles();
  void finish();
  void settle_until(const Time& now) {
    if (settled_ < now) settle_since(now);
  }
  void settle_since(const Time& now);
  void settle_switch(const Time& now);
  void settle_owed(Strand& strand, const Time& now);
  Task irq_loop();
  Task kick_handler(Strand& strand);
  void arrives();
  std::string sums() const;

  Timeline& timeline_;
  const Params params_;
  const std::uint32_t apic_id_;
  RunQueue<Strand> irq_, softirq_;
  RunQueue<Thread> threads_;  ///< those with ready strands
  std::uint32_t ready_ = 0;   ///< strands in all queues
  Thread* thread_ = nullptr;     ///< whose registers are loaded
  Thread ksoftirqd_{*this, Thread::Kind::process, "ksoftirqd"};
  bool deferring_ = false;
  Time fair_floor_;     ///< run time of the thread that last got the core
  Time softirq_since_;  ///< when the present run of softirqs began
  Context mode_ = Context::host_kernel;
  Strand* running_ = nullptr;    ///< has a segment under way
  Strand* executing_ = nullptr;  ///< its coroutine is being resumed
  Strand* goes_on_ = nullptr;    ///< it, when it asked for more while nothing else could run
  bool dispatching_ = false, idle_ = true;
  Context switch_context_ = Context::host_kernel;  ///< who pays for the switch under way
  Time awake_at_;    ///< the exit from the idle state ends; idle time, nothing executes
  Time work_begin_;  ///< the switch before the running segment ends; not preemptible before
  Time work_end_, settled_, since_, idle_total_;
  Event end_{timeline_, bind<&Core::finish>(this)};
  Event look_{timeline_, bind<&Core::dispatch>(this)};
  Event rest_{timeline_, bind<&Core::rest>(this)};
  Event arrival_{timeline_, bind<&Core::arrives>(this)};
  Strand irq_strand_{*this, Level::host_irq, nullptr, Context::irq};
  Ring<ProcessorInterrupt> pending_;
  std::bitset<256> requested_;
  JourneyRef interrupting_;
  InterruptPins* pins_ = nullptr;
  AwakeCores* awake_cores_ = nullptr;
  std::array<std::array<Time, work_count>, context_count> spent_{};
  Counter interrupts_{"interrupts", "1", "host interrupts taken"};
  Counter switches_{"context_switches", "1", "changes of thread"};
  Task irq_task_;
  std::array<IrqHandler, 256> handlers_{};
  std::uint8_t next_vector_ = 0x30, kick_vector_ = 0;
  std::deque<std::pair<Time, Delegate<void()>>> kicks_;
  std::deque<std::pair<Time, ProcessorInterrupt>> in_flight_;  ///< inter-processor interrupts
  TableStat exits_{"exits", "VM exits by cause", {{"count", "1"}}};
  Invariant accounts_{"accounts", Invariant::always, "CPU time per context and idle time sum to elapsed time",
                      [this] { return sums(); }};
};

inline void Strand::Spend::await_suspend(std::coroutine_handle<> who) {
  strand.who_ = who;
  strand.core_.request(strand);
}
inline void Strand::Stall::await_suspend(std::coroutine_handle<> who) {
  strand.who_ = who;
  strand.core_.begin_stall(strand);
}

}  // namespace iov::host
