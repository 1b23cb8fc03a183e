// SPDX-License-Identifier: Apache-2.0
/// The four header dwords of a TLP as they are on the wire and in an AER header log.
///
/// Spec    PCIe Base 5.0 2.2.1 (common fields), 2.2.5 (byte enables), 2.2.7 (requests), 2.2.8 (messages), 2.2.9
///         (completions). Dword 0 has byte 0 of the header in its bits 31:24.
/// Omits   prefixes, Traffic Class, ID-based ordering, TPH, ECRC: the TLP carries none.
#pragma once
#include <array>
#include <cstdint>

#include "models/protocol/tlp.h"

namespace iov {

namespace header_image {
/// First and last dword's enabled bytes; a request of one dword has no last one.
inline std::uint32_t byte_enables(std::uint64_t address, std::uint32_t length) {
  const auto from = static_cast<std::uint32_t>(address & 3);
  const std::uint32_t end = from + length;
  if (end <= 4) return (0xfu << from & ~(0xfu << end)) & 0xf;
  const std::uint32_t last = end % 4 == 0 ? 4 : end % 4;
  return (0xfu << from & 0xf) | (0xfu & ~(0xfu << last)) << 4;
}
inline std::uint32_t type_code(const TlpHeader& t) {
  constexpr std::uint32_t to_root_complex = 0, by_id = 2;
  switch (t.type) {
    case TlpType::memory_read:
    case TlpType::memory_write: return 0x00;
    case TlpType::config_read:
    case TlpType::config_write: return 0x04;
    case TlpType::completion:
    case TlpType::completion_data: return 0x0a;
    default: break;
  }
  const bool routed = t.message == MessageCode::invalidate_request || t.message == MessageCode::invalidate_completion ||
                      t.message == MessageCode::page_group_response;
  return 0x10 | (routed ? by_id : to_root_complex);
}
}  // namespace header_image

inline std::array<std::uint32_t, 4> header_dwords(const TlpHeader& t) {
  const auto dwords = static_cast<std::uint32_t>((t.address & 3) + t.length + 3) / 4;
  const bool four = t.header() - (t.pasid.present() ? 4u : 0u) == 16;
  const auto bit = [](bool set, unsigned at) { return std::uint32_t{set} << at; };
  const std::uint32_t tag = t.tag;
  const auto address = static_cast<std::uint32_t>(t.address), upper = static_cast<std::uint32_t>(t.address >> 32);
  std::array<std::uint32_t, 4> d{};
  d[0] = bit(four, 29) | bit(t.has_data(), 30) | header_image::type_code(t) << 24 | bit(tag >> 9 & 1, 23) |
         bit(tag >> 8 & 1, 19) | bit(t.poisoned, 14) | bit(t.relaxed_ordering, 13) | bit(t.no_snoop, 12) |
         static_cast<std::uint32_t>(t.at) << 10 |
         ((t.has_data() || t.type == TlpType::memory_read || t.type == TlpType::config_read ? dwords : 0) & 0x3ff);
  switch (t.type) {
    case TlpType::completion:
    case TlpType::completion_data:
      d[1] = std::uint32_t{t.completer.value} << 16 | static_cast<std::uint32_t>(t.status) << 13 | (t.byte_count & 0xfff);
      d[2] = std::uint32_t{t.requester.value} << 16 | (tag & 0xff) << 8 | (address & 0x7f);
      return d;
    case TlpType::message:
    case TlpType::message_data:
      d[1] = std::uint32_t{t.requester.value} << 16 | (tag & 0xff) << 8 | static_cast<std::uint32_t>(t.message);
      d[2] = t.completer.value != 0 ? std::uint32_t{t.completer.value} << 16 : upper;
      d[3] = address;
      return d;
    default: break;
  }
  d[1] = std::uint32_t{t.requester.value} << 16 | (tag & 0xff) << 8 | header_image::byte_enables(t.address, t.length);
  if (t.type == TlpType::config_read || t.type == TlpType::config_write) {
    d[2] = std::uint32_t{t.completer.value} << 16 | (address & 0xffc);
  } else {
    d[2] = four ? upper : address & ~3u;
    d[3] = four ? address & ~3u : 0;
  }
  return d;
}

}  // namespace iov
