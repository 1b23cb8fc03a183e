// SPDX-License-Identifier: Apache-2.0
/// The table of a graphics address remapping table, as bytes: what its driver writes and the hardware reads.
///
/// Spec    AMD BIOS and Kernel Developer's Guide, family 10h, 3.4.x: 4 bytes per 4 KiB page of the aperture, bit 0 valid,
///         11:4 address bits 39:32, 31:12 address bits 31:12.
#pragma once
#include <cstdint>

#include "models/core/address.h"

namespace iov::gart {

inline constexpr std::uint64_t page_bytes = 4096, entry_bytes = 4, address_bits = 40;

constexpr std::uint32_t entry(Hpa page) {
  return static_cast<std::uint32_t>((page.value & 0xffff'f000) | (page.value >> 32 & 0xff) << 4 | 1);
}
constexpr bool valid(std::uint32_t entry) { return entry & 1; }
constexpr Hpa page_of(std::uint32_t entry) {
  return Hpa((entry & 0xffff'f000) | std::uint64_t{entry >> 4 & 0xff} << 32);
}

}  // namespace iov::gart
