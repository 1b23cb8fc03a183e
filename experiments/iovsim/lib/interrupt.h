// SPDX-License-Identifier: Apache-2.0
/// While an InterruptGuard lives, Ctrl-C and SIGTERM ask the program to stop instead of killing it.
#pragma once
#include <csignal>

namespace iov::experiment {

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool stop_requested() const;

 private:
  struct sigaction old_interrupt_ {}, old_terminate_ {};
};

}  // namespace iov::experiment
