// SPDX-License-Identifier: Apache-2.0
#include "platforms/placement.h"

#include <algorithm>
#include <bit>

namespace iov::platform {

namespace {
constexpr std::uint64_t vf_window = 0x10'0000'0000, each = 0x2'0000'0000;  // in the device's window: of VFs; of a PF
std::uint32_t size_code(std::uint32_t bytes) { return static_cast<std::uint32_t>(std::countr_zero(bytes / 128)); }
}  // namespace

Placement::Placement(endpoint::Endpoint& device, const PcieTree::Place& place, const LinkLimits& link)
    : device_(device), place_(place) {
  const std::uint64_t window = place.window.first;
  device.capture_bus(static_cast<std::uint8_t>(place.first_bus));
  const auto& functions = device_.functions();
  for (unsigned pf = 0; pf < functions.pfs(); ++pf) {
    const config::FunctionDescription& d = functions.pf(pf).description();
    write_bar(pf, PCI_BASE_ADDRESS_0, window + pf * each);
    write_bar(pf, PCI_BASE_ADDRESS_2, window + pf * each + std::max(d.bars[0].bytes, d.bars[2].bytes));
    const unsigned control = functions.config(pf).layout().capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
    const std::uint32_t others = functions.config(pf).read(control, 2) & ~unsigned{PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ};
    write(pf, control, 2, others | size_code(link.max_payload) << 5 | size_code(link.max_read_request) << 12);
    write(pf, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    enable(pf);
  }
}

unsigned Placement::enable_vfs(unsigned vfs) {
  const unsigned sriov = device_.functions().config(0).layout().extended(PCI_EXT_CAP_ID_SRIOV);
  if (sriov == 0) return 0;
  write_bar(0, sriov + PCI_SRIOV_BAR, place_.window.first + vf_window);
  write_bar(0, sriov + PCI_SRIOV_BAR + 8, place_.window.first + vf_window + each);
  write(0, sriov + PCI_SRIOV_NUM_VF, 2, vfs);
  write(0, sriov + PCI_SRIOV_CTRL, 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | PCI_SRIOV_CTRL_ARI);
  if (!fits()) return 0;
  for (unsigned n = 1; n <= device_.functions().vfs(); ++n) {
    write(device_.functions().number(0, n), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    enable(device_.functions().number(0, n));
  }
  return device_.functions().vfs();
}

/// Whether the VFs have IDs and addresses within what the port above forwards.
bool Placement::fits() const {
  const config::PhysicalFunction& pf = device_.functions().pf(0);
  const auto last = pf.vf_id(pf.vfs());
  return pf.vfs() == 0 || (last && last->bus() <= place_.last_bus && pf.vfs() * pf.vf_aperture(0) <= each);
}

void Placement::enable(unsigned function) {
  const config::Layout& layout = device_.functions().config(function).layout();
  write(function, layout.capability(PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
  if (const unsigned pasid = layout.extended(PCI_EXT_CAP_ID_PASID))  // before ATS, which locks it
    write(function, pasid + PCI_PASID_CTRL, 2, PCI_PASID_CTRL_ENABLE);
  if (const unsigned ats = layout.extended(PCI_EXT_CAP_ID_ATS))
    write(function, ats + PCI_ATS_CTRL, 2, PCI_ATS_CTRL_ENABLE);
  if (const unsigned acs = layout.extended(PCI_EXT_CAP_ID_ACS)) write(function, acs + PCI_ACS_CTRL, 2, device_.acs_services());
}

void Placement::enable_page_requests(unsigned most) {
  const auto& functions = device_.functions();
  for (unsigned pf = 0; pf < functions.pfs(); ++pf) {
    const config::ConfigSpace& space = functions.config(pf);
    const unsigned pri = space.layout().extended(PCI_EXT_CAP_ID_PRI);
    if (pri == 0) continue;
    write(pf, pri + PCI_PRI_CTRL, 2, PCI_PRI_CTRL_RESET);
    write(pf, pri + PCI_PRI_ALLOC_REQ, 4, std::min(space.read(pri + PCI_PRI_MAX_REQ, 4), most));
    write(pf, pri + PCI_PRI_CTRL, 2, PCI_PRI_CTRL_ENABLE);
  }
}

Hpa Placement::address(unsigned function, unsigned bar) const {
  const auto& functions = device_.functions();
  const config::PhysicalFunction& pf = functions.pf(functions.pf_of(function));
  return Hpa(functions.physical(function) ? pf.bar_address(bar) : pf.vf_bar_address(functions.vf_of(function), bar));
}

void Placement::write(unsigned function, unsigned offset, unsigned bytes, std::uint32_t value) {
  device_.write_config(device_.requester(function), offset, bytes, value);
}

void Placement::write_bar(unsigned function, unsigned offset, std::uint64_t address) {
  write(function, offset, 4, static_cast<std::uint32_t>(address));
  write(function, offset + 4, 4, static_cast<std::uint32_t>(address >> 32));
}

}  // namespace iov::platform
