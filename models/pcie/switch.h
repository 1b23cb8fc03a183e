// SPDX-License-Identifier: Apache-2.0
/// Switch -- one upstream and several downstream ports, and the crossbar between them.
///
/// Spec    PCIe Base 5.0 1.3.3 (switch), 2.2.4 (routing), 2.3.1 (what nobody claims), 2.4 (ordering), 2.9.1 (link down),
///         6.2 (errors), 6.6.1 (hot reset), 6.12 (ACS), 7.3 (configuration requests).
/// Models  configuration spaces of all ports, which say what lies below; routing by address, by ID and implicit; a queue per ingress, egress and class: a TLP keeps its ingress
///         port's credits until it leaves; the egress wire goes round the ingress ports, by their weights; the ordering
///         table per ingress; cut-through where the ingress is as fast as the egress; ACS per port; UR, CA and drops,
///         logged by AER and told to the root complex; slots below, whose events interrupt by MSI.
/// Omits   multicast, virtual channels, the limit of an internal crossbar.
/// Order   what one ingress sends to one egress leaves in order within its class.
#pragma once
#include <deque>

#include "models/core/invariant.h"
#include "models/core/params.h"
#include "models/pcie/bridge.h"
#include "models/pcie/port.h"
#include "models/pcie/routes.h"
#include "models/protocol/acs.h"
#include "models/protocol/config_space/aer.h"

namespace iov::pcie {

enum class Forwarding : std::uint8_t { cut_through, store_and_forward };
inline constexpr Names<2> forwarding_names{"cut_through", "store_and_forward"};

struct SwitchParams {
  Time latency = 115_ns;
  Forwarding forwarding = Forwarding::cut_through;

  template <class V>
  void describe(V& v) {
    v.field("latency", latency, Range<Time>{0_ns, 10_us},
            "from a TLP's first byte (cut_through) or last byte (store_and_forward) to its first one at the egress; the "
            "switch's own pipelines are part of it, not of its links' propagation",
            "115 ns: maker's figure for PCIe 5.0 switches; 100 to 150 ns are usual");
    v.choice("forwarding", forwarding, forwarding_names,
             "whether a TLP may leave before it is whole; to a faster egress it never may", no_source);
  }
};

class Switch : public sc_core::sc_module {
 public:
  using Params = SwitchParams;
  static constexpr unsigned upstream = 0;  ///< number of the upstream port
  /// @param first_slot  Physical Slot Number of downstream port 1
  Switch(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, unsigned first_slot = 32);

  /// The first is the upstream port. Downstream port n is device n - 1 of the bus between them.
  /// @param weight  TLPs it may send in a row while others want the same egress
  /// @returns its number
  unsigned add_port(Port& link, unsigned weight = 1);
  unsigned ports() const { return static_cast<unsigned>(ports_.size()); }
  const Bridge& port(unsigned number) const { return ports_.at(number).bridge; }
  /// Payload of posted TLPs that it dropped because the link upstream went down, in units of 16 B.
  std::uint64_t lost_posted_data() const { return lost_posted_data_; }
  /// A configuration write to a port that arrives now.
  void write_port(unsigned number, unsigned offset, unsigned bytes, std::uint32_t value);

  Counter forwarded{"forwarded", "1", "TLPs sent on"};
  Counter peer_to_peer{"peer_to_peer", "1", "of them requests from one downstream port straight to another"};
  Counter redirected{"redirected", "1", "requests and completions for a peer sent up instead (ACS)"};
  Counter config_requests{"config_requests", "1", "configuration requests to its own ports"};
  Counter error_messages{"error_messages", "1", "error messages sent"};
  Counter slot_interrupts{"slot_interrupts", "1", "interrupts of hot-plug events sent"};
  Counter acs_violations{"acs_violations", "1", "requests blocked by ACS"};
  Counter unsupported_requests{"unsupported_requests", "1", "requests that lead nowhere, or to a link that is down"};
  Counter unexpected_completions{"unexpected_completions", "1", "completions for nobody"};
  Counter dropped{"dropped", "1", "posted TLPs and completions that led nowhere, were blocked, or met a link going down"};
  Occupancy inside{"inside", "TLPs in the switch's buffers"};

 private:
  friend struct SwitchProbe;  ///< tests that break an invariant on purpose
  static constexpr unsigned nowhere = Routes::nowhere;
  struct Waiting {
    Tlp tlp;
    std::uint64_t order = 0;
    Time ready;
    bool holds = true;  ///< credits of the ingress port; not so the switch's own completions
  };
  struct Lane {
    Ring<Waiting> queue{4};
    std::uint64_t last_order = 0;
  };
  using Path = std::array<Lane, fc_classes>;  ///< from one ingress to one egress

  struct SwitchPort {
    SwitchPort(Switch& s, Port& l, unsigned n, unsigned w);
    void arrived() { owner.arrive(*this); }
    void serve() { owner.serve(*this); }
    void link_changed(bool up) { owner.link_changed(*this, up); }
    void link_error(config::PcieError error) { owner.log(*this, error, nullptr); }
    Switch& owner;
    Port& link;
    const unsigned number, weight;
    Bridge bridge;
    AcsControl acs;  ///< as its configuration space has it
    std::deque<Path> from;          ///< by ingress: what waits to leave here
    std::vector<unsigned> budget;   ///< by ingress: TLPs it may still send in this round
    unsigned turn = 0;
    Event serve_event;
  };
  struct Refusal {
    CompletionStatus status;
    config::PcieError error;
    Counter* counter;
  };

  void arrive(SwitchPort& in);
  unsigned route(SwitchPort& in, Tlp& tlp);
  unsigned route_request(const SwitchPort& in, const Tlp& tlp, unsigned target);
  unsigned target_of(const Tlp& tlp) const;
  void enqueue(SwitchPort& in, SwitchPort& out, Tlp&& tlp, const Time& ready, bool holds);
  Time ready_at(const SwitchPort& in, const SwitchPort& out, const Tlp& tlp) const;
  void refuse(SwitchPort& in, Tlp& tlp, bool holds);
  void discard(SwitchPort& in, const Tlp& tlp, bool holds);
  void make(SwitchPort& in, SwitchPort& out, Tlp&& tlp);
  void answer(SwitchPort& in, const Tlp& request, RequesterId completer, CompletionStatus status);

  // Configuration spaces and errors (switch_config.cpp)
  unsigned route_config(SwitchPort& in, Tlp& tlp);
  SwitchPort* addressed(const Tlp& tlp);
  void config_request(SwitchPort& in, SwitchPort& port, Tlp& tlp);
  void log(SwitchPort& port, config::PcieError error, const Tlp* tlp);
  void interrupt(SwitchPort& port);
  void serve(SwitchPort& out);
  Lane* arbitrate(SwitchPort& out, unsigned& ingress);
  Lane* eligible(SwitchPort& out, Path& path);
  void leave(SwitchPort& out, unsigned ingress, Lane& lane);
  void link_changed(SwitchPort& port, bool up);
  void flush(SwitchPort& out, bool answer);
  std::string check_conservation() const;
  std::string check_buffers() const;

  Timeline& timeline_;
  const Params params_;
  const unsigned first_slot_;
  std::deque<SwitchPort> ports_;
  Routes routes_;
  Refusal refusal_{};  ///< why route() led nowhere
  BytePool pool_;
  std::uint64_t order_ = 0, order_breaks_ = 0;
  std::uint64_t taken_ = 0, made_ = 0, sent_ = 0, discarded_ = 0;
  std::uint64_t inside_ = 0, lost_posted_data_ = 0;

  Invariant conserved_{"tlps_conserved", Invariant::always, "every TLP taken or made leaves once, or is discarded once",
                       [this] { return check_conservation(); }};
  Invariant buffers_{"buffers_conserved", Invariant::always,
                     "the credits taken at each port are those of the TLPs inside that came through it",
                     [this] { return check_buffers(); }};
  Invariant order_kept_{"order_kept", Invariant::always, "TLPs of a class leave in the order in which they came",
                        [this] { return order_breaks_ ? std::to_string(order_breaks_) + " out of order" : std::string(); }};
  Invariant nothing_inside_{"nothing_inside", Invariant::at_rest, "no TLP is inside the switch", [this] {
                              return inside_ ? std::to_string(inside_) + " inside" : std::string();
                            }};
};

}  // namespace iov::pcie
