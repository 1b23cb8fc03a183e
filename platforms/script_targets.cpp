// SPDX-License-Identifier: Apache-2.0
#include "platforms/script_targets.h"

#include "platforms/machine.h"

namespace iov::platform {

namespace {
constexpr std::size_t listed = 8;  ///< names of VMs in a message
}

unsigned VmTarget::index(const Machine& machine) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < machine.vms.size(); ++i) {
    if (machine.vms[i].name == vm) return static_cast<unsigned>(i);
    if (i < listed) names.push_back(machine.vms[i].name);
  }
  if (machine.vms.size() > listed) names.push_back("... up to " + machine.vms.back().name);
  throw BadInput("vm: " + unknown_name("VM", vm, names));
}

unsigned FunctionTarget::function(const Machine& machine) const {
  const auto function = machine.vms[index(machine)].path->guest_device().function;
  if (function) return *function;
  throw BadInput("vm: " + vm + " has no PCIe function of its own: that needs path sriov, passthrough, container or process");
}

bool FunctionTarget::exists(const Machine& machine, const Outcome& outcome) const {
  const bool exists = machine.nic->functions().exists(function(machine));
  if (!exists) outcome("the function does not exist");
  return exists;
}

void RegisterTarget::require(const Machine& machine) const {
  if (machine.vms[index(machine)].path->guest_device().registers) return;
  throw BadInput("vm: the guest of " + vm + " writes no registers of a NIC: that needs path sriov, passthrough, emulation, container or process");
}

}  // namespace iov::platform
