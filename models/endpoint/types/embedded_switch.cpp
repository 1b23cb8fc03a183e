// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/embedded_switch.h"

namespace iov::endpoint {

EmbeddedSwitch::EmbeddedSwitch(const sc_core::sc_module_name& name, const SwitchParams& params,
                               const NicServices& services)
    : sc_module(name),
      params_(params),
      s_(services),
      sorter_(params.filters),
      rules_(params.flow_rules),
      vlans_(params.vlans) {}

void EmbeddedSwitch::set_promiscuous(unsigned function, bool on) {
  std::erase(promiscuous_, Destination{function});
  if (on) promiscuous_.push_back({function});
}

void EmbeddedSwitch::set_storm_rate(FunctionPolicy& policy, std::uint32_t frames_per_second) {
  policy.storm_per_second = frames_per_second;
  const auto burst = static_cast<std::uint64_t>(frames_per_second * params_.storm_window.to_seconds());
  for (Pacer* pacer : {&policy.storm_sent, &policy.storm_received}) pacer->set(frames_per_second, burst);
}

void EmbeddedSwitch::lose(const Frame& frame, unsigned function, DropReason reason, bool sole) {
  ++s_.table.dropped(function, reason);
  if (sole) s_.packets.dropped(frame.header.id, reason);
}

void EmbeddedSwitch::ingress(Frame&& frame) {
  if (const FlowRule* rule = rules_.find(frame.header)) [[unlikely]]
    return obey(*rule, std::move(frame));
  if (frame.header.destination.multicast()) [[unlikely]]
    return replicate(std::move(frame));
  const Destination* const where = sorter_.unicast(frame.header);
  if (!where) [[unlikely]]
    return give_to_promiscuous(std::move(frame));
  give(std::move(frame), {*where});
}

void EmbeddedSwitch::obey(const FlowRule& rule, Frame&& frame) {
  const unsigned target = rule.vf() == 0 ? 0 : s_.pfs + rule.vf() - 1;  // VFs of the first PF
  if (rule.drops()) return lose(frame, target, DropReason::flow_rule, true);
  give(std::move(frame), {{target}, rule.queue()});
}

void EmbeddedSwitch::give_to_promiscuous(Frame&& frame) {
  takers_ = promiscuous_;
  give_to_takers(std::move(frame));
}

/// Whether a function with a running queue gets a copy of a broadcast or multicast frame.
bool EmbeddedSwitch::wants(Destination who, const FrameHeader& h) {
  FunctionPolicy& policy = s_.policies[who.function];
  const bool accepts =
      h.destination.broadcast()
          ? policy.has(nic::vf_accept_broadcast)
          : policy.has(nic::vf_accept_multicast) || multicast_.contains(who.function, multicast_hash(h.destination));
  if (!accepts || !receiving_.listens(who)) return false;
  if (policy.storm_received.take(s_.timeline.now(), 1)) return true;
  ++s_.table.dropped(who.function, DropReason::storm);
  s_.interrupts.event(who.function, nic::PfEvent::storm);
  return false;
}

/// Beyond the device a frame may come back to the function that sent it: that one gets no copy.
void EmbeddedSwitch::find_takers(const FrameHeader& h, std::optional<Destination> from) {
  takers_.clear();
  const bool may_return = mode_ != nic::SwitchMode::veb;
  for (const Destination& d : sorter_.subscribers()) {
    if (d == from || (may_return && !s_.physical(d.function) && sorter_.owns(d, h, h.source))) continue;
    if (wants(d, h)) takers_.push_back(d);
  }
}

void EmbeddedSwitch::copy_to_takers(const Frame& frame, std::size_t takers) {
  for (std::size_t i = 0; i < takers; ++i) {
    Frame copy;
    copy.header = frame.header;
    copy.bytes = frame.bytes;
    if (frame.data) copy.data = pool_.copy(frame.data.bytes());
    ++copies_;
    give(std::move(copy), {takers_[i], Arrival::any_queue, false});
  }
}

void EmbeddedSwitch::replicate(Frame&& frame) {
  find_takers(frame.header, std::nullopt);
  give_to_takers(std::move(frame));
}

/// One copy for each taker; the last one gets the original and its journey.
void EmbeddedSwitch::give_to_takers(Frame&& frame) {
  if (takers_.empty()) return lose(frame, 0, DropReason::no_filter_match, true);
  copy_to_takers(frame, takers_.size() - 1);
  give(std::move(frame), {takers_.back(), Arrival::any_queue, takers_.size() == 1});
}

/// The journey stays with the wire.
void EmbeddedSwitch::copy_locally(const Frame& frame, Destination self) {
  if (mode_ == nic::SwitchMode::vepa || !frame.header.destination.multicast()) return;
  find_takers(frame.header, self);
  copy_to_takers(frame, takers_.size());
}

[[gnu::always_inline]] inline void EmbeddedSwitch::give(Frame&& frame, const Arrival& arrival) {
  const FunctionPolicy& policy = s_.policies[arrival.to.function];
  if (!policy.has(nic::vf_receive_enable)) [[unlikely]]
    return lose(frame, arrival.to.function, DropReason::function_stopped, arrival.sole);
  if (policy.has(nic::vf_check_membership) && frame.header.tagged() &&
      !vlans_.contains(arrival.to.function, frame.header.vlan_id())) [[unlikely]]
    return lose(frame, arrival.to.function, DropReason::no_filter_match, arrival.sole);
  receiving_.store(std::move(frame), arrival);
}

/// Why a VF's frame may not leave.
std::optional<DropReason> EmbeddedSwitch::refusal(const Frame& frame, Destination self) {
  FunctionPolicy& policy = s_.policies[self.function];
  const FrameHeader& h = frame.header;
  if (!policy.has(nic::vf_transmit_enable)) return DropReason::function_stopped;
  if (policy.max_frame != 0 && frame.bytes > policy.max_frame) return DropReason::malformed;
  const bool bad_mac = policy.has(nic::vf_check_mac) && h.source != policy.mac && !sorter_.owns(self, h, h.source);
  const bool bad_vlan = policy.has(nic::vf_check_vlan) && h.tagged() && !vlans_.contains(self.function, h.vlan_id());
  if (bad_mac || bad_vlan) {
    ++spoofed_;
    s_.interrupts.event(self.function, bad_mac ? nic::PfEvent::mac_spoof : nic::PfEvent::vlan_spoof);
    return DropReason::spoofed;
  }
  if (!h.destination.multicast() || policy.storm_sent.take(s_.timeline.now(), 1)) return std::nullopt;
  s_.interrupts.event(self.function, nic::PfEvent::storm);
  return DropReason::storm;
}

EmbeddedSwitch::Route EmbeddedSwitch::egress(const Frame& frame, Destination self) {
  const bool vf = !s_.physical(self.function);
  if (vf)
    if (const auto reason = refusal(frame, self)) return {Way::refused, {}, *reason};
  if (mode_ == nic::SwitchMode::vepa) return {};
  const bool inspected = vf && mode_ == nic::SwitchMode::representor;
  if (frame.header.destination.multicast()) return inspected ? Route{Way::local, representor_} : Route{};
  const auto local = sorter_.match(frame.header);
  if (!local || *local == self) return {};
  return {Way::local, inspected ? representor_ : *local};
}

void EmbeddedSwitch::deliver(Frame&& frame, Destination from, Destination to) {
  const bool from_vf = !s_.physical(from.function);
  if (from_vf && !s_.physical(to.function)) ++vf2vf_local_;
  if (from_vf && mode_ == nic::SwitchMode::representor) ++to_representor_;
  give(std::move(frame), {to});
}

}  // namespace iov::endpoint
