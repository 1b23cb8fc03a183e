// SPDX-License-Identifier: Apache-2.0
/// How a completer cuts the answer to a read.
///
/// Spec    PCIe Base 5.0 2.3.1.1 (read completion boundary)
/// Units   bytes
#pragma once
#include <algorithm>
#include <cstdint>

namespace iov {

/// Bytes of the next completion: an unaligned start is first brought to the RCB.
/// @param chunk  largest piece, a multiple of `rcb`
inline std::uint32_t next_completion(std::uint64_t address, std::uint32_t remaining, std::uint32_t chunk,
                                     std::uint32_t rcb) {
  const auto past = static_cast<std::uint32_t>(address & (rcb - 1));
  return std::min(remaining, past ? rcb - past : chunk);
}

}  // namespace iov
