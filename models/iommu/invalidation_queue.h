// SPDX-License-Identifier: Apache-2.0
/// InvalidationQueue -- fetches invalidation descriptors from memory and carries them out in order, in
/// time: fetch, execute, and at a wait descriptor stay until everything before it is really over.
///
/// Spec    VT-d 4.1 6.5.2 (descriptors), 6.5.2.10 (errors), 6.5.2.11 (ordering); PCIe 5.0 10.3 (device TLB).
/// Models  all nine descriptor types; draining of page requests by a wait (PD); queue depth per function, 32 ITags;
///         timeout (ITE); queue errors (IQE).
/// Simplified  one descriptor fetched at a time; every wait descriptor acts as a fence.
#pragma once
#include <array>
#include <cstdint>

#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/iommu/fault_log.h"
#include "models/iommu/interrupt_unit.h"
#include "models/iommu/page_request_queue.h"
#include "models/iommu/translation_unit.h"
#include "models/protocol/vtd.h"

namespace iov::iommu {

class InvalidationQueue {
 public:
  InvalidationQueue(Timeline& timeline, const Params& params, MemoryPort& memory, RegisterFile& registers,
                    FaultLog& faults, TranslationUnit& translation, InterruptUnit& interrupts,
                    PageRequestQueue& page_requests, InterruptBus& bus);
  void set_fabric(AtsFabric* fabric) { fabric_ = fabric; }
  void enable(bool on);
  void tail_written() { resume(); }
  void status_cleared() { resume(); }  ///< software acknowledged an error
  void device_tlb_completed(RequesterId function, std::uint32_t itag_vector, std::uint8_t count);
  void drained();  ///< nothing older than the last invalidation is under way
  bool idle() const { return phase_ == Phase::idle && outstanding_ == 0; }

  EventRegisters event;
  Counter descriptors{"descriptors", "1", "invalidation descriptors carried out"};
  Counter device_invalidations{"device_tlb_invalidations", "1", "invalidate requests sent to device TLBs"};
  Counter timeouts{"device_tlb_timeouts", "1", "device-TLB invalidations that were never completed"};
  Counter errors{"queue_errors", "1", "descriptors refused (IQE)"};
  LatencyHistogram wait_time{"invalidation_time",
                             "from the fetch of a batch's first descriptor to its wait's completion"};

 private:
  enum class Phase : std::uint8_t { idle, fetching, executing, draining, sending, waiting, halted };
  struct Tag {
    bool busy = false;
    RequesterId function;
    unsigned received = 0;
    Time deadline;
  };
  void resume();
  void fetch();
  void step();
  void execute();
  bool carry_out(vtd::DescriptorType type);
  bool reserved_clear() const;
  bool context();
  bool iotlb();
  bool pasid_iotlb();
  bool pasid_cache();
  bool interrupt_entries();
  bool device_tlb(bool with_pasid);
  bool page_response();
  bool try_send();
  void try_wait();
  void complete_wait();
  void next();
  void fail(vtd::QueueError error);
  bool known() const;
  bool draining() const { return translation_.draining() || interrupts_.draining(); }
  void expire();
  void arm_timeout();
  unsigned descriptor_bytes() const { return wide() ? 32 : 16; }
  bool wide() const { return registers_.get64(vtd::reg_queue_address) & vtd::iqa_wide; }
  std::uint64_t queue_bytes() const {
    return std::uint64_t{4096} << (registers_.get64(vtd::reg_queue_address) & 7);
  }
  std::uint64_t bits(unsigned low, unsigned count) const {
    return words_[0] >> low & ((std::uint64_t{1} << count) - 1);
  }

  Timeline& timeline_;
  MemoryPort& memory_;
  RegisterFile& registers_;
  FaultLog& faults_;
  TranslationUnit& translation_;
  InterruptUnit& interrupts_;
  PageRequestQueue& page_requests_;
  AtsFabric* fabric_ = nullptr;
  const Features features_;
  const Time overhead_, duration_, timeout_;
  Phase phase_ = Phase::idle;
  bool enabled_ = false;
  std::array<std::uint64_t, 4> words_{};
  std::array<Tag, 32> tags_{};
  unsigned outstanding_ = 0;
  RequesterId target_;
  Pasid target_pasid_;
  std::uint64_t target_body_ = 0;
  unsigned target_depth_ = 32;
  Time batch_start_;
  bool in_batch_ = false;
  Event event_{timeline_, bind<&InvalidationQueue::step>(this)};
  Event timeout_event_{timeline_, bind<&InvalidationQueue::expire>(this)};
};

}  // namespace iov::iommu
