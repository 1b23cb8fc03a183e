// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/fault_log.h"

namespace iov::iommu {

using namespace vtd;

void EventRegisters::raise() {
  registers_.set32(control_, registers_.get32(control_) | event_pending);
  deliver_if_pending();
}

void EventRegisters::deliver_if_pending() {
  const std::uint32_t control = registers_.get32(control_);
  if (!(control & event_pending) || control & event_mask) return;
  settle();
  // The unit's own events bypass remapping (5.1.6): compatibility or x2APIC form, destination as programmed.
  const std::uint32_t data = registers_.get32(control_ + 4), address = registers_.get32(control_ + 8);
  const std::uint32_t upper = registers_.get32(control_ + 12);
  bus_.deliver({.destination = (upper & 0xffff'ff00) | (address >> 12 & 0xff), .vector = static_cast<std::uint8_t>(data)});
}

void FaultLog::record(const TranslationRequest& q, FaultReason reason) {
  const bool pasid = q.pasid.present();
  const std::uint64_t hi =
      std::uint64_t{q.requester.value} | std::uint64_t{q.access == Access::execute} << 30 |
      std::uint64_t{pasid} << 31 | std::uint64_t{static_cast<std::uint8_t>(reason)} << 32 |
      (pasid ? std::uint64_t{q.pasid.value & 0xfffff} << 40 : 0) |
      std::uint64_t{static_cast<std::uint8_t>(q.at)} << 60 | std::uint64_t{q.access != Access::write} << 62;
  store(q.address.value & ~std::uint64_t{0xfff}, hi);
}

void FaultLog::record_interrupt(RequesterId source, std::uint16_t index, FaultReason reason) {
  store(std::uint64_t{index} << 48,
        std::uint64_t{source.value} | std::uint64_t{static_cast<std::uint8_t>(reason)} << 32);
}

void FaultLog::store(std::uint64_t lo, std::uint64_t hi) {
  const std::uint32_t status = registers_.get32(reg_fault_status);
  const std::uint32_t at = reg_fault_records + next_ * fault_record_bytes;
  if (status & fsts_overflow ||
      registers_.fault_record(next_).valid()) {  // 7.2: while PFO is set nothing is recorded
    ++overflows_;
    if (!(status & fsts_overflow)) raise_status(fsts_overflow);
    return;
  }
  registers_.set64(at, lo);
  registers_.set64(at + 8, hi | std::uint64_t{1} << 63);
  const bool first = !(status & fsts_pending);
  if (first)  // FRI names the oldest record
    registers_.set32(reg_fault_status, (status & ~0xff00u) | next_ << 8 | fsts_pending);
  next_ = (next_ + 1) % records_;
  if (first) event.raise();
}

void FaultLog::raise_status(std::uint32_t bits) {
  registers_.set32(reg_fault_status, registers_.get32(reg_fault_status) | bits);
  event.raise();
}

void FaultLog::status_changed() {
  std::uint32_t status = registers_.get32(reg_fault_status) & ~fsts_pending;
  for (unsigned i = 0; i < records_; ++i)
    if (registers_.fault_record(i).valid()) status |= fsts_pending;
  registers_.set32(reg_fault_status, status);
  if ((status & 0xff) == 0) event.settle();
}

}  // namespace iov::iommu
