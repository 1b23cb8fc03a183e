// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/bridge.h"

namespace iov::pcie {

std::pair<unsigned, unsigned> Bridge::ids() const {
  if (secondary() == 0 || subordinate() < secondary()) return {1, 0};
  return {unsigned{secondary()} << 8, unsigned{subordinate()} << 8 | 0xff};
}

config::BridgeWindow Bridge::memory() const {
  return memory_space() ? config::BridgeWindow::of(config_.dword(PCI_MEMORY_BASE)) : config::BridgeWindow{};
}

config::BridgeWindow Bridge::prefetchable() const {
  if (!memory_space()) return {};
  return config::BridgeWindow::of(config_.dword(PCI_PREF_MEMORY_BASE), config_.dword(PCI_PREF_BASE_UPPER32),
                                  config_.dword(PCI_PREF_LIMIT_UPPER32));
}

bool Bridge::ari_forwarding() const {
  const unsigned express = layout_.capability(PCI_CAP_ID_EXP);
  return (config_.read(express + PCI_EXP_DEVCTL2, 2) & PCI_EXP_DEVCTL2_ARI) != 0;
}

config::FunctionDescription root_port(const LinkLimits& limits, unsigned number) {
  config::FunctionDescription d;
  d.vendor_id = 0x1b36, d.device_id = 0x000c;  // pci.ids: QEMU PCIe root port
  d.class_code = 0x060400;
  d.express.type = config::PortType::root_port;
  d.express.link_speed = limits.generation, d.express.link_width = limits.width;
  d.express.max_payload = limits.max_payload;
  d.express.port_number = static_cast<std::uint8_t>(number);
  d.msi = true;
  d.acs = config::AcsCapability{.features = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF};
  return d;
}

}  // namespace iov::pcie
