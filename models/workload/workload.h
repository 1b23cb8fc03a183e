// SPDX-License-Identifier: Apache-2.0
/// Workload -- all traffic of a platform: the peer on the wire, one application per VM, the books.
///
/// Models  transmit, receive, both, or closed-loop request/response; from saturation to the replay of a
///         capture; a warm-up that is not counted, a measured window, a drain.
/// Units   throughput counts delivered Ethernet frames, destination address to FCS, without preamble and
///         gap: 10 GbE carries 9.87 Gb/s of 1500 B frames and 7.62 Gb/s of 64 B frames.
#pragma once
#include <memory>
#include <optional>
#include <systemc>
#include <vector>

#include "models/workload/adjacent_bridge.h"
#include "models/workload/packet_ledger.h"
#include "models/workload/params.h"
#include "models/workload/pcap_trace.h"
#include "models/workload/peer.h"
#include "models/workload/time_line.h"
#include "models/workload/vm_load.h"
#include "models/workload/vm_traffic.h"

namespace iov::workload {

struct Results {  ///< of the measured window
  Time window;
  std::uint64_t offered = 0, sent = 0, delivered = 0;
  std::uint64_t delivered_bytes = 0;  ///< frames with FCS
  std::array<std::uint64_t, drop_reasons> dropped{};
  std::uint64_t round_trips = 0;  ///< of all VMs only

  std::uint64_t dropped_packets() const;
  double throughput_gbps() const;
  double packet_rate_mpps() const { return per_microsecond(delivered); }
  double offered_mpps() const { return per_microsecond(offered); }

 private:
  double per_microsecond(std::uint64_t n) const;
};

class Workload : public sc_core::sc_module {
 public:
  using Params = workload::Params;
  /// @throws TraceError when the capture cannot be used
  Workload(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, std::uint64_t seed);

  const Params& params() const { return params_; }
  /// Before start(); VMs are numbered in this order. The reference stays valid.
  GuestTraffic& add_vm(MacAddress mac, const VmLoad& load = {});
  /// Another load for this VM from now on. What waited for its sender is forgotten, what was sent goes on.
  void set_load(unsigned vm, const VmLoad& load);
  /// What this VM sends has these addresses; without a value the usual ones.
  void forge(unsigned vm, std::optional<MacAddress> source, std::optional<MacAddress> destination);
  void connect(FrameSink& nic);  ///< where frames for the VMs go
  void on_next(Delegate<void(unsigned)> handler) { peer_.on_next(handler); }
  FrameSink& wire();             ///< where the NIC's frames go
  PacketBook& book() { return ledger_; }

  void start();
  void stop_sources();  ///< nothing new is sent; what is under way goes on
  void begin_window(const Time& now);
  void end_window(const Time& now);

  Results results() const { return sum(std::nullopt); }
  Results results(Way way) const { return sum(way); }
  Results results_of(unsigned vm) const;  ///< both ways
  const TimeLine* time_line() const { return time_line_ ? &*time_line_ : nullptr; }  ///< null: not asked for
  const PacketLedger& ledger() const { return ledger_; }
  const Peer& peer() const { return peer_; }
  /// What the measured latency is: round trips for request_response, else one way.
  const LatencyHistogram& latency() const;
  std::uint64_t in_flight() const { return ledger_.in_flight(); }
  void write_off(DropReason why) { ledger_.write_off(why); }  ///< what is still under way: nothing holds it any more

 private:
  struct Guest {
    VmLoad load;
    Params params;  ///< the load over the workload's
    unsigned starts = 0;
    std::unique_ptr<VmTraffic> traffic;
    bool sends() const;
    bool receives() const;
    bool answers() const;
  };
  void catch_up(const Time& now);
  SizeSequence sizes(const Guest& guest, bool from_vm) const;
  std::unique_ptr<PacketPlan> plan(bool from_vm, std::vector<unsigned> vms);
  void start_sending(unsigned vm);
  void start_receiving(std::vector<unsigned> vms);
  Results sum(std::optional<Way> way) const;
  template <class Total>
  Results results_from(Total total) const;

  Timeline& timeline_;
  const Params params_;
  const std::uint64_t seed_;
  const std::optional<PcapTrace> trace_;
  const SizeSequence vm_sizes_, peer_sizes_;
  PacketLedger ledger_;
  Peer peer_;
  std::unique_ptr<AdjacentBridge> bridge_;  ///< with wire.hairpin
  std::optional<TimeLine> time_line_;
  std::vector<Guest> guests_;
  bool running_ = false;
};

}  // namespace iov::workload
