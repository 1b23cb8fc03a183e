// SPDX-License-Identifier: Apache-2.0
/// Placement -- where the functions of a device are in the address map, written into configuration space without time.
#pragma once
#include "models/endpoint/endpoint.h"
#include "platforms/pcie_tree.h"

namespace iov::platform {

class Placement {
 public:
  /// @param place  what the port above the device forwards
  Placement(endpoint::Endpoint& device, const PcieTree::Place& place, const LinkLimits& link);
  /// Of PF 0. @returns how many VFs there are then; 0 when IDs or addresses do not reach
  unsigned enable_vfs(unsigned vfs);
  /// Of every PF, for software that answers. @param most  page requests outstanding at a time, as far as the device can
  void enable_page_requests(unsigned most);
  Hpa bar(unsigned function) const { return address(function, 0); }
  Hpa msix_table(unsigned function) const { return address(function, config::msix_bar); }

 private:
  Hpa address(unsigned function, unsigned bar) const;
  void write(unsigned function, unsigned offset, unsigned bytes, std::uint32_t value);
  void write_bar(unsigned function, unsigned offset, std::uint64_t address);
  void enable(unsigned function);
  bool fits() const;
  endpoint::Endpoint& device_;
  const PcieTree::Place place_;
};

}  // namespace iov::platform
