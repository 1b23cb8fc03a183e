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
  return (config_.read(express() + PCI_EXP_DEVCTL2, 2) & PCI_EXP_DEVCTL2_ARI) != 0;
}

bool Bridge::link_changed(bool up, bool present) {
  const bool pending = slot_event();
  const auto set = [&](unsigned offset, std::uint32_t bits, bool on) {
    on ? config_.set_bits(express() + offset, 2, bits) : config_.clear_bits(express() + offset, 2, bits);
  };
  set(PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA, up);
  if (!description_.express.slot) return false;
  const bool was_present = (config_.read(express() + PCI_EXP_SLTSTA, 2) & PCI_EXP_SLTSTA_PDS) != 0;
  set(PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_DLLSC, true);
  if (present != was_present) set(PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDC, true);
  set(PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS, present);
  return !pending && slot_event();
}

bool Bridge::slot_event() const {
  if (!description_.express.slot) return false;
  const std::uint32_t control = config_.read(express() + PCI_EXP_SLTCTL, 2), status = config_.read(express() + PCI_EXP_SLTSTA, 2);
  const bool presence = (control & PCI_EXP_SLTCTL_PDCE) != 0 && (status & PCI_EXP_SLTSTA_PDC) != 0;
  const bool link = (control & PCI_EXP_SLTCTL_DLLSCE) != 0 && (status & PCI_EXP_SLTSTA_DLLSC) != 0;
  return (control & PCI_EXP_SLTCTL_HPIE) != 0 && (presence || link);
}

std::optional<InterruptMessage> Bridge::message() const {
  const unsigned msi = layout_.capability(PCI_CAP_ID_MSI);
  if (msi == 0 || (config_.read(msi + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE) == 0) return std::nullopt;
  return InterruptMessage{id_, config_.read(msi + PCI_MSI_ADDRESS_LO, 4), config_.read(msi + PCI_MSI_DATA_64, 2)};
}

config::FunctionDescription root_port(const LinkLimits& limits, unsigned number) {
  config::FunctionDescription d;
  d.vendor_id = 0x1b36, d.device_id = 0x000c;  // pci.ids: QEMU PCIe root port
  d.class_code = 0x060400;
  d.express.type = config::PortType::root_port;
  d.express.link_speed = limits.generation, d.express.link_width = limits.width;
  d.express.max_payload = limits.max_payload;
  d.express.port_number = static_cast<std::uint8_t>(number);
  d.express.slot = config::SlotCapability{.number = static_cast<std::uint16_t>(number)};
  d.msi = true;
  // All that is untranslated goes through the IOMMU, whatever software says: there is nothing to redirect.
  d.acs = config::AcsCapability{.features = PCI_ACS_SV | PCI_ACS_TB};
  return d;
}

}  // namespace iov::pcie
