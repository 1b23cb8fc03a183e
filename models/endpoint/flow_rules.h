// SPDX-License-Identifier: Apache-2.0
/// FlowRules -- a small table of rules that send the frames of chosen flows to a chosen queue, or drop them, before the
/// filters are asked. A mechanism: the first rule that matches counts.
///
/// Spec    models/protocol/nic_policy.h; Intel 82599 datasheet 7.1.2.7 (flow director, perfect match).
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/protocol/frame.h"
#include "models/protocol/nic_policy.h"

namespace iov::endpoint {

struct FlowRule {
  std::uint32_t match = 0;  ///< nic::FlowField bits
  MacAddress mac;
  std::uint32_t vlan = 0, source_ip = 0, destination_ip = 0, ports = 0, protocol = 0, action = 0;

  bool matches(const FrameHeader& h) const {
    const auto differs = [this](std::uint32_t field, bool equal) { return (match & field) != 0 && !equal; };
    return (match & nic::flow_valid) != 0 && !differs(nic::flow_mac, h.destination == mac) &&
           !differs(nic::flow_vlan, h.tagged() && h.vlan_id() == vlan) &&
           !differs(nic::flow_source_ip, h.source_ip == source_ip) &&
           !differs(nic::flow_destination_ip, h.destination_ip == destination_ip) &&
           !differs(nic::flow_source_port, h.source_port() == (ports & 0xffff)) &&
           !differs(nic::flow_destination_port, h.destination_port() == ports >> 16) &&
           !differs(nic::flow_protocol, h.protocol == protocol);
  }
  bool drops() const { return action & nic::flow_drop; }
  unsigned vf() const { return action >> 16 & 0x7fff; }
  unsigned queue() const { return action & 0xffff; }
};

class FlowRules {
 public:
  explicit FlowRules(std::size_t capacity) : rules_(capacity) {}
  std::size_t capacity() const { return rules_.size(); }
  void clear() {
    std::fill(rules_.begin(), rules_.end(), FlowRule{});
    used_ = 0;
  }
  const FlowRule* find(const FrameHeader& h) const {
    for (std::size_t i = 0; i < used_; ++i)
      if (rules_[i].matches(h)) return &rules_[i];
    return nullptr;
  }
  std::uint32_t read(std::size_t index, std::uint32_t reg) const {
    if (index >= rules_.size()) return 0;
    const FlowRule& r = rules_[index];
    if (reg == nic::reg_flow_mac) return static_cast<std::uint32_t>(r.mac.value);
    if (reg == nic::reg_flow_mac + 4) return static_cast<std::uint32_t>(r.mac.value >> 32);
    const std::uint32_t* const field = field_of(r, reg);
    return field ? *field : 0;
  }
  [[gnu::noinline]] void write(std::size_t index, std::uint32_t reg, std::uint32_t value) {  // software's slow path
    if (index >= rules_.size()) return;
    FlowRule& r = rules_[index];
    if (reg == nic::reg_flow_mac) r.mac.value = (r.mac.value >> 32 << 32) | value;
    if (reg == nic::reg_flow_mac + 4) r.mac.value = (r.mac.value & 0xffff'ffff) | std::uint64_t{value & 0xffff} << 32;
    if (std::uint32_t* const field = field_of(r, reg)) *field = value;
    for (used_ = rules_.size(); used_ > 0 && !(rules_[used_ - 1].match & nic::flow_valid);) --used_;
  }

 private:
  template <class Rule>  // const or not
  static auto field_of(Rule& rule, std::uint32_t reg) -> decltype(&rule.match) {
    switch (reg) {
      case nic::reg_flow_match: return &rule.match;
      case nic::reg_flow_vlan: return &rule.vlan;
      case nic::reg_flow_source_ip: return &rule.source_ip;
      case nic::reg_flow_destination_ip: return &rule.destination_ip;
      case nic::reg_flow_ports: return &rule.ports;
      case nic::reg_flow_protocol: return &rule.protocol;
      case nic::reg_flow_action: return &rule.action;
      default: return nullptr;
    }
  }
  std::vector<FlowRule> rules_;
  std::size_t used_ = 0;  ///< up to the last one in force
};

}  // namespace iov::endpoint
