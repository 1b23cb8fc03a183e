// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/pf_registers.h"

namespace iov::endpoint {

namespace {
constexpr std::uint32_t window = nic::vf_control, window_end = 0x0500, flow_end = 0x0600;
constexpr std::uint32_t mailbox_end = nic::vf_window_mailbox_memory + 4 * nic::mailbox_words;
constexpr std::uint32_t key_end = nic::reg_rss_key + ToeplitzHash::key_bytes;
constexpr std::uint32_t twelve_bits = 0xfff, leaves = 1u << 31;

void set_low(std::uint64_t& whole, std::uint32_t value) { whole = (whole >> 32 << 32) | value; }
void set_high(std::uint64_t& whole, std::uint32_t value) { whole = (whole & 0xffff'ffff) | std::uint64_t{value} << 32; }
}  // namespace

void PfRegisters::reset() {
  events = {};
  event_vector_ = vf_select_ = flow_select_ = filter_target_ = 0;
  vf_default_ = nic::vf_reset_value;
  filter_mac_ = pool_ = 0;
  filter_vlan_ = nic::filter_any_vlan;
  filter_done_ = false, link_ = true;
}

/// A QW is two DWs, the upper one last: it completes what is 64 bits wide.
void PfRegisters::write(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  for (unsigned done = 0; done < bytes; done += 4, offset += 4, value >>= 32) {
    const auto dw = static_cast<std::uint32_t>(value);
    if (offset >= nic::reg_flow_select && offset < flow_end) {
      if (offset == nic::reg_flow_select)
        flow_select_ = dw;
      else
        p_.fabric.rules().write(flow_select_, offset, dw);
    } else if (offset >= window && offset < window_end) {
      if (const auto function = selected()) write_vf(*function, offset, dw);
    } else {
      write_device(offset, dw);
    }
  }
}

std::uint64_t PfRegisters::read(std::uint32_t offset, unsigned bytes) {
  std::uint64_t value = 0;
  for (unsigned done = 0; done < bytes; done += 4, offset += 4) {
    std::uint32_t dw = 0;
    if (offset >= nic::reg_flow_select && offset < flow_end) {
      dw = offset == nic::reg_flow_select ? flow_select_ : p_.fabric.rules().read(flow_select_, offset);
    } else if (offset >= window && offset < window_end) {
      if (const auto function = selected()) dw = read_vf(*function, offset);
    } else {
      dw = read_device(offset);
    }
    value |= std::uint64_t{dw} << (8 * done);
  }
  return value;
}

void PfRegisters::write_device(std::uint32_t offset, std::uint32_t value) {
  if (offset >= nic::reg_rss_key && offset < key_end) return write_key(offset, value);
  switch (offset) {
    case nic::reg_event_vector:
      event_vector_ = value;
      return p_.actions.announce_events(pf_);
    case nic::reg_vf_select: vf_select_ = value & 0xffff; return;
    case nic::reg_switch: return write_switch(value);
    case nic::reg_link:
      link_ = value & 1;
      return p_.actions.set_link(link_);
    case nic::reg_vf_default:
      vf_default_ = value;
      return p_.actions.set_vf_default(pf_, value);
    case nic::reg_pool: return set_low(pool_, value);
    case nic::reg_pool + 4:
      set_high(pool_, value);
      return p_.actions.assign_pool(pf_, pool_ & 0xffff, pool_ >> 16 & 0xffff, pool_ >> 32 & 0xffff);
    case nic::reg_pause_high: p_.flow_control.high = value; return;
    case nic::reg_pause_low: p_.flow_control.low = value; return;
    case nic::reg_pause_time: p_.flow_control.quanta = static_cast<std::uint16_t>(value); return;
    case nic::reg_congestion: p_.flow_control.congestion = value; return;
    case nic::reg_filter_mac: return set_low(filter_mac_, value);
    case nic::reg_filter_mac + 4: return set_high(filter_mac_, value & 0xffff);
    case nic::reg_filter_vlan: filter_vlan_ = value; return;
    case nic::reg_filter_target: filter_target_ = value; return;
    case nic::reg_filter_command: return command_filter(value);
    default: return;
  }
}

std::uint32_t PfRegisters::read_device(std::uint32_t offset) {
  if (offset >= nic::reg_rss_key && offset < key_end) return read_key(offset);
  switch (offset) {
    case nic::reg_event: return events.take();
    case nic::reg_event_vector: return event_vector_;
    case nic::reg_vf_select: return vf_select_;
    case nic::reg_switch:
      return static_cast<std::uint32_t>(p_.fabric.mode()) | static_cast<std::uint32_t>(p_.fabric.sorter().mode()) << 4 |
             p_.fabric.representor_pool() << 16;
    case nic::reg_link: return link_;
    case nic::reg_vf_default: return vf_default_;
    case nic::reg_pause_high: return p_.flow_control.high;
    case nic::reg_pause_low: return p_.flow_control.low;
    case nic::reg_pause_time: return p_.flow_control.quanta;
    case nic::reg_congestion: return p_.flow_control.congestion;
    case nic::reg_filter_mac: return static_cast<std::uint32_t>(filter_mac_);
    case nic::reg_filter_mac + 4: return static_cast<std::uint32_t>(filter_mac_ >> 32);
    case nic::reg_filter_vlan: return filter_vlan_;
    case nic::reg_filter_target: return filter_target_;
    case nic::reg_filter_command: return filter_done_;
    default: return 0;
  }
}

void PfRegisters::write_switch(std::uint32_t value) {
  if ((value & 3) <= static_cast<std::uint32_t>(nic::SwitchMode::representor))
    p_.fabric.set_mode(static_cast<nic::SwitchMode>(value & 3));
  if ((value >> 4 & 3) <= static_cast<std::uint32_t>(nic::SortMode::vlan))
    p_.fabric.sorter().set_mode(static_cast<nic::SortMode>(value >> 4 & 3));
  p_.fabric.set_representor(value >> 16);
}

void PfRegisters::command_filter(std::uint32_t command) {
  L2Sorter& sorter = p_.fabric.sorter();
  std::optional<std::uint16_t> vlan;
  if (!(filter_vlan_ & nic::filter_any_vlan)) vlan = static_cast<std::uint16_t>(filter_vlan_ & twelve_bits);
  filter_done_ = command == nic::filter_remove && sorter.remove_filter({filter_mac_}, vlan);
  if (command != nic::filter_add) return;
  const unsigned vf = filter_target_ & 0xffff;
  const auto function = vf == 0 ? pf_ : p_.actions.function_of(pf_, vf);
  if (!function) return;
  const unsigned pool = filter_target_ & nic::filter_has_pool ? filter_target_ >> 16 & 0x7fff : Destination::no_pool;
  filter_done_ = sorter.add_filter({filter_mac_}, vlan, {*function, pool});
}

void PfRegisters::write_vf(unsigned function, std::uint32_t offset, std::uint32_t value) {
  FunctionPolicy& policy = p_.policies[function];
  if (offset >= nic::vf_window_mailbox_memory && offset < mailbox_end)
    return p_.actions.mailbox(function).write_word(offset - nic::vf_window_mailbox_memory, value);
  switch (offset) {
    case nic::vf_control: return p_.actions.set_control(function, value);
    case nic::vf_mac: return set_low(policy.mac.value, value);
    case nic::vf_mac + 4: return set_high(policy.mac.value, value & 0xffff);
    case nic::vf_vlan:
      if (value & leaves) return p_.fabric.vlans().leave(function, value & twelve_bits);
      p_.fabric.vlans().join(function, value & twelve_bits);
      return;
    case nic::vf_transmit_rate: return p_.transmitter.set_rate(policy, value);
    case nic::vf_transmit_share: return p_.transmitter.set_share(policy, value);
    case nic::vf_receive_rate: return p_.receiver.set_rate(policy, value);
    case nic::vf_interrupt_interval:
      policy.interrupt_ns = value;
      return p_.actions.limit_interrupts(function, Time(value, sc_core::SC_NS));
    case nic::vf_storm_rate: return p_.fabric.set_storm_rate(policy, value);
    case nic::vf_max_frame: policy.max_frame = value; return;
    case nic::vf_multicast:
      if (value & leaves) return p_.fabric.multicast().leave_all(function);
      p_.fabric.multicast().join(function, value & twelve_bits);
      return;
    case nic::vf_window_mailbox:
      if (p_.actions.mailbox(function).write_pf(value).interrupt_vf) p_.actions.interrupt_mailbox(function);
      return;
    default: return;
  }
}

std::uint32_t PfRegisters::read_vf(unsigned function, std::uint32_t offset) {
  const FunctionPolicy& policy = p_.policies[function];
  if (offset >= nic::vf_window_mailbox_memory && offset < mailbox_end)
    return p_.actions.mailbox(function).read_word(offset - nic::vf_window_mailbox_memory);
  switch (offset) {
    case nic::vf_control: return policy.control;
    case nic::vf_mac: return static_cast<std::uint32_t>(policy.mac.value);
    case nic::vf_mac + 4: return static_cast<std::uint32_t>(policy.mac.value >> 32);
    case nic::vf_vlan: return p_.fabric.vlans().count(function);
    case nic::vf_transmit_rate: return policy.transmit_mbps;
    case nic::vf_transmit_share: return policy.share_mbps;
    case nic::vf_receive_rate: return policy.receive_mbps;
    case nic::vf_interrupt_interval: return policy.interrupt_ns;
    case nic::vf_storm_rate: return policy.storm_per_second;
    case nic::vf_max_frame: return policy.max_frame;
    case nic::vf_window_mailbox: return p_.actions.mailbox(function).read_pf();
    default: return 0;
  }
}

void PfRegisters::write_key(std::uint32_t offset, std::uint32_t value) {
  ToeplitzHash::Key key = p_.receiver.hash().key();
  for (unsigned i = 0; i < 4; ++i) key[offset - nic::reg_rss_key + i] = static_cast<std::uint8_t>(value >> (8 * i));
  p_.receiver.hash().set_key(key);
}

std::uint32_t PfRegisters::read_key(std::uint32_t offset) const {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{p_.receiver.hash().key()[offset - nic::reg_rss_key + i]} << (8 * i);
  return value;
}

}  // namespace iov::endpoint
