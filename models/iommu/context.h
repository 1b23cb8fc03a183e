// SPDX-License-Identifier: Apache-2.0
/// What root, context and PASID entries say, decoded: the values of the context and PASID caches.
///
/// Spec    VT-d 4.1 9.1-9.6; 3.4, 3.6 (translation types).
#pragma once
#include <cstdint>
#include <span>

#include "models/core/address.h"
#include "models/iommu/fault_reason.h"
#include "models/iommu/features.h"
#include "models/protocol/translation.h"

namespace iov::iommu {

enum class Stages : std::uint8_t { first, second, nested, pass_through };

/// The address space a requester (with its PASID) works in.
struct Binding {
  static constexpr std::uint32_t no_tag = 0xffff'ffff;
  Stages stages = Stages::second;
  DomainId domain;
  std::uint32_t tag = no_tag;  ///< PASID for first-stage and nested, which IOTLB entries carry
  std::uint64_t second_table = 0, first_table = 0;
  std::uint8_t second_levels = 0, first_levels = 0;
  bool scalable = false;
  bool suppress_faults = false;    ///< FPD of any entry on the way
  bool second_dirty = false;       ///< SSADE
  bool write_protect = false;      ///< WPE
  bool extended_accessed = false;  ///< EAFE
  bool supervisor = false;         ///< SRE
  bool execute_requests = false;   ///< ERE
  bool no_execute = false;         ///< NXE: XD bits count
  bool snoop = false;              ///< PGSNP: accesses through the first stage are snooped
};

struct Context {
  bool scalable = false;
  bool device_tlb = false;  ///< TT = 1 or DTE
  bool suppress_faults = false;
  Binding binding;  ///< legacy
  // scalable
  bool pasid_enabled = false, page_requests = false;
  std::uint32_t pasid_limit = 0;  ///< first PASID beyond the directory
  std::uint64_t pasid_directory = 0;
  std::uint32_t rid_pasid = 0;
};

/// RTADDR and GCMD as latched: where every walk begins.
struct TableRoot {
  enum class Mode : std::uint8_t { legacy, scalable, reserved, abort };
  bool enabled = false;
  Mode mode = Mode::legacy;
  std::uint64_t table = 0;
};

/// Whether the unit can walk from a root table in this mode (11.4.5, RTADDR.TTM).
bool mode_supported(const Features& f, TableRoot::Mode mode);

/// Each decoder returns FaultReason::none or why the entry cannot be used.
FaultReason decode_root(const Features& f, bool scalable, std::span<const std::uint64_t> entry,
                        std::uint64_t& table);
FaultReason decode_legacy_context(const Features& f, std::span<const std::uint64_t> entry, Context& context);
FaultReason decode_scalable_context(const Features& f, std::span<const std::uint64_t> entry,
                                    Context& context);
FaultReason decode_pasid_directory(const Features& f, std::uint64_t entry, std::uint64_t& table);
FaultReason decode_pasid_entry(const Features& f, std::span<const std::uint64_t> entry, std::uint32_t pasid,
                               Binding& binding);

/// May this kind of request come from this context at all?
FaultReason admit(const Context& context, const TranslationRequest& request);

}  // namespace iov::iommu
