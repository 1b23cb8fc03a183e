// SPDX-License-Identifier: Apache-2.0
/// Endpoint -- what every PCIe device with SR-IOV has: a port, functions with BARs and MSI-X, tags, a DMA
/// engine and a device TLB. A device type derives from it and gives its registers a meaning.
///
/// Spec    PCIe Base 5.0 2.2.7, 2.3.1 (unsupported requests), 9 (SR-IOV).
/// Models  dispatch of arriving TLPs, register reads answered after a latency, UR for what nobody claims,
///         CA for register reads that are not 1, 2, 4 or 8 bytes.
/// Omits   configuration space (completions with UR), expansion ROM, I/O BARs.
#pragma once
#include <memory>
#include <systemc>
#include <utility>
#include <vector>

#include "models/endpoint/dma_engine.h"
#include "models/endpoint/function.h"

namespace iov::endpoint {

class Endpoint : public sc_core::sc_module, protected MsixSender, DmaClient {
 public:
  struct Params {
    FunctionParams functions;
    DmaEngine::Params dma_engine;
    DeviceTlb::Params device_tlb;
    Time register_latency{20, sc_core::SC_NS};

    template <class V>
    void describe(V& v) {
      v.group("functions", functions, "physical and virtual functions");
      v.group("dma_engine", dma_engine, "DMA engine");
      v.group("device_tlb", device_tlb, "device TLB (address translation cache)");
      v.field("register_latency", register_latency, Range<Time>{Time(), Time(10, sc_core::SC_US)},
              "from the arrival of a register read to its completion", no_source);
    }
  };
  Endpoint(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port);

  void set_requester(RequesterId pf);  ///< as captured from config writes (2.2.6.2); default 01:00.0
  void set_bars(Hpa pf_bar, Hpa vf_bar);
  /// NumVFs and VF Enable: 0 disables all, else only from 0. @returns false when hardware would refuse
  bool enable_vfs(unsigned vfs);
  unsigned vfs() const { return bars_.vfs; }
  unsigned functions() const { return bars_.vfs + 1; }
  RequesterId requester(unsigned function) const;
  DmaEngine& dma_engine() { return dma_engine_; }
  DeviceTlb& device_tlb() { return device_tlb_; }

 protected:
  /// `offset` is DW aligned, `value` a whole DW or QW.
  virtual void write_register(unsigned function, std::uint32_t offset, std::uint64_t value, unsigned bytes,
                              JourneyRef journey) = 0;
  virtual std::uint64_t read_register(unsigned function, std::uint32_t offset, unsigned bytes) = 0;
  virtual void function_enabled(unsigned function) = 0;
  virtual void function_disabled(unsigned function) = 0;
  virtual void requester_changed(unsigned function) = 0;

  /// Of an enabled function, MSI-X included.
  Function& function(unsigned index) { return *functions_[index]; }
  void add_function(unsigned index, unsigned vectors, std::uint32_t bar_bytes);
  TlpPort& port() { return port_; }
  Timeline& timeline() { return timeline_; }

  void send_message(unsigned function, std::uint64_t address, std::uint32_t data, JourneyRef journey) override;

 private:
  void dma_done(std::uint32_t, DmaStatus, ByteBuffer&&) override {}  // interrupt messages: nothing waits
  void arrived();
  void dispatch(Tlp& tlp);
  void write(const Tlp& tlp);
  void read(const Tlp& tlp);
  void complete(const Tlp& request, RequesterId completer, CompletionStatus status, std::uint64_t value);
  void reply(Tlp&& tlp) { port_.send(std::move(tlp)); }

  Timeline& timeline_;
  const Params params_;
  TlpPort& port_;
  RequesterId pf_{0x0100};
  BarSpace bars_;
  std::vector<std::unique_ptr<Function>> functions_;  ///< by index; made once, kept
  BytePool pool_;
  TimedFifo<Tlp> replies_{timeline_, bind<&Endpoint::reply>(this)};
  OutstandingRequests outstanding_;
  DeviceTlb device_tlb_;
  DmaEngine dma_engine_;
  Counter register_writes_{"register_writes", "1", "writes to BAR 0 of a function"};
  Counter register_reads_{"register_reads", "1", "reads of BAR 0 of a function"};
  Counter unsupported_{"unsupported_requests", "1", "requests that no function claims"};
  Counter messages_{"interrupt_messages", "1", "MSI-X messages sent"};
};

}  // namespace iov::endpoint
