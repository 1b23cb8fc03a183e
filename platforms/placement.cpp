// SPDX-License-Identifier: Apache-2.0
#include "platforms/placement.h"

#include <algorithm>
#include <bit>

namespace iov::platform {

namespace {
constexpr std::uint64_t window = 0x400'0000'0000, window_bytes = 0x100'0000'0000;  // above the largest host memory, 4 TiB
constexpr std::uint64_t vf_window = window + 0x10'0000'0000, each = 0x2'0000'0000;
std::uint32_t size_code(std::uint32_t bytes) { return static_cast<std::uint32_t>(std::countr_zero(bytes / 128)); }
}  // namespace

Placement::Placement(pcie::RootComplex& rc, unsigned port, endpoint::Endpoint& device, const LinkLimits& link)
    : device_(device) {
  const config::BridgeWindow all{window, window + window_bytes - 1}, none;
  const config::Layout& layout = rc.root_port(port).config().layout();
  rc.write_root_port(port, PCI_PRIMARY_BUS, 4, 1u << 8 | 0xffu << 16);
  rc.write_root_port(port, PCI_MEMORY_BASE, 4, none.base_limit());
  rc.write_root_port(port, PCI_PREF_MEMORY_BASE, 4, all.base_limit());
  rc.write_root_port(port, PCI_PREF_BASE_UPPER32, 4, all.base_upper());
  rc.write_root_port(port, PCI_PREF_LIMIT_UPPER32, 4, all.limit_upper());
  rc.write_root_port(port, layout.capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_ARI);
  rc.write_root_port(port, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  const auto& functions = device_.functions();
  for (unsigned pf = 0; pf < functions.pfs(); ++pf) {
    const config::FunctionDescription& d = functions.pf(pf).description();
    write_bar(pf, PCI_BASE_ADDRESS_0, window + pf * each);
    write_bar(pf, PCI_BASE_ADDRESS_2, window + pf * each + std::max(d.bars[0].bytes, d.bars[2].bytes));
    write(pf, functions.config(pf).layout().capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL, 2,
          size_code(link.max_payload) << 5 | size_code(link.max_read_request) << 12);
    write(pf, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    enable(pf);
  }
}

unsigned Placement::enable_vfs(unsigned vfs) {
  const unsigned sriov = device_.functions().config(0).layout().extended(PCI_EXT_CAP_ID_SRIOV);
  if (sriov == 0) return 0;
  write_bar(0, sriov + PCI_SRIOV_BAR, vf_window);
  write_bar(0, sriov + PCI_SRIOV_BAR + 8, vf_window + each);
  write(0, sriov + PCI_SRIOV_NUM_VF, 2, vfs);
  write(0, sriov + PCI_SRIOV_CTRL, 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | PCI_SRIOV_CTRL_ARI);
  for (unsigned n = 1; n <= device_.functions().vfs(); ++n) {
    write(device_.functions().number(0, n), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    enable(device_.functions().number(0, n));
  }
  return device_.functions().vfs();
}

void Placement::enable(unsigned function) {
  const config::Layout& layout = device_.functions().config(function).layout();
  write(function, layout.capability(PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
  if (const unsigned ats = layout.extended(PCI_EXT_CAP_ID_ATS))
    write(function, ats + PCI_ATS_CTRL, 2, PCI_ATS_CTRL_ENABLE);
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
