// SPDX-License-Identifier: Apache-2.0
/// What a translation completion says of one translation, as the IOMMU answers and the root complex sends it.
///
/// Spec    PCIe Base 5.0 10.2.3: 63:12 address, 11 S, 10 N, 5 global, 4 privileged, 3 execute, 2 U, 1 W, 0 R; with S the run
///         of ones from bit 12 up gives the size.
#pragma once
#include "models/protocol/translation.h"
#include "models/protocol/vtd.h"

namespace iov {

inline std::uint64_t translation_entry(const TranslationReply& reply) {
  if (reply.outcome != TranslationReply::Outcome::granted) return 0;  // R = W = 0: not present
  const auto bit = [](bool on, unsigned at) { return std::uint64_t{on} << at; };
  return vtd::device_tlb_range(reply.address.value, reply.log2_page) | bit(reply.snooped, 10) | bit(reply.global, 5) |
         bit(reply.privileged, 4) | bit(reply.executable, 3) | bit(reply.untranslated_only, 2) | bit(reply.writable, 1) |
         bit(reply.readable, 0);
}

}  // namespace iov
