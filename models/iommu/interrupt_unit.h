// SPDX-License-Identifier: Apache-2.0
/// InterruptUnit -- interrupt remapping and posting in time: messages in order, entry cache, table and
/// descriptor accesses through memory.
///
/// Spec    VT-d 4.1 ch. 5, 6.2.6 (interrupt entry cache).
/// Simplified  one interrupt at a time is remapped; the buffer of waiting messages is not bounded, the
///             link's posted credits bound it.
#pragma once
#include <deque>

#include "models/core/prefetch.h"
#include "models/core/set_assoc.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/iommu/cache_unit.h"
#include "models/iommu/fault_log.h"
#include "models/iommu/interrupt_remap.h"
#include "models/protocol/memory_port.h"

namespace iov::iommu {

struct InterruptIndex {
  std::uint16_t value = 0;
  friend bool operator==(InterruptIndex, InterruptIndex) = default;
  std::uint64_t hash() const { return value; }
};

class InterruptUnit {
 public:
  InterruptUnit(Timeline& timeline, const Params& params, MemoryPort& memory, FaultLog& faults,
                InterruptBus& bus);
  void interrupt(const InterruptMessage& message);
  void add_to(WorkingSet& set, const InterruptMessage& message) const {
    const std::uint16_t index = decode_message(root_, message.address, message.data).index;
    entries_.add_to(set, {index});
    if (!entries_.peek({index})) memory_.add_to(set, Hpa(root_.table + index * 16u));
  }
  void set_root(const InterruptRoot& root) { root_ = root; }
  const InterruptRoot& root() const { return root_; }
  /// Removes the 2^log2_entries entries around `index`; what is being remapped is looked up again.
  void invalidate(std::uint16_t index, unsigned log2_entries);
  /// Whether an interrupt is still being posted through an entry that an invalidation has removed.
  bool draining() const { return draining_; }
  void on_drained(Delegate<void()> handler) { drained_ = handler; }
  bool idle() const { return waiting_.empty(); }
  bool within_capacity() const { return entries_.size() <= entries_.capacity(); }

 private:
  enum class Phase : std::uint8_t { idle, remapping, reading_entry, reading_descriptor, notifying };
  struct Waiting {
    InterruptMessage message;
    Time arrived;
  };
  void begin();
  void step();
  void entry_read();
  void use(const InterruptEntry& entry);
  void deliver(ProcessorInterrupt interrupt);
  void descriptor_read();
  void block(std::uint16_t index, FaultReason reason, bool suppress);
  void retire();
  void finish();
  const InterruptMessage& message() const { return waiting_.front().message; }

  Timeline& timeline_;
  MemoryPort& memory_;
  FaultLog& faults_;
  InterruptBus& bus_;
  const Features features_;
  const Time latency_, posting_latency_, read_overhead_;
  InterruptRoot root_;
  SetAssoc<InterruptIndex, InterruptEntry> entries_;
  std::deque<Waiting> waiting_;
  Phase phase_ = Phase::idle;
  InterruptRequest request_;
  InterruptEntry entry_;
  ProcessorInterrupt outgoing_;
  vtd::Pair irte_;
  bool failed_ = false, stale_ = false, draining_ = false;
  Delegate<void()> drained_;
  Event event_{timeline_, bind<&InterruptUnit::step>(this)};

 public:
  CacheUnit interrupt_entry_cache;
  Counter direct{"interrupts_direct", "1", "messages delivered without remapping"};
  Counter remapped{"interrupts_remapped", "1", "messages delivered through a remapped entry"};
  Counter posted{"interrupts_posted", "1", "messages written to a posted-interrupt descriptor"};
  Counter notifications{"notifications", "1", "notifications sent for posted interrupts"};
  Counter blocked{"interrupts_blocked", "1", "messages refused"};
  LatencyHistogram latency{"interrupt_latency", "from a message's arrival to its delivery or posting"};
};

}  // namespace iov::iommu
