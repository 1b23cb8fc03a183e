// SPDX-License-Identifier: Apache-2.0
/// EthernetWire -- the transmit half of an Ethernet port: a reservation, and the way to the peer.
///
/// Spec    IEEE 802.3 3.1 (preamble, FCS, minimum), 4.4.2 (inter-frame gap).
/// Models  serialisation with preamble, FCS and gap, propagation; link up and down; MAC control frames.
/// Omits   obeying pause frames of the peer, link training, bit errors.
/// Units   rate in bytes per second
#pragma once
#include <algorithm>
#include <systemc>

#include "models/core/stat.h"
#include "models/endpoint/timed_fifo.h"
#include "models/protocol/frame.h"

namespace iov::endpoint {

class EthernetWire : public sc_core::sc_module {
 public:
  static constexpr std::uint32_t gap_bytes = 12;  ///< IEEE 802.3 4.4.2
  EthernetWire(const sc_core::sc_module_name& name, Timeline& timeline, Bandwidth rate)
      : sc_module(name), timeline_(timeline), rate_(rate) {}

  void connect(FrameSink* sink, const Time& propagation) { sink_ = sink, propagation_ = propagation; }
  bool up() const { return sink_ != nullptr && up_; }
  void set_up(bool up) { up_ = up; }
  Bandwidth rate() const { return rate_; }
  /// A frame that the MAC itself sends, with the next free slot.
  void control(Frame&& frame) {
    const Slot slot = book(frame.bytes);
    control_.push(slot.end, std::move(frame));
  }
  struct Slot {
    Time begin, end;  ///< first and last bit
  };
  /// The next free time on the wire for this frame.
  Slot book(std::uint32_t frame_bytes) {
    const std::uint32_t bytes = wire_bytes(frame_bytes);
    const Time begin = std::max(free_at_, timeline_.now());
    const Time busy = rate_.time_for(bytes);
    free_at_ = begin + busy;
    busy_.add(busy);
    ++frames_;
    bytes_ += frame_bytes;
    return {begin, begin + rate_.time_for(bytes - gap_bytes)};
  }
  /// The last bit has left now.
  void left(Frame&& frame) {
    if (!up()) return;
    if (propagation_ == Time()) return sink_->frame(std::move(frame));
    flying_.push(timeline_.now() + propagation_, std::move(frame));
  }

 private:
  void arrive(Frame&& frame) { sink_->frame(std::move(frame)); }
  void control_left(Frame&& frame) { left(std::move(frame)); }
  Timeline& timeline_;
  const Bandwidth rate_;
  FrameSink* sink_ = nullptr;
  bool up_ = true;
  Time propagation_, free_at_;
  TimedFifo<Frame> flying_{timeline_, bind<&EthernetWire::arrive>(this)};
  TimedFifo<Frame> control_{timeline_, bind<&EthernetWire::control_left>(this)};
  BusyTime busy_{"busy", "time the transmit wire was in use, gaps included"};
  Counter frames_{"frames", "1", "frames sent"};
  Counter bytes_{"bytes", "B", "frame bytes sent, without preamble, FCS and gap"};
};

}  // namespace iov::endpoint
