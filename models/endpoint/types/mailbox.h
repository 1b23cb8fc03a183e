// SPDX-License-Identifier: Apache-2.0
/// Mailbox -- one VF's channel to its PF: sixteen words, who owns them, and who is to be told. A mechanism.
///
/// Spec    models/protocol/nic_policy.h; Intel 82576 datasheet 8.14.1 to 8.14.3, 82599 datasheet 8.3.5.
/// Models  ownership (a side gets the buffer only while the other has not), request, status, acknowledge, the PF's
///         take-back from a VF that is stuck, reset indication. Like the hardware it does not protect the words:
///         who writes them without owning them garbles them.
#pragma once
#include <array>
#include <cstdint>

#include "models/protocol/nic_policy.h"

namespace iov::endpoint {

class Mailbox {
 public:
  struct Effect {
    bool interrupt_vf = false, request = false, ack = false;  ///< the latter two: events for the PF
  };
  std::uint32_t read_vf() {
    const std::uint32_t bits = state_ & vf_readable;
    state_ &= ~read_clear;
    return bits;
  }
  Effect write_vf(std::uint32_t bits) {
    own(nic::vf_mailbox_vfu, nic::vf_mailbox_pfu, bits & nic::vf_mailbox_vfu);
    return {false, (bits & nic::vf_mailbox_request) != 0, (bits & nic::vf_mailbox_ack) != 0};
  }
  std::uint32_t read_pf() const { return state_ & (nic::pf_mailbox_vfu | nic::pf_mailbox_pfu); }
  Effect write_pf(std::uint32_t bits) {
    if (bits & nic::pf_mailbox_rvfu) state_ &= ~std::uint32_t{nic::vf_mailbox_vfu};
    own(nic::vf_mailbox_pfu, nic::vf_mailbox_vfu, bits & nic::pf_mailbox_pfu);
    if (bits & nic::pf_mailbox_status) state_ |= nic::vf_mailbox_pf_status;
    if (bits & nic::pf_mailbox_ack) state_ |= nic::vf_mailbox_pf_ack;
    return {(bits & (nic::pf_mailbox_status | nic::pf_mailbox_ack)) != 0, false, false};
  }
  std::uint32_t read_word(std::uint32_t offset) const { return words_[offset / 4 % nic::mailbox_words]; }
  void write_word(std::uint32_t offset, std::uint32_t value) { words_[offset / 4 % nic::mailbox_words] = value; }
  /// The function was reset: nothing is owned, the PF has to open it again.
  void reset() {
    words_ = {};
    state_ = nic::vf_mailbox_reset;
  }
  /// The PF opened the function.
  void opened() {
    if (state_ & nic::vf_mailbox_reset) state_ = (state_ & ~std::uint32_t{nic::vf_mailbox_reset}) | nic::vf_mailbox_reset_done;
  }

 private:
  static constexpr std::uint32_t read_clear =
      nic::vf_mailbox_pf_status | nic::vf_mailbox_pf_ack | nic::vf_mailbox_reset_done;
  static constexpr std::uint32_t vf_readable =
      read_clear | nic::vf_mailbox_vfu | nic::vf_mailbox_pfu | nic::vf_mailbox_reset;
  static_assert(std::uint32_t{nic::vf_mailbox_vfu} == nic::pf_mailbox_vfu);
  static_assert(std::uint32_t{nic::vf_mailbox_pfu} == nic::pf_mailbox_pfu);

  void own(std::uint32_t mine, std::uint32_t theirs, bool wanted) {
    if (!wanted)
      state_ &= ~mine;
    else if (!(state_ & theirs))
      state_ |= mine;
  }
  std::array<std::uint32_t, nic::mailbox_words> words_{};
  std::uint32_t state_ = nic::vf_mailbox_reset;
};

}  // namespace iov::endpoint
