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

/// A write to FEEx_xxxxh as it left the function.
struct InterruptMessage {
  RequesterId requester;
  std::uint32_t address = 0;
  std::uint32_t data = 0;
  JourneyRef journey;
};

/// What reaches a local interrupt controller.
struct ProcessorInterrupt {
  std::uint32_t destination = 0;  ///< APIC ID
  std::uint8_t vector = 0;
  bool notification = false;  ///< a posted-interrupt notification: the descriptor holds the vectors
  JourneyRef journey;
};

class InterruptRemapper {  ///< the IOMMU, as the root complex sees it
 public:
  virtual ~InterruptRemapper() = default;
  virtual void interrupt(const InterruptMessage& message) = 0;
};

class InterruptBus {  ///< the processors, as the IOMMU sees them
 public:
  virtual ~InterruptBus() = default;
  virtual void deliver(const ProcessorInterrupt& interrupt) = 0;
};

}  // namespace iov
