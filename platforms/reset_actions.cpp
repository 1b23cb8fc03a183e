// SPDX-License-Identifier: Apache-2.0
// Actions on functions through their configuration space, under whoever uses them: nobody is told.
#include <linux/pci_regs.h>

#include "platforms/config_write.h"
#include "platforms/machine.h"
#include "platforms/script_targets.h"

namespace iov::platform {

namespace {

/// Sets or clears bits of a register, as software does that knows what it wrote there before.
void change_bits(Machine& machine, unsigned function, unsigned offset, std::uint32_t bits, bool on, Outcome outcome) {
  const auto& functions = machine.nic->functions();
  const std::uint32_t now = functions.config(function).read(offset, 2);
  machine.script->keep(std::make_unique<ConfigWrite>(*machine.root_complex, ConfigWrite::Register{functions.id(function), offset},
                                                     on ? now | bits : now & ~bits, std::move(outcome)));
}

struct MasterArgs : FunctionTarget {
  bool on = false;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.flag("on", on, "whether the function may send requests", "PCIe Base 5.0 7.5.1.1.3");
  }
  void check(const Machine& machine) const { function(machine); }
};

void set_bus_master(const MasterArgs& args, Machine& machine, Outcome outcome) {
  if (!args.exists(machine, outcome)) return;
  change_bits(machine, args.function(machine), PCI_COMMAND, PCI_COMMAND_MASTER, args.on, std::move(outcome));
}

struct EnableArgs {
  bool on = false;
  template <class V>
  void describe(V& v) {
    v.flag("on", on, "VF Enable and VF Memory Space Enable of the PF", "PCIe Base 5.0 9.3.3.3.1");
  }
  /// @throws BadInput
  void check(const Machine& machine) const {
    if (sriov(machine) == 0) throw BadInput("do: the device has no VFs");
  }
  static unsigned sriov(const Machine& machine) {
    return machine.nic->functions().config(0).layout().extended(PCI_EXT_CAP_ID_SRIOV);
  }
};

void enable_vfs(const EnableArgs& args, Machine& machine, Outcome outcome) {
  change_bits(machine, 0, EnableArgs::sriov(machine) + PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE, args.on,
              std::move(outcome));
}

}  // namespace

std::vector<ScriptAction> reset_actions() {
  return {make_action<MasterArgs>("bus_master", "whether a VM's function may send requests", "host, by a configuration write",
                                  set_bus_master),
          make_action<EnableArgs>("vf_enable", "all VFs of PF 0 vanish, or come to be anew", "PF driver, by a configuration write",
                                  enable_vfs)};
}

}  // namespace iov::platform
