// SPDX-License-Identifier: Apache-2.0
/// ToeplitzHash -- the receive-side-scaling hash of a frame's IPv4 addresses and ports. A mechanism.
///
/// Spec    Microsoft, "RSS hashing functions" and "Verifying the RSS hash calculation"; Intel 82599 datasheet 7.1.2.8.
/// Models  hash of source and destination address and port (TCP and UDP over IPv4), in that order, big endian; one table
///         per key and input byte, so a hash is twelve look-ups.
/// Omits   IPv6; hashing by addresses alone is there for other protocols.
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "models/protocol/frame.h"

namespace iov::endpoint {

class ToeplitzHash {
 public:
  static constexpr std::size_t key_bytes = 40, input_bytes = 12, address_bytes = 8;
  using Key = std::array<std::uint8_t, key_bytes>;
  /// The key of Microsoft's verification suite, which most drivers program.
  static constexpr Key default_key{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
                                   0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
                                   0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

  ToeplitzHash() { set_key(default_key); }
  const Key& key() const { return key_; }
  void set_key(const Key& key) {
    key_ = key;
    last_ = {};
    for (std::size_t at = 0; at < input_bytes; ++at) {
      std::uint64_t window = 0;  // the 40 key bits that input byte `at` sees
      for (std::size_t i = 0; i < 5; ++i) window = window << 8 | key_[at + i];
      for (unsigned byte = 0; byte < 256; ++byte) {
        std::uint32_t hash = 0;
        for (unsigned bit = 0; bit < 8; ++bit)
          if (byte >> (7 - bit) & 1) hash ^= static_cast<std::uint32_t>(window >> (8 - bit));
        table_[at][byte] = hash;
      }
    }
  }
  std::uint32_t of(std::span<const std::uint8_t> input) const {
    std::uint32_t hash = 0;
    for (std::size_t i = 0; i < input.size() && i < input_bytes; ++i) hash ^= table_[i][input[i]];
    return hash;
  }
  std::uint32_t of(const FrameHeader& h) const {
    std::uint32_t hash = word(0, h.source_ip) ^ word(4, h.destination_ip);
    if (h.protocol != FrameHeader::protocol_tcp && h.protocol != FrameHeader::protocol_udp) return hash;
    return hash ^ word(address_bytes, std::uint32_t{h.source_port()} << 16 | h.destination_port());
  }

  /// The same, remembered: frames of one flow often follow each other.
  std::uint32_t of_next(const FrameHeader& h) {
    const Flow flow{h.source_ip, h.destination_ip, h.flow, h.protocol};
    return flow == last_.flow ? last_.hash : remember(h);
  }

 private:
  [[gnu::noinline]] std::uint32_t remember(const FrameHeader& h) {
    last_ = {{h.source_ip, h.destination_ip, h.flow, h.protocol}, of(h)};
    return last_.hash;
  }
  struct Flow {
    std::uint32_t source_ip = 0, destination_ip = 0, ports = 0, protocol = 0;
    friend bool operator==(const Flow&, const Flow&) = default;
  };
  struct Remembered {  ///< at first what nothing but zeros hashes to, whatever the key
    Flow flow;
    std::uint32_t hash = 0;
  };
  std::uint32_t word(std::size_t at, std::uint32_t value) const {
    return table_[at][value >> 24] ^ table_[at + 1][value >> 16 & 0xff] ^ table_[at + 2][value >> 8 & 0xff] ^
           table_[at + 3][value & 0xff];
  }
  Key key_{};
  Remembered last_;
  std::array<std::array<std::uint32_t, 256>, input_bytes> table_{};
};

}  // namespace iov::endpoint
