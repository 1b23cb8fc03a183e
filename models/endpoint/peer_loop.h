// SPDX-License-Identifier: Apache-2.0
/// PeerLoop -- the way inside a device from one of its functions to another, in front of the device's port: what a
/// function sends to a BAR of the same device stays inside, unless the function's ACS control redirects it.
///
/// Spec    PCIe Base 5.0 6.12 (ACS in multi-function and SR-IOV devices).
/// Models  one path for all functions with a latency, a bandwidth and a bounded number of TLPs on it; redirect of requests
///         and completions, direct translated.
/// Omits   egress control; errors on the way.
#pragma once
#include "models/core/ring.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/endpoint/function_set.h"
#include "models/endpoint/timed_fifo.h"
#include "models/protocol/acs.h"
#include "models/protocol/tlp_port.h"

namespace iov::endpoint {

struct PeerParams {
  bool inside = false;
  Time latency{100, sc_core::SC_NS};
  Bandwidth bandwidth{16e9};
  bool request_redirect = false, completion_redirect = false, direct_translated = false;

  template <class V>
  void describe(V& v) {
    const char* spec = "PCIe Base 5.0 7.7.8.3: off after reset";
    v.flag("inside", inside, "TLPs from one function of the device to another can stay inside; else they go up always", no_source);
    v.field("latency", latency, Range<Time>{Time(), Time(10, sc_core::SC_US)}, "of the way inside", no_source);
    v.field("bandwidth", bandwidth, Range<Bandwidth>{{1e8}, {1e13}}, "of the way inside", no_source);
    v.flag("request_redirect", request_redirect, "ACS of every function: requests for another function go up", spec);
    v.flag("completion_redirect", completion_redirect, "ACS of every function: completions for another function go up", spec);
    v.flag("direct_translated", direct_translated, "ACS of every function: translated requests stay inside all the same", spec);
    v.require(inside || !(request_redirect || completion_redirect || direct_translated),
              "without inside there is nothing to redirect");
  }
  std::uint16_t services() const {
    return static_cast<std::uint16_t>((request_redirect ? PCI_ACS_RR : 0) | (completion_redirect ? PCI_ACS_CR : 0) |
                                      (direct_translated ? PCI_ACS_DT : 0));
  }
};

class PeerLoop : public sc_core::sc_module, public TlpPort {
 public:
  /// @param arrived  a TLP from inside; it holds no credits
  PeerLoop(const sc_core::sc_module_name& name, Timeline& timeline, const PeerParams& params, TlpPort& port,
           const FunctionSet& functions, Delegate<void(Tlp&)> arrived)
      : sc_module(name), timeline_(timeline), params_(params), port_(port), functions_(functions), arrived_(arrived) {}

  void send(Tlp&& tlp) override;
  std::size_t backlog(FcClass fc) const override { return port_.backlog(fc) + waiting_.size(); }
  Time sent_all_but(std::uint32_t bytes) const override;
  void on_arrival(Delegate<void()> handler) override { port_.on_arrival(handler); }
  void on_drained(Delegate<void()> handler) override {
    drained_ = handler;
    port_.on_drained(handler);
  }
  void on_posted_left(Delegate<void()> handler) override {  // waiting_ is in everybody's backlog
    posted_left_ = handler;
    port_.on_posted_left(handler);
  }
  std::size_t take(Tlp& tlp) override { return port_.take(tlp); }
  void release(FcClass fc, std::uint32_t payload_bytes) override { port_.release(fc, payload_bytes); }
  void release_at(FcClass fc, std::uint32_t payload_bytes, const Time& when) override { port_.release_at(fc, payload_bytes, when); }
  const LinkLimits& limits() const override { return port_.limits(); }

  Counter peer_to_peer{"peer_to_peer", "1", "requests that stayed inside"};
  Counter redirected{"redirected", "1", "requests and completions for a function of the device sent up (ACS)"};

 private:
  static constexpr std::size_t depth = 64;  ///< TLPs on the way
  bool stays(const Tlp& tlp);
  AcsControl acs_of(RequesterId function) const;
  void start(Tlp&& tlp);
  void there(Tlp&& tlp);

  Timeline& timeline_;
  const PeerParams params_;
  TlpPort& port_;
  const FunctionSet& functions_;
  Delegate<void(Tlp&)> arrived_;
  Delegate<void()> drained_, posted_left_;
  TimedFifo<Tlp> way_{timeline_, bind<&PeerLoop::there>(this)};
  std::size_t under_way_ = 0;
  Time free_;
  Ring<Tlp> waiting_;
};

}  // namespace iov::endpoint
