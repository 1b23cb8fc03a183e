// SPDX-License-Identifier: Apache-2.0
/// What the parts of an endpoint ask of its DMA engine, and how it answers.
///
/// Units   bytes
#pragma once
#include <cstdint>

#include "models/core/address.h"
#include "models/core/byte_pool.h"
#include "models/core/journey.h"
#include "models/protocol/tlp.h"

namespace iov::endpoint {

enum class DmaStatus : std::uint8_t {
  success,
  unsupported_request,  ///< completion status UR: blocked by the IOMMU, or no such address
  completer_abort,
  timeout,
  not_translated,  ///< the device TLB was refused the access
  not_bus_master,  ///< software has not set Bus Master Enable
  not_pasid,       ///< it has one, and software has not set PASID Enable
};

struct DmaRequest {
  bool write = false;
  /// `translated` is for a function that misbehaves: it claims an address that it was never granted.
  AddressType at = AddressType::untranslated;
  bool translate = true;  ///< false: never through the device TLB (interrupt messages)
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint32_t real_bytes = 0;  ///< reads: leading bytes wanted for real, at most ByteBuffer::capacity
  ByteBuffer data;               ///< writes: the leading real bytes
  std::uint32_t ticket = 0;
  JourneyRef journey;            ///< travels with the last TLP ...
  bool enters_link = true;       ///< ... and enters Stage::link when it leaves
};

class DmaClient {
 public:
  /// Reads: all completions are here, `data` holds the real bytes. Writes: the last TLP has left.
  /// Called once per request, unless its channel was cancelled.
  virtual void dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&& data) = 0;

 protected:
  ~DmaClient() = default;
};

}  // namespace iov::endpoint
