// SPDX-License-Identifier: Apache-2.0
/// Frame -- an Ethernet frame, and how its first bytes lie in memory.
///
/// The leading `header_bytes` of every frame are real bytes in simulated memory: Ethernet with 802.1Q tag, IPv4 and UDP
/// headers, and as the first payload the 8-byte id under which the workload knows the packet. Software and devices learn
/// which packet a buffer holds only by reading them, so a DMA that goes to the wrong page delivers nothing. The rest of
/// the payload exists only with carry_payload.
///
/// Spec    IEEE 802.3 3, 802.1Q 9; RFC 791 (IPv4), 768 (UDP). Checksums are 0: offloaded, none.
/// Units   `bytes` is the frame from destination address to the end of payload, without the 4 B FCS.
#pragma once
#include <array>
#include <boost/endian/conversion.hpp>
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
  static constexpr std::size_t header_bytes = 54;
  static constexpr std::uint16_t vlan_none = 0xffff;
  static constexpr std::uint8_t protocol_tcp = 6, protocol_udp = 17;  ///< IANA
  MacAddress destination, source;
  std::uint16_t vlan = vlan_none;
  std::uint32_t flow = 0;  ///< its ports: source in 15:0, destination in 31:16
  PacketId id = 0;
  std::uint32_t source_ip = 0, destination_ip = 0;
  std::uint8_t protocol = protocol_udp;

  std::uint16_t source_port() const { return static_cast<std::uint16_t>(flow); }
  std::uint16_t destination_port() const { return static_cast<std::uint16_t>(flow >> 16); }
  bool tagged() const { return vlan != vlan_none; }
  std::uint16_t vlan_id() const { return vlan & 0xfff; }

  /// @param frame_bytes  of the whole frame, for the length fields
  void write(std::span<std::uint8_t, header_bytes> out, std::uint32_t frame_bytes = 60) const {
    const std::uint64_t ip_bytes = (frame_bytes - ip_at) & 0xffff, udp_bytes = (frame_bytes - ip_at - 20) & 0xffff;
    put<8>(out.data(), destination.value << 16 | (source.value >> 32 & 0xffff));
    put<8>(out.data() + 8, source.value << 32 | 0x8100'0000 | vlan);  // 802.1Q tag, always present in memory; vlan_none: priority tag only
    put<8>(out.data() + 16, 0x0800'4500'0000'0000 | ip_bytes << 16);  // IPv4: version 4, 5 words
    put<8>(out.data() + 24, 0x0000'4000'0000'0000 | std::uint64_t{protocol} << 32 | source_ip >> 16);  // TTL 64
    put<8>(out.data() + 32, std::uint64_t{source_ip} << 48 | std::uint64_t{destination_ip} << 16 | source_port());
    put<8>(out.data() + 40, std::uint64_t{destination_port()} << 48 | udp_bytes << 32);
    std::memcpy(out.data() + id_at, &id, 8);
  }
  [[gnu::always_inline]] static FrameHeader read(std::span<const std::uint8_t, header_bytes> in) {  // into its place, not moved there
    FrameHeader h;
    const std::uint8_t* const ip = in.data() + ip_at;
    h.destination.value = get<6>(in.data());
    h.source.value = get<6>(in.data() + 6);
    h.vlan = static_cast<std::uint16_t>(get<2>(in.data() + 14));
    h.protocol = ip[9];
    h.source_ip = static_cast<std::uint32_t>(get<4>(ip + 12));
    h.destination_ip = static_cast<std::uint32_t>(get<4>(ip + 16));
    h.flow = static_cast<std::uint32_t>(get<2>(ip + 20) | get<2>(ip + 22) << 16);
    std::memcpy(&h.id, in.data() + id_at, 8);
    return h;
  }

 private:
  static constexpr std::size_t ip_at = 18, id_at = 46;
  template <std::size_t bytes>
  static void put(std::uint8_t* out, std::uint64_t value) {
    boost::endian::endian_store<std::uint64_t, bytes, boost::endian::order::big>(out, value);
  }
  template <std::size_t bytes>
  static std::uint64_t get(const std::uint8_t* in) {
    return boost::endian::endian_load<std::uint64_t, bytes, boost::endian::order::big>(in);
  }
};

struct Frame {  ///< a frame on a wire or in a device, not in memory
  FrameHeader header;
  std::uint32_t bytes = 60;  ///< 60..9018, without FCS
  ByteBuffer data;           ///< carry_payload: all bytes; else empty
  JourneyRef journey;
  std::int32_t pause_quanta = no_pause;  ///< a MAC control frame (802.3 31B): never leaves the two ends of a wire
  static constexpr std::int32_t no_pause = -1;
};

inline constexpr std::uint32_t fcs_bytes = 4;
/// Bytes that a frame occupies on the Ethernet wire: preamble 8, FCS 4, inter-frame gap 12, minimum 64.
/// Spec IEEE 802.3 3.1, 4.4.2.
constexpr std::uint32_t wire_bytes(std::uint32_t frame_bytes) {
  return (frame_bytes + fcs_bytes < 64 ? 64 : frame_bytes + fcs_bytes) + 8 + 12;
}

/// Whatever is at the other end of the Ethernet wire.
class FrameSink {
 public:
  virtual void frame(Frame&& frame) = 0;

 protected:
  ~FrameSink() = default;
};

}  // namespace iov
