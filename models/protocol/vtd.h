// SPDX-License-Identifier: Apache-2.0
/// What lies in memory for VT-d: one encoder/decoder for the IOMMU, the drivers that build the
/// tables and the tests.
///
/// Spec    Intel VT-d 4.1: 9.1 root, 9.3 context, 9.8 second-stage entries, 9.10 IRTE, 9.11 posted IRTE,
///         9.12 posted-interrupt descriptor.
#pragma once
#include <cstdint>

#include "models/core/address.h"

namespace iov::vtd {

inline constexpr std::uint64_t page_mask = ~std::uint64_t{0xfff};

struct Pair {  ///< a 16-byte entry
  std::uint64_t lo = 0, hi = 0;
};

enum class TranslationType : std::uint8_t { untranslated_only = 0, with_ats = 1, pass_through = 2 };

inline Pair root_entry(Hpa context_table) { return {(context_table.value & page_mask) | 1, 0}; }
/// @param levels 3, 4 or 5
inline Pair context_entry(Hpa second_stage, unsigned levels, DomainId domain, TranslationType type) {
  return {(second_stage.value & page_mask) | static_cast<std::uint64_t>(type) << 2 | 1,
          static_cast<std::uint64_t>(levels - 2) | static_cast<std::uint64_t>(domain.value) << 8};
}

inline constexpr std::uint64_t pte_read = 1, pte_write = 2, pte_execute = 4, pte_leaf = 1 << 7;
inline std::uint64_t table_entry(Hpa next) { return (next.value & page_mask) | pte_read | pte_write; }
inline std::uint64_t leaf_entry(Hpa page, bool read, bool write, unsigned log2_page) {
  return (page.value & page_mask) | (read ? pte_read : 0) | (write ? pte_write : 0) |
         (log2_page > 12 ? pte_leaf : 0);
}

/// Remapped-format IRTE, physical destination, fixed delivery, source ID verified in full.
inline Pair remapped_irte(std::uint32_t apic_id, std::uint8_t vector, RequesterId source) {
  return {std::uint64_t{apic_id & 0xff} << 40 | std::uint64_t{vector} << 16 | 1,
          std::uint64_t{1} << 18 | source.value};
}
/// Posted-format IRTE (VT-d 9.11).
inline Pair posted_irte(Hpa descriptor, std::uint8_t virtual_vector, RequesterId source, bool urgent = false) {
  return {(descriptor.value >> 6 & 0x3ff'ffff) << 38 | std::uint64_t{virtual_vector} << 16 |
              std::uint64_t{1} << 15 | (urgent ? std::uint64_t{1} << 14 : 0) | 1,
          (descriptor.value >> 32) << 32 | std::uint64_t{1} << 18 | source.value};
}

/// Posted-interrupt descriptor, 64 B: PIR 255:0, ON 256, SN 257, NV 279:272, NDST 319:288.
struct alignas(64) PostedDescriptor {
  std::uint64_t requests[4];
  std::uint64_t control;  ///< bit 0 ON, bit 1 SN, 23:16 NV, 63:32 NDST
  std::uint64_t reserved[3];
};
static_assert(sizeof(PostedDescriptor) == 64);
inline constexpr std::uint64_t posted_outstanding = 1, posted_suppress = 2;
inline std::uint64_t posted_control(std::uint8_t notification_vector, std::uint32_t apic_id) {
  return std::uint64_t{notification_vector} << 16 | std::uint64_t{apic_id} << 32;
}

/// Remappable-format MSI (VT-d 5.1.2.2): handle = index, no subhandle.
inline std::uint32_t remappable_msi_address(std::uint16_t index) {
  return 0xfee0'0000u | static_cast<std::uint32_t>(index & 0x7fff) << 5 | 1u << 4 |
         static_cast<std::uint32_t>(index >> 15) << 2;
}
/// Compatibility-format MSI (SDM 10.11.1): physical destination, fixed delivery.
inline std::uint32_t compatibility_msi_address(std::uint8_t apic_id) {
  return 0xfee0'0000u | static_cast<std::uint32_t>(apic_id) << 12;
}

}  // namespace iov::vtd
