// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "models/protocol/config_space/rows.h"

namespace iov::config {

// A register is a row.
// clang-format off

namespace {
// Bits newer than the installed linux/pci_regs.h, or without a name there.
constexpr std::uint32_t aspm_optionality = 1u << 22;    ///< 7.5.3.6: set by every component since 3.0
constexpr std::uint32_t one_end_end_prefix = 1u << 22;  ///< 7.5.3.15: Max End-End TLP Prefixes = 1
constexpr std::uint32_t error_reporting =
    PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE;
constexpr std::uint32_t detected =
    PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD;

bool downstream(const FunctionDescription& d) {
  return d.express.type == PortType::root_port || d.express.type == PortType::downstream_port;
}
bool requester(const FunctionDescription& d) {  // issues requests of its own and waits for completions
  return d.express.type == PortType::endpoint || d.express.type == PortType::root_port;
}

void device_rows(std::vector<Row>& rows, const FunctionDescription& d) {
  const PciExpressCapability& e = d.express;
  const bool endpoint = !d.bridge();
  const bool flr = endpoint && (e.function_level_reset || d.virtual_function);
  const std::uint32_t tag = endpoint && e.extended_tag ? PCI_EXP_DEVCTL_EXT_TAG : 0;
  const std::uint32_t ordering = PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN;
  const std::uint32_t control =
      error_reporting | PCI_EXP_DEVCTL_PAYLOAD | (endpoint ? ordering | tag | PCI_EXP_DEVCTL_READRQ : 0);
  const bool vf = d.virtual_function;  // of a VF's Device Control only Initiate FLR is its own
  rows.push_back({.name = "device_capabilities", .offset = PCI_EXP_DEVCAP, .width = 4,
                  .reset = size_code(e.max_payload) | PCI_EXP_DEVCAP_RBER |
                           (tag != 0 ? PCI_EXP_DEVCAP_EXT_TAG : 0u) |
                           (flr ? PCI_EXP_DEVCAP_FLR : 0u),
                  .hwinit = ~0u});
  rows.push_back({.name = "device_control", .offset = PCI_EXP_DEVCTL, .width = 2,
                  .reset = endpoint && !vf ? ordering | PCI_EXP_DEVCTL_READRQ_512B : 0u,
                  .rw = vf ? 0u : control, .trigger = flr ? PCI_EXP_DEVCTL_BCR_FLR : 0u,
                  .flr_keeps = vf ? 0u : PCI_EXP_DEVCTL_PAYLOAD});
  rows.push_back({.name = "device_status", .offset = PCI_EXP_DEVSTA, .width = 2, .rw1c = detected,
                  .hardware = endpoint ? PCI_EXP_DEVSTA_TRPND : 0u});
}

void link_rows(std::vector<Row>& rows, const FunctionDescription& d) {
  const PciExpressCapability& e = d.express;
  const bool down = downstream(d), vf = d.virtual_function;  // Link Control and Status are the PF's
  const std::uint32_t reports = PCI_EXP_LNKCAP_SDERC | PCI_EXP_LNKCAP_DLLLARC | PCI_EXP_LNKCAP_LBNC;
  const std::uint32_t link = e.link_speed | e.link_width << 4;
  const std::uint32_t bandwidth = PCI_EXP_LNKCTL_LBMIE | PCI_EXP_LNKCTL_LABIE;
  const std::uint32_t control =
      PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES | (d.bridge() ? 0u : PCI_EXP_LNKCTL_RCB);
  const std::uint32_t state =
      PCI_EXP_LNKSTA_CLS | PCI_EXP_LNKSTA_NLW | (down ? PCI_EXP_LNKSTA_LT | PCI_EXP_LNKSTA_DLLLA : 0u);
  rows.push_back(
      {.name = "link_capabilities", .offset = PCI_EXP_LNKCAP, .width = 4,
       .reset = link | aspm_optionality | (down ? reports : 0u) | std::uint32_t{e.port_number} << 24,
       .hwinit = ~0u});
  rows.push_back({.name = "link_control", .offset = PCI_EXP_LNKCTL, .width = 2,
                  .rw = vf ? 0u : control | (down ? bandwidth | PCI_EXP_LNKCTL_LD : 0u),
                  .trigger = down ? PCI_EXP_LNKCTL_RL : 0u, .flr_keeps = vf ? 0u : control});
  rows.push_back({.name = "link_status", .offset = PCI_EXP_LNKSTA, .width = 2,
                  .reset = vf ? 0u : link | PCI_EXP_LNKSTA_SLC | (down ? PCI_EXP_LNKSTA_DLLLA : 0u),
                  .rw1c = down ? PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS : 0u, .hardware = vf ? 0u : state,
                  .hwinit = PCI_EXP_LNKSTA_SLC, .flr_keeps = vf ? 0u : state});
}

/// Hot-Plug Surprise is 0, so that a link that goes down is an error as well (3.2.1); commands complete at once (7.5.3.9).
void slot_rows(std::vector<Row>& rows, const SlotCapability& slot) {
  rows.push_back({.name = "slot_capabilities", .offset = PCI_EXP_SLTCAP, .width = 4,
                  .reset = PCI_EXP_SLTCAP_HPC | PCI_EXP_SLTCAP_NCCS | std::uint32_t{slot.number} << 19, .hwinit = ~0u});
  rows.push_back({.name = "slot_control", .offset = PCI_EXP_SLTCTL, .width = 2,
                  .rw = PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_DLLSCE});
  rows.push_back({.name = "slot_status", .offset = PCI_EXP_SLTSTA, .width = 2, .reset = PCI_EXP_SLTSTA_PDS,
                  .rw1c = PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC, .hardware = PCI_EXP_SLTSTA_PDS});
}

void root_rows(std::vector<Row>& rows) {
  rows.push_back({.name = "root_control", .offset = PCI_EXP_RTCTL, .width = 2,
                  .rw = PCI_EXP_RTCTL_SECEE | PCI_EXP_RTCTL_SENFEE | PCI_EXP_RTCTL_SEFEE | PCI_EXP_RTCTL_PMEIE |
                        PCI_EXP_RTCTL_CRSSVE});
  rows.push_back({.name = "root_capabilities", .offset = PCI_EXP_RTCAP, .width = 2,
                  .reset = PCI_EXP_RTCAP_CRSVIS, .hwinit = PCI_EXP_RTCAP_CRSVIS});
  rows.push_back({.name = "root_status", .offset = PCI_EXP_RTSTA, .width = 4, .rw1c = PCI_EXP_RTSTA_PME,
                  .hardware = PCI_EXP_RTSTA_PENDING | 0xffff});
}

void second_rows(std::vector<Row>& rows, const FunctionDescription& d) {
  const PciExpressCapability& e = d.express;
  const bool vf = d.virtual_function;
  const std::uint32_t ari = downstream(d) && e.ari_forwarding ? PCI_EXP_DEVCAP2_ARI : 0;
  const std::uint32_t timeout =
      requester(d) ? e.completion_timeout_ranges | PCI_EXP_DEVCAP2_COMP_TMOUT_DIS : 0u;
  const std::uint32_t prefix = e.end_end_prefix ? PCI_EXP_DEVCAP2_EE_PREFIX | one_end_end_prefix : 0u;
  const std::uint32_t control =
      (requester(d) ? PCI_EXP_DEVCTL2_COMP_TIMEOUT | PCI_EXP_DEVCTL2_COMP_TMOUT_DIS : 0u) | ari;
  const bool speed = e.controls_link && !vf;
  rows.push_back({.name = "device_capabilities_2", .offset = PCI_EXP_DEVCAP2, .width = 4,
                  .reset = timeout | ari | prefix, .hwinit = ~0u});
  rows.push_back(
      {.name = "device_control_2", .offset = PCI_EXP_DEVCTL2, .width = 2, .rw = vf ? 0u : control});
  rows.push_back({.name = "link_capabilities_2", .offset = PCI_EXP_LNKCAP2, .width = 4,
                  .reset = ((1u << e.link_speed) - 1) << 1, .hwinit = ~0u});
  rows.push_back({.name = "link_control_2", .offset = PCI_EXP_LNKCTL2, .width = 2,
                  .reset = speed ? e.link_speed : 0u, .rw = speed ? PCI_EXP_LNKCTL2_TLS : 0u,
                  .sticky = PCI_EXP_LNKCTL2_TLS});
}
}  // namespace

unsigned size_code(unsigned bytes) { return static_cast<unsigned>(std::countr_zero(bytes / 128)); }

std::vector<Row> pci_express_rows(const FunctionDescription& d) {
  const auto type = static_cast<std::uint32_t>(d.express.type);
  std::vector<Row> rows = {{.name = "pci_express_capabilities", .offset = PCI_EXP_FLAGS, .width = 2,
                            .reset = 2 | type << 4 | (d.express.slot ? PCI_EXP_FLAGS_SLOT : 0u), .hwinit = 0xffff}};
  device_rows(rows, d);
  link_rows(rows, d);
  if (d.express.slot) slot_rows(rows, *d.express.slot);
  if (d.express.type == PortType::root_port) root_rows(rows);
  second_rows(rows, d);
  return rows;
}

std::vector<Row> power_management_rows() {
  return {
      {.name = "power_management_capabilities", .offset = PCI_PM_PMC, .width = 2, .reset = 3,
       .hwinit = 0xffff},
      {.name = "power_management_control", .offset = PCI_PM_CTRL, .width = 2,
       .reset = PCI_PM_CTRL_NO_SOFT_RESET, .rw = PCI_PM_CTRL_STATE_MASK, .hwinit = PCI_PM_CTRL_NO_SOFT_RESET},
  };
}

std::vector<Row> msi_rows() {
  return {
      {.name = "message_control", .offset = PCI_MSI_FLAGS, .width = 2, .reset = PCI_MSI_FLAGS_64BIT,
       .rw = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE, .hwinit = PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_QMASK},
      {.name = "message_address", .offset = PCI_MSI_ADDRESS_LO, .width = 4, .rw = ~3u},
      {.name = "message_upper_address", .offset = PCI_MSI_ADDRESS_HI, .width = 4, .rw = ~0u},
      {.name = "message_data", .offset = PCI_MSI_DATA_64, .width = 2, .rw = 0xffff},
  };
}

std::vector<Row> msix_rows(const MsixCapability& m) {
  return {
      {.name = "message_control", .offset = PCI_MSIX_FLAGS, .width = 2, .reset = m.vectors - 1,
       .rw = PCI_MSIX_FLAGS_MASKALL | PCI_MSIX_FLAGS_ENABLE, .hwinit = PCI_MSIX_FLAGS_QSIZE},
      {.name = "table", .offset = PCI_MSIX_TABLE, .width = 4, .reset = m.table_offset | m.table_bar,
       .hwinit = ~0u},
      {.name = "pending_bits", .offset = PCI_MSIX_PBA, .width = 4, .reset = m.pending_offset | m.pending_bar,
       .hwinit = ~0u},
  };
}

// clang-format on

}  // namespace iov::config
