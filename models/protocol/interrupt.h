// SPDX-License-Identifier: Apache-2.0
/// Interrupt messages on their way from a device to a processor's local interrupt controller.
///
/// Spec    Intel SDM vol. 3 10.11 (MSI), VT-d 4.1 ch. 5 (remapping, posting).
#pragma once
#include <cstdint>

#include "models/core/address.h"
#include "models/core/journey.h"
#include "models/core/units.h"

namespace iov {

inline constexpr std::uint64_t interrupt_range_begin = 0xfee0'0000;
inline constexpr std::uint64_t interrupt_range_end = 0xfef0'0000;
constexpr bool is_interrupt_address(std::uint64_t a) {
  return a >= interrupt_range_begin && a < interrupt_range_end;
}

class InterruptLine;

/// A write to FEEx_xxxxh as it left the function.
struct InterruptMessage {
  RequesterId requester;
  std::uint32_t address = 0;
  std::uint32_t data = 0;
  JourneyRef journey{};
  InterruptLine* line = nullptr;  ///< of a ledger that follows this source
};

/// What an I/O interrupt controller sends for a redirection table entry, of either format: the upper 16 bits of the entry
/// are address bits 19:4, bit 11 is address bit 2 (82093AA 3.2.4, VT-d 4.1 5.1.5.1).
inline InterruptMessage ioapic_message(std::uint64_t entry, RequesterId source) {
  return {source,
          static_cast<std::uint32_t>(interrupt_range_begin | (entry >> 48 & 0xffff) << 4 | (entry >> 11 & 1) << 2),
          static_cast<std::uint32_t>(entry & 0x87ff)};  // vector, delivery mode, trigger
}

/// What reaches a local interrupt controller.
struct ProcessorInterrupt {
  std::uint32_t destination = 0;  ///< APIC ID
  std::uint8_t vector = 0;
  bool level = false;         ///< level triggered: the end of its handler is told to the I/O interrupt controllers
  bool notification = false;  ///< a posted-interrupt notification: the descriptor holds the vectors
  JourneyRef journey{};
  InterruptLine* line = nullptr;  ///< not of notifications: the descriptor has what they announce
};

class InterruptPins {  ///< the I/O interrupt controller, as its inputs and the processors see it
 public:
  virtual ~InterruptPins() = default;
  virtual void wire(RequesterId source, unsigned pin, bool asserted) = 0;
  virtual void end_of_interrupt(std::uint8_t vector) = 0;
};

class InterruptRemapper {  ///< the IOMMU, as the root complex sees it
 public:
  virtual ~InterruptRemapper() = default;
  virtual void interrupt(const InterruptMessage& message) = 0;
};

class InterruptWatch {  ///< who wants to know what functions send
 public:
  virtual ~InterruptWatch() = default;
  virtual void sent(const InterruptMessage& message) = 0;
  virtual void cancelled(RequesterId source) = 0;  ///< what is still within the device never leaves it
};

class InterruptBus {  ///< the processors, as the IOMMU sees them
 public:
  virtual ~InterruptBus() = default;
  virtual void deliver(const ProcessorInterrupt& interrupt) = 0;
  /// A notification follows for what lies in this descriptor. No message of the hardware: it spares the simulator of a
  /// hypervisor that looks through thousands of descriptors those where there is nothing to see.
  virtual void posted(Hpa descriptor) { static_cast<void>(descriptor); }
};

}  // namespace iov
