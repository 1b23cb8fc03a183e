// SPDX-License-Identifier: Apache-2.0
/// VmTraffic -- what the application of one VM sends and does with what it receives.
///
/// Models  saturation (always a packet), open loop at a rate or replaying a capture, with a bounded socket
///         queue for what is due while the application is behind (its latency counts from the due time);
///         a responder that answers each request at once; a sink.
#pragma once
#include <memory>
#include <optional>

#include "models/core/ring.h"
#include "models/workload/packet_ledger.h"
#include "models/workload/packet_plan.h"

namespace iov::workload {

class VmTraffic : public GuestTraffic {
 public:
  VmTraffic(const Params& params, PacketLedger& ledger, const SizeSequence& answer_sizes, unsigned vm,
            MacAddress mac, MacAddress peer);

  MacAddress mac() const { return mac_; }
  /// From now on it sends to another VM: its packets count as that VM's receiving.
  void send_to(unsigned vm, MacAddress mac);
  /// From now on this load; whoever sends has been stopped.
  void use(const Params& params, const SizeSequence& answer_sizes) { params_ = params, answer_sizes_ = answer_sizes; }
  /// What it sends has these addresses; without a value the usual ones.
  void forge(std::optional<MacAddress> source, std::optional<MacAddress> destination) {
    source_ = source.value_or(mac_);
    destination_ = destination.value_or(to_);
  }
  /// Sends from `now` on; without a plan it only answers and consumes.
  void start(std::unique_ptr<PacketPlan> plan);
  /// Books what is due by `now`, though the application did not come for it.
  void catch_up(const Time& now);
  void stop();  ///< takes up nothing new; answers still go out

  bool take(const Time& now, OutPacket& packet) override;
  Time next_due() const override;
  void on_due(Delegate<void()> handler) override { due_ = handler; }
  void payload(const OutPacket& packet, std::span<std::uint8_t> out) const override;
  bool carry_payload() const override { return ledger_.carry_payload(); }
  void received(const FrameHeader& header, std::span<const std::uint8_t> contents, std::uint32_t bytes, const Time& now) override;
  void add_to(WorkingSet& set) const override {
    set.add(this, sizeof(void*));  // its virtual functions
    set.add_object(vm_);
    ledger_.add_to(set, vm_);
  }

 private:
  bool next_entry(const Time& now, PacketEntry& entry);

  Params params_;
  PacketLedger& ledger_;
  const unsigned vm_;
  const MacAddress mac_;
  MacAddress to_;  ///< whom it sends to when it behaves
  Way way_ = Way::transmit;
  unsigned counted_for_;  ///< the VM in whose books its packets are
  MacAddress source_, destination_;
  SizeSequence answer_sizes_;
  std::unique_ptr<PacketPlan> plan_;
  std::optional<SocketQueue<PacketPlan>> queue_;
  Ring<PacketEntry> answers_;
  std::uint32_t packets_ = 0;
  Delegate<void()> due_;
};

}  // namespace iov::workload
