// SPDX-License-Identifier: Apache-2.0
/// Function -- a PF or VF as far as every endpoint type has one: who it is on the bus, and its interrupts.
/// A plain object, made when software first touches the function; thousands of VFs nobody uses cost nothing.
#pragma once
#include <optional>

#include "models/core/units.h"
#include "models/endpoint/msix.h"
#include "models/protocol/tlp.h"

namespace iov::endpoint {

struct Function {
  unsigned index = 0;  ///< see FunctionSet
  RequesterId requester;
  unsigned interrupt_channel = 0;  ///< of the DMA engine
  std::optional<Msix> msix;        ///< made in place: it holds events
  bool live = false;               ///< the device type has been told of it and not yet of its end
};

}  // namespace iov::endpoint
