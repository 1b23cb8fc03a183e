// SPDX-License-Identifier: Apache-2.0
/// The kinds of module whose parameters come from more than one block.
#pragma once
#include "models/endpoint/types/dma_bench.h"
#include "models/host/io_apic.h"
#include "models/host/processors.h"
#include "models/io_path/vm_path.h"
#include "models/pcie/link.h"
#include "models/pcie/root_complex.h"
#include "models/protocol/acs.h"
#include "models/software/page_fault_handler.h"
#include "models/workload/vm_load.h"

namespace iov::platform {

/// The root complex, and how many devices can be plugged in below it.
struct RootComplexModule {
  pcie::RootComplexParams root_complex;
  unsigned slots = 0;
  template <class V>
  void describe(V& v) {
    root_complex.describe(v);
    v.field("slots", slots, Range<unsigned>{0, 255}, "devices that can be plugged in, behind switches too; 0: as many as there are",
            no_source);
  }
};

/// The host: processors, software costs, and how it uses the NIC itself.
struct HostModule {
  host::Processors::Params processors;
  host::IoApic::Params io_apic;
  software::SoftwareCosts costs;
  io_path::HostParams software;
  software::PageFaultHandler::Params page_faults;
  unsigned vfs = 0;
  template <class V>
  void describe(V& v) {
    v.field("vfs", vfs, Range<unsigned>{0, 64000},
            "VFs of PF 0 that the host enables, those of VMs included; 0: as many as VMs need. The others belong to the host, pass-through",
            "Linux sriov_numvfs");
    processors.describe(v);
    v.group("io_apic", io_apic, "I/O interrupt controller, for INTx");
    v.group("costs", costs, "what software pays per operation");
    software.describe(v);
    v.group("page_faults", page_faults, "bringing in pages that devices ask for");
  }
};

/// A virtual machine (or several): its I/O path, and its traffic where it is not the workload's.
struct VmModule {
  io_path::VmParams vm;
  workload::VmLoad load;
  template <class V>
  void describe(V& v) {
    vm.describe(v);
    v.group("load", load, "its traffic, where it differs from the workload's");
  }
};

/// A PCIe link from a root port or a switch to a device or another switch.
struct LinkModule {
  pcie::LinkParams link;
  std::string upstream, device = "nic0";
  unsigned arbitration_weight = 1;
  AcsParams acs;
  template <class V>
  void describe(V& v) {
    v.text("upstream", upstream, "name of the module at the end towards the processors: a switch, or the root complex (also when empty)",
           no_source);
    v.text("device", device, "name of the module at the other end: a device, or a switch", no_source);
    v.field("arbitration_weight", arbitration_weight, Range<unsigned>{1, 255},
            "TLPs of this link in a row that a switch sends while others want the same egress", "PCIe Base 5.0 6.3.3.4: round robin");
    v.group("acs", acs, "access control services of the port at the end towards the processors");
    link.describe(v);
  }
};

enum class Translation : std::uint8_t { off, on, pass_through };
inline constexpr Names<3> translation_names{"off", "on", "pass_through"};
enum class PageSize : std::uint8_t { small, large, huge };
inline constexpr Names<3> page_size_names{"4 KiB", "2 MiB", "1 GiB"};
inline constexpr unsigned log2_page_sizes[] = {12, 21, 30};
enum class BufferCache : std::uint8_t { cold, host_warm, device_warm };
inline constexpr Names<3> buffer_cache_names{"cold", "host_warm", "device_warm"};

/// Which tables translate: the host's, in either format, or a guest's first stage with the host's second stage below.
enum class PageTables : std::uint8_t { second_stage, first_stage, nested };
inline constexpr Names<3> page_tables_names{"second_stage", "first_stage", "nested"};
enum class DmaTarget : std::uint8_t { memory, peer, none };
inline constexpr Names<3> dma_target_names{"memory", "peer", "none"};

/// How much of the windows is in memory when the device asks for absent pages (device_tlb.page_requests).
struct PagingModule {
  double resident_share = 1;
  bool populated = true;
  template <class V>
  void describe(V& v) {
    v.field("resident_share", resident_share, Range<double>{1e-6, 1}, "frames of host memory by pages of the device's windows", no_source);
    v.flag("populated", populated, "pages are there from the start, as far as frames reach; else the first access brings each in",
           no_source);
  }
};

/// A DMA microbenchmark and what the host does for it: mappings, and what it left in the LLC.
struct DmaBenchModule {
  endpoint::DmaBenchParams device;
  DmaTarget target = DmaTarget::memory;
  std::string peer;
  unsigned peer_function = 0;
  Translation translation = Translation::on;
  PageSize page_size = PageSize::small, host_page_size = PageSize::small;
  BufferCache cache = BufferCache::host_warm;
  bool scalable_mode = false, force_snoop = false;
  PageTables page_tables = PageTables::second_stage;
  PagingModule paging;
  std::uint64_t warm_up = 2000, transfers = 20000;
  template <class V>
  void describe(V& v) {
    const char* bench = "pcie-bench, Neugebauer et al., SIGCOMM 2018, section 4";
    v.choice("target", target, dma_target_names,
             "of its transfers: host memory, a function's BAR, or none (it only serves others)", bench);
    v.text("peer", peer, "name of the dma_bench whose BAR is the target; may be its own", no_source);
    v.field("peer_function", peer_function, Range<unsigned>{0, 64000}, "function of the peer: 0 its PF, n its VF n", no_source);
    v.require(target != DmaTarget::peer || !peer.empty(), "target \"peer\" needs the name of a peer");
    v.require(target != DmaTarget::peer || device.transfers.trace.empty(), "a trace's target is memory");
    v.choice("translation", translation, translation_names,
             "of the IOMMU: off, on with a domain per function, or pass-through (no table walks)", bench);
    v.choice("page_size", page_size, page_size_names, "of the mappings, when translation is on", bench);
    v.flag("scalable_mode", scalable_mode,
           "PASID tables (VT-d scalable mode) instead of legacy tables; always so for PASIDs and page requests", "VT-d 4.1 3.4.3");
    v.choice("page_tables", page_tables, page_tables_names,
             "of the host: second stage, or first stage (the processor's format); nested: a guest's first stage in its own memory, "
             "which the host's second stage maps; the latter two need scalable mode",
             "VT-d 4.1 3.6 to 3.8; Linux uses the first stage in scalable mode");
    v.choice("host_page_size", host_page_size, page_size_names, "nested: of the host's mappings of the guest's memory", no_source);
    v.flag("force_snoop", force_snoop, "the mappings overrule the device's No Snoop", "VT-d 4.1 9.6, 9.8; Linux enforce_cache_coherency");
    v.choice("cache", cache, buffer_cache_names,
             "where the windows are before: in DRAM, or in the LLC because the host or the device wrote them", bench);
    v.field("warm_up", warm_up, Range<std::uint64_t>{0, 1'000'000'000}, "transactions before the measurement", no_source);
    v.field("transfers", transfers, Range<std::uint64_t>{1, 1'000'000'000},
            "transactions measured; a trace is measured whole", no_source);
    v.group("paging", paging, "demand paging, when device_tlb.page_requests is enabled");
    device.describe(v);
    v.require(!device.device_tlb.page_requests.enabled ||
                  (translation == Translation::on && page_size == PageSize::small && target != DmaTarget::peer && device.transfers.trace.empty()),
              "device_tlb.page_requests needs translation \"on\", page_size \"4 KiB\", and a pattern whose target is memory");
    v.require(page_tables != PageTables::nested ||
                  (translation == Translation::on && target != DmaTarget::peer && device.transfers.trace.empty() &&
                   !device.device_tlb.page_requests.enabled),
              "page_tables \"nested\" needs translation \"on\", a pattern whose target is memory, and no page requests: a guest's memory is pinned");
  }
};

}  // namespace iov::platform
