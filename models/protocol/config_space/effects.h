// SPDX-License-Identifier: Apache-2.0
/// Effects -- what a configuration write means for the owner of the function, read off its Change.
///
/// Spec    the registers in the table of effects.cpp, each by its linux/pci_regs.h name.
#pragma once
#include "models/protocol/config_space/config_space.h"

namespace iov::config {

enum class Effect : std::uint8_t {
  memory_space,         ///< Memory Space Enable changed
  bus_master,           ///< Bus Master Enable changed
  intx_disable,         ///< Interrupt Disable changed
  bar,                  ///< a BAR of the function moved (or is being sized)
  bus_numbers,          ///< of a bridge
  window,               ///< memory window of a bridge
  secondary_bus_reset,  ///< of a bridge: set or released
  power_state,
  msix,  ///< enable or function mask changed
  max_payload,
  max_read_request,
  ordering,              ///< relaxed ordering, no snoop or extended tag enable
  function_level_reset,  ///< asked for
  completion_timeout,
  ari_forwarding,
  link_retrain,  ///< asked for
  link_disable,
  acs,
  ats,  ///< enable or STU
  pri,
  pri_reset,  ///< asked for
  pasid,
  vf_enable_set,
  vf_enable_cleared,
  vf_memory_space,
  ari_hierarchy,
  num_vfs,
  system_page_size,
  vf_bar,
};

class Effects {
 public:
  void add(Effect e) { bits_ |= 1u << static_cast<unsigned>(e); }
  bool has(Effect e) const { return (bits_ >> static_cast<unsigned>(e) & 1) != 0; }
  bool none() const { return bits_ == 0; }

 private:
  std::uint32_t bits_ = 0;
};

Effects effects_of(const Layout& layout, const Change& change);

}  // namespace iov::config
