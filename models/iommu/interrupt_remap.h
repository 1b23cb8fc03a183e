// SPDX-License-Identifier: Apache-2.0
/// Interrupt remapping without time: what a message asks for, what its IRTE says, what a posted-interrupt
/// descriptor does with a vector.
///
/// Spec    VT-d 4.1 5.1 (remapping), 5.2 (posting), 9.10-9.12; Intel SDM vol. 3 10.11 (MSI).
/// Models  remappable and compatibility format, subhandles, SVT/SQ source checks, FPD, x2APIC and xAPIC
///         destinations, posted format with URG.
/// Simplified  destination and delivery modes are decoded but every interrupt is delivered to the one
///             processor its destination names.
#pragma once
#include <cstdint>

#include "models/iommu/fault_reason.h"
#include "models/iommu/features.h"
#include "models/protocol/interrupt.h"
#include "models/protocol/vtd.h"

namespace iov::iommu {

/// IRTA and GCMD as latched.
struct InterruptRoot {
  bool enabled = false;        ///< IRE
  bool compatibility = false;  ///< CFI: compatibility format passes
  bool x2apic = false;         ///< EIME
  std::uint64_t table = 0;
  std::uint32_t entries = 0;
};

struct InterruptRequest {
  enum class Route : std::uint8_t { direct, remap, blocked };
  Route route = Route::direct;
  std::uint16_t index = 0;
  FaultReason fault = FaultReason::none;
};
InterruptRequest decode_message(const InterruptRoot& root, std::uint32_t address, std::uint32_t data);
/// Where a compatibility-format message goes.
ProcessorInterrupt direct_interrupt(std::uint32_t address, std::uint32_t data);

/// An interrupt remapping table entry, decoded: what the interrupt entry cache holds.
struct InterruptEntry {
  bool posted = false, urgent = false, suppress_faults = false, logical = false, level = false;
  std::uint8_t vector = 0, delivery = 0;
  std::uint32_t destination = 0;
  std::uint64_t descriptor = 0;
  std::uint16_t source = 0;
  std::uint8_t source_check = 0, source_qualifier = 0;  ///< SVT, SQ
};
FaultReason decode_irte(const Features& f, const InterruptRoot& root, const vtd::Pair& irte,
                        InterruptEntry& entry);
bool source_allowed(const InterruptEntry& entry, RequesterId source);

/// Reserved fields clear (9.12).
bool well_formed(const vtd::PostedDescriptor& descriptor);
/// 5.2.3: sets the vector's bit; @returns whether a notification must be sent (then ON is set).
bool post(vtd::PostedDescriptor& descriptor, std::uint8_t vector, bool urgent);
/// The notification that a descriptor asks for.
ProcessorInterrupt notification(const vtd::PostedDescriptor& descriptor, bool x2apic);

}  // namespace iov::iommu
