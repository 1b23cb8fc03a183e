// SPDX-License-Identifier: Apache-2.0
/// QueueLock -- one at a time, in order of arrival. One sender fills a transmit queue, as Linux's HARD_TX_LOCK sees to: a thread
/// that is preempted between taking a descriptor and writing it would have others ring for what is not there yet. Likewise one
/// configures PCI functions.
///
/// Omits   spinning: who has to wait sleeps and is woken at no cost.
#pragma once
#include <deque>
#include <utility>

#include "models/core/task.h"
#include "models/host/strand.h"

namespace iov::software {

class QueueLock {
 public:
  bool taken() const { return owner_ != nullptr; }
  bool try_acquire(host::Strand& strand) {
    if (owner_) return false;
    owner_ = &strand;
    return true;
  }
  /// After try_acquire() failed. @pre the strand does not have it @post it has
  Task acquire(host::Strand& strand) {
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
};

}  // namespace iov::software
