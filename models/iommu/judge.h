// SPDX-License-Identifier: Apache-2.0
/// judge -- does a mapping allow this request? The last step of a walk and the whole of an IOTLB hit.
///
/// Spec    VT-d 4.1 7.1.3: LGN.2-4, SGN.3, SGN.6-8.
#pragma once
#include "models/iommu/iotlb.h"
#include "models/protocol/interrupt.h"

namespace iov::iommu {

inline Mapping identity(std::uint64_t address) {
  Mapping m;
  m.page = address & ~std::uint64_t{0xfff};
  m.read = m.write = m.execute = true;
  return m;
}

inline std::uint64_t host_address(const Mapping& m, std::uint64_t address) {
  return m.page | (address & ((std::uint64_t{1} << m.log2_page) - 1));
}

/// @returns none, or why not; a translation request is never denied for lack of permission: it is told
inline FaultReason judge(bool scalable, const Mapping& m, const TranslationRequest& request) {
  if (is_interrupt_address(host_address(m, request.address.value)))
    return scalable ? FaultReason::sm_interrupt_range : FaultReason::interrupt_range;
  if (request.at == AddressType::translation_request) return FaultReason::none;
  if (request.access == Access::write)
    return m.write ? FaultReason::none : scalable ? FaultReason::sm_write_denied : FaultReason::write_denied;
  if (!m.read) return scalable ? FaultReason::sm_read_denied : FaultReason::read_denied;
  if (request.access == Access::execute && scalable && !m.execute) return FaultReason::execute_denied;
  return FaultReason::none;
}

}  // namespace iov::iommu
