// SPDX-License-Identifier: Apache-2.0
/// Cuts a request into TLPs: none longer than the limit, none across a 4 KiB boundary.
///
/// Spec    PCIe Base 5.0 2.2.7 (4 KiB rule), 7.5.3.4 (MPS, MRRS); both limits count whole DWs.
/// Units   bytes
#pragma once
#include <algorithm>
#include <cstdint>

namespace iov::endpoint {

inline constexpr std::uint32_t page_bytes = 4096;  ///< PCIe Base 5.0 2.2.7: no request crosses it

/// Length of the next TLP for `left` bytes at `address`. A first piece that starts inside a DW gives
/// up the bytes before it, so that its DWs still fit in `limit`.
constexpr std::uint32_t next_piece(std::uint64_t address, std::uint32_t left, std::uint32_t limit) {
  const auto offset = static_cast<std::uint32_t>(address) & (page_bytes - 1);
  return std::min(std::min(left, page_bytes - offset), limit - (offset & 3));
}

/// What next_piece promises, checked on each TLP built.
constexpr bool keeps_rules(std::uint64_t address, std::uint32_t length, std::uint32_t limit) {
  const auto offset = static_cast<std::uint32_t>(address) & (page_bytes - 1);
  return length - 1 < limit && (((offset & 3) + length + 3) & ~3u) <= limit && offset + length <= page_bytes;
}

}  // namespace iov::endpoint
