// SPDX-License-Identifier: Apache-2.0
/// Where the workload meets the software of a VM (or a bare-metal host): packets an application sends
/// and receives. Implemented by workload::GuestTraffic, used by the application coroutine.
#pragma once
#include <cstdint>
#include <span>

#include "models/core/delegate.h"
#include "models/core/prefetch.h"
#include "models/protocol/frame.h"

namespace iov {

struct OutPacket {
  FrameHeader header;  ///< header.id names the packet in the workload's ledger
  std::uint32_t bytes = 60;
  JourneyRef journey;
};

enum class DropReason : std::uint8_t {
  no_receive_descriptor,  ///< the device had nowhere to put it
  receive_buffer_full,    ///< the device's packet buffer overflowed
  no_filter_match,        ///< no function or pool wanted it
  backend_queue_full,     ///< tap, bridge or socket queue of the host
  driver_queue_full,      ///< the driver's own queue
  blocked_by_iommu,       ///< its DMA was faulted
  malformed,              ///< what the receiver read was not what was sent
  reset,                  ///< lost in a reset
  function_stopped,       ///< the PF has stopped the function that sent it or should get it
  spoofed,                ///< its sender used a MAC address or VLAN that is not its own
  storm,                  ///< broadcast or multicast beyond the function's limit
  shaped,                 ///< more than the function's receive rate, and its backlog full
  flow_rule,              ///< a rule of the PF drops this flow
  link_down,              ///< there was no link
};
inline constexpr std::size_t drop_reasons = 14;
inline constexpr Names<drop_reasons> drop_reason_names{
    "no_receive_descriptor", "receive_buffer_full", "no_filter_match", "backend_queue_full", "driver_queue_full",
    "blocked_by_iommu",      "malformed",           "reset",           "function_stopped",   "spoofed",
    "storm",                 "shaped",              "flow_rule",       "link_down"};

/// Books of all packets, for those who lose one or want its journey.
class PacketBook {
 public:
  virtual ~PacketBook() = default;
  virtual void dropped(PacketId id, DropReason reason) = 0;
  virtual JourneyRef journey(PacketId id) = 0;  ///< empty when unknown or ended
  virtual bool under_way(PacketId id) const = 0;
};

class GuestTraffic {
 public:
  virtual ~GuestTraffic() = default;
  /// The next packet that the application wants to send, if one is due now; fills `packet`. With carry_payload the
  /// application then asks payload() for the bytes.
  virtual bool take(const Time& now, OutPacket& packet) = 0;
  /// When take() will next have something, as far as is known (sc_max_time(): only after a receive).
  virtual Time next_due() const = 0;
  /// Called when next_due() moved earlier.
  virtual void on_due(Delegate<void()> handler) = 0;
  /// All bytes of a packet, header included (carry_payload only).
  virtual void payload(const OutPacket& packet, std::span<std::uint8_t> out) const = 0;
  virtual bool carry_payload() const = 0;
  /// The application has read a received packet from its memory: `bytes` is its length, `contents` all its bytes with
  /// carry_payload, else none.
  virtual void received(const FrameHeader& header, std::span<const std::uint8_t> contents, std::uint32_t bytes, const Time& now) = 0;
  virtual void add_to(WorkingSet&) const {}  ///< of a packet that will be received
};

}  // namespace iov
