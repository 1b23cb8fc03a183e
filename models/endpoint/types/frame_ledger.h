// SPDX-License-Identifier: Apache-2.0
/// FrameLedger -- nothing gets lost: every frame that came was delivered, was dropped, or is still here.
#pragma once
#include <cstdint>
#include <systemc>

#include "models/core/delegate.h"
#include "models/core/invariant.h"

namespace iov::endpoint {

class FrameLedger : public sc_core::sc_module {
 public:
  /// @param in_flight  counts the frames that are really there, not what the books say
  FrameLedger(const sc_core::sc_module_name& name, Delegate<std::size_t()> in_flight)
      : sc_module(name), in_flight_(in_flight) {}
  void came() { ++came_; }
  void delivered() { ++delivered_; }
  void dropped() { ++dropped_; }
  std::uint64_t balance() const { return came_ - delivered_ - dropped_; }

 private:
  std::string compare() const {
    const std::uint64_t there = in_flight_();
    if (there == balance()) return {};
    return std::to_string(came_) + " came, " + std::to_string(delivered_) + " delivered, " +
           std::to_string(dropped_) + " dropped, " + std::to_string(there) + " in flight";
  }
  Delegate<std::size_t()> in_flight_;
  std::uint64_t came_ = 0, delivered_ = 0, dropped_ = 0;
  Invariant conserved_{"frames_conserved", Invariant::always,
                       "frames that came are delivered, dropped or in flight", [this] { return compare(); }};
  Invariant rest_{"no_frame_left", Invariant::at_rest, "at rest no frame is in the device", [this] {
                    return balance() == 0 ? std::string() : std::to_string(balance()) + " left";
                  }};
};

}  // namespace iov::endpoint
