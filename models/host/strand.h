// SPDX-License-Identifier: Apache-2.0
/// Strand and Thread -- what runs on a Core. A strand is one sequential piece of software (a
/// coroutine) with a level; a thread is what the host's scheduler knows: a process's thread or a vCPU,
/// whose strands are the guest's application, its softirq and its interrupt handler.
///
///   co_await strand.spend(Context::guest, Work::driver, cost);   runs for `cost`, preemptible
///   strand.owe(Work::driver, cost);                              the same, by the next spend(): nobody sees the moment between
///   co_await strand.wait();                                      sleeps until wake()
#pragma once
#include <array>
#include <boost/intrusive/list.hpp>
#include <coroutine>
#include <string>

#include "models/core/params.h"
#include "models/core/prefetch.h"
#include "models/core/units.h"

namespace iov::host {

class Core;
class Thread;

/// Who the processor works for: time is accounted per context and always sums to elapsed time.
enum class Context : std::uint8_t { guest, host_kernel, host_user, irq };
inline constexpr std::size_t context_count = 4;
inline constexpr Names<context_count> context_names{"guest", "host_kernel", "host_user", "irq"};

/// What for: the second dimension of the accounts.
enum class Work : std::uint8_t { application, stack, driver, backend, copy, emulation, interrupt, world_switch, mmio };
inline constexpr std::size_t work_count = 9;
inline constexpr Names<work_count> work_names{"application", "stack",     "driver",       "backend", "copy",
                                              "emulation",   "interrupt", "world_switch", "mmio"};

enum class ExitCause : std::uint8_t { mmio_read, mmio_write, kick, eoi, external_interrupt, halt, preempted, config };
inline constexpr std::size_t exit_causes = 8;
inline constexpr Names<exit_causes> exit_cause_names{"mmio_read", "mmio_write", "kick",     "eoi",
                                                     "external_interrupt", "halt", "preempted", "config"};

/// Order of urgency on a core; the thread levels compete only inside the thread that has the core.
enum class Level : std::uint8_t { thread_background, thread_low, thread_middle, thread_high, host_softirq, host_irq };

/// A queue of a core is a chain through its members, which are in one at a time: of thousands of threads few are in any.
using QueueHook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;
template <class T>
using RunQueue = boost::intrusive::list<T, boost::intrusive::constant_time_size<false>>;

class Strand : public QueueHook {
 public:
  /// @param home  the context it wakes up in
  Strand(Core& core, Level level, Thread* thread = nullptr, Context home = Context::host_kernel)
      : core_(core), level_(level), thread_(thread), home_(home), context_(home) {}
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  struct Spend {
    Strand& strand;
    bool await_ready() const { return false; }
    inline void await_suspend(std::coroutine_handle<> who);
    void await_resume() {}
  };
  /// Runs for `cost` in `context`; interrupts and more urgent strands may delay the end.
  Spend spend(Context context, Work work, const Time& cost) {
    context_ = context, work_ = work, remaining_ = cost;
    for (unsigned i = 0; i < owed_count_; ++i) remaining_ += owed_[i].cost;
    return {*this};
  }
  /// As spend(), behind the others of its level that are ready: one round of a loop that never waits.
  Spend spend_in_turn(Context context, Work work, const Time& cost) {
    in_turn_ = true;
    return spend(context, work, cost);
  }
  /// Work that comes first in the next spend(), in its context. For what has nothing between it and that spend(), and ends in
  /// nothing that anybody could see: it takes no event of its own.
  void owe(Work work, const Time& cost) { owed_.at(owed_count_++) = {work, cost}; }
  /// Softirqs of the host may not: between two pieces of their work it is decided whether they are deferred.
  bool may_owe() const { return level_ != Level::host_softirq; }
  /// Leaves the guest on purpose: the exit itself; what handles it follows as spend().
  Spend vm_exit(ExitCause cause) {
    exit_cause_ = cause, exiting_ = true;
    return spend(Context::host_kernel, Work::world_switch, {});
  }
  /// The exit is handled: back into the guest, at the cost of the entry.
  Spend resume_guest() { return spend(Context::guest, Work::interrupt, {}); }
  struct Wait {
    Strand& strand;
    bool await_ready() const { return strand.take_wakeup(); }
    void await_suspend(std::coroutine_handle<> who) { strand.who_ = who, strand.waiting_ = true; }
    void await_resume() {}
  };
  /// Sleeps until wake(); returns at once if a wake() came since the last wait.
  Wait wait() { return {*this}; }
  void wake();

  /// The core stands still (an uncached read is under way) until stall_done(); not preemptible.
  struct Stall {
    Strand& strand;
    bool await_ready() const { return false; }
    inline void await_suspend(std::coroutine_handle<> who);
    void await_resume() {}
  };
  Stall stall(Context context) {
    context_ = context, work_ = Work::mmio, remaining_ = {};
    return {*this};
  }
  void stall_done();  ///< the answer is there; also right if it comes before the stall began

  Core& core() const { return core_; }
  Thread* thread() const { return thread_; }
  Level level() const { return level_; }

 private:
  friend class Core;
  bool take_wakeup() {
    const bool had = wakeup_;
    wakeup_ = false;
    return had;
  }
  struct Owed {
    Work work;
    Time cost;
  };
  Core& core_;
  const Level level_;
  Thread* const thread_;
  const Context home_;
  Context context_;
  std::uint8_t owed_count_ = 0;  ///< not yet done
  Work work_ = Work::application;
  ExitCause exit_cause_ = ExitCause::external_interrupt;
  bool wakeup_ = false, waiting_ = false, exiting_ = false, preempted_ = false;
  bool stall_ = false, stall_over_ = false, in_turn_ = false;
  Time remaining_;  ///< with what is owed
  std::coroutine_handle<> who_;
  std::array<Owed, 2> owed_;
};

/// Gets its fair share of its core (CFS). For a vCPU: background = what
/// computes when nothing else is to do, low = application, middle = softirq, high = interrupt handler.
class Thread : public QueueHook {
 public:
  enum class Kind : std::uint8_t { process, vcpu };
  Thread(Core& core, Kind kind, std::string name) : core_(core), kind_(kind), name_(std::move(name)) {}
  virtual ~Thread() = default;
  Core& core() const { return core_; }
  bool vcpu() const { return kind_ == Kind::vcpu; }
  const std::string& name() const { return name_; }
  void add_to(WorkingSet& set) const { set.add_members(*this, &Thread::kind_, &Thread::handed_to_user_); }
  virtual void prefetch() const {}  ///< what its end on the core touches
  bool runnable() const {
    for (const auto& level : ready_)
      if (!level.empty()) return true;
    return false;
  }
  /// A posted-interrupt notification with this vCPU's vector reached the core while it was in guest mode.
  virtual void posted_notification() {}
  /// What the host's scheduler does with the thread: it gets the core; it loses it and would go on; it loses it because
  /// it waits for something to happen. A vCPU that waits in the middle of an exit is none of these: its hypervisor's
  /// code goes on by itself.
  virtual void scheduled_in() {}
  virtual void preempted() {}
  virtual void blocked() {}
  /// The core is about to enter guest mode for this vCPU; returns what that costs beyond a bare entry.
  virtual Time entering_guest() { return {}; }

  std::uint8_t notification_vector = 0;  ///< vCPU: 0 none
  bool halt_exits = false;  ///< vCPU: HLT leaves the guest instead of idling inside it

 private:
  friend class Core;
  friend class Strand;
  Core& core_;
  const Kind kind_;
  const std::string name_;
  std::array<RunQueue<Strand>, 4> ready_;  ///< by level
  Time run_time_;  ///< virtual run time
  bool queued_ = false;
  bool on_core_ = false;         ///< scheduled in, and not out since
  bool halted_ = false;          ///< vCPU: left its guest by HLT
  Strand* exit_strand_ = nullptr;  ///< vCPU: who is between vm_exit() and the next entry; nothing else of it can run
  bool handed_to_user_ = false;  ///< vCPU: the exit under way was passed on to user space
};

}  // namespace iov::host
