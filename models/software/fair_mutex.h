// SPDX-License-Identifier: Apache-2.0
/// FairMutex -- a lock between strands, handed over in order of arrival; a waiter sleeps and is woken.
///
/// Models  QEMU's global mutex, which its vCPU threads and its I/O thread share.
#pragma once
#include <deque>

#include "models/core/stat.h"
#include "models/core/task.h"
#include "models/host/strand.h"

namespace iov::software {

class FairMutex : public sc_core::sc_object {
 public:
  explicit FairMutex(const char* object_name) : sc_object(object_name) {}
  Task acquire(host::Strand& strand) {
    if (!owner_) {
      owner_ = &strand;
      co_return;
    }
    ++contended_;
    waiting_.push_back(&strand);
    bool meant_for_others = false;
    while (owner_ != &strand) {
      co_await strand.wait();
      meant_for_others = meant_for_others || owner_ != &strand;
    }
    if (meant_for_others) strand.wake();  // a wake-up that came while we waited for the lock still counts
  }
  void release() {
    owner_ = nullptr;
    if (waiting_.empty()) return;
    owner_ = waiting_.front();
    waiting_.pop_front();
    owner_->wake();
  }

 private:
  host::Strand* owner_ = nullptr;
  std::deque<host::Strand*> waiting_;
  Counter contended_{"contended", "1", "acquisitions that had to wait"};
};

}  // namespace iov::software
