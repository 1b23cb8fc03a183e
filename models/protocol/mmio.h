// SPDX-License-Identifier: Apache-2.0
/// Programmed I/O from a core towards devices: the outbound side of the root complex.
#pragma once
#include <cstdint>

#include "models/core/address.h"
#include "models/core/delegate.h"
#include "models/core/journey.h"

namespace iov {

class MmioBus {
 public:
  virtual ~MmioBus() = default;
  /// A posted write of 1, 2, 4 or 8 bytes; returns at once, arrives when the link delivers it.
  virtual void write(Hpa address, std::uint64_t value, unsigned bytes, JourneyRef journey) = 0;
  /// A read; `done(value)` is called when the completion is back (all ones: unsupported request).
  virtual void read(Hpa address, unsigned bytes, Delegate<void(std::uint64_t)> done) = 0;
};

}  // namespace iov
