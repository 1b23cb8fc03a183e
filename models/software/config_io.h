// SPDX-License-Identifier: Apache-2.0
/// ConfigIo -- software's view of configuration space: the same code scans and enables functions on the host, where an
/// access is a configuration request, and in a guest, where it is trapped (guest_config.h).
///
/// Spec    PCIe Base 5.0 7.2.2 (ECAM).
#pragma once
#include "models/core/task.h"
#include "models/protocol/config_bus.h"
#include "models/software/costs.h"
#include "models/software/stalled_access.h"

namespace iov::software {

class ConfigIo {
 public:
  virtual ~ConfigIo() = default;
  /// All ones when nobody answers.
  virtual Task read(host::Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t& value) = 0;
  virtual Task write(host::Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value) = 0;
};

/// The host's: each access stalls the core until it is answered, as a load or store to ECAM does.
class HostConfigIo : public ConfigIo {
 public:
  HostConfigIo(ConfigBus& bus, const SoftwareCosts& costs) : bus_(bus), costs_(costs) {}

  Task read(host::Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t& value) override {
    StalledAccess access{strand};
    co_await strand.spend(host::Context::host_kernel, host::Work::mmio, costs_.mmio_write);
    bus_.read_config(function, offset, bytes, bind<&StalledAccess::answered>(&access));
    co_await strand.stall(host::Context::host_kernel);
    value = static_cast<std::uint32_t>(access.value);
  }
  Task write(host::Strand& strand, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value) override {
    StalledAccess access{strand};
    co_await strand.spend(host::Context::host_kernel, host::Work::mmio, costs_.mmio_write);
    bus_.write_config(function, offset, bytes, value, bind<&StalledAccess::answered>(&access));
    co_await strand.stall(host::Context::host_kernel);
  }

 private:
  ConfigBus& bus_;
  const SoftwareCosts& costs_;
};

}  // namespace iov::software
