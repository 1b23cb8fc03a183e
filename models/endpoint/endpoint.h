// SPDX-License-Identifier: Apache-2.0
/// Endpoint -- what every PCIe device with SR-IOV has: a port, functions with configuration space, BARs and MSI-X,
/// tags, a DMA engine and a device TLB. A device type derives from it and gives its registers a meaning.
///
/// Spec    PCIe Base 5.0 2.2.6.2 (bus number), 2.2.7, 2.3.1 (unsupported requests, retry), 6.6.2 (function level
///         reset), 7.7.2 (MSI-X), 9 (SR-IOV).
/// Models  dispatch of arriving TLPs, register reads and configuration requests answered after a latency, UR for what
///         nobody claims, CA for register reads that are not 1, 2, 4 or 8 bytes; retry while VFs start up or a function
///         is being reset; MSI-X tables and pending bits in a BAR of their own; what software enables in
///         configuration space and what it forbids; errors in AER and as messages: UR, CA, poisoned and malformed TLPs,
///         completion timeouts, unexpected completions.
/// Omits   expansion ROM, I/O BARs, power states.
#pragma once
#include <memory>
#include <systemc>
#include <utility>
#include <vector>

#include "models/core/prefetch.h"
#include "models/endpoint/dma_engine.h"
#include "models/endpoint/function.h"
#include "models/endpoint/function_set.h"
#include "models/endpoint/peer_loop.h"
#include "models/protocol/config_space/aer.h"
#include "models/protocol/config_space/effects.h"
#include "models/protocol/interrupt.h"

namespace iov::endpoint {

class Endpoint : public sc_core::sc_module, protected MsixSender, DmaClient, PriOwner {
 public:
  struct Params {
    config::SriovDeviceParams functions;
    DmaEngine::Params dma_engine;
    DeviceTlb::Params device_tlb;
    PeerParams peer_to_peer;
    Time register_latency{20, sc_core::SC_NS};

    template <class V>
    void describe(V& v) {
      v.group("functions", functions, "physical and virtual functions");
      v.group("dma_engine", dma_engine, "DMA engine");
      v.group("device_tlb", device_tlb, "device TLB (address translation cache)");
      v.group("peer_to_peer", peer_to_peer, "between functions of the device");
      v.field("register_latency", register_latency, Range<Time>{Time(), Time(10, sc_core::SC_US)},
              "from the arrival of a register read or a configuration request to its completion", no_source);
    }
  };
  /// @param resources  of the type; ATS and PRI are added when the device TLB has them
  Endpoint(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params,
           config::SriovDeviceResources resources, TlpPort& port);

  const FunctionSet& functions() const { return functions_; }
  RequesterId requester(unsigned function) const { return functions_.id(function); }
  /// A configuration write that arrives now, as a TLP has it. @returns false when no function answers to the ID
  bool write_config(RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value);
  void capture_bus(std::uint8_t bus);  ///< as a configuration write on the device's own bus does
  void hot_reset();  ///< of the whole device, as the port above signals it
  void link_changed(bool up) { if (!up) hot_reset(); }  ///< a link that goes down resets the device below (2.9.1)
  std::uint16_t acs_services() const { return params_.peer_to_peer.services(); }  ///< what software is to enable
  DmaEngine& dma_engine() { return dma_engine_; }
  const OutstandingRequests& outstanding() const { return outstanding_; }
  DeviceTlb& device_tlb() { return device_tlb_; }
  void set_interrupt_watch(InterruptWatch& watch) { watch_ = &watch; }
  /// A function that misbehaves: an access of 1..4096 bytes that no queue asked for, an interrupt message of its own making.
  /// @pre it exists
  void rogue_access(unsigned index, std::uint64_t address, std::uint32_t bytes, bool write);
  void rogue_message(unsigned index, std::uint64_t address, std::uint32_t data);

 protected:
  /// `offset` is DW aligned, `value` a whole DW or QW.
  virtual void write_register(unsigned function, std::uint32_t offset, std::uint64_t value, unsigned bytes,
                              JourneyRef journey) = 0;
  virtual std::uint64_t read_register(unsigned function, std::uint32_t offset, unsigned bytes) = 0;
  /// BAR 0 is memory: it takes writes and reads of any length, beside registers (its bytes are not kept).
  virtual bool has_memory() const { return false; }
  /// Software touches a function for the first time since it was enabled or reset.
  virtual void function_enabled(unsigned function) = 0;
  /// It was reset or disabled: what it had under way is over.
  virtual void function_disabled(unsigned function) = 0;
  virtual void requester_changed(unsigned function) = 0;
  /// The PF and its VFs are reset: what its driver set in the device is as after power-on; of a whole device all.
  virtual void pf_reset(unsigned, bool /*whole_device*/) {}

  bool physical(unsigned function) const { return functions_.physical(function); }
  /// Of a function that exists.
  Function& function(unsigned index);
  [[gnu::cold]] Function& enliven(unsigned index);
  bool live(unsigned index) const { return made_[index] && made_[index]->live; }
  /// Null: software has never touched the function.
  Msix* msix(unsigned index) { return made_[index] ? &*made_[index]->msix : nullptr; }
  void add_function_to(WorkingSet& set, unsigned index) const;
  const Function* made(unsigned index) const { return made_[index].get(); }  ///< null: never touched
  /// For channels of a function that were added after it was enabled.
  void apply_controls(unsigned function);
  TlpPort& port() { return port_; }
  Timeline& timeline() { return timeline_; }

  void send_message(unsigned function, std::uint64_t address, std::uint32_t data, JourneyRef journey) override;
  void send_intx(unsigned function, bool asserted) override;

 private:
  void dma_done(std::uint32_t, DmaStatus, ByteBuffer&&) override {}  // interrupt messages: nothing waits
  void arrived();
  void dispatch(Tlp& tlp);
  bool malformed(const Tlp& tlp) const;
  bool damaged(Tlp& tlp);
  [[gnu::cold]] bool report_damage(Tlp& tlp);
  void report(config::PcieError error, RequesterId function, const Tlp* tlp);
  void from_inside(Tlp& tlp) { dispatch(tlp); }
  void complete_block(const Tlp& request, RequesterId completer);
  void write(const Tlp& tlp);
  void read(const Tlp& tlp);
  bool ready(unsigned function) const { return timeline_.now() >= ready_at_[function]; }
  void unclaimed(const Tlp& request);
  void complete(const Tlp& request, RequesterId completer, CompletionStatus status, std::uint64_t value);
  void reply(Tlp&& tlp) { port_.send(std::move(tlp)); }
  void write_msix(Msix& msix, std::uint32_t offset, std::uint64_t value, unsigned bytes) const;
  std::uint64_t read_msix(unsigned function, std::uint32_t offset, unsigned bytes);

  // Configuration space (endpoint_config.cpp)
  void config_request(const Tlp& tlp);
  void make(unsigned index);
  void follow(unsigned function, const config::Effects& effects);
  void follow_vf_enable(unsigned pf, bool enabled);
  void reset_function(unsigned function);
  void reset_pf(unsigned pf, config::Reset kind);
  void end(unsigned function);
  void end_vfs(unsigned pf);
  void requesters_changed();
  void apply_sizes();
  void apply_all_controls(unsigned pf);
  void apply_page_requests(unsigned pf, bool reset);
  unsigned pf_of(RequesterId function) const override;
  void pri_status(unsigned pf, std::uint16_t bits, bool set) override;

  Timeline& timeline_;
  const Params params_;
  InterruptWatch* watch_ = nullptr;
  FunctionSet functions_;
  std::unique_ptr<PeerLoop> peer_loop_;  ///< null: everything goes up
  TlpPort& port_;
  std::vector<std::unique_ptr<Function>> made_;  ///< by number; made once, kept
  std::vector<Time> ready_at_;                   ///< by number: starting up or being reset until then
  BytePool pool_;
  TimedFifo<Tlp> replies_{timeline_, bind<&Endpoint::reply>(this)};
  OutstandingRequests outstanding_;
  DeviceTlb device_tlb_;
  DmaEngine dma_engine_;
  Counter register_writes_{"register_writes", "1", "writes to a BAR of a function"};
  Counter register_reads_{"register_reads", "1", "reads of a BAR of a function"};
  Counter config_requests_{"config_requests", "1", "configuration requests"};
  Counter resets_{"function_resets", "1", "function level resets"};
  Counter poisoned_{"poisoned_tlps", "1", "TLPs whose payload was poisoned: not used"};
  Counter malformed_{"malformed_tlps", "1", "TLPs that break the rules: dropped"};
  Counter error_messages_{"error_messages", "1", "error messages sent"};
  Counter unsupported_{"unsupported_requests", "1", "requests that no function claims"};
  Counter messages_{"interrupt_messages", "1", "MSI-X messages sent"};
};

}  // namespace iov::endpoint
