// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "models/protocol/config_space/rows.h"

namespace iov::config {

// A register is a row.
// clang-format off

namespace {
constexpr std::uint32_t ats_global_invalidate = 1u << 6;  ///< PCIe Base 5.0 10.5.1.2, not in linux/pci_regs.h

/// What a function of its own can log; a VF leaves the link's errors to its PF (PCIe 9.3.7).
std::uint32_t uncorrectable_errors(const FunctionDescription& d) {
  std::uint32_t errors = PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_COMP_ABORT |
                         PCI_ERR_UNC_UNX_COMP | PCI_ERR_UNC_UNSUP | (d.acs ? PCI_ERR_UNC_ACSV : 0u);
  if (!d.virtual_function)
    errors |= PCI_ERR_UNC_DLP | PCI_ERR_UNC_FCP | PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP;
  if (d.express.type == PortType::root_port || d.express.type == PortType::downstream_port)
    errors |= PCI_ERR_UNC_SURPDN;
  return errors;
}
constexpr std::uint32_t fatal_by_default = PCI_ERR_UNC_DLP | PCI_ERR_UNC_SURPDN | PCI_ERR_UNC_FCP |
                                           PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP;  // 7.8.4.4

void root_error_rows(std::vector<Row>& rows) {
  constexpr std::uint32_t received = 0x7f;  // PCI_ERR_ROOT_COR_RCV ... PCI_ERR_ROOT_FATAL_RCV
  rows.push_back({.name = "root_error_command", .offset = PCI_ERR_ROOT_COMMAND, .width = 4,
                  .rw = PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN});
  rows.push_back({.name = "root_error_status", .offset = PCI_ERR_ROOT_STATUS, .width = 4, .rw1c = received,
                  .sticky = received});
  rows.push_back(
      {.name = "error_source", .offset = PCI_ERR_ROOT_ERR_SRC, .width = 4, .hardware = ~0u, .sticky = ~0u});
}
}  // namespace

std::vector<Row> aer_rows(const FunctionDescription& d) {
  const std::uint32_t errors = uncorrectable_errors(d);
  const bool vf = d.virtual_function;  // mask and severity are the PF's
  const std::uint32_t correctable =
      PCI_ERR_COR_ADV_NFAT | (vf ? 0u
                                 : PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP | PCI_ERR_COR_BAD_DLLP |
                                       PCI_ERR_COR_REP_ROLL | PCI_ERR_COR_REP_TIMER);
  const std::uint32_t mask = vf ? 0 : errors, correctable_mask = vf ? 0 : correctable;
  std::vector<Row> rows = {
      {.name = "uncorrectable_status", .offset = PCI_ERR_UNCOR_STATUS, .width = 4, .rw1c = errors,
       .sticky = errors},
      {.name = "uncorrectable_mask", .offset = PCI_ERR_UNCOR_MASK, .width = 4, .rw = mask, .sticky = mask},
      {.name = "uncorrectable_severity", .offset = PCI_ERR_UNCOR_SEVER, .width = 4,
       .reset = fatal_by_default & mask, .rw = mask, .sticky = mask},
      {.name = "correctable_status", .offset = PCI_ERR_COR_STATUS, .width = 4, .rw1c = correctable,
       .sticky = correctable},
      {.name = "correctable_mask", .offset = PCI_ERR_COR_MASK, .width = 4,
       .reset = PCI_ERR_COR_ADV_NFAT & correctable_mask, .rw = correctable_mask, .sticky = correctable_mask},
      {.name = "error_capabilities", .offset = PCI_ERR_CAP, .width = 4, .hardware = 0x1f, .sticky = 0x1f},
  };
  constexpr std::array<const char*, 4> log = {"header_log_0", "header_log_1", "header_log_2", "header_log_3"};
  for (unsigned i = 0; i < log.size(); ++i)
    rows.push_back({.name = log[i], .offset = static_cast<std::uint16_t>(PCI_ERR_HEADER_LOG + 4 * i),
                    .width = 4, .hardware = ~0u, .sticky = ~0u});
  if (d.express.type == PortType::root_port) root_error_rows(rows);
  return rows;
}

std::vector<Row> ari_rows(const AriCapability& a) {
  return {{.name = "ari_capability", .offset = PCI_ARI_CAP, .width = 2,
           .reset = std::uint32_t{a.next_function} << 8, .hwinit = 0xffff},
          {.name = "ari_control", .offset = PCI_ARI_CTRL, .width = 2}};
}

unsigned acs_bytes(const AcsCapability& a) { return 8 + (a.egress_ports + 31) / 32 * 4; }

std::vector<Row> acs_rows(const AcsCapability& a) {
  const std::uint32_t size = a.egress_ports & 0xff;  // 256 ports read as 0
  std::vector<Row> rows = {{.name = "acs_capability", .offset = PCI_ACS_CAP, .width = 2,
                            .reset = a.features | size << 8, .hwinit = 0xffff},
                           {.name = "acs_control", .offset = PCI_ACS_CTRL, .width = 2, .rw = a.features}};
  for (unsigned port = 0; port < a.egress_ports; port += 32) {
    const unsigned left = a.egress_ports - port;
    rows.push_back({.name = "egress_control_vector",
                    .offset = static_cast<std::uint16_t>(PCI_ACS_EGRESS_CTL_V + port / 8), .width = 4,
                    .rw = left >= 32 ? ~0u : (1u << left) - 1});
  }
  return rows;
}

std::vector<Row> ats_rows(const AtsCapability& a, bool virtual_function) {
  // A VF has no queue and no STU of its own: both fields are hardwired to 0, the PF's apply (PCIe 9.3.7).
  const std::uint32_t depth = virtual_function ? 0 : a.queue_depth % PCI_ATS_MAX_QDEP;
  return {
      {.name = "ats_capability", .offset = PCI_ATS_CAP, .width = 2,
       .reset = depth | (a.page_aligned ? PCI_ATS_CAP_PAGE_ALIGNED : 0u) |
                (a.global_invalidate ? ats_global_invalidate : 0u),
       .hwinit = 0xffff},
      {.name = "ats_control", .offset = PCI_ATS_CTRL, .width = 2,
       .rw = PCI_ATS_CTRL_ENABLE | (virtual_function ? 0u : 0x1fu)},
  };
}

std::vector<Row> pri_rows(const PriCapability& p, bool pasid) {
  return {
      {.name = "pri_control", .offset = PCI_PRI_CTRL, .width = 2, .rw = PCI_PRI_CTRL_ENABLE,
       .trigger = PCI_PRI_CTRL_RESET},
      {.name = "pri_status", .offset = PCI_PRI_STATUS, .width = 2,
       .reset = PCI_PRI_STATUS_STOPPED | (pasid ? PCI_PRI_STATUS_PASID : 0u),
       .rw1c = PCI_PRI_STATUS_RF | PCI_PRI_STATUS_UPRGI, .hardware = PCI_PRI_STATUS_STOPPED,
       .hwinit = PCI_PRI_STATUS_PASID},
      {.name = "pri_capacity", .offset = PCI_PRI_MAX_REQ, .width = 4, .reset = p.max_requests, .hwinit = ~0u},
      {.name = "pri_allocation", .offset = PCI_PRI_ALLOC_REQ, .width = 4, .rw = ~0u},
  };
}

std::vector<Row> pasid_rows(const PasidCapability& p) {
  const std::uint32_t modes =
      (p.execute ? PCI_PASID_CAP_EXEC : 0u) | (p.privileged ? PCI_PASID_CAP_PRIV : 0u);
  return {
      {.name = "pasid_capability", .offset = PCI_PASID_CAP, .width = 2, .reset = modes | p.width << 8,
       .hwinit = 0xffff},
      {.name = "pasid_control", .offset = PCI_PASID_CTRL, .width = 2, .rw = PCI_PASID_CTRL_ENABLE | modes},
  };
}

std::vector<Row> sriov_rows(const SriovCapability& s) {
  constexpr std::uint32_t ari_preserved = 1u << 1;  // 9.3.3.2: true of us, No_Soft_Reset is set
  const std::uint32_t ari = s.lowest_pf ? PCI_SRIOV_CTRL_ARI : 0;
  std::vector<Row> rows = {
      {.name = "sriov_capabilities", .offset = PCI_SRIOV_CAP, .width = 4,
       .reset = s.lowest_pf ? ari_preserved : 0u, .hwinit = ~0u},
      {.name = "sriov_control", .offset = PCI_SRIOV_CTRL, .width = 2,
       .rw = PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | ari,
       .flr_keeps = ari},  // 9.3.3.3.5: ARI Capable Hierarchy is not affected by an FLR
      {.name = "sriov_status", .offset = PCI_SRIOV_STATUS, .width = 2},
      {.name = "initial_vfs", .offset = PCI_SRIOV_INITIAL_VF, .width = 2, .reset = s.total_vfs,
       .hwinit = 0xffff},
      {.name = "total_vfs", .offset = PCI_SRIOV_TOTAL_VF, .width = 2, .reset = s.total_vfs, .hwinit = 0xffff},
      {.name = "num_vfs", .offset = PCI_SRIOV_NUM_VF, .width = 2, .rw = 0xffff},
      {.name = "function_dependency_link", .offset = PCI_SRIOV_FUNC_LINK, .width = 1,
       .reset = s.function_dependency, .hwinit = 0xff},
      {.name = "first_vf_offset", .offset = PCI_SRIOV_VF_OFFSET, .width = 2, .reset = s.without_ari.offset,
       .hardware = 0xffff, .flr_keeps = 0xffff},  // follows the ARI bit, so it outlives an FLR as that does
      {.name = "vf_stride", .offset = PCI_SRIOV_VF_STRIDE, .width = 2, .reset = s.without_ari.stride,
       .hardware = 0xffff, .flr_keeps = 0xffff},
      {.name = "vf_device_id", .offset = PCI_SRIOV_VF_DID, .width = 2, .reset = s.vf_device_id,
       .hwinit = 0xffff},
      {.name = "supported_page_sizes", .offset = PCI_SRIOV_SUP_PGSIZE, .width = 4,
       .reset = s.supported_page_sizes, .hwinit = ~0u},
      {.name = "system_page_size", .offset = PCI_SRIOV_SYS_PGSIZE, .width = 4, .reset = 1, .rw = ~0u},
  };
  const std::vector<Row> bars = bar_rows(s.vf_bars, PCI_SRIOV_BAR);
  rows.insert(rows.end(), bars.begin(), bars.end());
  return rows;
}

// clang-format on

}  // namespace iov::config
