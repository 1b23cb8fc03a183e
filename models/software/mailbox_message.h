// SPDX-License-Identifier: Apache-2.0
/// MailboxMessage -- the sixteen words that PF and VF drivers exchange, and what is packed into them.
///
/// Spec    models/protocol/nic_policy.h; Linux ixgbe_mbx.h.
#pragma once
#include <array>

#include "models/protocol/frame.h"
#include "models/protocol/nic_policy.h"

namespace iov::software {

struct MailboxMessage : std::array<std::uint32_t, nic::mailbox_words> {
  std::uint32_t type() const { return front() & 0xffff; }
  std::uint32_t info() const { return front() >> nic::msg_info_shift & 0xff; }
  bool has(std::uint32_t flag) const { return front() & flag; }
  /// Six bytes in transmission order, as in memory, in words 1 and 2.
  MacAddress mac() const {
    MacAddress mac;
    for (unsigned i = 0; i < 6; ++i) mac.value = mac.value << 8 | ((*this)[1 + i / 4] >> (8 * (i % 4)) & 0xff);
    return mac;
  }
  void set_mac(MacAddress mac) {
    (*this)[1] = (*this)[2] = 0;
    for (unsigned i = 0; i < 6; ++i)
      (*this)[1 + i / 4] |= static_cast<std::uint32_t>(mac.value >> (40 - 8 * i) & 0xff) << (8 * (i % 4));
  }
  /// Multicast hashes of 12 bits, two per word from word 1 on.
  static constexpr unsigned max_hashes = 2 * (nic::mailbox_words - 1);
  std::uint32_t hash(unsigned i) const { return (*this)[1 + i / 2] >> (16 * (i % 2)) & 0xfff; }
  void set_hash(unsigned i, std::uint32_t hash) { (*this)[1 + i / 2] |= (hash & 0xfff) << (16 * (i % 2)); }
};

}  // namespace iov::software
