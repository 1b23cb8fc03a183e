// SPDX-License-Identifier: Apache-2.0
/// Cuts a request into TLPs: none longer than the limit, none across a 4 KiB boundary.
///
/// Spec    PCIe Base 5.0 2.2.7 (4 KiB rule), 7.5.3.4 (MPS, MRRS); both limits count whole DWs.
/// Units   bytes
#pragma once
#include <algorithm>
#include <cstdint>

namespace iov::endpoint {

inline constexpr std::uint64_t page_bytes = 4096;  ///< PCIe Base 5.0 2.2.7: no request crosses it

/// Length of the next TLP for `left` bytes at `address`. A first piece that starts inside a DW gives
/// up the bytes before it, so that its DWs still fit in `limit`.
constexpr std::uint32_t next_piece(std::uint64_t address, std::uint32_t left, std::uint32_t limit) {
  const std::uint64_t to_page = page_bytes - (address & (page_bytes - 1));
  const std::uint64_t fits = limit - (address & 3);
  return static_cast<std::uint32_t>(std::min({std::uint64_t{left}, to_page, fits}));
}

/// What next_piece promises, checked on each TLP built.
constexpr bool keeps_rules(std::uint64_t address, std::uint32_t length, std::uint32_t limit) {
  return length > 0 && (((address & 3) + length + 3) & ~std::uint64_t{3}) <= limit &&
         (address & (page_bytes - 1)) + length <= page_bytes;
}

}  // namespace iov::endpoint
