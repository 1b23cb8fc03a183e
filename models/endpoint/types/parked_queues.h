// SPDX-License-Identifier: Apache-2.0
/// ParkedQueues -- queues that may not go on before a time: one event for the first, none polls.
#pragma once
#include <algorithm>
#include <vector>

#include "models/core/timeline.h"

namespace iov::endpoint {

class ParkedQueues {
 public:
  ParkedQueues(Timeline& timeline, Delegate<void(unsigned)> resume) : timeline_(timeline), resume_(resume) {}
  void park(unsigned queue, const Time& until) {
    heap_.push_back({until, order_++, queue});
    std::push_heap(heap_.begin(), heap_.end());
    event_.before(until);
  }

 private:
  struct Entry {
    Time when;
    std::uint64_t order;
    unsigned queue;
    bool operator<(const Entry& o) const { return when != o.when ? when > o.when : order > o.order; }  // a min-heap
  };
  void due() {
    while (!heap_.empty() && heap_.front().when <= timeline_.now()) {
      const unsigned queue = heap_.front().queue;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
      resume_(queue);
    }
    if (!heap_.empty()) event_.before(heap_.front().when);
  }
  Timeline& timeline_;
  Delegate<void(unsigned)> resume_;
  std::vector<Entry> heap_;
  std::uint64_t order_ = 0;
  Event event_{timeline_, bind<&ParkedQueues::due>(this)};
};

}  // namespace iov::endpoint
