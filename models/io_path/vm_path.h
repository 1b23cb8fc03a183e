// SPDX-License-Identifier: Apache-2.0
/// VmPath -- one VM (or the bare-metal host) with its way to the NIC: a composition of software roles and functions.
/// `make_path` is the one table of paths.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/host/processors.h"
#include "models/protocol/mmio.h"
#include "models/software/application.h"
#include "models/software/emulated_nic.h"
#include "models/software/guest_config.h"
#include "models/software/iommu_driver.h"
#include "models/software/nic_driver.h"
#include "models/software/pci_scan.h"
#include "models/software/pf_driver.h"
#include "models/software/vcpu.h"
#include "models/software/vf_driver.h"
#include "models/software/vf_manager.h"
#include "models/software/virtio_backend.h"

namespace iov::io_path {

/// What a path needs of a NIC's management: implemented by the platform on top of whatever device is there. Addresses and
/// IDs are known after boot.
class NicControl {
 public:
  virtual ~NicControl() = default;
  virtual unsigned take_vf() = 0;  ///< the next VF that boot will enable; returns its function index (0 is the PF)
  virtual Hpa bar(unsigned function) const = 0;
  virtual Hpa msix_table(unsigned function) const = 0;
  virtual RequesterId requester(unsigned function) const = 0;
  virtual unsigned add_pool() = 0;  ///< a queue pair of the PF that nobody has; returns pool = queue number
  virtual software::FunctionName name_of(unsigned function) const = 0;
  virtual const config::FunctionDescription& description(unsigned function) const = 0;  ///< of the PF
  /// @returns why not; empty: the function is the owner's alone
  virtual std::string claim(unsigned function, const software::Owner& owner) = 0;
};

enum class PathKind : std::uint8_t { native, emulation, virtio, vhost, vmdq, passthrough, sriov, container, process };
inline constexpr Names<9> path_names{"native", "emulation", "virtio", "vhost", "vmdq", "passthrough", "sriov", "container", "process"};
/// One line each, for `iovsim list`.
inline constexpr Names<9> path_meanings{
    "NIC driver on bare metal, no VM",
    "unmodified driver, every register access trapped and emulated in host user space or kernel",
    "paravirtual front end, back end in a user-space I/O thread, tap and bridge",
    "paravirtual front end, back end in a host kernel worker, tap and bridge",
    "paravirtual front end on a hardware-sorted queue pool; the hypervisor copies, or with zero_copy only translates",
    "the whole NIC assigned to the VM through the IOMMU",
    "a virtual function assigned to the VM; device TLB by nic0.device_tlb.enabled",
    "a virtual function of a container, no VM: the host kernel's driver, the container's application",
    "a virtual function of a process, no VM: a poll-mode driver in user space behind the IOMMU"};
/// Whether such a path has a virtual function.
constexpr bool has_vf(PathKind path) { return path == PathKind::sriov || path == PathKind::container || path == PathKind::process; }

enum class InterruptDelivery : std::uint8_t { vmm_inject, posted, none };
enum class HostIommu : std::uint8_t { off, pass_through, translate };

struct VmParams {
  unsigned count = 1;
  bool attached = true;
  PathKind path = PathKind::sriov;
  software::EmulatedNic::Location emulation_location = software::EmulatedNic::Location::user;
  InterruptDelivery assigned_interrupts = InterruptDelivery::posted;
  HostIommu native_iommu = HostIommu::pass_through;
  bool zero_copy = false;
  software::MappingPolicy iommu_mapping = software::MappingPolicy::persistent;
  Bytes memory{64ull << 20};
  unsigned iommu_log2_page = 21;
  unsigned vcpu_core = 2, backend_core = 1, interrupt_core = 2;
  unsigned vcpu_cores = 0, backend_cores = 1;
  software::Vcpu::Params vcpu;
  software::NicDriver::Params driver, emulated_driver;
  software::VfDriver::Params vf_driver;
  software::VfSettings vf;
  software::DmaApi::Params dma_api;
  software::VirtioNet::Params virtio;
  software::VirtioBackend::Params backend;
  software::MainLoop::Params main_loop;
  software::EmulatedNic::Params emulated_nic;

  VmParams() {
    emulated_driver.interrupt_style = software::NicDriver::InterruptStyle::legacy;
    emulated_driver.tx_descriptors = emulated_driver.rx_descriptors = 256;  // Linux e1000 default
    emulated_driver.refill_batch = 16;                                      // e1000, E1000_RX_BUFFER_WRITE
    emulated_driver.report_interval = 1;                                    // e1000 sets RS on every packet
    emulated_driver.throttle = 50_us;                                       // 20 000 interrupts/s, e1000
  }
  /// What instance `index` of `count` is: a VM with cores of its own on a host of `cores`.
  VmParams instance(unsigned index, unsigned cores) const;

  template <class V>
  void describe(V& v) {
    v.field("count", count, Range<unsigned>{1, 65535}, "so many VMs that are equal but for their cores: vm0_0, vm0_1, ...",
            no_source);
    v.choice("path", path, path_names, "how the VM gets its I/O", "the comparison this product is for");
    v.flag("attached", attached, "it starts with its VF; off: a script assigns it", no_source);
    v.choice("emulation_location", emulation_location, Names<2>{"user", "kernel"}, "where the device model runs (path emulation)",
             "QEMU: user");
    v.choice("assigned_interrupts", assigned_interrupts, Names<3>{"vmm_inject", "posted", "none"},
             "of assigned functions: the host's handler injects, posted-interrupt descriptor, or none: the guest's driver polls", "VT-d 4.1 5.2");
    v.choice("native_iommu", native_iommu, Names<3>{"off", "pass_through", "translate"}, "IOMMU on bare metal (path native)",
             "Linux iommu=pt");
    v.choice("iommu_mapping", iommu_mapping, software::mapping_policy_names,
             "path native, translated: buffers stay mapped; or are mapped for each packet and unmapped with an invalidation each "
             "(strict) or one for many (deferred)",
             "persistent: pools that keep their mappings (page_pool); Linux iommu.strict=1 and 0");
    v.flag("zero_copy", zero_copy,
           "path vmdq: the pool's descriptors point at the guest's buffers; off: the hypervisor copies each packet once",
           "Intel VMDq white paper describes the copy; zero-copy pools: Santos et al., USENIX ATC 2008 (dedicated receive queues)");
    v.field("memory", memory, Range<Bytes>{8_MiB, Bytes{std::uint64_t{1} << 40}}, "guest memory", no_source);
    v.field("iommu_log2_page", iommu_log2_page, Range<unsigned>{12, 30, "log2 B"}, "leaf size of the VM's IOMMU mapping: 12, 21 or 30",
            "2 MiB: guest memory on huge pages");
    const Range<unsigned> core{0, 1023};
    v.field("vcpu_core", vcpu_core, core, "core the vCPU is pinned to; of several VMs the first one's", no_source);
    v.field("vcpu_cores", vcpu_cores, Range<unsigned>{0, 1024},
            "several VMs: their vCPUs take turns on so many cores from vcpu_core on; 0: on all that there are", no_source);
    v.field("backend_core", backend_core, core, "core of the back end's thread; of several VMs the first one's", no_source);
    v.field("backend_cores", backend_cores, Range<unsigned>{1, 1024},
            "several VMs: their back ends take turns on so many cores from backend_core on", no_source);
    v.field("interrupt_core", interrupt_core, core,
            "core that takes the assigned function's host interrupts; of several VMs it moves on with the vCPU",
            "affinity to the vCPU's core, irqbalance hint");
    v.group("vcpu", vcpu, "virtual processor");
    v.group("driver", driver, "NIC driver of bare metal, PF or VF");
    v.group("vf_driver", vf_driver, "the guest's talk with the PF (path sriov); of path passthrough its service task");
    v.group("vf", vf, "what the host's administrator sets for the VF (path sriov)");
    v.group("emulated_driver", emulated_driver, "unmodified driver of the emulated NIC");
    v.group("dma_api", dma_api, "mapping of buffers packet by packet");
    v.group("virtio", virtio, "virtio-net front end");
    v.group("backend", backend, "back end");
    v.group("main_loop", main_loop, "I/O thread of the emulator (paths emulation and virtio)");
    v.group("emulated_nic", emulated_nic, "device model (path emulation)");
    v.require(iommu_log2_page == 12 || iommu_log2_page == 21 || iommu_log2_page == 30, "iommu_log2_page must be 12, 21 or 30");
    v.require(!zero_copy || path == PathKind::vmdq, "zero_copy needs path vmdq");
    v.require(path != PathKind::emulation || emulated_driver.interrupt_style == software::NicDriver::InterruptStyle::legacy,
              "path emulation needs emulated_driver.interrupt_style legacy: the line stays up until the driver reads the cause");
    v.require(attached || has_vf(path), "attached off needs path sriov, container or process");
    v.require(iommu_mapping == software::MappingPolicy::persistent ||
                  (path == PathKind::native && native_iommu == HostIommu::translate),
              "iommu_mapping strict or deferred needs path native and native_iommu translate");
  }
};

struct HostParams {
  software::NicDriver::Params driver;
  software::PfDriver::Params pf_driver;
  software::HostNetwork::Params network;
  software::PciPolicy pci;
  unsigned network_core = 0;
  bool error_reporting = true, hot_plug = true;
  template <class V>
  void describe(V& v) {
    v.group("driver", driver, "the host's own NIC driver, under the software paths");
    v.group("pf_driver", pf_driver, "how the host governs the NIC and its VFs");
    v.group("network", network, "bridge and taps");
    v.group("pci", pci, "bus numbers and addresses for devices");
    v.flag("error_reporting", error_reporting, "PCIe errors interrupt the host, which counts and clears them", "Linux CONFIG_PCIEAER");
    v.flag("hot_plug", hot_plug, "slots interrupt the host, which configures anew what is back below a port, and gives it back to its users",
           "Linux CONFIG_HOTPLUG_PCI_PCIE, pcie_do_recovery()");
    v.field("network_core", network_core, Range<unsigned>{0, 1023}, "core that takes the PF's interrupts", no_source);
  }
};

class Uplink;
class Grant;
class HostNic;
class PortHost;
class PfHost;
class Recovery;
class RepresentorHost;

struct HostSystem {  ///< what all paths of one host share
  Timeline& timeline;
  software::PacketServices services;
  const HostParams& params;
  const software::SoftwareCosts& costs;
  host::Processors& processors;
  MemoryPort& memory;  ///< software's accesses
  MmioBus& mmio;
  software::ConfigIo& config;
  software::PciTree& tree;  ///< what the scan found
  software::PciScan& scan;
  software::VfManager& functions;
  NicControl& nic;
  software::IommuDriver* iommu;  ///< null: no IOMMU in the platform
  MmioBus* iommu_registers;      ///< the unit's registers, offsets from 0; null with it
  bool aperture;                 ///< a GART instead: devices reach VMs' memory, and each other's
  software::PostedInterrupts& posting;
  InterruptLedger& interrupts;
  software::MemoryView& host_memory;
  std::vector<std::shared_ptr<PfHost>> pfs;      ///< its drivers of the PFs, made when the first path needs them
  std::shared_ptr<PortHost> ports;               ///< null: errors and slots interrupt nobody
  std::shared_ptr<RepresentorHost> representor;  ///< in representor mode
  std::shared_ptr<Uplink> uplink;  ///< the host's NIC driver and bridge, made when the first software path needs it
  std::vector<Grant*> grants{};   ///< of all that use a function
  std::vector<HostNic*> nics{};   ///< the host's own uses of PF 0
  std::shared_ptr<Recovery> recovery{};
  std::uint64_t seed = 0;         ///< of chance in the emulators
  host::Core& core(unsigned index) const;  ///< @throws SimError when there is none of that number
};

/// Of the host's own drivers, after it has booted.
Task set_up(HostSystem& host);
void start(HostSystem& host);
void shut_down(HostSystem& host);

/// The NIC as the guest of a VM has it; empty: no registers, no PCIe function of its own.
struct GuestDevice {
  software::RegisterIo* registers = nullptr;
  host::Thread* vcpu = nullptr;
  unsigned unused_queue = 1;  ///< the first that no driver has
  std::optional<unsigned> function;
};

class VmPath : public sc_core::sc_module {
 public:
  explicit VmPath(const sc_core::sc_module_name& name) : sc_module(name) {}
  /// After the host has booted, before any traffic: functions are assigned, mapped and enabled, guests find them.
  virtual Task set_up() { co_return; }
  virtual void start() = 0;  ///< drivers initialise, then the application runs
  virtual void stop() {}     ///< whatever would run for ever: driver loops that poll, processes that compute
  /// Its interface goes down: what lies in rings is lost, and booked so.
  virtual void shut_down() {}
  /// Its driver looks after its function no more, until it is brought up again.
  virtual void stop_service() {}
  /// The function is given to the running VM, taken from it in good order, reset by the host (with notice through the PF's
  /// driver). @param refusal  empty: it is done
  virtual Task plug(std::string& refusal) { return refuse(refusal); }
  virtual Task unplug(std::string& refusal) { return refuse(refusal); }
  virtual Task reset_function(bool, std::string& refusal) { return refuse(refusal); }
  /// The configuration space that the guest of an assigned function sees; null: there is none.
  virtual const software::GuestConfig* guest_config() const { return nullptr; }
  virtual software::CopyAccount copied() const { return {}; }
  virtual void reset_copies() {}
  virtual software::VfDriver* vf_driver() { return nullptr; }  ///< of a path that has a VF
  virtual GuestDevice guest_device() { return {}; }
  /// A packet will come for the VM (core/prefetch.h): what it always needs; when that is at hand, what tells where the rest is;
  /// then the rest.
  virtual void add_to(WorkingSet&) const {}
  virtual void prefetch_pages() const {}
  virtual void prefetch_memory() const {}
  /// Interrupts that reached whoever drives the device on behalf of this VM.
  virtual std::uint64_t interrupts() const = 0;

 private:
  static Task refuse(std::string& refusal) {
    refusal = "the VM has no virtual function";
    co_return;
  }
};

/// @throws SimError when the path cannot be built: a function already claimed, no core of that number
std::unique_ptr<VmPath> make_path(const char* name, HostSystem& host, const VmParams& params, MacAddress mac,
                                  software::MemoryView& guest, GuestTraffic& traffic);

}  // namespace iov::io_path
