// SPDX-License-Identifier: Apache-2.0
/// FlowControl -- watches the receive packet buffer: asks the far end of the wire to pause, and tells the PF.
///
/// Spec    IEEE 802.3 31B (PAUSE); Intel 82599 datasheet 3.7.7 (XOFF and XON thresholds FCRTH, FCRTL, time FCTTV,
///         refresh FCRTV).
/// Models  XOFF at the high mark, repeated after half its time while above the low one, XON at the low one; an event
///         to the PF at a level of its choice and at half of it again.
/// Units   bytes; quanta of 512 bit times
#pragma once
#include <systemc>

#include "models/endpoint/types/ethernet_wire.h"
#include "models/endpoint/types/nic_services.h"

namespace iov::endpoint {

class FlowControl : public sc_core::sc_module {
 public:
  FlowControl(const sc_core::sc_module_name& name, Timeline& timeline, EthernetWire& wire, InterruptLines& interrupts)
      : sc_module(name), timeline_(timeline), wire_(wire), interrupts_(interrupts) {}

  std::uint32_t high = 0, low = 0, congestion = 0;  ///< registers; 0: off
  std::uint16_t quanta = 0xffff;
  void reset() {  ///< whom it stopped goes on when the time it was told is over
    high = low = congestion = 0, quanta = 0xffff;
    paused_ = congested_ = false;
    refresh_.cancel();
  }

  void level(std::uint64_t bytes) {
    level_ = bytes;
    if (high != 0 && !paused_ && bytes >= high) xoff();
    if (paused_ && bytes <= low) xon();
    if (congestion == 0) [[likely]]
      return;
    if (!congested_ && bytes >= congestion) tell(true);
    if (congested_ && bytes <= congestion / 2) tell(false);
  }

 private:
  [[gnu::cold]] void xoff() {
    paused_ = true;
    ++xoffs_;
    send(quanta);
    refresh_.at(timeline_.now() + wire_.rate().time_for(std::uint64_t{quanta} * quantum_bytes) * 0.5);
  }
  [[gnu::cold]] void xon() {
    paused_ = false;
    ++xons_;
    refresh_.cancel();
    send(0);
  }
  void again() { paused_ && level_ > low ? xoff() : xon(); }
  void send(std::int32_t time) {
    Frame frame;
    frame.header.destination = {0x01'80'c2'00'00'01ull};  // 31B.1
    frame.pause_quanta = time;
    wire_.control(std::move(frame));
  }
  [[gnu::cold]] void tell(bool congested) {
    congested_ = congested;
    interrupts_.event(0, congested ? nic::PfEvent::congestion : nic::PfEvent::congestion_over);
  }
  static constexpr std::uint32_t quantum_bytes = 512 / 8;

  Timeline& timeline_;
  EthernetWire& wire_;
  InterruptLines& interrupts_;
  std::uint64_t level_ = 0;
  bool paused_ = false, congested_ = false;
  Event refresh_{timeline_, bind<&FlowControl::again>(this)};
  Counter xoffs_{"xoffs", "1", "pause frames that stop the far end"};
  Counter xons_{"xons", "1", "pause frames that let it go on"};
};

}  // namespace iov::endpoint
