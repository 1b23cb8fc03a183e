// SPDX-License-Identifier: Apache-2.0
/// PfEvents -- what a PF driver has to look at: mailbox requests, resets of VFs, misbehaviour, congestion, link changes.
/// A queue read through one register; an event that is there already is not queued again, so it is bounded, and a VF that
/// asks again and again has one turn like any other. What a VF asked for before a reset is forgotten with it.
///
/// Spec    models/protocol/nic_policy.h; stands for the 82599's PFMBICR, VFLRE, WVBR, EICR bits of a device with 64 VFs.
#pragma once
#include <vector>

#include "models/endpoint/fifo.h"
#include "models/protocol/nic_policy.h"

namespace iov::endpoint {

class PfEvents {
 public:
  /// @returns whether it is new
  bool post(unsigned vf, nic::PfEvent kind) {
    if (pending_.size() <= vf) pending_.resize(vf + 1);
    if (kind == nic::PfEvent::vf_reset && pending_[vf] & mailbox) forget_mailbox(vf);
    const auto bit = static_cast<std::uint16_t>(1u << static_cast<unsigned>(kind));
    if (pending_[vf] & bit) return false;
    pending_[vf] = static_cast<std::uint16_t>(pending_[vf] | bit);
    queue_.push(valid | static_cast<std::uint32_t>(kind) << 16 | vf);
    return true;
  }
  /// The oldest one, as the register shows it; 0 when there is none.
  std::uint32_t take() {
    if (queue_.empty()) return 0;
    const std::uint32_t event = queue_.pop();
    auto& pending = pending_[event & 0xffff];
    pending = static_cast<std::uint16_t>(pending & ~(1u << (event >> 16 & 0xff)));
    return event;
  }
  bool empty() const { return queue_.empty(); }

 private:
  static constexpr std::uint32_t valid = 1u << 31;
  static constexpr unsigned mailbox = 1u << static_cast<unsigned>(nic::PfEvent::mailbox_request) |
                                      1u << static_cast<unsigned>(nic::PfEvent::mailbox_ack);
  void forget_mailbox(unsigned vf) {
    for (std::size_t left = queue_.size(); left > 0; --left) {
      const std::uint32_t event = queue_.pop();
      if ((event & 0xffff) != vf || !(1u << (event >> 16 & 0xff) & mailbox)) queue_.push(event);
    }
    pending_[vf] = static_cast<std::uint16_t>(pending_[vf] & ~mailbox);
  }
  std::vector<std::uint16_t> pending_;
  Fifo<std::uint32_t> queue_;
};

}  // namespace iov::endpoint
