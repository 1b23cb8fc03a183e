// SPDX-License-Identifier: Apache-2.0
#include "platforms/machine.h"

namespace iov::platform {

NicManagement::NicManagement(endpoint::Nic& nic, Placement& placement, unsigned vfs)
    : nic_(nic), placement_(placement) {
  if (vfs && placement.enable_vfs(vfs) != vfs)
    throw BadInput(std::string(nic.name()) + ".functions: " + std::to_string(vfs) +
                   " VMs of path sriov, more than the device has VFs");
  nic_.assign_pool(0, 0, 1);  // the PF's own driver has queue 0
}

void NicManagement::add_filter(MacAddress mac, unsigned function, unsigned pool) {
  const auto to = function == 0 ? endpoint::Destination{0, pool} : endpoint::Destination{function};
  if (!nic_.add_filter(mac, std::nullopt, to))
    throw BadInput(std::string(nic_.name()) + ".filters: more VMs than the device has filters");
}

unsigned NicManagement::add_pool() {
  ++pools_;
  nic_.assign_pool(pools_, pools_, 1);
  return pools_;
}

/// The host shares the device through its VFs; whoever else has the PF has the whole device.
bool NicManagement::exclusive_claim(unsigned function, const std::string& owner) {
  const bool whole_device = function == 0 && owner != "host";
  if (whole_device && !owners_.empty()) return false;
  if (const auto pf = owners_.find(0); pf != owners_.end() && pf->second != "host") return false;
  return owners_.try_emplace(function, owner).second;
}

}  // namespace iov::platform
