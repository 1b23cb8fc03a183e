// SPDX-License-Identifier: Apache-2.0
/// Machine -- a server with a NIC and VMs as a tree of modules: made from an effective configuration, wired, booted, and
/// started.
///
/// Address map  host memory from 0; the VMs' memory inside it from 1 GiB on, aligned to its IOMMU pages; BARs above the
///              largest host memory, 4 TiB.
/// VMs          of a module vm0 with count 3: vm0_0, vm0_1, vm0_2.
#pragma once
#include "models/core/prefetch.h"
#include "models/endpoint/types/nic.h"
#include "models/io_path/vm_path.h"
#include "models/software/pci_scan.h"
#include "models/workload/workload.h"
#include "platforms/hardware.h"
#include "platforms/script.h"

namespace iov::platform {

/// What the paths ask of the NIC's management, answered by an endpoint::Nic and by what the host's software knows of it.
class NicManagement : public io_path::NicControl {
 public:
  NicManagement(endpoint::Nic& nic, software::VfManager& functions, software::Ownership& owners);
  /// VFs of all PFs in turn.
  unsigned take_vf() override;
  unsigned taken_vfs(unsigned pf) const { return taken_vfs_[pf]; }
  Hpa bar(unsigned function) const override { return functions_.bar(name_of(function), 0); }
  Hpa msix_table(unsigned function) const override { return functions_.bar(name_of(function), config::msix_bar); }
  RequesterId requester(unsigned function) const override { return functions_.id(name_of(function)); }
  software::FunctionName name_of(unsigned function) const override;
  const config::FunctionDescription& description(unsigned function) const override;
  unsigned add_pool() override { return ++pools_; }
  std::string claim(unsigned function, const software::Owner& owner) override;

 private:
  endpoint::Nic& nic_;
  software::VfManager& functions_;
  software::Ownership& owners_;
  std::vector<unsigned> taken_vfs_;  ///< by PF
  unsigned pools_ = 0;
};

/// The host's software that deals with PCI functions, and the thread on which it boots.
struct BootSoftware {
  BootSoftware(Timeline& timeline, pcie::RootComplex& root_complex, const HostModule& host, host::Core& core,
               unsigned max_read_request);
  software::HostConfigIo config;
  software::PciTree tree;
  software::Ownership owners;
  software::VfManager vf_manager;
  software::PciScan scan;
  host::Thread thread;
  host::Strand strand;
  Task task;
  std::string refusal;  ///< why the boot failed
  bool done = false;
  /// Of the whole boot, guests included.
  Time duration;
  std::uint64_t config_requests = 0, guest_accesses = 0;
};

class Machine : public Hardware {
 public:
  /// @throws BadInput naming the module when one that others need is missing or there twice
  Machine(const nlohmann::json& config, std::uint64_t seed);

  /// The host's software finds the device, enables the VFs that the VMs need, gives them away, and the guests find them:
  /// in simulated time, before anything else. Once. @throws BadInput when the device or the platform has not enough
  void boot();
  software::PostedInterrupts& posting() { return *posting_; }
  void start();  ///< boots unless that was done, then paths and workload
  void shut_down();  ///< all network interfaces of host and guests
  software::PfDriver* pf_driver(unsigned pf = 0);  ///< of the host; null when a VM has the PF
  bool has_pf_driver(unsigned pf = 0) const { return pf < host_->pfs.size() && host_->pfs[pf]; }
  io_path::Recovery& recovery() { return *host_->recovery; }

  struct Vm {
    std::string name;
    io_path::VmParams params;
    workload::VmLoad load;
    MacAddress mac;
    std::unique_ptr<software::MemoryView> memory;
    std::unique_ptr<io_path::VmPath> path;
  };

  std::unique_ptr<workload::Workload> workload;
  std::unique_ptr<endpoint::Nic> nic;
  std::vector<Vm> vms;
  std::unique_ptr<Script> script;  ///< null: none
  std::string nic_name;
  const BootSoftware& boot_software() const { return *boot_; }
  software::VfManager& vf_manager() { return boot_->vf_manager; }
  MacAddress mac_of(unsigned vm) const { return vms[vm].mac; }

 private:
  void connect();
  void make_software(const nlohmann::json& config, std::uint64_t seed);
  void name_vms(const nlohmann::json& config);
  void make_vms();
  void make_vm(Vm& vm, std::uint64_t base);
  std::uint64_t seen_by_devices(const Vm& vm, std::uint64_t base);
  void prefetch(unsigned vm);
  Task boot_up();
  Task enable_vfs();

  std::unique_ptr<BootSoftware> boot_;
  std::unique_ptr<NicManagement> management_;
  std::unique_ptr<software::PostedInterrupts> posting_;
  std::unique_ptr<io_path::HostSystem> host_;
  struct alignas(cache_line_bytes) Receiving {
    const io_path::VmPath* path;
    std::optional<unsigned> function;
    unsigned follower;        ///< the VM that had the frame after its last one
    unsigned frames = 0;      ///< since it listens
    WorkingSet lines;
  };
  void prefetch_lines(Receiving& r);
  WorkingSet listing_;
  std::vector<Receiving> receiving_;  ///< by VM
  unsigned next_vm_ = 0;              ///< the peer's next frame is for it
  unsigned foreseen_vm_ = 0;          ///< and the one after that, probably
  BytePool payload_;
};

}  // namespace iov::platform
