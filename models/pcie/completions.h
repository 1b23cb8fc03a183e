// SPDX-License-Identifier: Apache-2.0
/// How a root complex cuts its completions. Mechanisms.
///
/// Spec    PCIe Base 5.0 2.3.1.1 (read completion boundary), 10.2.3 (translation completion).
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "models/core/params.h"
#include "models/protocol/completion_split.h"
#include "models/protocol/translation_completion.h"

namespace iov::pcie {

enum class CompletionSplit : std::uint8_t {
  max_payload,               ///< as few as MPS allows
  read_completion_boundary,  ///< one per RCB, as older chip sets do
};
inline constexpr Names<2> completion_split_names{"max_payload", "read_completion_boundary"};

/// How many entries a translation request of `length` bytes wants: one RCB at most (10.2.2.2).
inline unsigned translations_asked(std::uint32_t length, std::uint32_t read_completion_boundary) {
  return std::max(1u, std::min(length, read_completion_boundary) / translation_entry_bytes);
}

/// How many of the entries make the answer: up to the first that is absent or spans several units.
inline unsigned translations_given(std::span<const std::uint64_t> entries) {
  unsigned n = 1;
  while (n < entries.size() && entries[n - 1] != 0 && entries[n] != 0 && !(entries[n - 1] >> 11 & 1)) ++n;
  return n;
}

/// 64 B lines that a request touches.
inline unsigned lines_of(std::uint64_t address, std::uint32_t length) {
  return length == 0 ? 1 : static_cast<unsigned>((address + length - 1) / 64 - address / 64 + 1);
}

}  // namespace iov::pcie
