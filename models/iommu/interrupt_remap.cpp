// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/interrupt_remap.h"

namespace iov::iommu {

using R = FaultReason;
using Route = InterruptRequest::Route;

InterruptRequest decode_message(const InterruptRoot& root, std::uint32_t address, std::uint32_t data) {
  if (!root.enabled) return {Route::direct, 0, R::none};
  if (!(address >> 4 & 1)) {  // compatibility format
    if (root.compatibility && !root.x2apic) return {Route::direct, 0, R::none};
    return {Route::blocked, 0, R::compatibility_blocked};
  }
  const bool subhandle = address >> 3 & 1;
  std::uint32_t index = (address >> 5 & 0x7fff) | (address >> 2 & 1) << 15;
  if (data >> 16 != 0) return {Route::blocked, static_cast<std::uint16_t>(index), R::interrupt_reserved};
  if (subhandle) index += data & 0xffff;
  const auto shown = static_cast<std::uint16_t>(index);
  if (index >= root.entries) return {Route::blocked, shown, R::interrupt_index};
  return {Route::remap, shown, R::none};
}

ProcessorInterrupt direct_interrupt(std::uint32_t address, std::uint32_t data) {
  return {.destination = address >> 12 & 0xff, .vector = static_cast<std::uint8_t>(data), .level = (data >> 15 & 1) != 0};
}

namespace {
constexpr std::uint64_t remapped_reserved_lo = 0x0000'0000'ff00'7000,
                        posted_reserved_lo = 0x0000'003f'ff00'303c;
constexpr std::uint64_t source_reserved = 0xffff'ffff'fff0'0000,
                        posted_source_reserved = 0x0000'0000'fff0'0000;
}  // namespace

R decode_irte(const Features& f, const InterruptRoot& root, const vtd::Pair& irte, InterruptEntry& e) {
  e.suppress_faults = irte.lo >> 1 & 1;
  if (!(irte.lo & 1)) return R::irte_not_present;
  e.posted = irte.lo >> 15 & 1;
  e.vector = static_cast<std::uint8_t>(irte.lo >> 16);
  e.source = static_cast<std::uint16_t>(irte.hi);
  e.source_qualifier = irte.hi >> 16 & 3;
  e.source_check = irte.hi >> 18 & 3;
  if (e.source_check == 3) return R::irte_reserved;
  if (e.posted) {
    if (!f.posted_interrupts || irte.lo & posted_reserved_lo || irte.hi & posted_source_reserved)
      return R::irte_reserved;
    e.urgent = irte.lo >> 14 & 1;
    e.descriptor = (irte.lo >> 38) << 6 | (irte.hi >> 32) << 32;
    return f.beyond_host(e.descriptor) ? R::irte_reserved : R::none;
  }
  if (irte.lo & remapped_reserved_lo || irte.hi & source_reserved) return R::irte_reserved;
  if (!root.x2apic && irte.lo >> 32 & 0xffff'00ff) return R::irte_reserved;
  e.logical = irte.lo >> 2 & 1;
  e.level = irte.lo >> 4 & 1;
  e.delivery = irte.lo >> 5 & 7;
  e.destination = root.x2apic ? static_cast<std::uint32_t>(irte.lo >> 32)
                              : static_cast<std::uint32_t>(irte.lo >> 40 & 0xff);
  return R::none;
}

bool source_allowed(const InterruptEntry& e, RequesterId source) {
  static constexpr std::uint16_t ignored[] = {0, 4, 6, 7};  // SQ: low function bits left out
  switch (e.source_check) {
    case 1: return ((e.source ^ source.value) & ~ignored[e.source_qualifier] & 0xffff) == 0;
    case 2: return source.bus() >= e.source >> 8 && source.bus() <= (e.source & 0xff);
    default: return true;
  }
}

bool well_formed(const vtd::PostedDescriptor& d) {
  return (d.control & 0xff00'fffc) == 0 && d.reserved[0] == 0 && d.reserved[1] == 0 && d.reserved[2] == 0;
}

bool post(vtd::PostedDescriptor& d, std::uint8_t vector, bool urgent) {
  d.requests[vector / 64] |= std::uint64_t{1} << vector % 64;
  const bool outstanding = d.control & vtd::posted_outstanding, suppressed = d.control & vtd::posted_suppress;
  if (outstanding || (suppressed && !urgent)) return false;
  d.control |= vtd::posted_outstanding;
  return true;
}

ProcessorInterrupt notification(const vtd::PostedDescriptor& d, bool x2apic) {
  const auto ndst = static_cast<std::uint32_t>(d.control >> 32);
  return {.destination = x2apic ? ndst : ndst >> 8 & 0xff, .vector = static_cast<std::uint8_t>(d.control >> 16), .notification = true};
}

}  // namespace iov::iommu
