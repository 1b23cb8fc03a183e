// SPDX-License-Identifier: Apache-2.0
/// Arrival, routing, refusal.
#include "models/pcie/switch.h"

namespace iov::pcie {

Switch::Switch(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, unsigned first_slot)
    : sc_module(name), timeline_(timeline), params_(params), first_slot_(first_slot) {}

unsigned Switch::add_port(Port& link, unsigned weight) {
  const auto number = static_cast<unsigned>(ports_.size());
  if (number > 32) throw SimError(timeline_.now(), name(), "the bus inside a switch has place for 32 downstream ports");
  SwitchPort& added = ports_.emplace_back(*this, link, number, weight);
  for (SwitchPort& port : ports_) {
    port.from.resize(ports_.size());
    port.budget.resize(ports_.size(), 0);
  }
  link.on_arrival(bind<&SwitchPort::arrived>(&added));
  link.on_drained(bind<&SwitchPort::serve>(&added));
  link.on_link(bind<&SwitchPort::link_changed>(&added));
  link.on_error(bind<&SwitchPort::link_error>(&added));
  return number;
}

void Switch::arrive(SwitchPort& in) {
  for (Tlp tlp; in.link.take(tlp);) {
    ++taken_;
    inside.set(++inside_, timeline_.now());
    if (SwitchPort* own = in.number == upstream ? addressed(tlp) : nullptr) {
      config_request(in, *own, tlp);
      continue;
    }
    const unsigned to = route(in, tlp);
    if (to == nowhere) {
      log(in, refusal_.error, &tlp);
      refuse(in, tlp, true);
      continue;
    }
    SwitchPort& out = ports_[to];
    const Time ready = ready_at(in, out, tlp);
    enqueue(in, out, std::move(tlp), ready, true);
  }
}

/// Port that leads to what the TLP names: by address, or by the ID of a requester or destination.
unsigned Switch::target_of(const Tlp& tlp) const {
  switch (tlp.type) {
    case TlpType::memory_read:
    case TlpType::memory_write: return routes_.port_of(Hpa(tlp.address));
    case TlpType::completion:
    case TlpType::completion_data: return routes_.port_of(tlp.requester);
    default: break;
  }
  // Messages to the root complex are routed implicitly or carry its ID, which is below no port.
  return tlp.completer.value == 0 ? nowhere : routes_.port_of(tlp.completer);
}

/// @returns the egress, or nowhere with refusal_ set
unsigned Switch::route(SwitchPort& in, Tlp& tlp) {
  using config::PcieError;
  refusal_ = {CompletionStatus::unsupported_request, PcieError::unsupported_request, &unsupported_requests};
  if (tlp.fc() == FcClass::completion)
    refusal_ = {CompletionStatus::unsupported_request, PcieError::unexpected_completion, &unexpected_completions};
  unsigned target = tlp.type == TlpType::config_read || tlp.type == TlpType::config_write ? route_config(in, tlp) : target_of(tlp);
  if (in.number != upstream) {
    if (!acs_accepts(in.acs, tlp, in.bridge.secondary(), in.bridge.subordinate())) {
      refusal_ = {CompletionStatus::abort, PcieError::acs_violation, &acs_violations};
      return nowhere;
    }
    target = target == nowhere ? upstream : route_request(in, tlp, target);
  }
  return target != nowhere && ports_[target].link.up() ? target : nowhere;
}

/// From a downstream port to what lies below one.
unsigned Switch::route_request(const SwitchPort& in, const Tlp& tlp, unsigned target) {
  AcsVerdict verdict;
  if (target == in.number) {  // back where it came from: only what was redirected below may do so
    if (!in.acs.on(PCI_ACS_UF)) return nowhere;
    verdict = AcsVerdict::redirect;
  } else {
    verdict = tlp.fc() == FcClass::completion ? acs_completion(in.acs, tlp.relaxed_ordering)
                                              : acs_request(in.acs, tlp.at, target);
  }
  if (verdict == AcsVerdict::violation) {
    refusal_ = {CompletionStatus::abort, config::PcieError::acs_violation, &acs_violations};
    return nowhere;
  }
  if (verdict == AcsVerdict::redirect) {
    ++redirected;
    return upstream;
  }
  if (tlp.fc() != FcClass::completion) ++peer_to_peer;
  return target;
}

// The arrival event is that of the last byte; the header was here as much earlier as the payload takes on the wire.
Time Switch::ready_at(const SwitchPort& in, const SwitchPort& out, const Tlp& tlp) const {
  const Time now = timeline_.now();
  const Time whole = in.link.wire_time(tlp);
  if (params_.forwarding == Forwarding::store_and_forward || out.link.wire_time(tlp) < whole) return now + params_.latency;
  return std::max(now, now - (whole - in.link.wire_time_of(tlp.header())) + params_.latency);
}

void Switch::enqueue(SwitchPort& in, SwitchPort& out, Tlp&& tlp, const Time& ready, bool holds) {
  Lane& lane = out.from[in.number][static_cast<std::size_t>(tlp.fc())];
  const Time not_before = lane.queue.empty() ? ready : std::max(ready, lane.queue[lane.queue.size() - 1].ready);
  lane.queue.push({std::move(tlp), ++order_, not_before, holds});
  out.serve_event.before(std::max(not_before, out.link.wire_free()));
}

/// A TLP that leads nowhere: requests that wait for an answer get one, the rest is dropped.
void Switch::refuse(SwitchPort& in, Tlp& tlp, bool holds) {
  ++*refusal_.counter;
  discard(in, tlp, holds);
  if (tlp.fc() != FcClass::non_posted) return ++dropped;
  answer(in, tlp, in.bridge.id(), refusal_.status);
}

/// It goes no further.
void Switch::discard(SwitchPort& in, const Tlp& tlp, bool holds) {
  if (holds) in.link.release(tlp.fc(), tlp.payload());
  ++discarded_;
  inside.set(--inside_, timeline_.now());
}

/// A TLP of the switch itself.
void Switch::make(SwitchPort& in, SwitchPort& out, Tlp&& tlp) {
  ++made_;
  inside.set(++inside_, timeline_.now());
  enqueue(in, out, std::move(tlp), timeline_.now() + params_.latency, false);
}

void Switch::answer(SwitchPort& in, const Tlp& request, RequesterId completer, CompletionStatus status) {
  Tlp tlp;
  tlp.type = TlpType::completion;
  tlp.status = status;
  tlp.requester = request.requester;
  tlp.completer = completer;
  tlp.tag = request.tag;
  tlp.byte_count = request.length;
  tlp.address = request.address;
  tlp.journey = request.journey;
  make(in, in, std::move(tlp));
}

}  // namespace iov::pcie
