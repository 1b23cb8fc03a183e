// SPDX-License-Identifier: Apache-2.0
/// Machine -- a server with a NIC and VMs as a tree of modules: made from an effective configuration, wired, and started.
///
/// Address map  host memory from 0; a VM's memory inside it, 1 GiB aligned; BARs above `bar_base`.
#pragma once
#include "models/endpoint/types/nic.h"
#include "models/io_path/vm_path.h"
#include "models/workload/workload.h"
#include "platforms/hardware.h"
#include "platforms/placement.h"

namespace iov::platform {

/// What the paths ask of the NIC's management, answered by an endpoint::Nic.
class NicManagement : public io_path::NicControl {
 public:
  /// Enables as many VFs as VMs will ask for: VF Enable works all at once. @throws BadInput when there are too few
  NicManagement(endpoint::Nic& nic, Placement& placement, unsigned vfs);
  unsigned enable_function() override { return nic_.functions().number(0, ++used_vfs_); }
  Hpa bar(unsigned function) const override { return placement_.bar(function); }
  Hpa msix_table(unsigned function) const override { return placement_.msix_table(function); }
  RequesterId requester(unsigned function) const override { return nic_.requester(function); }
  void add_filter(MacAddress mac, unsigned function, unsigned pool) override;
  unsigned add_pool() override;
  bool exclusive_claim(unsigned function, const std::string& owner) override;

 private:
  endpoint::Nic& nic_;
  const Placement& placement_;
  unsigned used_vfs_ = 0, pools_ = 0;
  std::map<unsigned, std::string> owners_;
};

class Machine : public Hardware {
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

  std::unique_ptr<workload::Workload> workload;
  std::unique_ptr<endpoint::Nic> nic;
  std::vector<Vm> vms;
  std::string nic_name;

 private:
  void connect();
  void make_software(const nlohmann::json& config);

  std::unique_ptr<Placement> placement_;
  std::unique_ptr<NicManagement> management_;
  std::unique_ptr<software::PostedInterrupts> posting_;
  std::unique_ptr<io_path::HostSystem> host_;
  BytePool payload_;
};

}  // namespace iov::platform
