// SPDX-License-Identifier: Apache-2.0
/// resolve -- the function of DMA remapping without time or caches: tables in memory and a request in,
/// the answer out. What `iovsim translate` shows and what audits compare with.
///
/// Spec    VT-d 4.1 ch. 3, 4.2 (translation requests), 7.1 (faults).
#pragma once
#include <span>

#include "models/core/delegate.h"
#include "models/iommu/walk.h"

namespace iov::iommu {

/// How resolve() reaches memory. `read` fills words from an address and tells whether memory answered.
struct TableMemory {
  Delegate<bool(std::uint64_t, std::span<std::uint64_t>)> read;
  Delegate<void(std::uint64_t, std::uint64_t)> write = {};  ///< accessed and dirty bits; may be empty: not written
  Delegate<void(const TableRead&)> observe = {};            ///< is told every entry read; may be empty
};

/// The reply to a request, ready at once; fault_reason is set for every fault, recorded or not.
TranslationReply resolve(const Features& features, const TableRoot& root, const TranslationRequest& request,
                         const TableMemory& memory, Walk& walk);

/// The replies themselves, shared with the timed unit.
TranslationReply granted(const Mapping& m, const TranslationRequest& request);
TranslationReply refused(FaultReason reason, const TranslationRequest& request);
TranslationReply absent();

/// Checks that come before any table: the interrupt range, translation switched off.
FaultReason check_input(const TableRoot& root, const TranslationRequest& request);

}  // namespace iov::iommu
