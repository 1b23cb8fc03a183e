// SPDX-License-Identifier: Apache-2.0
/// FunctionPolicy -- what the PF has decided about one function: the registers of its window, and the token buckets
/// they set. Plain state, read by both directions of the NIC.
///
/// Spec    models/protocol/nic_policy.h (VFRE, VFTE, PFVFSPOOF, QDE, VMOLR, RTTBCNRC of the 82599).
#pragma once
#include "models/endpoint/pacer.h"
#include "models/protocol/frame.h"
#include "models/protocol/nic.h"
#include "models/protocol/nic_policy.h"

namespace iov::endpoint {

struct FunctionPolicy {
  std::uint32_t control = nic::vf_reset_value;
  bool decided = false;  ///< the PF wrote the control since the function was reset
  std::uint32_t max_frame = 0;
  MacAddress mac;
  std::uint32_t transmit_mbps = 0, share_mbps = 0, receive_mbps = 0, storm_per_second = 0, interrupt_ns = 0;
  Pacer transmit, share, receive, storm_sent, storm_received;

  bool has(std::uint32_t bits) const { return (control & bits) == bits; }
  static constexpr double bytes_per_second(std::uint32_t mbps) { return mbps * 1e6 / 8; }
};

}  // namespace iov::endpoint
