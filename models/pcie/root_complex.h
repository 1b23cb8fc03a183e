// SPDX-License-Identifier: Apache-2.0
/// RootComplex -- joins processors, memory and the IOMMU with the links below its root ports.
///
/// Spec    PCIe Base 5.0 1.3.1 (root complex), and as said by its two halves.
/// Models  Inbound (devices to memory, inbound.h) and Outbound (cores to devices, outbound.h).
///         Root port n is function 00:(n+1).0; routes follow the bus numbers and windows that software writes there.
/// Omits   host bridge and other functions of bus 0.
#pragma once
#include <deque>

#include "models/pcie/inbound.h"
#include "models/pcie/outbound.h"

namespace iov::pcie {

class RootComplex : public sc_core::sc_module,
                    public MmioBus,
                    public ConfigBus,
                    public AtsFabric {
 private:
  Routes routes_;
  std::deque<Bridge> bridges_;

 public:
  using Params = RootComplexParams;
  RootComplex(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params);

  /// @returns the number under which routes name this root port
  unsigned add_root_port(Port& link);
  unsigned root_ports() const { return static_cast<unsigned>(bridges_.size()); }
  const Bridge& root_port(unsigned port) const { return bridges_.at(port); }
  /// A configuration write to a root port that arrives now.
  void write_root_port(unsigned port, unsigned offset, unsigned bytes, std::uint32_t value);
  /// An error that a root port sees, on its link or in a TLP.
  void log_error(unsigned port, config::PcieError error, const Tlp* tlp);
  /// The link below a root port went down or came up, with what is in the slot still there or not.
  void link_changed(unsigned port, bool up, bool present);
  /// Called with the number of a root port whose Secondary Bus Reset software sets.
  void on_bus_reset(Delegate<void(unsigned)> handler) { on_bus_reset_ = handler; }
  void set_translator(Translator* translator) { inbound.set_translator(translator); }  ///< none: Iova == Hpa
  void set_interrupt_remapper(InterruptRemapper* remapper) { inbound.set_interrupt_remapper(remapper); }
  void set_interrupt_pins(InterruptPins* pins) { inbound.set_interrupt_pins(pins); }
  void set_ats_agent(AtsAgent* agent) { inbound.set_ats_agent(agent); }

  void write(Hpa address, std::uint64_t value, unsigned bytes, JourneyRef journey) override {
    outbound.write(address, value, bytes, journey);
  }
  void read(Hpa address, unsigned bytes, Delegate<void(std::uint64_t)> done) override {
    outbound.read(address, bytes, done);
  }
  void read_config(RequesterId function, unsigned offset, unsigned bytes,
                   Delegate<void(std::uint64_t)> done) override {
    outbound.read_config(function, offset, bytes, done);
  }
  void write_config(RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value,
                    Delegate<void(std::uint64_t)> done) override {
    outbound.write_config(function, offset, bytes, value, done);
  }
  void send_invalidate(RequesterId function, std::uint8_t itag, Pasid pasid, std::uint64_t body) override;
  void send_page_response(RequesterId function, Pasid pasid, std::uint16_t group, std::uint8_t code) override;

  MemoryPort memory;
  Outbound outbound;
  Inbound inbound;

 private:
  std::uint64_t access_root_port(const RootPortAccess& access);
  void log_message(unsigned port, const Tlp& message);
  void report(unsigned port, MessageCode message, RequesterId source);
  void interrupt(const Bridge& port);

  Timeline& timeline_;
  Delegate<void(unsigned)> on_bus_reset_;
};

}  // namespace iov::pcie
