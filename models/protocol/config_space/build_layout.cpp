// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/build_layout.h"

#include <bit>

#include "models/core/sim_error.h"
#include "models/protocol/config_space/rows.h"

namespace iov::config {

namespace {
/// A rule for a field of a 16-bit or 32-bit register at `at`.
Rule rule(RuleKind kind, unsigned at, std::uint32_t mask, std::uint32_t operand, unsigned other = 0) {
  return {kind, static_cast<std::uint16_t>(at & ~3u), mask << (at & 3) * 8, operand,
          static_cast<std::uint16_t>(other & ~3u)};
}
/// Locked while `bits` of the register at `other` are set.
Rule lock(unsigned at, std::uint32_t mask, unsigned other, std::uint32_t bits) {
  return rule(RuleKind::locked_while, at, mask, bits << (other & 3) * 8, other);
}

/// Encodings of the completion timeout value that the ranges A..D allow (PCIe Base 5.0 7.5.3.16).
std::uint32_t completion_timeouts(std::uint8_t ranges) {
  std::uint32_t values = 1;
  for (unsigned range = 0; range < 4; ++range)
    if (ranges >> range & 1) values |= 0x6u << 4 * range;
  return values;
}

void power_rules(Layout& layout, unsigned at) {  // D1 and D2 are not implemented: such writes are discarded
  layout.add_rule(rule(RuleKind::value_in, at + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 0b1001));
}

void express_rules(Layout& layout, unsigned at, const FunctionDescription& d) {
  if (d.virtual_function) return;
  const std::uint32_t payloads = (2u << size_code(d.express.max_payload)) - 1;
  layout.add_rule(rule(RuleKind::value_in, at + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_PAYLOAD, payloads));
  if (d.express.controls_link)
    layout.add_rule(rule(RuleKind::value_in, at + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS,
                         (2u << d.express.link_speed) - 2));
  if (!d.bridge())
    layout.add_rule(rule(RuleKind::value_in, at + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_READRQ, 0x3f));
  if (!d.bridge() || d.express.type == PortType::root_port)
    layout.add_rule(rule(RuleKind::value_in, at + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_COMP_TIMEOUT,
                         completion_timeouts(d.express.completion_timeout_ranges)));
}

void add_translation(Layout& layout, const FunctionDescription& d) {
  unsigned ats = 0;
  if (d.ats) {
    ats = layout.add_extended("ats", PCI_EXT_CAP_ID_ATS, 1, PCI_EXT_CAP_ATS_SIZEOF,
                              ats_rows(*d.ats, d.virtual_function)) +
          PCI_ATS_CTRL;
    if (!d.virtual_function) layout.add_rule(lock(ats, 0x1f, ats, PCI_ATS_CTRL_ENABLE));
  }
  if (d.pri) {
    const unsigned at = layout.add_extended("pri", PCI_EXT_CAP_ID_PRI, 1, PCI_EXT_CAP_PRI_SIZEOF,
                                            pri_rows(*d.pri, d.pasid.has_value()));
    layout.add_rule(lock(at + PCI_PRI_ALLOC_REQ, ~0u, at + PCI_PRI_CTRL, PCI_PRI_CTRL_ENABLE));
  }
  if (d.pasid) {
    const unsigned at =
        layout.add_extended("pasid", PCI_EXT_CAP_ID_PASID, 1, PCI_EXT_CAP_PASID_SIZEOF, pasid_rows(*d.pasid));
    if (ats != 0)
      layout.add_rule(lock(at + PCI_PASID_CTRL,
                           PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_EXEC | PCI_PASID_CTRL_PRIV, ats,
                           PCI_ATS_CTRL_ENABLE));
  }
}

void add_sriov(Layout& layout, const SriovCapability& s) {
  const unsigned at =
      layout.add_extended("sriov", PCI_EXT_CAP_ID_SRIOV, 1, PCI_EXT_CAP_SRIOV_SIZEOF, sriov_rows(s));
  const unsigned control = at + PCI_SRIOV_CTRL;
  layout.add_rule(lock(at + PCI_SRIOV_NUM_VF, 0xffff, control, PCI_SRIOV_CTRL_VFE));
  layout.add_rule(rule(RuleKind::at_most, at + PCI_SRIOV_NUM_VF, 0xffff, s.total_vfs));
  layout.add_rule(lock(at + PCI_SRIOV_SYS_PGSIZE, ~0u, control, PCI_SRIOV_CTRL_VFE));
  layout.add_rule(rule(RuleKind::one_bit_of, at + PCI_SRIOV_SYS_PGSIZE, ~0u, s.supported_page_sizes));
  if (s.lowest_pf) layout.add_rule(lock(control, PCI_SRIOV_CTRL_ARI, control, PCI_SRIOV_CTRL_VFE));
}

[[noreturn]] void refuse_description(const char* what) {
  throw SimError(sc_core::SC_ZERO_TIME, "function description", what);
}

void check_sriov(const FunctionDescription& d) {
  const SriovCapability& s = *d.sriov;
  if ((s.supported_page_sizes & 0x553) != 0x553) refuse_description("the six page sizes 4 KiB to 4 MiB are mandatory");
  for (const VfRouting& r : {s.with_ari, s.without_ari}) {
    if (s.total_vfs > 0 && r.offset == 0) refuse_description("First VF Offset 0 would give VF 1 the ID of its PF");
    if (s.total_vfs > 1 && r.stride == 0) refuse_description("VF Stride 0 would give all VFs one ID");
  }
  for (const Bar& bar : s.vf_bars)
    if (bar.io) refuse_description("a VF has no I/O BAR");
  if (s.vf_ats && !d.ats) refuse_description("ATS in the VFs needs ATS in the PF: it owns the queue and the STU");
  if (!d.express.function_level_reset) refuse_description("a PF and its VFs must support function level reset");
}

void check(const FunctionDescription& d) {
  const PciExpressCapability& e = d.express;
  if (!std::has_single_bit(e.max_payload) || e.max_payload < 128 || e.max_payload > 4096)
    refuse_description("Max_Payload_Size is a power of two from 128 to 4096");
  if (e.link_speed < 1 || e.link_speed > 6) refuse_description("link speed is a code from 1 to 6");
  if ((!std::has_single_bit(e.link_width) && e.link_width != 12) || e.link_width > 32)
    refuse_description("link width is 1, 2, 4, 8, 12, 16 or 32 lanes");
  for (const auto& msix : {d.msix, d.sriov ? d.sriov->vf_msix : std::nullopt})
    if (msix &&
        (msix->vectors < 1 || msix->vectors > 2048 || ((msix->table_offset | msix->pending_offset) & 7) != 0))
      refuse_description("MSI-X has 1 to 2048 vectors, tables at multiples of 8");
  if (d.ats && (d.ats->queue_depth < 1 || d.ats->queue_depth > PCI_ATS_MAX_QDEP))
    refuse_description("ATS queue depth is 1 to 32");
  if (d.pasid && d.pasid->width > 20) refuse_description("a PASID has at most 20 bits");
  if (d.acs && (d.acs->egress_ports != 0) != ((d.acs->features & PCI_ACS_EC) != 0))
    refuse_description("ACS egress ports and EC go together");
  const bool has_link_below = e.type == PortType::root_port || e.type == PortType::downstream_port;
  if (e.slot && (!has_link_below || e.slot->number > 0x1fff)) refuse_description("a slot is below a root or downstream port, its number has 13 bits");
  if (d.sriov && d.bridge()) refuse_description("SR-IOV belongs to endpoints");
  if (d.sriov) check_sriov(d);
}
}  // namespace

Layout build_layout(const FunctionDescription& d) {
  check(d);
  Layout layout;
  layout.add_header(d.bridge() ? type1_header(d) : type0_header(d));
  if (d.power_management)
    power_rules(layout, layout.add_capability("power_management", PCI_CAP_ID_PM, PCI_PM_SIZEOF,
                                              power_management_rows()));
  constexpr unsigned msi_bytes = 14;  // 64-bit address, no masks
  if (d.msi) layout.add_capability("msi", PCI_CAP_ID_MSI, msi_bytes, msi_rows());
  if (d.msix) layout.add_capability("msix", PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF, msix_rows(*d.msix));
  constexpr unsigned express_bytes = 0x3c;  // version 2, slot registers included
  express_rules(layout,
                layout.add_capability("pci_express", PCI_CAP_ID_EXP, express_bytes, pci_express_rows(d)), d);
  if (d.aer) layout.add_extended("aer", PCI_EXT_CAP_ID_ERR, 2, 0x48, aer_rows(d));
  if (d.ari) layout.add_extended("ari", PCI_EXT_CAP_ID_ARI, 1, PCI_EXT_CAP_ARI_SIZEOF, ari_rows(*d.ari));
  if (d.acs) layout.add_extended("acs", PCI_EXT_CAP_ID_ACS, 1, acs_bytes(*d.acs), acs_rows(*d.acs));
  add_translation(layout, d);
  if (d.sriov) add_sriov(layout, *d.sriov);
  return layout;
}

FunctionDescription virtual_function(const FunctionDescription& pf) {
  if (!pf.sriov) refuse_description("a function without SR-IOV has no VFs");
  const SriovCapability& s = *pf.sriov;
  FunctionDescription vf = pf;
  vf.virtual_function = true;
  vf.multi_function = false;
  vf.interrupt_pin = 0;
  vf.bars = {};
  vf.power_management = false;
  vf.aer = s.vf_aer && pf.aer;
  vf.msix = s.vf_msix;
  vf.acs = s.vf_acs;
  if (vf.ari) vf.ari->next_function = 0;  // not meaningful in a VF
  if (!s.vf_ats) vf.ats.reset();
  vf.pri.reset();  // PRI and PASID live in the PF and serve its VFs
  vf.pasid.reset();
  vf.sriov.reset();
  return vf;
}

}  // namespace iov::config
