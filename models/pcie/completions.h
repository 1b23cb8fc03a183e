// SPDX-License-Identifier: Apache-2.0
/// How a root complex cuts and fills its completions. Mechanisms.
///
/// Spec    PCIe Base 5.0 2.3.1.1 (read completion boundary), 10.2.3 (translation completion).
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "models/core/params.h"
#include "models/protocol/completion_split.h"
#include "models/protocol/translation.h"

namespace iov::pcie {

enum class CompletionSplit : std::uint8_t {
  max_payload,               ///< as few as MPS allows
  read_completion_boundary,  ///< one per RCB, as older chip sets do
};
inline constexpr Names<2> completion_split_names{"max_payload", "read_completion_boundary"};

/// The 8 bytes that answer a translation request: 63:12 address, 11 S, 10 N, 5 global, 4 privileged, 3 execute,
/// 2 U, 1 W, 0 R. With S the run of ones from bit 12 up gives the size: log2 - 13 of them.
inline std::uint64_t translation_entry(const TranslationReply& reply) {
  if (reply.outcome != TranslationReply::Outcome::granted) return 0;  // R = W = 0: not present
  const std::uint64_t page = std::uint64_t{1} << reply.log2_page;
  std::uint64_t entry = reply.address.value & ~(page - 1);
  if (reply.log2_page > 12) entry |= ((page / 2 - 1) & ~std::uint64_t{0xfff}) | 1u << 11;
  return entry | (reply.snoop ? 0u : 1u << 10) | (reply.global ? 1u << 5 : 0u) | (reply.privileged ? 1u << 4 : 0u) |
         (reply.executable ? 1u << 3 : 0u) | (reply.untranslated_only ? 1u << 2 : 0u) |
         (reply.writable ? 1u << 1 : 0u) | (reply.readable ? 1u : 0u);
}

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
