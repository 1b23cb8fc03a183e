// SPDX-License-Identifier: Apache-2.0
/// DmaApi -- maps and unmaps buffers for one function while it works, as a driver asks per packet (dma_map_single): an
/// I/O virtual address, page-table entries as bytes, and on unmap their invalidation, at once or later for many.
///
/// Spec    Linux drivers/iommu/dma-iommu.c and intel/iommu.c: strict unmap is a page-selective invalidation with leaf hint;
///         deferred (iommu.strict=0) queues what was unmapped (fq: 256 entries per CPU) and makes one domain-selective
///         invalidation for all when the queue is full or 10 ms after the first. Addresses are used again only then.
/// Models  the CPU's time by named costs, the wait by the queue (QueuedInvalidation); device-TLB invalidations for a
///         function with ATS in the same batch.
/// Omits   bounce buffers, scatter lists, page-table pages that become empty (they are kept).
#pragma once
#include "models/core/ring.h"
#include "models/software/iommu_driver.h"
#include "models/software/iova_allocator.h"
#include "models/software/queued_invalidation.h"

namespace iov::software {

enum class MappingPolicy : std::uint8_t { persistent, strict, deferred };
inline constexpr Names<3> mapping_policy_names{"persistent", "strict", "deferred"};

class DmaApi : public sc_core::sc_module {
 public:
  enum class Direction : std::uint8_t { to_device, from_device };
  struct Params {
    unsigned flush_queue_entries = 256;
    Time flush_timeout{10, sc_core::SC_MS};
    template <class V>
    void describe(V& v) {
      v.field("flush_queue_entries", flush_queue_entries, Range<unsigned>{2, 65536},
              "deferred: unmapped ranges that wait for one invalidation, and one more", "Linux IOVA_FQ_SIZE 256, per CPU");
      v.field("flush_timeout", flush_timeout, Range<Time>{1_us, Time(10, sc_core::SC_SEC)},
              "deferred: after which what was unmapped is invalidated at the latest", "Linux IOVA_FQ_TIMEOUT 10 ms");
    }
  };
  struct Device {
    RequesterId function;
    bool device_tlb = false;
  };
  /// Makes a domain. @param registers  the unit's, as `core` reaches them
  DmaApi(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, MappingPolicy policy,
         const SoftwareCosts& costs, IommuDriver& iommu, MmioBus& registers, host::Core& core);
  void attach(const Device& device);  ///< the domain is this function's from now on

  /// A mapping that stays, both ways, without time: rings at set-up.
  Iova map_coherent(Hpa buffer, std::uint64_t bytes);
  /// @param iova  what the device is to be told
  Task map(host::Strand& strand, host::Context context, Hpa buffer, std::uint64_t bytes, Direction direction, Iova& iova);
  /// Strict: when it is done the device can no longer reach the buffer. Deferred: it can until the next flush.
  Task unmap(host::Strand& strand, host::Context context, Iova iova, std::uint64_t bytes);
  DomainId domain() const { return domain_; }

  Counter mapped{"mapped", "1", "buffers mapped"};
  Counter unmapped{"unmapped", "1", "buffers unmapped"};
  Counter full_flushes{"flushes_full", "1", "invalidations of the domain because the flush queue was full"};
  Counter timed_flushes{"flushes_timed", "1", "invalidations of the domain because the flush timer ran out"};
  LatencyHistogram window{"stale_window", "from clearing a page-table entry until no cache can hold it any more"};

 private:
  struct Unmapped {
    Iova iova;
    std::uint64_t pages = 0;
    std::uint64_t flush = 0;  ///< flushes started when it was queued: a later one covers it
    Time cleared;
  };
  static std::uint64_t pages_of(std::uint64_t address, std::uint64_t bytes) { return ((address & 0xfff) + bytes + 0xfff) >> 12; }
  Iova allocate(std::uint64_t pages);
  Task invalidate_pages(host::Strand& strand, host::Context context, Iova page, std::uint64_t pages);
  Task flush_domain(host::Strand& strand, host::Context context);
  Task free_flushed(host::Strand& strand, host::Context context);
  Task timer_loop();
  void timer_due() { timer_strand_.wake(); }
  bool queue_full() const { return queue_.size() + 1 >= params_.flush_queue_entries; }

  Timeline& timeline_;
  const Params params_;
  const MappingPolicy policy_;
  const SoftwareCosts& costs_;
  IommuDriver& iommu_;
  MappedRegisters registers_;
  Device device_;
  const DomainId domain_;
  IovaAllocator space_;
  Ring<Unmapped> queue_;
  std::uint64_t flushes_started_ = 0, flushes_finished_ = 0;
  Time flushed_at_;  ///< end of flush number flushes_finished_
  host::Strand timer_strand_;
  Event timer_{timeline_, bind<&DmaApi::timer_due>(this)};
  Task timer_task_;
};

}  // namespace iov::software
