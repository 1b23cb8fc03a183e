// SPDX-License-Identifier: Apache-2.0
/// PageRequestQueue -- writes page requests of devices into the queue that software reads.
///
/// Spec    VT-d 4.1 7.4, 7.5 (page requests, queue, event), 11.4.11; PCIe Base 5.0 10.4.
/// Models  the 32 B entries, head and tail, pending bit and event, overflow with automatic answers.
/// Simplified  the look at the context entry (DTE, PRE) takes no time.
#pragma once
#include <deque>

#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/iommu/fault_log.h"
#include "models/iommu/params.h"
#include "models/protocol/memory_port.h"
#include "models/protocol/translation.h"

namespace iov::iommu {

class PageRequestQueue {
 public:
  PageRequestQueue(Timeline& timeline, const Params& params, MemoryPort& memory, RegisterFile& registers,
                   FaultLog& faults, InterruptBus& bus);
  void set_fabric(AtsFabric* fabric) { fabric_ = fabric; }
  /// Asked before a request is queued: none, or why the function may not ask.
  void set_admission(Delegate<FaultReason(const TranslationRequest&)> admission) { admission_ = admission; }
  /// @param body  as on the wire: 63:12 page, 11:3 group, 2 last, 1 write, 0 read
  void request(RequesterId function, Pasid pasid, std::uint64_t body);
  /// Whether requests that the unit has taken are not yet in memory and announced (6.5.2.8, PD).
  bool writing() const { return !written_.empty(); }
  void on_written(Delegate<void()> handler) { all_written_ = handler; }
  void registers_written(std::uint32_t offset, unsigned bytes);

  Counter requests{"page_requests", "1", "page requests put in the queue"};
  Counter refused{"page_requests_refused", "1", "page requests from functions that may not ask"};
  Counter overflows{"page_request_overflows", "1", "page requests that found the queue full"};

 private:
  std::uint64_t queue_bytes() const {
    return std::uint64_t{4096} << (registers_.get64(vtd::reg_page_request_address) & 7);
  }
  bool admitted(RequesterId function, Pasid pasid, std::uint64_t body);
  void respond(RequesterId function, Pasid pasid, std::uint64_t body, std::uint8_t code);
  void announce();
  Timeline& timeline_;
  MemoryPort& memory_;
  RegisterFile& registers_;
  FaultLog& faults_;
  AtsFabric* fabric_ = nullptr;
  const bool supported_;
  EventRegisters event_;
  Delegate<FaultReason(const TranslationRequest&)> admission_;
  Delegate<void()> all_written_;
  std::deque<Time> written_;  ///< when entries not yet announced will be in memory
  Event announce_{timeline_, bind<&PageRequestQueue::announce>(this)};
};

}  // namespace iov::iommu
