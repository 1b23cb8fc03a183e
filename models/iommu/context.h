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
#include "models/protocol/vtd.h"

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
inline bool mode_supported(const Features& f, TableRoot::Mode mode) {
  using Mode = TableRoot::Mode;
  return mode == Mode::legacy || (mode == Mode::scalable && f.scalable_mode) || (mode == Mode::abort && f.abort_mode);
}

/// Each decoder returns FaultReason::none or why the entry cannot be used.
inline FaultReason decode_root(const Features& f, bool scalable, std::span<const std::uint64_t> entry, std::uint64_t& table);
inline FaultReason decode_legacy_context(const Features& f, std::span<const std::uint64_t> entry, Context& context);
FaultReason decode_scalable_context(const Features& f, std::span<const std::uint64_t> entry,
                                    Context& context);
FaultReason decode_pasid_directory(const Features& f, std::uint64_t entry, std::uint64_t& table);
FaultReason decode_pasid_entry(const Features& f, std::span<const std::uint64_t> entry, std::uint32_t pasid,
                               Binding& binding);

/// May this kind of request come from this context at all?
inline FaultReason admit(const Context& context, const TranslationRequest& request);

inline constexpr std::uint64_t entry_present = 1;
inline std::uint64_t entry_pointer(std::uint64_t entry) { return entry & vtd::page_mask; }
inline unsigned entry_field(std::uint64_t entry, unsigned low, unsigned bits) {
  return static_cast<unsigned>(entry >> low & ((std::uint64_t{1} << bits) - 1));
}

// What walks of legacy mode need each time is part of them.

inline FaultReason decode_root(const Features& f, bool scalable, std::span<const std::uint64_t> entry, std::uint64_t& table) {
  if (!(entry[0] & entry_present)) return scalable ? FaultReason::sm_root_not_present : FaultReason::root_not_present;
  // Scalable mode hands over the half that serves the device; in legacy mode the upper half is reserved.
  if ((entry[0] & 0xffe) != 0 || f.beyond_host(entry[0]) || (!scalable && entry[1] != 0))
    return scalable ? FaultReason::sm_root_reserved : FaultReason::root_reserved;
  table = entry_pointer(entry[0]);
  return FaultReason::none;
}

inline FaultReason decode_legacy_context(const Features& f, std::span<const std::uint64_t> entry, Context& c) {
  c.scalable = false;
  c.suppress_faults = c.binding.suppress_faults = entry[0] >> 1 & 1;
  if (!(entry[0] & entry_present)) return FaultReason::context_not_present;
  if ((entry[0] & 0xff0) != 0 || f.beyond_host(entry[0]) || (entry[1] & 0xffff'ffff'ff00'0080) != 0)
    return FaultReason::context_reserved;
  const unsigned type = entry_field(entry[0], 2, 2), levels = entry_field(entry[1], 0, 3) + 2;
  Binding& b = c.binding;
  b.domain.value = static_cast<std::uint16_t>(entry[1] >> 8);
  if (b.domain.value >> f.domain_id_bits != 0) return FaultReason::context_reserved;
  if (type == 3 || (type == 2 && !f.pass_through) || (type == 1 && !f.device_tlb)) return FaultReason::context_invalid;
  if (!f.levels_supported(levels) || (type == 2 && levels != f.max_levels)) return FaultReason::context_invalid;
  c.device_tlb = type == 1;
  b.stages = type == 2 ? Stages::pass_through : Stages::second;
  b.second_table = entry_pointer(entry[0]);
  b.second_levels = static_cast<std::uint8_t>(levels);
  return FaultReason::none;
}

inline FaultReason admit(const Context& c, const TranslationRequest& request) {
  if (!c.scalable) {
    if (request.pasid.present()) return FaultReason::pasid_in_legacy;
    return request.at != AddressType::untranslated && !c.device_tlb ? FaultReason::type_blocked : FaultReason::none;
  }
  if (request.at != AddressType::untranslated && !c.device_tlb) return FaultReason::device_tlb_disabled;
  if (!request.pasid.present()) return c.rid_pasid < c.pasid_limit ? FaultReason::none : FaultReason::rid_pasid_invalid;
  if (!c.pasid_enabled) return FaultReason::pasid_disabled;
  return request.pasid.value < c.pasid_limit ? FaultReason::none : FaultReason::pasid_too_large;
}

}  // namespace iov::iommu
