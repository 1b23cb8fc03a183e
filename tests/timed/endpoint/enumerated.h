// SPDX-License-Identifier: Apache-2.0
/// Enumerated -- what software would have written to a device's configuration space before a test begins: BARs, sizes
/// as the link has them, memory space, bus master, MSI-X, PASID and ATS enable; VFs of PF 0.
#pragma once
#include <catch2/catch.hpp>
#include <bit>

#include "models/endpoint/endpoint.h"

namespace iov::test {

class Enumerated {
 public:
  Enumerated(endpoint::Endpoint& device, std::uint64_t pf_bar, std::uint64_t vf_bar, const LinkLimits& limits = {})
      : device_(device), pf_bar_(pf_bar), vf_bar_(vf_bar) {
    for (unsigned pf = 0; pf < device.functions().pfs(); ++pf) {
      write(pf, PCI_BASE_ADDRESS_0, 4, static_cast<std::uint32_t>(bar(pf)));
      write(pf, PCI_BASE_ADDRESS_1, 4, static_cast<std::uint32_t>(bar(pf) >> 32));
      write(pf, PCI_BASE_ADDRESS_2, 4, static_cast<std::uint32_t>(msix(pf)));
      write(pf, PCI_BASE_ADDRESS_3, 4, static_cast<std::uint32_t>(msix(pf) >> 32));
      write(pf, capability(pf, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL, 2,
            code(limits.max_payload) << 5 | code(limits.max_read_request) << 12);
      write(pf, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
      enable_services(pf);
    }
  }
  /// NumVFs, then VF Enable and VF MSE. @returns how many there are then
  unsigned enable_vfs(unsigned vfs, unsigned pf = 0) {
    const unsigned sriov = space(pf).layout().extended(PCI_EXT_CAP_ID_SRIOV);
    write(pf, sriov + PCI_SRIOV_BAR, 4, static_cast<std::uint32_t>(vf_bar_));
    write(pf, sriov + PCI_SRIOV_BAR + 4, 4, static_cast<std::uint32_t>(vf_bar_ >> 32));
    write(pf, sriov + PCI_SRIOV_BAR + 8, 4, static_cast<std::uint32_t>(vf_bar_ + vf_msix));
    write(pf, sriov + PCI_SRIOV_BAR + 12, 4, static_cast<std::uint32_t>((vf_bar_ + vf_msix) >> 32));
    write(pf, sriov + PCI_SRIOV_NUM_VF, 2, vfs);
    write(pf, sriov + PCI_SRIOV_CTRL, 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | (pf == 0 ? PCI_SRIOV_CTRL_ARI : 0));
    for (unsigned n = 1; n <= device_.functions().pf(pf).vfs(); ++n) {
      const unsigned f = device_.functions().number(pf, n);
      write(f, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
      enable_services(f);
    }
    return device_.functions().pf(pf).vfs();
  }
  void disable_vfs(unsigned pf = 0) {
    write(pf, space(pf).layout().extended(PCI_EXT_CAP_ID_SRIOV) + PCI_SRIOV_CTRL, 2, pf == 0 ? PCI_SRIOV_CTRL_ARI : 0);
  }
  void function_level_reset(unsigned f) {
    write(f, capability(f, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
  }
  void enable_services(unsigned f) {
    write(f, capability(f, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
    if (const unsigned pasid = space(f).layout().extended(PCI_EXT_CAP_ID_PASID))  // before ATS, which locks it
      write(f, pasid + PCI_PASID_CTRL, 2, PCI_PASID_CTRL_ENABLE);
    if (const unsigned ats = space(f).layout().extended(PCI_EXT_CAP_ID_ATS))
      write(f, ats + PCI_ATS_CTRL, 2, PCI_ATS_CTRL_ENABLE);
  }
  std::uint64_t bar(unsigned f) const {
    const auto& fs = device_.functions();
    if (fs.physical(f)) return pf_bar_ + f * fs.pf(f).description().bars[0].bytes;
    return vf_bar_ + (fs.vf_of(f) - 1) * fs.pf(0).vf_aperture(0);
  }
  std::uint64_t msix(unsigned f) const {
    const auto& fs = device_.functions();
    if (fs.physical(f)) return pf_bar_ + pf_msix + f * fs.pf(f).description().bars[2].bytes;
    return vf_bar_ + vf_msix + (fs.vf_of(f) - 1) * fs.pf(0).vf_aperture(2);
  }
  void write(unsigned f, unsigned offset, unsigned bytes, std::uint32_t value) {
    REQUIRE(device_.write_config(device_.requester(f), offset, bytes, value));
  }
  const config::ConfigSpace& space(unsigned f) const { return device_.functions().config(f); }
  unsigned capability(unsigned f, std::uint8_t id) const { return space(f).layout().capability(id); }

 private:
  static constexpr std::uint64_t pf_msix = 0x80'0000, vf_msix = 0x1000'0000;
  static std::uint32_t code(std::uint32_t bytes) { return static_cast<std::uint32_t>(std::countr_zero(bytes / 128)); }
  endpoint::Endpoint& device_;
  const std::uint64_t pf_bar_, vf_bar_;
};

}  // namespace iov::test
