// SPDX-License-Identifier: Apache-2.0
#include "platforms/catalog.h"

#include "models/endpoint/types/nic.h"
#include "models/host/memory.h"
#include "models/iommu/gart.h"
#include "models/iommu/iommu.h"
#include "models/pcie/switch.h"
#include "models/workload/workload.h"
#include "platforms/modules.h"

namespace iov::platform {

const std::vector<Kind>& catalog() {
  static const std::vector<Kind> kinds{
      make_kind<host::Memory::Params>("memory", "host memory: DRAM behind a last-level cache"),
      make_kind<RootComplexModule>("root_complex", "PCIe root complex and its slots"),
      make_kind<iommu::Params>("iommu", "IOMMU: DMA and interrupt remapping (VT-d)"),
      make_kind<iommu::GartParams>("gart", "aperture instead of an iommu: translates for all devices alike, isolates none"),
      make_kind<LinkModule>("link", "PCIe link from a root port or a switch to a device or another switch"),
      make_kind<pcie::SwitchParams>("switch", "PCIe switch"),
      make_kind<endpoint::Nic::Params>("nic", "SR-IOV network interface"),
      make_kind<DmaBenchModule>("dma_bench", "DMA microbenchmark: an accelerator with a DMA engine, its transfers, its mappings"),
      make_kind<HostModule>("host", "processors, costs of software, the host's own drivers"),
      make_kind<VmModule>("vm", "a virtual machine, its I/O path and its load; for path native the bare-metal host"),
      make_kind<workload::Workload::Params>("workload", "traffic and measurement window"),
  };
  return kinds;
}

std::vector<NamedItem> io_paths() {
  std::vector<NamedItem> paths;
  for (std::size_t i = 0; i < io_path::path_names.size(); ++i)
    paths.push_back({io_path::path_names[i], io_path::path_meanings[i]});
  return paths;
}

}  // namespace iov::platform
