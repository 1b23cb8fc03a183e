// SPDX-License-Identifier: Apache-2.0
/// Machine -- a platform as a tree of modules: made from an effective configuration, wired, and started.
///
/// Address map  host memory from 0; a VM's memory inside it, 1 GiB aligned; BARs above `bar_base`.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/endpoint/types/nic.h"
#include "models/host/memory.h"
#include "models/io_path/vm_path.h"
#include "models/iommu/iommu.h"
#include "models/pcie/port.h"
#include "models/pcie/root_complex.h"
#include "models/workload/workload.h"
#include "platforms/modules.h"
#include "platforms/simulation.h"

namespace iov::platform {

/// A link with both its ends: `root` at the root complex, `device` at the device.
struct Link : sc_core::sc_module {
  Link(const sc_core::sc_module_name& name, Timeline& timeline, const pcie::LinkParams& params)
      : sc_module(name), root("root", timeline, params), device("device", timeline, params) {
    root.connect(device);
  }
  pcie::Port root, device;
};

/// What the paths ask of the NIC's management, answered by an endpoint::Nic.
class NicManagement : public io_path::NicControl {
 public:
  /// Enables as many VFs as VMs will ask for: VF Enable works all at once. @throws BadInput when there are too few
  NicManagement(endpoint::Nic& nic, Hpa pf_bar, Hpa vf_bar, unsigned vfs);
  unsigned enable_function() override { return ++used_vfs_; }
  Hpa bar(unsigned function) const override;
  RequesterId requester(unsigned function) const override { return nic_.requester(function); }
  void add_filter(MacAddress mac, unsigned function, unsigned pool) override;
  unsigned add_pool() override;
  bool exclusive_claim(unsigned function, const std::string& owner) override;

 private:
  endpoint::Nic& nic_;
  const Hpa pf_bar_, vf_bar_;
  unsigned used_vfs_ = 0, pools_ = 0;
  std::map<unsigned, std::string> owners_;
};

class Machine {
 public:
  /// @throws BadInput naming the module when one that others need is missing or there twice
  Machine(const nlohmann::json& config, std::uint64_t seed);

  void start();  ///< paths and workload

  struct Vm {
    std::string name;
    io_path::VmParams params;
    std::unique_ptr<software::MemoryView> memory;
    std::unique_ptr<io_path::VmPath> path;
  };

  Timeline timeline{"timeline"};
  std::unique_ptr<host::Memory> memory;
  std::unique_ptr<pcie::RootComplex> root_complex;
  std::unique_ptr<host::Processors> processors;
  std::unique_ptr<iommu::Iommu> iommu;  ///< null: the platform has none
  std::unique_ptr<Link> link;
  std::unique_ptr<workload::Workload> workload;
  std::unique_ptr<endpoint::Nic> nic;
  std::unique_ptr<MemoryPort> cpu_memory;
  HostModule host_params;
  unsigned walkers = 1;  ///< of the IOMMU
  std::vector<Vm> vms;
  std::string nic_name, host_name;

 private:
  void make_hardware(const nlohmann::json& config);
  void connect();
  void make_software(const nlohmann::json& config);
  void write_iommu(std::uint32_t offset, std::uint64_t value, unsigned bytes) { iommu->write_register(offset, value, bytes); }
  std::uint64_t read_iommu(std::uint32_t offset, unsigned bytes) { return iommu->read_register(offset, bytes); }

  std::unique_ptr<NicManagement> management_;
  std::unique_ptr<software::MemoryView> host_memory_;
  std::unique_ptr<software::IommuDriver> iommu_driver_;
  std::unique_ptr<io_path::HostSystem> host_;
  BytePool payload_;
};

}  // namespace iov::platform
