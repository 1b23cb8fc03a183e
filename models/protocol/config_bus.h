// SPDX-License-Identifier: Apache-2.0
/// Configuration requests of software: what an access to the memory-mapped configuration space (ECAM) makes the
/// root complex do.
///
/// Spec    PCIe Base 5.0 7.2.2 (ECAM), 2.2.7 (configuration requests).
#pragma once
#include <cstdint>

#include "models/core/address.h"
#include "models/core/delegate.h"

namespace iov {

class ConfigBus {
 public:
  virtual ~ConfigBus() = default;
  /// `done(value)` is called when the completion is back; all ones: nobody answered, or with an error.
  virtual void read_config(RequesterId function, unsigned offset, unsigned bytes,
                           Delegate<void(std::uint64_t)> done) = 0;
  /// Not posted: `done(0)` is called when the function has answered, with all ones when it has not.
  virtual void write_config(RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value,
                            Delegate<void(std::uint64_t)> done) = 0;
};

}  // namespace iov
