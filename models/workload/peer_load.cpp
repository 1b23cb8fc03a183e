// SPDX-License-Identifier: Apache-2.0
#include "models/workload/peer_load.h"

#include <algorithm>

namespace iov::workload {

void PlanSet::add(std::unique_ptr<PacketPlan> plan) {
  heap_.push_back({std::move(plan), order_++});
  std::push_heap(heap_.begin(), heap_.end(), Entry::later);
}

void PlanSet::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), Entry::later);
  heap_.back().plan->pop();
  std::push_heap(heap_.begin(), heap_.end(), Entry::later);
}

void PlanSet::leave(unsigned vm) {
  for (Entry& entry : heap_) entry.plan->leave(vm);
  std::erase_if(heap_, [](const Entry& entry) { return entry.plan->vms() == 0; });
  std::make_heap(heap_.begin(), heap_.end(), Entry::later);
}

void PeerLoad::add(std::unique_ptr<PacketPlan> plan, bool saturates) {
  if (!saturates) return open_.add(std::move(plan));
  const double taken = greedy_.empty() ? 0 : greedy_[turn()].taken;  // no claim to what was sent before
  greedy_.push_back({std::move(plan), taken});
}

void PeerLoad::leave(unsigned vm) {
  open_.leave(vm);
  for (Greedy& greedy : greedy_) greedy.plan->leave(vm);
  std::erase_if(greedy_, [](const Greedy& greedy) { return greedy.plan->vms() == 0; });
}

void PeerLoad::clear() {
  open_.clear();
  queue_.clear();
  greedy_.clear();
}

std::size_t PeerLoad::turn() const {
  const auto less = [](const Greedy& a, const Greedy& b) { return a.taken < b.taken; };
  return static_cast<std::size_t>(std::min_element(greedy_.begin(), greedy_.end(), less) - greedy_.begin());
}

void PeerLoad::pop_greedy() {
  Greedy& greedy = greedy_[turn()];
  greedy.plan->pop();
  greedy.taken += 1.0 / static_cast<double>(greedy.plan->vms());
}

}  // namespace iov::workload
