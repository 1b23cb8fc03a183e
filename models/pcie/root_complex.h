// SPDX-License-Identifier: Apache-2.0
/// RootComplex -- joins processors, memory and the IOMMU with the links below its root ports.
///
/// Spec    PCIe Base 5.0 1.3.1 (root complex), and as said by its two halves.
/// Models  Inbound (devices to memory, inbound.h) and Outbound (cores to devices, outbound.h).
/// Omits   configuration space and enumeration: address and ID routes are given.
#pragma once
#include "models/pcie/inbound.h"
#include "models/pcie/outbound.h"

namespace iov::pcie {

class RootComplex : public sc_core::sc_module, public MmioBus, public AtsFabric {
 private:
  Routes routes_;

 public:
  using Params = RootComplexParams;
  RootComplex(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params);

  /// @returns the number under which routes name this root port
  unsigned add_root_port(TlpPort& link);
  /// @throws SimError when it overlaps another range
  void map_bar(Hpa base, std::uint64_t bytes, unsigned port);
  void route_ids(RequesterId first, RequesterId last, unsigned port) { routes_.route_ids(first, last, port); }
  void set_translator(Translator* translator) { inbound.set_translator(translator); }  ///< none: Iova == Hpa
  void set_interrupt_remapper(InterruptRemapper* remapper) { inbound.set_interrupt_remapper(remapper); }
  void set_ats_agent(AtsAgent* agent) { inbound.set_ats_agent(agent); }

  void write(Hpa address, std::uint64_t value, unsigned bytes, JourneyRef journey) override {
    outbound.write(address, value, bytes, journey);
  }
  void read(Hpa address, unsigned bytes, Delegate<void(std::uint64_t)> done) override {
    outbound.read(address, bytes, done);
  }
  void send_invalidate(RequesterId function, std::uint8_t itag, Pasid pasid, std::uint64_t body) override;
  void send_page_response(RequesterId function, Pasid pasid, std::uint16_t group, std::uint8_t code) override;

  MemoryPort memory;
  Outbound outbound;
  Inbound inbound;

 private:
  Timeline& timeline_;
  unsigned ports_ = 0;
};

}  // namespace iov::pcie
