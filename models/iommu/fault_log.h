// SPDX-License-Identifier: Apache-2.0
/// FaultLog -- the fault recording registers, their overflow and the fault event. Mechanism: no time.
///
/// Spec    VT-d 4.1 7.2 (recording), 7.3 (fault event), 11.4.8, 11.4.14.
#pragma once
#include <cstdint>

#include "models/core/delegate.h"
#include "models/iommu/fault_reason.h"
#include "models/iommu/register_file.h"
#include "models/protocol/interrupt.h"
#include "models/protocol/translation.h"

namespace iov::iommu {

/// An event register block: control, data, address, upper address (7.3, 11.4.8-11.4.12).
class EventRegisters {
 public:
  EventRegisters(RegisterFile& registers, std::uint32_t control, InterruptBus& bus)
      : registers_(registers), control_(control), bus_(bus) {}
  void raise();  ///< the condition came up: sends the message, or leaves it pending while masked
  void unmasked() { deliver_if_pending(); }  ///< software wrote the control register
  void settle() {
    registers_.set32(control_, registers_.get32(control_) & ~vtd::event_pending);
  }  ///< condition gone

 private:
  void deliver_if_pending();
  RegisterFile& registers_;
  std::uint32_t control_;
  InterruptBus& bus_;
};

class FaultLog {
 public:
  FaultLog(RegisterFile& registers, const Features& features, InterruptBus& bus)
      : registers_(registers),
        records_(features.fault_records),
        event(registers, vtd::reg_fault_event_control, bus) {}
  void record(const TranslationRequest& request, FaultReason reason);
  void record_interrupt(RequesterId source, std::uint16_t index, FaultReason reason);
  void status_changed();                  ///< software cleared records or status bits
  void raise_status(std::uint32_t bits);  ///< IQE, ICE, ITE, PRO: status bits with the same event
  std::uint64_t overflows() const { return overflows_; }

 private:
  void store(std::uint64_t lo, std::uint64_t hi);
  RegisterFile& registers_;
  unsigned records_, next_ = 0;
  std::uint64_t overflows_ = 0;

 public:
  EventRegisters event;
};

}  // namespace iov::iommu
