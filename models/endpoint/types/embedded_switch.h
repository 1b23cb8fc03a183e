// SPDX-License-Identifier: Apache-2.0
/// EmbeddedSwitch -- decides where every frame of a NIC goes: from the wire to functions, between functions, or out. It
/// enforces what the PF has decided about them.
///
/// Spec    models/protocol/nic_policy.h; Intel 82599 datasheet 7.10.3 (switching, anti-spoofing, replication);
///         IEEE 802.1Q 5.5 (VEB), 802.1Qbg 5.5 (VEPA); Linux switchdev (port representors).
/// Models  flow rules before filters; MAC and VLAN filters; VLAN membership; replication of broadcast and multicast;
///         stopped functions, anti-spoofing, storm limits; VEB, VEPA with source pruning, representor mode.
/// Omits   a frame's time inside the switch (the transmitter books it), VLAN insertion and stripping, mirroring.
#pragma once
#include <systemc>

#include "models/endpoint/flow_rules.h"
#include "models/endpoint/l2_sorter.h"
#include "models/endpoint/membership.h"
#include "models/endpoint/types/nic_services.h"

namespace iov::endpoint {

struct SwitchParams {
  unsigned filters = 128, vlans = 64, flow_rules = 128;
  Time storm_window{1, sc_core::SC_MS};

  template <class V>
  void describe(V& v) {
    v.field("filters", filters, Range<unsigned>{1, 65536}, "MAC/VLAN filters",
            "Intel 82599 datasheet 7.1.1.1: 128 receive addresses");
    v.field("vlans", vlans, Range<unsigned>{1, Membership::groups}, "VLANs with members",
            "Intel 82599 datasheet 7.10.3.2: 64 shared VLAN filters");
    v.field("flow_rules", flow_rules, Range<unsigned>{1, 8192}, "flow rules", no_source);
    v.field("storm_window", storm_window, Range<Time>{Time(1, sc_core::SC_US), Time(1, sc_core::SC_SEC)},
            "storm limits hold over this time: as many frames may come at once",
            "Intel 82576 datasheet 8.10.17 (SCCRL): 100 us or 10 ms per Mb/s class");
  }
};

class EmbeddedSwitch : public sc_core::sc_module {
 public:
  struct Arrival {  ///< a frame on its way into a function
    static constexpr unsigned any_queue = ~0u;
    Destination to;
    unsigned queue = any_queue;  ///< chosen by a flow rule
    bool sole = true;            ///< the only copy: losing it loses the packet
  };
  enum class Way : std::uint8_t { wire, local, refused };
  struct Route {
    Way way = Way::wire;
    Destination to;                             ///< local
    DropReason reason = DropReason::malformed;  ///< refused
  };
  struct Receiving {  ///< what the switch asks of the receive side
    Delegate<void(Frame&&, const Arrival&)> store;
    Delegate<bool(Destination)> listens;  ///< a queue of it is running
  };

  EmbeddedSwitch(const sc_core::sc_module_name& name, const SwitchParams& params, const NicServices& services);
  void connect(const Receiving& receiving) { receiving_ = receiving; }

  /// From the wire: to whom it concerns.
  void ingress(Frame&& frame);
  /// A function's frame is about to leave: where to, if it may.
  Route egress(const Frame& frame, Destination self);
  /// Copies of a broadcast or multicast frame that went to the wire, for the other functions.
  void copy_locally(const Frame& frame, Destination self);
  /// A frame comes out of the switch at a function.
  void deliver(Frame&& frame, Destination from, Destination to);

  L2Sorter& sorter() { return sorter_; }
  const L2Sorter& sorter() const { return sorter_; }
  FlowRules& rules() { return rules_; }
  Membership& vlans() { return vlans_; }
  Membership& multicast() { return multicast_; }
  void set_mode(nic::SwitchMode mode) { mode_ = mode; }
  nic::SwitchMode mode() const { return mode_; }
  void set_representor(unsigned pool) { representor_ = {0, pool}; }
  unsigned representor_pool() const { return representor_.pool; }
  /// What concerns functions of which `is_gone` holds: filters, subscriptions, memberships, promiscuity.
  template <class IsGone>
  void forget(IsGone is_gone) {
    sorter_.forget(is_gone);
    vlans_.forget(is_gone);
    multicast_.forget(is_gone);
    std::erase_if(promiscuous_, [&](const Destination& d) { return is_gone(d.function); });
  }
  /// What is the port's: modes, representor, flow rules.
  void reset_port() {
    mode_ = {};
    sorter_.set_mode({});
    representor_ = {};
    rules_.clear();
  }
  /// Whether unicast frames that no filter wants go to this function.
  void set_promiscuous(unsigned function, bool on);
  void set_storm_rate(FunctionPolicy& policy, std::uint32_t frames_per_second);
  /// 12 bits of the address (82599 datasheet 8.2.3.7.7, MCSTCTRL: bits 47:36).
  static constexpr std::uint32_t multicast_hash(MacAddress mac) { return mac.value & 0xfff; }

 private:
  [[gnu::noinline]] void obey(const FlowRule& rule, Frame&& frame);
  [[gnu::noinline]] void replicate(Frame&& frame);
  [[gnu::noinline]] void give_to_promiscuous(Frame&& frame);
  void give_to_takers(Frame&& frame);
  void find_takers(const FrameHeader& h, std::optional<Destination> from);
  void copy_to_takers(const Frame& frame, std::size_t takers);
  bool wants(Destination who, const FrameHeader& h);
  void give(Frame&& frame, const Arrival& arrival);
  std::optional<DropReason> refusal(const Frame& frame, Destination self);
  [[gnu::cold]] void lose(const Frame& frame, unsigned function, DropReason reason, bool sole);

  const SwitchParams params_;
  const NicServices& s_;
  L2Sorter sorter_;
  FlowRules rules_;
  Membership vlans_, multicast_{Membership::groups};
  nic::SwitchMode mode_ = nic::SwitchMode::veb;
  Destination representor_;
  Receiving receiving_;
  BytePool pool_;
  std::vector<Destination> promiscuous_;
  std::vector<Destination> takers_;  ///< of the frame being replicated

  Counter vf2vf_local_{"vf2vf_local", "1", "frames from one VF to another inside the device"};
  Counter to_representor_{"to_representor", "1", "frames between functions sent to the host's switch"};
  Counter copies_{"copies", "1", "copies made of broadcast and multicast frames"};
  Counter spoofed_{"spoofed", "1", "frames dropped because their source was not their sender's"};
};

}  // namespace iov::endpoint
