// SPDX-License-Identifier: Apache-2.0
/// MainLoop -- how the I/O thread of an emulator (QEMU) spends its life: it looks for what is ready, without the emulator's mutex, and
/// serves it, with the mutex.
///
/// Spec    QEMU main_loop_wait(), net/tap.c
/// Models  the look as a system call, whose time varies, the sleep in it, its end by a readable tap, a timer or another thread.
/// Omits   other descriptors, the timer interrupt and the signal behind a timer.
#pragma once
#include "models/core/random.h"
#include "models/software/global_mutex.h"

namespace iov::software {

class MainLoop : public sc_core::sc_module {
 public:
  struct Params {
    unsigned tap_burst = 50;
    double look_spread = 1;
    template <class V>
    void describe(V& v) {
      v.field("tap_burst", tap_burst, Range<unsigned>{0, 100000},
              "packets that the I/O thread takes from the tap before it lets go of the emulator's mutex; 0: as long as there are any",
              "QEMU net/tap.c, tap_send(): 50, so that it does not \"hog the QEMU global mutex\"");
      v.field("look_spread", look_spread, Range<double>{0, 1},
              "share by which the time of a look (event_loop) differs either way: without it, who wins the race for the mutex is decided "
              "by the phase of two loops and every time alike",
              no_source);
    }
  };
  /// @param own  where the device is emulated: host_user, or host_kernel, where a look costs nothing
  MainLoop(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, const SoftwareCosts& costs,
           host::Strand& strand, host::Context own, std::uint64_t seed)
      : sc_module(name),
        params_(params),
        costs_(costs),
        strand_(strand),
        own_(own),
        mutex_("mutex", timeline, costs, own),
        random_(seed, sc_module::name()) {}
  GlobalMutex& mutex() { return mutex_; }
  bool asleep() const { return asleep_; }
  bool burst_over(unsigned packets) const { return params_.tap_burst && packets >= params_.tap_burst; }

  /// Lets go of the mutex until something is `ready`, which is also asked after each wake-up. @pre the strand has the mutex
  Task poll(Delegate<bool()> ready) {
    co_await mutex_.release(strand_);
    if (own_ == host::Context::host_user) co_await strand_.spend(host::Context::host_kernel, host::Work::backend, look());
    while (!ready()) {
      asleep_ = true;
      co_await strand_.wait();
      asleep_ = false;
    }
    co_await strand_.spend(own_, host::Work::backend, {});
    co_await mutex_.acquire(strand_);
  }
  /// Ends a sleep in poll(): a timer, a signal.
  void wake() {
    if (asleep_) strand_.wake();
  }
  /// Another thread of the emulator ends it, and pays for that (qemu_notify_event).
  Task notify(host::Strand& strand) {
    if (!asleep_) co_return;
    co_await strand.spend(host::Context::host_kernel, host::Work::backend, costs_.thread_wakeup);
    wake();
  }

 private:
  Time look() { return costs_.event_loop * (1 + params_.look_spread * (2 * random_.unit() - 1)); }
  const Params params_;
  const SoftwareCosts& costs_;
  host::Strand& strand_;
  const host::Context own_;
  GlobalMutex mutex_;
  Random random_;
  bool asleep_ = false;
};

}  // namespace iov::software
