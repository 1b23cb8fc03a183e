// SPDX-License-Identifier: Apache-2.0
/// Parameters of the IOMMU: what it can do (Features) and how big and fast its parts are.
///
/// Units   times are Time; sizes are counts of entries.
#pragma once
#include "models/core/set_assoc.h"
#include "models/core/units.h"
#include "models/iommu/features.h"

namespace iov::iommu {

struct CacheParams {
  CacheGeometry geometry;
  Time hit_latency;
  double lookups_per_cycle = 1;

  CacheParams(unsigned entries, unsigned ways, const Time& latency, const char* origin)
      : geometry{entries, ways, Replacement::lru}, hit_latency(latency), source(origin) {}
  const char* source;

  template <class V>
  void describe(V& v) {
    geometry.describe_into(v, source);
    v.field(
        "hit_latency", hit_latency, Range<Time>{Time(), 1_us}, "from lookup to answer",
        "HyperSIO defines.h: IOTLB 2 ns, context 1 ns, walk caches 5 ns; pcie-bench: IOTLB hit below 13 ns");
    v.field("lookups_per_cycle", lookups_per_cycle, Range<double>{0.01, 16, "1/cycle"},
            "throughput of the lookup pipeline", no_source);
  }
};

struct Params {
  Features features;
  Frequency clock{1e9};
  CacheParams context_cache{64, 4, 1_ns, "Arm MMU-600 configuration cache, as in gem5 SMMUv3.py"};
  CacheParams pasid_cache{64, 4, 1_ns, no_source};
  CacheParams iotlb{64, 8, 2_ns,
                    "pcie-bench (SIGCOMM 2018): cliff at 64 4 KiB pages on Ivy Bridge to Broadwell"};
  unsigned iotlb_partitions = 1;
  CacheParams pml5e_cache{4, 4, 5_ns, no_source};
  CacheParams pml4e_cache{16, 4, 5_ns, no_source};
  CacheParams pdpe_cache{64, 4, 5_ns, "Fast & Safe IO (SOSP 2024): authors' estimate of 64 to 128 entries"};
  CacheParams pde_cache{64, 4, 5_ns, "Fast & Safe IO (SOSP 2024): authors' estimate of 64 to 128 entries"};
  CacheParams interrupt_entry_cache{64, 4, 2_ns, no_source};

  unsigned walkers = 5;
  unsigned translation_queue = 32;
  Time walk_setup = 52_ns;
  Time walk_read_overhead = 130_ns;

  Time register_latency = 50_ns;
  Time descriptor_overhead = 130_ns;
  Time invalidation_time = 100_ns;
  Time device_tlb_timeout{90, sc_core::SC_SEC};

  Time interrupt_latency = 20_ns;
  Time posting_latency = 100_ns;

  bool audit = false;

  template <class V>
  void describe(V& v) {
    const char* bench =
        "derived: pcie-bench miss adder 260 ns (213-307) less a 70 ns memory read, split after "
        "Fast & Safe IO (SOSP 2024), 197 ns for each further table read";
    v.group("features", features, "what the unit can do; CAP and ECAP follow");
    v.field("clock", clock, Range<Frequency>{{1e6}, {1e10}}, "of the lookup pipelines", no_source);
    v.group("context_cache", context_cache, "requester ID -> context entry");
    v.group("pasid_cache", pasid_cache, "requester ID, PASID -> PASID table entry");
    v.group("iotlb", iotlb, "domain, page -> translation");
    v.field("iotlb_partitions", iotlb_partitions, Range<unsigned>{1, 1024},
            "equal parts of the IOTLB, picked by domain ID", no_source);
    v.group("pml5e_cache", pml5e_cache, "paging-structure cache of level 5");
    v.group("pml4e_cache", pml4e_cache, "paging-structure cache of level 4");
    v.group("pdpe_cache", pdpe_cache, "paging-structure cache of level 3");
    v.group("pde_cache", pde_cache, "paging-structure cache of level 2");
    v.group("interrupt_entry_cache", interrupt_entry_cache, "interrupt index -> IRTE");
    v.field("walkers", walkers, Range<unsigned>{1, 256}, "concurrent page walks",
            "derived from pcie-bench (SIGCOMM 2018) by Little's law: 4.4 to 6.0");
    v.field("translation_queue", translation_queue, Range<unsigned>{1, 4096},
            "requests that may wait for a walk; full: TLPs keep their link credits", no_source);
    v.field("walk_setup", walk_setup, Range<Time>{Time(), 10_us}, "from IOTLB miss to the first table read",
            bench);
    v.field("walk_read_overhead", walk_read_overhead, Range<Time>{Time(), 10_us},
            "added to each table read's memory latency", bench);
    v.field("register_latency", register_latency, Range<Time>{Time(), 10_us},
            "from a core's access to a register until the unit has it; a read takes it twice", no_source);
    v.field("descriptor_overhead", descriptor_overhead, Range<Time>{Time(), 10_us},
            "added to each invalidation descriptor fetch", "taken equal to walk_read_overhead");
    v.field(
        "invalidation_time", invalidation_time, Range<Time>{Time(), 100_us}, "to carry out one invalidation",
        "derived: rIOMMU (ASPLOS 2015) 0.69 us for a synchronous one, less two fetches and the status write");
    v.field("device_tlb_timeout", device_tlb_timeout, Range<Time>{1_us, Time(1000, sc_core::SC_SEC)},
            "after which a device-TLB invalidation counts as lost (ITE)",
            "PCIe Base 5.0 10.3.1: 1 min, +50 %");
    v.field("interrupt_latency", interrupt_latency, Range<Time>{Time(), 10_us},
            "to remap one interrupt, besides table reads", no_source);
    v.field("posting_latency", posting_latency, Range<Time>{Time(), 10_us},
            "to update a posted-interrupt descriptor, besides its memory access", no_source);
    v.flag("audit", audit, "check every granted translation against an unbounded model of the caches (slow)",
           no_source);
    v.require(iotlb.geometry.entries % (iotlb_partitions * iotlb.geometry.ways) == 0,
              "iotlb.entries must be a multiple of iotlb_partitions * iotlb.ways");
  }
};

}  // namespace iov::iommu
