// SPDX-License-Identifier: Apache-2.0
/// TlpPort -- how a block sees its end of a PCIe link. Implemented by pcie::Port.
#pragma once
#include <span>

#include "models/core/delegate.h"
#include "models/core/units.h"
#include "models/protocol/tlp.h"

namespace iov {

/// What both ends of a link agreed on.
struct LinkLimits {
  std::uint32_t max_payload = 256;       ///< bytes; MPS
  std::uint32_t max_read_request = 512;  ///< bytes; MRRS
  std::uint32_t read_completion_boundary = 64;
  std::uint32_t tags = 256;  ///< 32, 256 or 768: outstanding non-posted requests per requester
  unsigned generation = 3, width = 8;
};

class TlpPort {
 public:
  static constexpr std::uint32_t most_together = 16;  ///< TLPs in one send_together()
  virtual ~TlpPort() = default;
  /// Queues for transmission: in order within its class, classes by the ordering table; waits for credits.
  virtual void send(Tlp&& tlp) = 0;
  /// Whether this many TLPs of a class, with so many payload() bytes in all, would go on the wire at once: none waits, and there
  /// are credits for them.
  virtual bool clear_for(FcClass, std::uint32_t /*tlps*/, std::uint32_t /*payload_bytes*/) { return false; }
  /// As send() one after the other, for up to most_together TLPs of one class that the port is clear for: those of a DMA write.
  virtual void send_together(std::span<Tlp> tlps) {
    for (Tlp& tlp : tlps) send(std::move(tlp));
  }
  /// TLPs of a class that wait for credits or order; 0 means the next one goes on the wire at once.
  virtual std::size_t backlog(FcClass fc) const = 0;
  /// When no more than `bytes` of what went on the wire so far will still have to leave; the backlog is not among it. Now or past: it
  /// is so. A port without a wire has sent everything.
  virtual Time sent_all_but(std::uint32_t /*bytes*/) const { return {}; }
  /// Called (in an event) when at least one TLP has newly arrived; take() all.
  virtual void on_arrival(Delegate<void()> handler) = 0;
  /// Called when a TLP of another requester than the one before it is on its way: a hint, the arrival comes later.
  virtual void on_foreseen(Delegate<void(RequesterId)>) {}
  /// Called when a backlog drained to 0, or was lost with the link, for senders that throttle themselves.
  virtual void on_drained(Delegate<void()> handler) = 0;
  /// Called when a posted TLP leaves the backlog, for the wire or lost with the link. The handler must not send.
  virtual void on_posted_left(Delegate<void()>) {}
  /// The oldest arrived TLP; its receive credits stay taken until release(). @returns how many were there; 0: none
  virtual std::size_t take(Tlp& tlp) = 0;
  /// The receiver is done with the buffer space of a TLP it took (only class and payload size matter).
  virtual void release(FcClass fc, std::uint32_t payload_bytes) = 0;
  /// The same, booked ahead: the space is free at `when` (>= now, never before an earlier release of the class).
  virtual void release_at(FcClass fc, std::uint32_t payload_bytes, const Time& when) = 0;
  virtual const LinkLimits& limits() const = 0;
};

}  // namespace iov
