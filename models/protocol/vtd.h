// SPDX-License-Identifier: Apache-2.0
/// What lies in memory for VT-d: one encoder/decoder for the IOMMU, the drivers that build the
/// tables and the tests.
///
/// Spec    Intel VT-d 4.1: 9.1 root, 9.3 context, 9.7 first-stage and 9.8 second-stage entries, 9.10 IRTE, 9.11 posted IRTE,
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

inline constexpr std::uint64_t pte_read = 1, pte_write = 2, pte_execute = 4, pte_leaf = 1 << 7, pte_snoop = 1 << 11;
inline std::uint64_t table_entry(Hpa next) { return (next.value & page_mask) | pte_read | pte_write; }
inline std::uint64_t leaf_entry(Hpa page, bool read, bool write, unsigned log2_page) {
  return (page.value & page_mask) | (read ? pte_read : 0) | (write ? pte_write : 0) |
         (log2_page > 12 ? pte_leaf : 0);
}

/// First stage (9.7): the processor's format; user pages that are accessed and, if writable, dirty from the start.
inline std::uint64_t first_stage_table_entry(Hpa next) { return (next.value & page_mask) | 0x27; }
inline std::uint64_t first_stage_leaf_entry(Hpa page, bool write, unsigned log2_page) {
  return (page.value & page_mask) | 0x25 | (write ? 0x42 : 0) | (log2_page > 12 ? pte_leaf : 0);
}

/// Remapped-format IRTE, physical destination, fixed delivery, source ID verified in full.
/// @param x2apic  as IRTA.EIME: destination in 63:32, else in 47:40
inline Pair remapped_irte(std::uint32_t apic_id, std::uint8_t vector, RequesterId source,
                          bool x2apic = false) {
  return {(x2apic ? std::uint64_t{apic_id} << 32 : std::uint64_t{apic_id & 0xff} << 40) |
              std::uint64_t{vector} << 16 | 1,
          std::uint64_t{1} << 18 | source.value};
}
/// Posted-format IRTE (VT-d 9.11).
inline Pair posted_irte(Hpa descriptor, std::uint8_t virtual_vector, RequesterId source,
                        bool urgent = false) {
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
/// @param x2apic  as IRTA.EIME: NDST is the whole 32 bits, else the APIC ID is in its bits 15:8
inline std::uint64_t posted_control(std::uint8_t notification_vector, std::uint32_t apic_id,
                                    bool x2apic = false) {
  return std::uint64_t{notification_vector} << 16 |
         (x2apic ? std::uint64_t{apic_id} << 32 : std::uint64_t{apic_id & 0xff} << 40);
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

/// Invalidation descriptors (VT-d 6.5.2): 16 B each; wide queues (IQA.DW) use 32 B, upper half zero.
enum class DescriptorType : std::uint8_t {
  context_cache = 1,
  iotlb = 2,
  device_tlb = 3,
  interrupt_entry = 4,
  wait = 5,
  pasid_iotlb = 6,
  pasid_cache = 7,
  pasid_device_tlb = 8,
  page_group_response = 9,
};
/// @param granularity  1 global, 2 domain, 3 device
inline Pair invalidate_context(unsigned granularity, DomainId domain = {}, RequesterId source = {},
                               unsigned function_mask = 0) {
  return {1u | std::uint64_t{granularity & 3} << 4 | std::uint64_t{domain.value} << 16 |
              std::uint64_t{source.value} << 32 | std::uint64_t{function_mask & 3} << 48,
          0};
}
inline Pair invalidate_iotlb_global() { return {2u | 1u << 4 | 3u << 6, 0}; }
inline Pair invalidate_iotlb_domain(DomainId d) {
  return {2u | 2u << 4 | 3u << 6 | std::uint64_t{d.value} << 16, 0};
}
/// 2^address_mask pages from `page`, which must be aligned to them
inline Pair invalidate_iotlb_pages(DomainId d, Iova page, unsigned address_mask = 0, bool leaf_only = true) {
  return {2u | 3u << 4 | 3u << 6 | std::uint64_t{d.value} << 16,
          (page.value & page_mask) | (leaf_only ? 1u << 6 : 0u) | (address_mask & 63)};
}
inline constexpr unsigned log2_all_addresses = 64;
/// Size code shared with ATS: bit 11 S, then a run of ones from bit 12 up, ended by a zero.
inline std::uint64_t device_tlb_range(std::uint64_t page, unsigned log2_bytes) {
  if (log2_bytes <= 12) return page & page_mask;
  const std::uint64_t half = std::uint64_t{1} << (log2_bytes - 1);
  return (page & ~(half - 1) & ~half) | (half - 0x1000) | 1u << 11;
}
/// @param queue_depth  invalidations the function takes at once, 0 = 32
inline Pair invalidate_device_tlb(RequesterId function, std::uint64_t page, unsigned log2_bytes = 12,
                                  unsigned queue_depth = 0) {
  const std::uint64_t range = device_tlb_range(page, log2_bytes);
  return {3u | std::uint64_t{queue_depth & 31} << 16 | std::uint64_t{function.value} << 32,
          (range & page_mask) | (range >> 11 & 1)};
}
inline Pair invalidate_interrupt_entries(std::uint16_t index, unsigned log2_entries = 0) {
  return {4u | 1u << 4 | std::uint64_t{log2_entries & 31} << 27 | std::uint64_t{index} << 32, 0};
}
inline Pair invalidate_interrupt_entries_global() { return {4u, 0}; }
/// Completes when everything before it has: writes `data` to `status` (4 B aligned).
inline Pair wait_status(Hpa status, std::uint32_t data, bool fence = false) {
  return {5u | 1u << 5 | (fence ? 1u << 6 : 0u) | std::uint64_t{data} << 32,
          status.value & ~std::uint64_t{3}};
}
/// A wait that also completes only when all page requests that the unit has taken are in the queue (PD).
inline Pair draining_page_requests(Pair wait) { return {wait.lo | 1u << 7, wait.hi}; }
inline Pair wait_interrupt() { return {5u | 1u << 4, 0}; }
inline Pair invalidate_pasid_iotlb(DomainId d, std::uint32_t pasid) {
  return {6u | 2u << 4 | std::uint64_t{d.value} << 16 | std::uint64_t{pasid & 0xfffff} << 32, 0};
}
inline Pair invalidate_pasid_iotlb_pages(DomainId d, std::uint32_t pasid, Iova page,
                                         unsigned address_mask = 0, bool leaf_only = true) {
  return {6u | 3u << 4 | std::uint64_t{d.value} << 16 | std::uint64_t{pasid & 0xfffff} << 32,
          (page.value & page_mask) | (leaf_only ? 1u << 6 : 0u) | (address_mask & 63)};
}
/// @param granularity  0 domain, 1 PASID within domain, 3 global
inline Pair invalidate_pasid_cache(unsigned granularity, DomainId d = {}, std::uint32_t pasid = 0) {
  return {7u | std::uint64_t{granularity & 3} << 4 | std::uint64_t{d.value} << 16 |
              std::uint64_t{pasid & 0xfffff} << 32,
          0};
}
inline Pair invalidate_pasid_device_tlb(RequesterId function, std::uint32_t pasid, std::uint64_t page,
                                        unsigned log2_bytes = 12, bool all_pasids = false,
                                        unsigned queue_depth = 0) {
  return {8u | std::uint64_t{queue_depth & 31} << 4 | std::uint64_t{function.value} << 16 |
              std::uint64_t{pasid & 0xfffff} << 32,
          device_tlb_range(page, log2_bytes) | (all_pasids ? 1u : 0u)};
}
/// @param code  0 success, 1 invalid request, 15 failure
inline Pair respond_page_group(RequesterId function, std::uint16_t group, std::uint8_t code,
                               Pasid pasid = {}) {
  return {9u | (pasid.present() ? 1u << 4 | std::uint64_t{pasid.value & 0xfffff} << 32 : 0) |
              std::uint64_t{code & 15u} << 12 | std::uint64_t{function.value} << 16,
          std::uint64_t{group & 0x1ffu} << 3 | 1u << 2};
}

}  // namespace iov::vtd
