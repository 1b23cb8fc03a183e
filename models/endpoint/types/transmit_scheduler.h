// SPDX-License-Identifier: Apache-2.0
/// TransmitScheduler -- which queue of a NIC sends the next frame: all in turn, functions that have not had their least
/// share first, functions that have had their most not before their time.
///
/// Spec    Intel 82599 datasheet 7.2.4 (transmit rate scheduler), 8.2.3.10.16 (RTTBCNRC); metro Ethernet's committed rate
///         for the least share (MEF 10.3 12).
/// Models  round robin by frame; token buckets per function as times; a parked queue waits in an event, none polls.
#pragma once
#include <algorithm>
#include <vector>

#include "models/endpoint/fifo.h"
#include "models/endpoint/types/function_policy.h"
#include "models/endpoint/types/parked_queues.h"

namespace iov::endpoint {

class TransmitScheduler {
 public:
  /// @param resume  called when a parked queue's time has come
  TransmitScheduler(Timeline& timeline, std::vector<FunctionPolicy>& policies, Delegate<void()> resume)
      : timeline_(timeline), policies_(policies), resume_(resume) {}

  void add_queue(unsigned function) { queues_.push_back({function, 0, false}); }
  /// The queue has a frame to send.
  void list(unsigned queue) {
    Queue& q = queues_[queue];
    if (q.listed) return;
    q.listed = true;
    ++q.turn;
    enter(queue);
  }
  /// Whose turn it is.
  static constexpr unsigned nobody = ~0u;
  unsigned next() {
    const unsigned first = shares_.empty() ? nobody : next_by_share();
    return first != nobody ? first : next_in_turn();
  }
  /// The queue from next() sends a frame now; it lists itself again if it has more.
  void sends(unsigned queue, std::uint32_t bytes) {
    Queue& q = queues_[queue];
    q.listed = false;
    FunctionPolicy& policy = policies_[q.function];
    policy.share.take(timeline_.now(), bytes);
    policy.transmit.charge(timeline_.now(), bytes);
  }
  /// It turned out to have nothing to send.
  void passes(unsigned queue) { queues_[queue].listed = false; }

 private:
  struct Queue {
    unsigned function;
    std::uint32_t turn;  ///< counts its listings: entries of earlier ones are stale
    bool listed;
  };
  struct Turn {
    unsigned queue = 0;
    std::uint32_t number = 0;
  };
  struct Due {
    Time when;
    std::uint64_t order;
    unsigned queue;
    std::uint32_t turn;
    bool operator<(const Due& o) const { return when != o.when ? when > o.when : order > o.order; }  // a min-heap
  };
  bool current(unsigned queue, std::uint32_t turn) const { return queues_[queue].listed && queues_[queue].turn == turn; }
  unsigned next_in_turn() {
    for (; !ready_.empty(); ready_.pop()) {
      const Turn turn = ready_.front();
      if (!current(turn.queue, turn.number)) continue;
      const Pacer& limit = policies_[queues_[turn.queue].function].transmit;
      if (limit.conforms(timeline_.now())) return turn.queue;
      ++queues_[turn.queue].turn;
      parked_.park(turn.queue, limit.earliest());
    }
    return nobody;
  }
  unsigned next_by_share() {
    while (!shares_.empty() && shares_.front().when <= timeline_.now()) {
      const Due due = shares_.front();
      std::pop_heap(shares_.begin(), shares_.end());
      shares_.pop_back();
      if (!current(due.queue, due.turn)) continue;
      const FunctionPolicy& policy = policies_[queues_[due.queue].function];
      const Time eligible = std::max(policy.share.earliest(), policy.transmit.earliest());
      claim(due.queue, eligible);  // its other queues may have used the share up
      if (eligible <= timeline_.now()) return due.queue;
    }
    return nobody;
  }
  void claim(unsigned queue, const Time& when) {
    shares_.push_back({when, order_++, queue, queues_[queue].turn});
    std::push_heap(shares_.begin(), shares_.end());
  }
  void enter(unsigned queue) {
    const Queue& q = queues_[queue];
    ready_.push({queue, q.turn});
    const Pacer& share = policies_[q.function].share;
    if (share.active()) claim(queue, share.earliest());
  }
  void wake(unsigned queue) {
    if (queues_[queue].listed) enter(queue);
    resume_();
  }

  Timeline& timeline_;
  std::vector<FunctionPolicy>& policies_;
  Delegate<void()> resume_;
  std::vector<Queue> queues_;
  Fifo<Turn> ready_;
  std::vector<Due> shares_;
  std::uint64_t order_ = 0;
  ParkedQueues parked_{timeline_, bind<&TransmitScheduler::wake>(this)};
};

}  // namespace iov::endpoint
