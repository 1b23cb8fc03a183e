// SPDX-License-Identifier: Apache-2.0
/// BridgeWindow -- the addresses behind a bridge as its base and limit registers have them.
///
/// Spec    PCIe Base 5.0 7.5.1.3.6 to 7.5.1.3.9: address bits from 20 on; limit below base: no window.
#pragma once
#include <linux/pci_regs.h>

#include <cstdint>

namespace iov::config {

struct BridgeWindow {
  static constexpr std::uint64_t unit = 1u << 20;
  std::uint64_t first = unit, last = 0;  ///< inclusive; empty: closed

  constexpr bool empty() const { return first > last; }
  /// Base and limit, the dword at PCI_MEMORY_BASE or PCI_PREF_MEMORY_BASE (its type bits are read-only).
  constexpr std::uint32_t base_limit() const {
    return static_cast<std::uint32_t>((first >> 16 & 0xfff0) | (last >> 16 & 0xfff0) << 16);
  }
  constexpr std::uint32_t base_upper() const { return static_cast<std::uint32_t>(first >> 32); }
  constexpr std::uint32_t limit_upper() const { return static_cast<std::uint32_t>(last >> 32); }

  static constexpr BridgeWindow of(std::uint32_t base_limit, std::uint32_t base_upper = 0, std::uint32_t limit_upper = 0) {
    return {std::uint64_t{base_upper} << 32 | (base_limit & 0xfff0u) << 16,
            (std::uint64_t{limit_upper} << 32 | (base_limit & 0xfff0'0000u)) + unit - 1};
  }
};

}  // namespace iov::config
