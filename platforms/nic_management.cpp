// SPDX-License-Identifier: Apache-2.0
#include "platforms/machine.h"

namespace iov::platform {

NicManagement::NicManagement(endpoint::Nic& nic, software::VfManager& functions, software::Ownership& owners)
    : nic_(nic), functions_(functions), owners_(owners), taken_vfs_(nic.functions().pfs()) {}

unsigned NicManagement::take_vf() {
  const auto fewest = std::min_element(taken_vfs_.begin(), taken_vfs_.end());
  if (++*fewest > nic_.functions().total_vfs())
    throw BadInput(std::string(nic_.name()) + ".functions: more VMs of path sriov than the device has VFs");
  return nic_.functions().number(static_cast<unsigned>(fewest - taken_vfs_.begin()), *fewest);
}

/// The scan finds the PFs of the NIC in their order; there is no other endpoint.
software::FunctionName NicManagement::name_of(unsigned function) const {
  return {nic_.functions().pf_of(function), nic_.functions().vf_of(function)};
}

const config::FunctionDescription& NicManagement::description(unsigned function) const {
  return nic_.functions().pf(nic_.functions().pf_of(function)).description();
}

std::string NicManagement::claim(unsigned function, const software::Owner& owner) {
  return owners_.claim(name_of(function), owner);
}

}  // namespace iov::platform
