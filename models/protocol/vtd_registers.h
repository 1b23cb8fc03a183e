// SPDX-License-Identifier: Apache-2.0
/// Register offsets and bits of a VT-d remapping unit: what its driver and the unit agree on.
///
/// Spec    Intel VT-d 4.1 ch. 11 (register descriptions).
/// Omits   advanced fault logging, performance monitoring, enhanced and virtual commands; they read 0.
#pragma once
#include <cstdint>

namespace iov::vtd {

enum Register : std::uint32_t {
  reg_version = 0x00,
  reg_capability = 0x08,
  reg_extended_capability = 0x10,
  reg_global_command = 0x18,
  reg_global_status = 0x1c,
  reg_root_table = 0x20,
  reg_context_command = 0x28,
  reg_fault_status = 0x34,
  reg_fault_event_control = 0x38,
  reg_fault_event_data = 0x3c,
  reg_fault_event_address = 0x40,
  reg_fault_event_upper_address = 0x44,
  reg_protected_memory_enable = 0x64,
  reg_queue_head = 0x80,
  reg_queue_tail = 0x88,
  reg_queue_address = 0x90,
  reg_completion_status = 0x9c,
  reg_completion_event_control = 0xa0,
  reg_completion_event_data = 0xa4,
  reg_completion_event_address = 0xa8,
  reg_completion_event_upper_address = 0xac,
  reg_queue_error = 0xb0,
  reg_interrupt_table = 0xb8,
  reg_page_request_head = 0xc0,
  reg_page_request_tail = 0xc8,
  reg_page_request_address = 0xd0,
  reg_page_request_status = 0xdc,
  reg_page_request_event_control = 0xe0,
  reg_page_request_event_data = 0xe4,
  reg_page_request_event_address = 0xe8,
  reg_page_request_event_upper_address = 0xec,
  reg_invalidate_address = 0xf0,  ///< IVA: at ECAP.IRO * 16
  reg_iotlb_invalidate = 0xf8,    ///< at ECAP.IRO * 16 + 8
  reg_fault_records = 0x1000,     ///< at CAP.FRO * 16, 16 B each
  fault_record_bytes = 16,
  max_fault_records = 256,  ///< CAP.NFR is 8 bits
  register_bytes = reg_fault_records + max_fault_records * fault_record_bytes,
};

/// Capability (11.4.2) and extended capability (11.4.3): where their flags and fields begin.
enum Capability : unsigned {
  cap_domains = 0,
  cap_three_levels = 9,
  cap_four_levels = 10,
  cap_five_levels = 11,
  cap_guest_width = 16,
  cap_zero_length_read = 22,
  cap_fault_records = 24,
  cap_2m_pages = 34,
  cap_1g_pages = 35,
  cap_page_selective = 39,
  cap_fault_record_count = 40,
  cap_address_mask = 48,
  cap_write_drain = 54,
  cap_read_drain = 55,
  cap_first_stage_1g = 56,
  cap_posting = 59,
  cap_first_stage_5_levels = 60,
};
enum ExtendedCapability : unsigned {
  ecap_coherent = 0,
  ecap_queue = 1,
  ecap_device_tlb = 2,
  ecap_remapping = 3,
  ecap_x2apic = 4,
  ecap_pass_through = 6,
  ecap_snoop_control = 7,
  ecap_iotlb_registers = 8,
  ecap_handle_mask = 20,
  ecap_nested = 26,
  ecap_page_requests = 29,
  ecap_execute_requests = 30,
  ecap_no_write_flag = 33,
  ecap_extended_accessed = 34,
  ecap_pasid_bits = 35,
  ecap_pasids = 40,
  ecap_page_request_drain = 42,
  ecap_scalable_mode = 43,
  ecap_second_stage_dirty = 45,
  ecap_second_stage = 46,
  ecap_first_stage = 47,
  ecap_scalable_coherent = 48,
  ecap_rid_pasid = 49,
  ecap_abort_mode = 52,
};
/// Global command and status (11.4.4).
inline constexpr std::uint32_t gcmd_translation_enable = 1u << 31, gcmd_set_root_table = 1u << 30,
                               gcmd_write_buffer_flush = 1u << 27, gcmd_queue_enable = 1u << 26,
                               gcmd_interrupt_remapping = 1u << 25, gcmd_set_interrupt_table = 1u << 24,
                               gcmd_compatibility_format = 1u << 23;
/// Fault status (11.4.8).
inline constexpr std::uint32_t fsts_overflow = 1u << 0, fsts_pending = 1u << 1, fsts_queue_error = 1u << 4,
                               fsts_completion_error = 1u << 5, fsts_timeout_error = 1u << 6,
                               fsts_page_request_overflow = 1u << 7;
/// Invalidation queue error information, IQER 3:0 (11.4.9.9); the codes stand in VirtualBox's iommu-intel.h, too.
enum class QueueError : std::uint8_t { none, tail, fetch, type, reserved_field, width, misaligned_tail, table_mode };
/// Event control registers: fault, invalidation completion, page request.
inline constexpr std::uint32_t event_mask = 1u << 31, event_pending = 1u << 30;
inline constexpr std::uint32_t ics_wait_completed = 1u;
inline constexpr std::uint32_t prs_pending = 1u << 0, prs_overflow = 1u << 1;

/// Root table address: mode in 11:10 (11.4.5).
inline constexpr std::uint64_t rtaddr_legacy = 0, rtaddr_scalable = 1ull << 10, rtaddr_abort = 3ull << 10;
/// Invalidation queue address (11.4.9.3): 2^size pages of 4 KiB.
inline constexpr std::uint64_t iqa_wide = 1ull << 11;  ///< 256-bit descriptors
constexpr std::uint64_t queue_address(std::uint64_t base, unsigned log2_pages, bool wide) {
  return (base & ~std::uint64_t{0xfff}) | (wide ? iqa_wide : 0) | (log2_pages & 7);
}
/// Interrupt remapping table address (11.4.10): 2^(size+1) entries.
inline constexpr std::uint64_t irta_x2apic = 1ull << 11;
constexpr std::uint64_t interrupt_table_address(std::uint64_t base, unsigned log2_entries, bool x2apic) {
  return (base & ~std::uint64_t{0xfff}) | (x2apic ? irta_x2apic : 0) | ((log2_entries - 1) & 15);
}

/// Register-based invalidation (11.4.5.1, 11.4.6.1); granularity 1 global, 2 domain, 3 device or page.
inline constexpr std::uint64_t ccmd_invalidate = 1ull << 63, iotlb_invalidate = 1ull << 63;
constexpr std::uint64_t context_command(unsigned granularity, std::uint16_t domain = 0,
                                        std::uint16_t source = 0, unsigned function_mask = 0) {
  return ccmd_invalidate | std::uint64_t{granularity & 3} << 61 | std::uint64_t{function_mask & 3} << 32 |
         std::uint64_t{source} << 16 | domain;
}
constexpr std::uint64_t iotlb_command(unsigned granularity, std::uint16_t domain = 0) {
  return iotlb_invalidate | std::uint64_t{granularity & 3} << 60 | 3ull << 48 | std::uint64_t{domain} << 32;
}

/// A fault recording register, decoded (11.4.14).
struct FaultRecord {
  std::uint64_t lo = 0, hi = 0;
  bool valid() const { return hi >> 63; }
  bool read() const { return hi >> 62 & 1; }  ///< T1: 1 read, 0 write
  unsigned address_type() const { return static_cast<unsigned>(hi >> 60 & 3); }
  std::uint32_t pasid() const { return static_cast<std::uint32_t>(hi >> 40 & 0xfffff); }
  std::uint8_t reason() const { return static_cast<std::uint8_t>(hi >> 32); }
  bool has_pasid() const { return hi >> 31 & 1; }
  bool execute() const { return hi >> 30 & 1; }
  bool privileged() const { return hi >> 29 & 1; }
  std::uint16_t source() const { return static_cast<std::uint16_t>(hi); }
  std::uint64_t page() const { return lo & ~std::uint64_t{0xfff}; }
  std::uint16_t interrupt_index() const { return static_cast<std::uint16_t>(lo >> 48); }
};

}  // namespace iov::vtd
