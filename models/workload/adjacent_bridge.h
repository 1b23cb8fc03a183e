// SPDX-License-Identifier: Apache-2.0
/// AdjacentBridge -- a bridge between the NIC and the peer that returns what VMs behind the NIC send to each other
/// (reflective relay), so that a NIC in VEPA mode needs no switch of its own.
///
/// Spec    IEEE 802.1Qbg 5.5, 802.1D 7 (store and forward).
/// Models  store and forward towards the NIC at the wire's rate, a bounded queue, pause frames of the NIC.
/// Omits   learning: it is told who is behind the NIC; its own delay beside the wire's.
#pragma once
#include <algorithm>
#include <systemc>
#include <unordered_set>

#include "models/core/ring.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/protocol/traffic.h"
#include "models/workload/params.h"

namespace iov::workload {

class AdjacentBridge : public sc_core::sc_module {
 public:
  AdjacentBridge(const sc_core::sc_module_name& name, Timeline& timeline, const Wire& wire, PacketBook& book, FrameSink& peer)
      : sc_module(name), timeline_(timeline), wire_(wire), book_(book), peer_(peer) {}
  void add_vm(MacAddress mac) { behind_.insert(mac.value); }
  void connect(FrameSink& nic) { nic_ = &nic; }
  FrameSink& from_nic() { return from_nic_; }    ///< where the NIC's frames go
  FrameSink& from_peer() { return from_peer_; }  ///< where the peer's frames go

 private:
  struct Port : FrameSink {
    Port(AdjacentBridge& b, void (AdjacentBridge::*i)(Frame&&)) : bridge(b), into(i) {}
    void frame(Frame&& frame) override { (bridge.*into)(std::move(frame)); }
    AdjacentBridge& bridge;
    void (AdjacentBridge::*into)(Frame&&);
  };
  void take_from_nic(Frame&& frame) {
    if (frame.pause_quanta != Frame::no_pause) return pause(frame.pause_quanta);
    if (!behind_.contains(frame.header.destination.value)) return peer_.frame(std::move(frame));
    ++returned_;
    enqueue(std::move(frame));
  }
  void enqueue(Frame&& frame) {
    if (queue_.size() >= wire_.bridge_queue) {
      ++dropped_;
      return book_.dropped(frame.header.id, DropReason::backend_queue_full);
    }
    frame.journey.enter(Stage::wire, timeline_.now());
    queue_.push(std::move(frame));
    if (queue_.size() == 1) send_first();
  }
  void send_first() {
    const Time start = std::max({timeline_.now(), free_, paused_until_});
    const std::uint32_t bytes = wire_bytes(queue_.front().bytes);
    free_ = start + wire_.rate.time_for(bytes);
    arrived_.at(start + wire_.rate.time_for(bytes - 12) + wire_.propagation);  // IEEE 802.3 4.4.2: the gap comes after
  }
  void arrived() {
    Frame frame = std::move(queue_.front());
    queue_.pop();
    if (!queue_.empty()) send_first();
    nic_->frame(std::move(frame));
  }
  void pause(std::int32_t quanta) {
    paused_until_ = timeline_.now() + wire_.rate.time_for(static_cast<std::uint64_t>(quanta) * 64);
  }

  Timeline& timeline_;
  const Wire& wire_;
  PacketBook& book_;
  FrameSink& peer_;
  FrameSink* nic_ = nullptr;
  std::unordered_set<std::uint64_t> behind_;
  Ring<Frame> queue_;
  Time free_, paused_until_;
  Port from_nic_{*this, &AdjacentBridge::take_from_nic}, from_peer_{*this, &AdjacentBridge::enqueue};
  Event arrived_{timeline_, bind<&AdjacentBridge::arrived>(this)};
  Counter returned_{"returned", "1", "frames between VMs that came back"};
  Counter dropped_{"dropped", "1", "frames that found the queue full"};
};

}  // namespace iov::workload
