// SPDX-License-Identifier: Apache-2.0
/// RegisterFlood -- a process of a guest that writes one register of its device again and again, beside the guest's other
/// work: a doorbell flood.
///
/// Models  a thread of the guest that competes for its vCPU; each write at the cost of the way to the device: a posted
///         TLP through a mapped BAR, an exit through an emulated device.
#pragma once
#include <functional>

#include "models/core/timeline.h"
#include "models/software/register_io.h"

namespace iov::software {

class RegisterFlood {
 public:
  struct Plan {
    std::uint32_t offset = 0, value = 0;
    Time interval;  ///< between writes; zero: as fast as the processor can
    Time until;     ///< when it ends
  };
  /// @param over  called when the flood has ended, with the number of writes
  RegisterFlood(host::Thread& vcpu, RegisterIo& registers, const Plan& plan, std::function<void(std::uint64_t)> over)
      : timeline_(vcpu.core().timeline()),
        registers_(registers),
        plan_(plan),
        over_(std::move(over)),
        strand_(vcpu.core(), host::Level::thread_low, &vcpu, host::Context::guest) {}
  void start() {
    task_ = flood();
    task_.start();
  }
  void stop() { stopped_ = true; }

 private:
  Task flood() {
    std::uint64_t writes = 0;
    for (Time next = timeline_.now(); !stopped_ && timeline_.now() < plan_.until; ++writes) {
      co_await registers_.write(strand_, plan_.offset, plan_.value, 4, {});
      next = std::max(next + plan_.interval, timeline_.now());
      if (plan_.interval == Time()) continue;
      pause_.at(next);
      co_await strand_.wait();
    }
    over_(writes);
  }
  void go_on() { strand_.wake(); }

  Timeline& timeline_;
  RegisterIo& registers_;
  const Plan plan_;
  const std::function<void(std::uint64_t)> over_;
  host::Strand strand_;
  bool stopped_ = false;
  Event pause_{timeline_, bind<&RegisterFlood::go_on>(this)};
  Task task_;
};

}  // namespace iov::software
