// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/effects.h"

#include <linux/pci_regs.h>

namespace iov::config {

namespace {
enum class Holder : std::uint8_t { type0, type1, capability, extended };
enum class When : std::uint8_t { changed, rose, fell, triggered };

struct EffectRow {
  Holder chain;
  std::uint16_t id;
  std::uint16_t offset;  ///< of the register, from the start of its structure
  std::uint32_t mask;    ///< in the register
  When when;
  Effect effect;
};

constexpr std::uint32_t all_bits = ~0u;
constexpr EffectRow effect_rows[] = {
    {Holder::type0, 0, PCI_COMMAND, PCI_COMMAND_MEMORY, When::changed, Effect::memory_space},
    {Holder::type0, 0, PCI_COMMAND, PCI_COMMAND_MASTER, When::changed, Effect::bus_master},
    {Holder::type0, 0, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, When::changed, Effect::intx_disable},
    {Holder::type0, 0, PCI_BASE_ADDRESS_0, all_bits, When::changed, Effect::bar},
    {Holder::type0, 0, PCI_BASE_ADDRESS_1, all_bits, When::changed, Effect::bar},
    {Holder::type0, 0, PCI_BASE_ADDRESS_2, all_bits, When::changed, Effect::bar},
    {Holder::type0, 0, PCI_BASE_ADDRESS_3, all_bits, When::changed, Effect::bar},
    {Holder::type0, 0, PCI_BASE_ADDRESS_4, all_bits, When::changed, Effect::bar},
    {Holder::type0, 0, PCI_BASE_ADDRESS_5, all_bits, When::changed, Effect::bar},
    {Holder::type1, 0, PCI_COMMAND, PCI_COMMAND_MEMORY, When::changed, Effect::memory_space},
    {Holder::type1, 0, PCI_COMMAND, PCI_COMMAND_MASTER, When::changed, Effect::bus_master},
    {Holder::type1, 0, PCI_PRIMARY_BUS, 0xffffff, When::changed, Effect::bus_numbers},
    {Holder::type1, 0, PCI_MEMORY_BASE, all_bits, When::changed, Effect::window},
    {Holder::type1, 0, PCI_PREF_MEMORY_BASE, all_bits, When::changed, Effect::window},
    {Holder::type1, 0, PCI_PREF_BASE_UPPER32, all_bits, When::changed, Effect::window},
    {Holder::type1, 0, PCI_PREF_LIMIT_UPPER32, all_bits, When::changed, Effect::window},
    {Holder::type1, 0, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, When::changed,
     Effect::secondary_bus_reset},
    {Holder::capability, PCI_CAP_ID_PM, PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, When::changed,
     Effect::power_state},
    {Holder::capability, PCI_CAP_ID_MSIX, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
     When::changed, Effect::msix},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_PAYLOAD, When::changed,
     Effect::max_payload},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_READRQ, When::changed,
     Effect::max_read_request},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL,
     PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_EXT_TAG, When::changed,
     Effect::ordering},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, When::triggered,
     Effect::function_level_reset},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL2,
     PCI_EXP_DEVCTL2_COMP_TIMEOUT | PCI_EXP_DEVCTL2_COMP_TMOUT_DIS, When::changed,
     Effect::completion_timeout},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_ARI, When::changed,
     Effect::ari_forwarding},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_RL, When::triggered,
     Effect::link_retrain},
    {Holder::capability, PCI_CAP_ID_EXP, PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_LD, When::changed,
     Effect::link_disable},
    {Holder::extended, PCI_EXT_CAP_ID_ACS, PCI_ACS_CTRL, 0xffff, When::changed, Effect::acs},
    {Holder::extended, PCI_EXT_CAP_ID_ATS, PCI_ATS_CTRL, 0xffff, When::changed, Effect::ats},
    {Holder::extended, PCI_EXT_CAP_ID_PRI, PCI_PRI_CTRL, PCI_PRI_CTRL_ENABLE, When::changed, Effect::pri},
    {Holder::extended, PCI_EXT_CAP_ID_PRI, PCI_PRI_CTRL, PCI_PRI_CTRL_RESET, When::triggered,
     Effect::pri_reset},
    {Holder::extended, PCI_EXT_CAP_ID_PASID, PCI_PASID_CTRL, 0xffff, When::changed, Effect::pasid},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE, When::rose,
     Effect::vf_enable_set},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE, When::fell,
     Effect::vf_enable_cleared},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_MSE, When::changed,
     Effect::vf_memory_space},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_ARI, When::changed,
     Effect::ari_hierarchy},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_NUM_VF, 0xffff, When::changed, Effect::num_vfs},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_SYS_PGSIZE, all_bits, When::changed,
     Effect::system_page_size},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_BAR + 0, all_bits, When::changed, Effect::vf_bar},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_BAR + 4, all_bits, When::changed, Effect::vf_bar},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_BAR + 8, all_bits, When::changed, Effect::vf_bar},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_BAR + 12, all_bits, When::changed, Effect::vf_bar},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_BAR + 16, all_bits, When::changed, Effect::vf_bar},
    {Holder::extended, PCI_EXT_CAP_ID_SRIOV, PCI_SRIOV_BAR + 20, all_bits, When::changed, Effect::vf_bar},
};

/// Where the row's structure starts in this layout; -1 when the function has none.
int base_of(const Layout& layout, const EffectRow& row) {
  const bool bridge =
      (layout.reset_value(PCI_CACHE_LINE_SIZE) >> 16 & PCI_HEADER_TYPE_MASK) == PCI_HEADER_TYPE_BRIDGE;
  switch (row.chain) {
    case Holder::type0: return bridge ? -1 : 0;
    case Holder::type1: return bridge ? 0 : -1;
    case Holder::capability: break;
    case Holder::extended: {
      const int at = layout.extended(row.id);
      return at != 0 ? at : -1;
    }
  }
  const int at = layout.capability(static_cast<std::uint8_t>(row.id));
  return at != 0 ? at : -1;
}

std::uint32_t bits_of(const Change& change, When when) {
  switch (when) {
    case When::changed: return change.changed();
    case When::rose: return change.rose();
    case When::fell: return change.fell();
    case When::triggered: break;
  }
  return change.triggered;
}
}  // namespace

Effects effects_of(const Layout& layout, const Change& change) {
  Effects effects;
  if (change.changed() == 0 && change.triggered == 0) return effects;
  for (const EffectRow& row : effect_rows) {
    const int base = base_of(layout, row);
    if (base < 0 || ((base + row.offset) & ~3) != change.offset) continue;
    if ((bits_of(change, row.when) >> (row.offset & 3) * 8 & row.mask) != 0) effects.add(row.effect);
  }
  return effects;
}

}  // namespace iov::config
