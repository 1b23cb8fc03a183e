// SPDX-License-Identifier: Apache-2.0
/// The kinds of module whose parameters come from more than one block.
#pragma once
#include "models/host/processors.h"
#include "models/io_path/vm_path.h"
#include "models/pcie/link.h"

namespace iov::platform {

/// The host: processors, software costs, and how it uses the NIC itself.
struct HostModule {
  host::Processors::Params processors;
  software::SoftwareCosts costs;
  io_path::HostParams software;
  template <class V>
  void describe(V& v) {
    processors.describe(v);
    v.group("costs", costs, "what software pays per operation");
    software.describe(v);
  }
};

/// A PCIe link between a root port and a device.
struct LinkModule {
  pcie::LinkParams link;
  std::string device = "nic0";
  template <class V>
  void describe(V& v) {
    v.text("device", device, "name of the module at the far end of the root port", no_source);
    link.describe(v);
  }
};

}  // namespace iov::platform
