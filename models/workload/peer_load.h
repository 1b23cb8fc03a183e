// SPDX-License-Identifier: Apache-2.0
/// PeerLoad -- what the peer sends of its own accord to the VMs that receive: one plan for all VMs of equal load, open
/// loop or saturating. A mechanism.
///
/// Models  open-loop packets in the order in which they are due, through one bounded queue; saturating plans fill what
///         the wire has left, each by the number of its VMs.
/// Cost    logarithmic in the open-loop plans, linear in the saturating ones: there is one per distinct load.
#pragma once
#include <memory>
#include <vector>

#include "models/workload/packet_plan.h"

namespace iov::workload {

/// Several open-loop plans as one: always the packet that is due first.
class PlanSet {
 public:
  PlanSet() { none_.due = sc_core::sc_max_time(); }
  void add(std::unique_ptr<PacketPlan> plan);
  void leave(unsigned vm);
  const PlannedPacket& peek() const { return heap_.empty() ? none_ : heap_.front().plan->peek(); }
  void pop();
  void clear() { heap_.clear(); }

 private:
  struct Entry {
    std::unique_ptr<PacketPlan> plan;
    std::uint64_t order;  ///< of equally due ones the older plan comes first
    static bool later(const Entry& a, const Entry& b) {
      const Time &x = a.plan->peek().due, &y = b.plan->peek().due;
      return x != y ? x > y : a.order > b.order;
    }
  };
  std::vector<Entry> heap_;
  std::uint64_t order_ = 0;
  PlannedPacket none_;
};

class PeerLoad {
 public:
  /// @param bound  open-loop packets that wait for the wire; more are dropped
  explicit PeerLoad(std::size_t bound) : queue_(open_, bound) {}

  void add(std::unique_ptr<PacketPlan> plan, bool saturates);
  void leave(unsigned vm);  ///< sends nothing new to it; what waits already is still sent
  void clear();
  bool saturates() const { return !greedy_.empty(); }
  /// When an open-loop packet is or will be due; sc_max_time(): never.
  Time next_due() const { return queue_.next_due(); }
  /// Takes in what is due by `now`, as SocketQueue does.
  template <class Due>
  void advance(const Time& now, Due due) {
    queue_.advance(now, due);
  }
  const PlannedPacket& open_head() const { return queue_.empty() ? open_.peek() : queue_.front(); }
  void pop_open() { queue_.pop(); }
  const PlannedPacket& greedy_head() const { return greedy_[turn()].plan->peek(); }
  void pop_greedy();

 private:
  struct Greedy {
    std::unique_ptr<PacketPlan> plan;
    double taken = 0;  ///< packets per VM
  };
  std::size_t turn() const;  ///< whose turn it is, of the saturating plans

  PlanSet open_;
  SocketQueue<PlanSet> queue_;
  std::vector<Greedy> greedy_;
};

}  // namespace iov::workload
