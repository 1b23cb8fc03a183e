// SPDX-License-Identifier: Apache-2.0
/// GuestConfig -- a guest's configuration accesses: each leaves the guest and is answered by the hypervisor's device
/// model from the composed configuration space of the assigned function.
///
/// Spec    register classes: models/protocol/config_space/composed_config.h; Linux vfio-pci and QEMU's vfio device.
/// Models  one exit per access, also to devices that are not there; registers of class hardware_* are read from and
///         written to the function by configuration requests, the rest is the hypervisor's; blocked writes counted by
///         class; MSI-X Enable of the guest enables that of the function.
/// Omits   walking the function's capability chain (its layout is taken from its description), migration of this state.
#pragma once
#include "models/core/stat.h"
#include "models/protocol/config_space/composed_config.h"
#include "models/software/config_io.h"

namespace iov::software {

/// What the hypervisor knows of an assigned function.
struct AssignedFunction {
  const config::FunctionDescription& pf;
  bool whole;  ///< the PF itself, not a VF
};

class GuestConfig : public sc_core::sc_module, public ConfigIo {
 public:
  static constexpr RequesterId slot{5 << 3};  ///< the function's place on the guest's bus 0

  GuestConfig(const sc_core::sc_module_name& name, ConfigIo& host, const SoftwareCosts& costs,
              const AssignedFunction& function);
  /// @param msix  called when the guest enables MSI-X, before the function's own is
  void attach(RequesterId function, RequesterId pf, Delegate<void()> msix) {
    function_ = function, pf_ = pf, msix_ = msix;
  }

  Task read(host::Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t& value) override;
  Task write(host::Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value) override;
  /// As the guest saw it last; for a dump.
  const config::ComposedConfig& space() const { return composed_; }

 private:
  Task refresh(host::Strand& strand, unsigned dword);
  Task write_through(host::Strand& strand, const config::ComposedConfig::Written& written);
  Task follow_msix(host::Strand& strand, const config::Change& change);
  void count_blocked();
  void took(std::size_t row, const host::Strand& strand, const Time& begin);

  ConfigIo& host_;
  const SoftwareCosts& costs_;
  const config::Layout pf_layout_, own_layout_;
  const config::Composition composition_;
  config::ConfigSpace own_, pf_copy_;  ///< what was last read of the hardware
  config::ComposedConfig composed_;
  RequesterId function_, pf_;
  Delegate<void()> msix_;
  Counter accesses_{"cfg_accesses", "1", "configuration accesses of the guest, one exit each"};
  TableStat latency_{"cfg_latency", "the guest's accesses, and how long each kept it", {{"count", "1"}, {"time", "ns"}}};
  Counter hardware_{"cfg_hardware_requests", "1", "configuration requests to the function on behalf of the guest"};
  TableStat blocked_{"cfg_write_blocked", "writes that wanted to change what the guest may not, by register class",
                     {{"count", "1"}}};
};

}  // namespace iov::software
