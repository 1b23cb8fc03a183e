// SPDX-License-Identifier: Apache-2.0
/// Frame -- an Ethernet frame, and how its first bytes lie in memory.
///
/// The leading `header_bytes` of every frame are real bytes in simulated memory: addresses, VLAN,
/// EtherType and the 8-byte id under which the workload knows the packet. Software and devices learn
/// which packet a buffer holds only by reading them, so a DMA that goes to the wrong page delivers
/// nothing. The rest of the payload exists only with carry_payload.
///
/// Units   `bytes` is the frame from destination address to the end of payload, without the 4 B FCS.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "models/core/byte_pool.h"
#include "models/core/journey.h"

namespace iov {

struct MacAddress {
  std::uint64_t value = 0;  ///< 48 bits, first byte on the wire in bits 47:40
  constexpr bool broadcast() const { return value == 0xffff'ffff'ffffull; }
  constexpr bool multicast() const { return value >> 40 & 1; }
  friend constexpr auto operator<=>(MacAddress, MacAddress) = default;
};

using PacketId = std::uint64_t;

struct FrameHeader {
  static constexpr std::size_t header_bytes = 32;
  static constexpr std::uint16_t vlan_none = 0xffff;
  MacAddress destination, source;
  std::uint16_t vlan = vlan_none;
  std::uint32_t flow = 0;  ///< what RSS hashes: stands for addresses and ports
  PacketId id = 0;

  void write(std::span<std::uint8_t, header_bytes> out) const {
    std::memset(out.data(), 0, out.size());
    put_mac(out.data(), destination);
    put_mac(out.data() + 6, source);
    out[12] = 0x81, out[13] = 0x00;  // 802.1Q tag, always present in memory; vlan_none: priority tag only
    out[14] = static_cast<std::uint8_t>(vlan >> 8), out[15] = static_cast<std::uint8_t>(vlan);
    out[16] = 0x88, out[17] = 0xb5;  // IEEE local experimental EtherType
    std::memcpy(out.data() + 20, &flow, 4);
    std::memcpy(out.data() + 24, &id, 8);
  }
  static FrameHeader read(std::span<const std::uint8_t, header_bytes> in) {
    FrameHeader h;
    h.destination = get_mac(in.data());
    h.source = get_mac(in.data() + 6);
    h.vlan = static_cast<std::uint16_t>(in[14] << 8 | in[15]);
    std::memcpy(&h.flow, in.data() + 20, 4);
    std::memcpy(&h.id, in.data() + 24, 8);
    return h;
  }

 private:
  static void put_mac(std::uint8_t* out, MacAddress mac) {
    for (int i = 0; i < 6; ++i) out[i] = static_cast<std::uint8_t>(mac.value >> (40 - 8 * i));
  }
  static MacAddress get_mac(const std::uint8_t* in) {
    MacAddress mac;
    for (int i = 0; i < 6; ++i) mac.value = mac.value << 8 | in[i];
    return mac;
  }
};

struct Frame {  ///< a frame on a wire or in a device, not in memory
  FrameHeader header;
  std::uint32_t bytes = 60;  ///< 60..9018, without FCS
  ByteBuffer data;           ///< carry_payload: all bytes; else empty
  JourneyRef journey;
};

/// Bytes that a frame occupies on the Ethernet wire: preamble 8, FCS 4, inter-frame gap 12, minimum 64.
/// Spec IEEE 802.3 3.1, 4.4.2.
constexpr std::uint32_t wire_bytes(std::uint32_t frame_bytes) {
  return (frame_bytes + 4 < 64 ? 64 : frame_bytes + 4) + 8 + 12;
}

/// Whatever is at the other end of the Ethernet wire.
class FrameSink {
 public:
  virtual void frame(Frame&& frame) = 0;

 protected:
  ~FrameSink() = default;
};

}  // namespace iov
