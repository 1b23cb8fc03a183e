// SPDX-License-Identifier: Apache-2.0
/// PacketPlan -- when an open-loop source wants to send how much to or from which VM. A mechanism.
/// SocketQueue -- what is due and waits because its sender is behind: bounded, the rest is dropped.
///
/// Units   frame bytes without FCS, as models/protocol/frame.h counts them.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "models/core/random.h"
#include "models/core/ring.h"
#include "models/workload/params.h"
#include "models/workload/pcap_trace.h"

namespace iov::workload {

/// The ports of flow n (0..65535) between two stations: a source port of its own, from the dynamic range on (RFC 6335),
/// and iperf3's as destination.
constexpr std::uint32_t flow_ports(std::uint32_t n) { return 5201u << 16 | ((n ^ 0xc000u) & 0xffff); }

struct PlannedPacket {
  Time due;
  std::uint32_t bytes = 60;
  unsigned vm = 0;
};

/// The lengths of successive frames; copies go on independently over the same cycle.
class SizeSequence {
 public:
  SizeSequence(const Params& params, const PcapTrace* trace, bool from_vm);
  std::uint32_t peek() const { return (*cycle_)[at_]; }
  std::uint32_t next() {
    const std::uint32_t bytes = peek();
    if (++at_ == cycle_->size()) at_ = 0;
    return bytes;
  }

 private:
  std::shared_ptr<const std::vector<std::uint32_t>> cycle_;
  std::size_t at_ = 0;
};

class PacketPlan {
 public:
  /// @param vms      the VMs this source serves, in turn
  /// @param all_vms  how many VMs there are (a capture's stations are spread over all)
  PacketPlan(const Params& params, const PcapTrace* trace, bool from_vm, const SizeSequence& sizes,
             std::vector<unsigned> vms, unsigned all_vms, Random random, const Time& begin);

  /// The next packet, without taking it; due is sc_max_time() when there is none.
  const PlannedPacket& peek() const { return next_; }
  void pop();
  /// The source does not serve this VM any more; the rate of each of the others stays.
  void leave(unsigned vm);
  std::size_t vms() const { return vms_.size(); }

 private:
  Time gap(std::uint32_t bytes);
  bool concerns(const TraceRecord& record, unsigned vm) const;
  bool has_records() const;
  bool replay_next();
  void advance_record();

  const Params params_;
  const PcapTrace* trace_;
  const bool from_vm_;
  std::vector<unsigned> vms_;
  const unsigned all_vms_;
  Random random_;
  SizeSequence sizes_;
  PlannedPacket next_;
  const Time never_ = sc_core::sc_max_time();
  std::size_t turn_ = 0;    ///< index in vms_
  std::size_t record_ = 0;  ///< of the capture
  Time loop_begin_;
};

/// @tparam Plan  has peek() and pop() as PacketPlan has
template <class Plan>
class SocketQueue {
 public:
  SocketQueue(Plan& plan, std::size_t bound) : plan_(plan), bound_(bound) {}

  /// Takes in what is due by `now`; `due(packet, has_room)` is called for each, without room it is dropped.
  template <class Due>
  void advance(const Time& now, Due due) {
    while (plan_.peek().due <= now) {
      const bool has_room = waiting_.size() < bound_;
      due(plan_.peek(), has_room);
      if (has_room) waiting_.push(plan_.peek());
      plan_.pop();
    }
  }
  bool empty() const { return waiting_.empty(); }
  const PlannedPacket& front() const { return waiting_.front(); }
  void pop() { waiting_.pop(); }
  void clear() {
    while (!waiting_.empty()) waiting_.pop();
  }
  /// When there is or will be something; sc_max_time(): never again.
  Time next_due() const { return waiting_.empty() ? plan_.peek().due : waiting_.front().due; }

 private:
  Plan& plan_;
  const std::size_t bound_;
  Ring<PlannedPacket> waiting_;
};

}  // namespace iov::workload
