// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "models/endpoint/device_tlb.h"
#include "platforms/simulation.h"

namespace iov::platform {

/// The host answers no page requests: a device that sends them would wait for ever. @throws BadInput when it does
inline void require_page_fault_handler(const std::string& device, const endpoint::DeviceTlb::Params& tlb) {
  if (tlb.page_requests.enabled)
    throw BadInput(device + ".device_tlb.page_requests.enabled: no software of this platform answers page requests; it must be false");
}

}  // namespace iov::platform
