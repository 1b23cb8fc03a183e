// SPDX-License-Identifier: Apache-2.0
/// FunctionSet -- the PFs of a device with their configuration spaces and those of their VFs: how functions are
/// numbered inside the device, who has which requester ID, who decodes an address. A mechanism.
///
/// Numbers 0 .. pfs()-1 are the PFs; VF n (1..TotalVFs) of PF p is pfs() + p * TotalVFs + n - 1, enabled or not.
/// Spec    PCIe Base 5.0 2.2.6.2 (captured bus number), 9.2.1.2 (VF routing IDs), 9.3.3.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "models/protocol/config_space/physical_function.h"
#include "models/protocol/config_space/sriov_device.h"

namespace iov::endpoint {

class FunctionSet {
 public:
  FunctionSet(const config::SriovDeviceParams& params, const config::SriovDeviceResources& resources,
              const config::PciExpressCapability& express);

  unsigned pfs() const { return static_cast<unsigned>(pfs_.size()); }
  unsigned numbers() const { return pfs() * (1 + total_vfs_); }  ///< all that may ever exist
  unsigned total_vfs() const { return total_vfs_; }                ///< of each PF
  bool physical(unsigned function) const { return function < pfs(); }
  unsigned pf_of(unsigned function) const { return physical(function) ? function : (function - pfs()) / total_vfs_; }
  /// n of VF n of its PF; 0 for a PF.
  unsigned vf_of(unsigned function) const { return physical(function) ? 0 : (function - pfs()) % total_vfs_ + 1; }
  unsigned number(unsigned pf, unsigned vf) const { return vf == 0 ? pf : pfs() + pf * total_vfs_ + vf - 1; }
  bool exists(unsigned function) const;
  unsigned vfs() const;  ///< enabled ones of all PFs

  config::PhysicalFunction& pf(unsigned n) { return *pfs_[n]; }
  const config::PhysicalFunction& pf(unsigned n) const { return *pfs_[n]; }
  /// @pre exists(function)
  const config::ConfigSpace& config(unsigned function) const;
  config::ConfigSpace& config(unsigned function);
  config::Change write(unsigned function, unsigned offset, unsigned width, std::uint32_t value);

  /// Its ID now, or that which it would have if it existed.
  RequesterId id(unsigned function) const;
  std::optional<unsigned> with_id(RequesterId id) const;
  void capture_bus(std::uint8_t bus);
  std::uint8_t bus() const { return pfs_.front()->id().bus(); }

  struct Target {
    unsigned function, bar;
    std::uint32_t offset;
  };
  std::optional<Target> decode(std::uint64_t address) const;

 private:
  std::vector<std::unique_ptr<config::PhysicalFunction>> pfs_;
  const unsigned total_vfs_;  ///< of each PF
};

}  // namespace iov::endpoint
