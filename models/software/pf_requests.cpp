// SPDX-License-Identifier: Apache-2.0
/// What a PF driver answers to its VFs.
#include "models/software/pf_driver.h"

namespace iov::software {

using host::Work;
using namespace nic;

Task PfDriver::handle_request(unsigned number) {
  co_await select(number);
  MailboxMessage message{};
  for (unsigned i = 0; i < 4; i += 2) {  // no request of one word more is longer, but for multicast lists
    std::uint64_t pair = 0;
    co_await read(vf_window_mailbox_memory + 4 * i, 8, pair);
    message[i] = static_cast<std::uint32_t>(pair), message[i + 1] = static_cast<std::uint32_t>(pair >> 32);
    if (i == 0 && message.type() == msg_reset) break;
  }
  if (message.type() == msg_set_multicast)
    for (unsigned i = 4; i < mailbox_words; i += 2) {
      std::uint64_t pair = 0;
      co_await read(vf_window_mailbox_memory + 4 * i, 8, pair);
      message[i] = static_cast<std::uint32_t>(pair), message[i + 1] = static_cast<std::uint32_t>(pair >> 32);
    }
  co_await write(vf_window_mailbox, pf_mailbox_ack);
  if (message.has(msg_ack | msg_nack)) co_return;  // our own answer: the VF asked again while it was written (ixgbe_rcv_msg_from_vf)
  ++requests_;
  co_await strand_->spend(place_.context, Work::driver, costs_.control_message);
  unsigned words = 1;
  co_await decide(number, message, words);
  if (message.has(msg_nack)) ++refused_;
  co_await reply(message, words);
}

/// Turns a request into its answer.
Task PfDriver::decide(unsigned number, MailboxMessage& m, unsigned& words) {
  const std::uint32_t type = m.type(), info = m.info();
  if (type == msg_reset) {
    co_await open_vf(number, m, words);
    co_return;
  }
  Vf& v = vf(number);
  bool granted = false;
  if (v.open) switch (type) {
      case msg_set_mac: co_await change_mac(number, m.mac(), granted); break;
      case msg_set_vlan: co_await change_vlan(number, m[1], info != 0, granted); break;
      case msg_set_multicast: co_await change_multicast(m, granted); break;
      case msg_promiscuous: co_await change_promiscuity(number, m[1], granted); break;
      case msg_negotiate: granted = m[1] == api_1_0 || m[1] == api_1_1; break;
      case msg_set_mtu:
        granted = m[1] >= 60 && m[1] <= params_.max_frame;
        if (granted) v.max_frame = m[1];
        if (granted) co_await write(vf_max_frame, m[1]);
        break;
      case msg_get_queues:
        m[1] = m[2] = 1, m[3] = m[4] = 0, words = 5;
        granted = true;
        break;
      default: break;
    }
  m[0] = type | info << msg_info_shift | (granted ? msg_ack : msg_nack) | (v.open ? std::uint32_t{msg_cts} : 0);
}

/// Reset: the VF gets its address and is opened, unless there is no room for its filter.
Task PfDriver::open_vf(unsigned number, MailboxMessage& m, unsigned& words) {
  Vf& v = vf(number);
  bool done = true;
  if (v.mac.value != 0 && v.mac != v.settings.mac) co_await set_filter(v.mac, number, filter_remove, done);
  v.mac = v.settings.mac;
  if (v.mac.value != 0) co_await set_filter(v.mac, number, filter_add, done);
  v.open = done && v.managed;
  v.all_multicast = v.promiscuous = false;
  const std::set<std::uint32_t> left = std::exchange(v.vlans, {});
  for (const std::uint32_t vlan : left) co_await write(vf_vlan, vlan | 1u << 31);
  co_await write(vf_multicast, 1u << 31);
  v.max_frame = params_.max_frame;
  co_await program(number);
  m = {};
  m[0] = msg_reset | (v.open ? msg_ack | msg_cts : msg_nack);
  m.set_mac(v.mac);
  words = 3;
}

Task PfDriver::change_mac(unsigned number, MacAddress mac, bool& granted) {
  Vf& v = vf(number);
  granted = mac == v.mac;
  if (granted || mac.multicast() || mac.value == 0 || (v.settings.mac.value != 0 && !v.settings.trust)) co_return;
  co_await set_filter(mac, number, filter_add, granted);
  if (!granted) co_return;
  bool removed = true;
  if (v.mac.value != 0) co_await set_filter(v.mac, number, filter_remove, removed);
  v.mac = mac;
  co_await write(vf_mac, mac.value, 8);
}

/// The device says how many VLANs the VF is in: its table may have been full.
Task PfDriver::change_vlan(unsigned number, std::uint32_t vlan, bool add, bool& granted) {
  Vf& v = vf(number);
  if (vlan > 4094) co_return;
  std::uint64_t count = 0;
  co_await write(vf_vlan, vlan | (add ? 0 : 1u << 31));
  co_await read(vf_vlan, 4, count);
  add ? static_cast<void>(v.vlans.insert(vlan)) : static_cast<void>(v.vlans.erase(vlan));
  granted = count == v.vlans.size();
  if (!granted) v.vlans.erase(vlan);
}

Task PfDriver::change_multicast(const MailboxMessage& m, bool& granted) {
  const unsigned count = m.info();
  granted = count <= params_.multicast_limit;
  if (!granted) co_return;
  co_await write(vf_multicast, 1u << 31);
  for (unsigned i = 0; i < count; ++i) co_await write(vf_multicast, m.hash(i));
}

Task PfDriver::change_promiscuity(unsigned number, std::uint32_t mode, bool& granted) {
  Vf& v = vf(number);
  granted = mode == 0 || (mode <= 2 && v.settings.trust);
  if (!granted) co_return;
  v.all_multicast = mode >= 1;
  v.promiscuous = mode == 2;
  co_await write(vf_control, control_of(v));
}

}  // namespace iov::software
