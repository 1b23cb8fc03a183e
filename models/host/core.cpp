// SPDX-License-Identifier: Apache-2.0
#include "models/host/core.h"

#include <algorithm>

namespace iov::host {

void Strand::wake() {
  if (!waiting_) {
    wakeup_ = true;
    return;
  }
  waiting_ = false;
  const bool in_exit = thread_ && thread_->exit_strand_ == this;
  context_ = in_exit ? Context::host_kernel : home_;
  remaining_ = {};
  core_.request(*this);
}

void Strand::stall_done() { core_.end_stall(*this); }

Core::Core(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, std::uint32_t apic_id)
    : sc_module(name), timeline_(timeline), params_(params), apic_id_(apic_id) {
  for (const char* cause : exit_cause_names) exits_.add_row(cause);
  kick_vector_ = allocate_vector(bind<&Core::kick_handler>(this));
  irq_task_ = irq_loop();
  irq_task_.start();
}

// --- who runs ---------------------------------------------------------------------------------------------

void Core::request(Strand& strand) {
  if (executing_ == &strand && alone(strand)) [[likely]] {
    strand.in_turn_ = false;
    goes_on_ = &strand;
    return;
  }
  enqueue(strand, executing_ == &strand && !std::exchange(strand.in_turn_, false));
  dispatch();
}

void Core::begin_stall(Strand& strand) {
  strand.stall_ = true;
  request(strand);
}

void Core::end_stall(Strand& strand) {
  if (running_ != &strand || !strand.stall_) {
    strand.stall_over_ = true;
    return;
  }
  work_end_ = std::max(timeline_.now(), work_begin_);
  end_.at(work_end_);
}

RunQueue<Strand>& Core::queue_of(Strand& strand) {
  if (strand.level_ == Level::host_irq) return irq_;
  if (deferred(strand)) return ksoftirqd_.ready_[0];
  if (strand.level_ == Level::host_softirq) return softirq_;
  return strand.thread_->ready_[static_cast<std::size_t>(strand.level_)];
}

void Core::enqueue(Strand& strand, bool front) {
  const bool softirq_runs = running_ && running_->level_ == Level::host_softirq;
  if (strand.level_ == Level::host_softirq && softirq_.empty() && !softirq_runs && executing_ != &strand)
    softirq_since_ = timeline_.now();
  auto& queue = queue_of(strand);
  front ? queue.push_front(strand) : queue.push_back(strand);
  ++ready_;
  if (!thread_level(strand)) return;
  Thread& thread = *thread_of(strand);
  if (thread.queued_) return;
  thread.queued_ = true;
  threads_.push_back(thread);
  if (fair_floor_ > params_.sleeper_credit) thread.run_time_ = std::max(thread.run_time_, fair_floor_ - params_.sleeper_credit);
}

void Core::dequeue(Strand& strand) {
  queue_of(strand).erase(RunQueue<Strand>::s_iterator_to(strand));
  --ready_;
  if (!thread_level(strand)) return;
  Thread& thread = *thread_of(strand);
  if (thread.runnable()) return;
  thread.queued_ = false;
  threads_.erase(RunQueue<Thread>::s_iterator_to(thread));
}

/// Softirqs that ran on for too long while threads wait become a thread, until nothing of them is left.
void Core::consider_deferring() {
  if (running_ && running_->level_ == Level::host_softirq) return;
  if (deferring_ && !ksoftirqd_.runnable()) deferring_ = false;
  if (deferring_ || softirq_.empty() || threads_.empty()) return;
  if (timeline_.now() - softirq_since_ < params_.softirq_limit) return;
  deferring_ = true;
  RunQueue<Strand> waiting;
  waiting.swap(softirq_);
  while (!waiting.empty()) {
    Strand& strand = waiting.front();
    waiting.pop_front();
    --ready_;
    enqueue(strand, false);
  }
}

Strand* Core::best_of(Thread& thread) {
  if (Strand* exit = thread.exit_strand_) {
    for (const Strand& ready : thread.ready_[static_cast<std::size_t>(exit->level_)])
      if (&ready == exit) return exit;
    return nullptr;
  }
  for (std::size_t level = thread.ready_.size(); level-- > 0;)
    if (!thread.ready_[level].empty()) return &thread.ready_[level].front();
  return nullptr;
}

Strand* Core::most_urgent() {
  if (!irq_.empty()) return &irq_.front();
  if (!softirq_.empty()) return &softirq_.front();
  if (threads_.empty()) return nullptr;
  const bool current_runs = running_ && thread_level(*running_) && thread_of(*running_) == thread_;
  Strand* next = thread_ ? best_of(*thread_) : nullptr;
  Thread* other = fairest_other();
  if ((current_runs || next) && (!other || !outran(*thread_, *other))) return next;
  return other ? best_of(*other) : nullptr;
}

Thread* Core::fairest_other() {
  Thread* fairest = nullptr;
  for (Thread& t : threads_)
    if (&t != thread_ && (!fairest || t.run_time_ < fairest->run_time_) && best_of(t)) fairest = &t;
  return fairest;
}

/// Whether the queues would give the core to this strand, and hold nothing else.
[[gnu::always_inline]] inline bool Core::alone(const Strand& strand) const {
  if (!nothing_ready()) return false;
  if (strand.level_ > Level::thread_high) return true;  // nothing is deferred
  return thread_ == strand.thread_ && (!thread_->exit_strand_ || thread_->exit_strand_ == &strand);
}

bool Core::outranks(const Strand& a, const Strand& b) {
  if (b.stall_) return false;  // an uncached read cannot be interrupted
  if (!thread_level(a) || !thread_level(b)) return a.level_ > b.level_;
  const Thread &x = *thread_of(a), &y = *thread_of(b);
  return &x == &y ? a.level_ > b.level_ : outran(y, x);
}

void Core::dispatch() {
  if (dispatching_ || executing_) return;
  dispatching_ = true;
  if (Strand* const strand = std::exchange(goes_on_, nullptr)) start(*strand);
  while (!unchallenged() && step()) {
  }
  dispatching_ = false;
}

bool Core::step() {
  settle();
  consider_deferring();
  Strand* next = most_urgent();
  if (running_ && !(next && outranks(*next, *running_))) {
    const Thread* other = thread_level(*running_) ? fairest_other() : nullptr;
    if (other && !outran(*thread_, *other))
      look_.before(timeline_.now() + (other->run_time_ + params_.time_slice - thread_->run_time_));
    return false;
  }
  if (timeline_.now() < work_begin_) {  // a world switch is under way
    look_.before(work_begin_);
    return false;
  }
  if (!next) {
    if (!idle_ && !rest_.scheduled()) rest_.last_at(timeline_.now());
    return false;
  }
  if (running_) preempt();
  dequeue(*next);
  start(*next);
  return true;  // entering a guest may have made an interrupt handler ready
}

void Core::preempt() {
  settle();
  Strand& strand = *running_;
  strand.remaining_ = work_end_ - timeline_.now();
  strand.preempted_ = true;
  running_ = nullptr;
  end_.cancel();
  enqueue(strand, true);
}

void Core::start(Strand& strand) {
  const Time now = timeline_.now();
  settle_until(now);
  awake_at_ = idle_ ? now + params_.world.idle_exit : now;
  Time cost;
  if (!goes_on_here(strand)) [[unlikely]]
    cost = switch_to(strand);
  switch_context_ = strand.context_ == Context::irq ? Context::irq : Context::host_kernel;
  strand.preempted_ = false;
  if (idle_) [[unlikely]]
    set_idle(false);
  running_ = &strand;
  work_begin_ = awake_at_ + cost;
  if (strand.stall_ && !strand.stall_over_) return;  // ends with end_stall()
  work_end_ = work_begin_ + strand.remaining_;
  end_.at(work_end_);
}

void Core::finish() {
  settle();
  Strand& strand = *running_;
  running_ = nullptr;
  strand.stall_ = strand.stall_over_ = false;
  strand.owed_count_ = 0;  // also of no cost
  executing_ = &strand;
  strand.who_.resume();
  if (goes_on_ && !alone(strand)) enqueue(*std::exchange(goes_on_, nullptr), true);
  executing_ = nullptr;
  dispatch();
}

/// Nothing is left to run, and nothing became ready in this instant: the core goes where it idles, and once there it sleeps.
void Core::rest() {
  if (running_ || most_urgent()) return;
  settle();
  dispatching_ = true;  // entering a guest may make an interrupt handler ready, which runs after the entry
  const Time cost = go_where_it_idles();
  dispatching_ = false;
  if (cost > sc_core::SC_ZERO_TIME) {
    switch_context_ = Context::host_kernel;
    work_begin_ = timeline_.now() + cost;
  } else {
    set_idle(!most_urgent());
  }
  dispatch();
}

void Core::set_idle(bool idle) {
  if (idle == idle_) return;
  idle_ = idle;
  if (awake_cores_) idle ? awake_cores_->rests(timeline_.now()) : awake_cores_->wakes(timeline_.now());
}

/// A vCPU without work idles in its guest: after an interrupt that took it out it enters again first. HLT leaves if
/// configured so. One that waits in the middle of an exit stays out.
Time Core::go_where_it_idles() {
  Time cost;
  if (!thread_ || !thread_->vcpu() || thread_->halted_ || thread_->exit_strand_) return cost;
  if (mode_ != Context::guest) cost += enter_guest();
  if (thread_->halt_exits && !thread_->runnable()) {
    cost += leave_guest(ExitCause::halt);
    thread_->halted_ = true;
    schedule_out(*thread_);
  }
  return cost;
}

// --- world switches ---------------------------------------------------------------------------------------

Time Core::leave_guest(ExitCause cause) {
  ++exits_.at(static_cast<std::size_t>(cause), 0);
  mode_ = Context::host_kernel;
  return params_.world.vm_exit;
}

Time Core::enter_guest() {
  mode_ = Context::guest;
  thread_->halted_ = false;
  thread_->exit_strand_ = nullptr;
  return params_.world.vm_entry + thread_->entering_guest();
}

/// The mode in which a strand that spends time in this context executes.
static Context mode_for(Context context) { return context == Context::irq ? Context::host_kernel : context; }

/// Whether switch_to() has nothing to do.
inline bool Core::goes_on_here(const Strand& strand) {
  if (strand.exiting_ || mode_ != mode_for(strand.context_)) return false;
  return !thread_level(strand) || (thread_of(strand) == thread_ && thread_->on_core_);
}

Time Core::switch_to(Strand& strand) {
  Time cost;
  if (thread_level(strand) && thread_of(strand) != thread_) {
    if (mode_ == Context::guest)
      cost += leave_guest(thread_->halt_exits && !thread_->runnable() ? ExitCause::halt : ExitCause::preempted);
    if (thread_) {
      cost += params_.world.context_switch;
      ++switches_;
      schedule_out(*thread_);
    }
    thread_ = thread_of(strand);
    mode_ = Context::host_kernel;
    fair_floor_ = std::max(fair_floor_, thread_->run_time_);
  }
  if (thread_level(strand) && !std::exchange(thread_->on_core_, true)) thread_->scheduled_in();
  if (strand.exiting_) {
    if (mode_ != Context::guest) cost += enter_guest();  // an interrupt came between: enter again to execute it
    cost += leave_guest(strand.exit_cause_);
    strand.exiting_ = false;
    thread_->exit_strand_ = &strand;
  }
  return cost + change_mode(mode_for(strand.context_), strand);
}

/// An idle vCPU that gives way inside its guest has as little to go on with as one that halted.
void Core::schedule_out(Thread& thread) {
  if (!std::exchange(thread.on_core_, false)) return;
  const bool would_go_on = best_of(thread);
  if (thread.exit_strand_ && (thread.handed_to_user_ || !would_go_on)) return;
  would_go_on ? thread.preempted() : thread.blocked();
}

[[gnu::always_inline]] inline Time Core::change_mode(Context target, Strand& strand) {
  const WorldSwitchCosts& w = params_.world;
  const bool vcpu = thread_ && thread_->vcpu() && thread_level(strand);
  Time cost;
  if (mode_ == target) return cost;
  if (mode_ == Context::guest)
    cost += leave_guest(thread_level(strand) ? ExitCause::preempted : ExitCause::external_interrupt);
  if (target == Context::guest) {
    if (std::exchange(thread_->handed_to_user_, false)) cost += w.user_to_entry;
    return cost + enter_guest();
  }
  if (mode_ != target && thread_level(strand) && !strand.preempted_) {
    const bool first_leg = vcpu && target == Context::host_user && !thread_->handed_to_user_;
    if (first_leg) thread_->handed_to_user_ = true;  // the exit goes on to user space; later changes are system calls
    cost += first_leg ? w.exit_to_user : target == Context::host_user ? w.syscall_exit : w.syscall_entry;
  }
  mode_ = target;
  return cost;
}

}  // namespace iov::host
