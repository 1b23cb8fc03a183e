// SPDX-License-Identifier: Apache-2.0
// What the host's caches are told of a frame that will come (core/prefetch.h).
#include "models/endpoint/types/receiver.h"

namespace iov::endpoint {

const Receiver::Queue* Receiver::first_queue(unsigned function) const {
  const bool any = function < functions_.size() && functions_[function].range.count > 0;
  return any ? queues_[functions_[function].range.first].get() : nullptr;
}

void Receiver::add_to(WorkingSet& set, unsigned function) const {
  if (!first_queue(function)) return;
  const Queue& q = *first_queue(function);
  set.add_object(functions_[function]);
  set.add_object(queues_[functions_[function].range.first]);
  set.add_object(q);
  q.waiting.add_to(set), q.moving.add_to(set), q.results.add_to(set), q.batches.add_to(set);
  s_.dma.add_to(set, q.channel);
  const QueueRange& range = functions_[function].range;
  if (range.count > 1) set.add_object(queues_[range.first + 1]->ring);  // with it the search for enabled ones ends
}

void Receiver::prefetch(unsigned function) const {
  if (const Queue* const q = first_queue(function)) q->cache.prefetch();
}

bool Receiver::next_addresses(unsigned function, std::array<std::uint64_t, 2>& addresses) const {
  const Queue* const q = first_queue(function);
  if (!q || !q->ring.enabled() || q->cache.empty()) return false;
  addresses = {q->ring.at(q->ring.head), q->cache.front()};
  return true;
}

}  // namespace iov::endpoint
