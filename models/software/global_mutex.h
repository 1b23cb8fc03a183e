// SPDX-License-Identifier: Apache-2.0
/// GlobalMutex -- the one mutex of an emulator (QEMU's qemu_global_mutex, "BQL"), which its vCPU threads and its I/O thread share.
///
/// Spec    in user space glibc's default mutex (nptl/lowlevellock.h: free, taken, taken with sleepers) on futex(2); in the host
///         kernel Linux' struct mutex (kernel/locking/mutex.c).
/// Models  who finds it taken sleeps by a system call and leaves its core to others. Who lets go of it and knows of sleepers wakes
///         the one that has slept longest, by a system call after it has let go: whoever is faster than the woken one overtakes
///         it, and it sleeps again. In the kernel a sleeper that was overtaken once is handed the mutex.
/// Omits   spinning before sleeping (glibc's default has none; the kernel's is short where the owner runs).
/// Units   costs are SoftwareCosts::thread_wakeup and the core's system calls; taking a free mutex costs nothing of its own.
#pragma once
#include <algorithm>
#include <deque>

#include "models/core/invariant.h"
#include "models/core/stat.h"
#include "models/core/task.h"
#include "models/host/core.h"
#include "models/software/costs.h"

namespace iov::software {

class GlobalMutex : public sc_core::sc_module {
 public:
  /// @param own  where its users run: host_user (QEMU) or host_kernel
  GlobalMutex(const sc_core::sc_module_name& name, Timeline& timeline, const SoftwareCosts& costs, host::Context own)
      : sc_module(name), timeline_(timeline), costs_(costs), own_(own) {
    held_.bound(1);
  }
  /// @post the strand owns it, and runs in the context of its users
  Task acquire(host::Strand& strand) {
    if (!owner_) {
      take(strand);
      co_return;
    }
    ++contended_;
    waiting_.set(waiting_.level() + 1, timeline_.now());
    for (bool overtaken = false; owner_ != &strand;) {
      sleepers_known_ = true;
      co_await strand.spend(host::Context::host_kernel, host::Work::backend, {});  // futex(FUTEX_WAIT)
      const bool sleeps = owner_ && sleepers_known_;
      if (sleeps) co_await sleep(strand, overtaken);
      co_await strand.spend(own_, host::Work::backend, {});
      woken_ -= sleeps;
      overtaken = sleeps && owner_ && owner_ != &strand;
      overtaken_ += overtaken;
      if (owner_) continue;
      take(strand);
      sleepers_known_ = true;  // it cannot know that it was the last one
    }
    waiting_.set(waiting_.level() - 1, timeline_.now());
  }
  /// @post somebody else may own it; the strand is in the kernel if it had somebody to wake
  Task release(host::Strand& strand) {
    owner_ = nullptr;
    held_.set(0, timeline_.now());
    if (!std::exchange(sleepers_known_, false)) co_return;
    host::Strand* first = nullptr;
    if (own_ == host::Context::host_kernel && !sleepers_.empty() && sleepers_.front().overtaken) {  // handed over
      take(*(first = next_sleeper()));
      sleepers_known_ = !sleepers_.empty();
    }
    const bool somebody = first || !sleepers_.empty();
    ++waking_;
    co_await strand.spend(host::Context::host_kernel, host::Work::backend, somebody ? costs_.thread_wakeup : Time());
    --waking_;
    if (!first && somebody && !sleepers_.empty()) first = next_sleeper();
    if (first) first->wake();
  }

 private:
  friend struct GlobalMutexAccess;  ///< tests lose a wake-up through it
  struct Sleeper {
    host::Strand* strand;
    bool overtaken;
  };
  void take(host::Strand& strand) {
    owner_ = &strand;
    held_.set(1, timeline_.now());
  }
  host::Strand* next_sleeper() {
    host::Strand* const strand = sleepers_.front().strand;
    sleepers_.pop_front();
    ++woken_;
    return strand;
  }
  bool asleep(const host::Strand& strand) const {
    return std::ranges::any_of(sleepers_, [&](const Sleeper& s) { return s.strand == &strand; });
  }
  Task sleep(host::Strand& strand, bool overtaken) {
    overtaken && own_ == host::Context::host_kernel ? sleepers_.push_front({&strand, true}) : sleepers_.push_back({&strand, overtaken});
    bool meant_for_others = false;
    while (asleep(strand)) {
      co_await strand.wait();
      meant_for_others = meant_for_others || asleep(strand);
    }
    if (meant_for_others) strand.wake();  // a wake-up that came while we waited for the mutex still counts
  }
  std::string finding() const {
    if (sleepers_.empty() || waking_ || woken_ || (owner_ && sleepers_known_)) return "";
    return std::to_string(sleepers_.size()) + " sleep and nobody will wake them";
  }

  Timeline& timeline_;
  const SoftwareCosts& costs_;
  const host::Context own_;
  host::Strand* owner_ = nullptr;
  bool sleepers_known_ = false;  ///< glibc's third value: whoever lets go has to wake somebody
  std::deque<Sleeper> sleepers_;
  unsigned waking_ = 0;  ///< system calls under way that will wake somebody
  unsigned woken_ = 0;   ///< threads that will try again
  Occupancy held_{"held", "whether a thread has the mutex"};
  Occupancy waiting_{"waiting", "threads that wait for the mutex"};
  Counter contended_{"contended", "1", "acquisitions that had to wait"};
  Counter overtaken_{"overtaken", "1", "times a woken thread found the mutex taken again"};
  Invariant found_{"sleepers_are_woken", Invariant::always, "while threads sleep, somebody will wake one", [this] { return finding(); }};
};

}  // namespace iov::software
