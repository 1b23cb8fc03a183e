// SPDX-License-Identifier: Apache-2.0
/// Arbitration and departure; links that go down; what must hold.
#include "models/pcie/switch.h"

namespace iov::pcie {

// One TLP at a time: the next is chosen when the wire is free, so that whoever comes meanwhile takes part.
void Switch::serve(SwitchPort& out) {
  const Time now = timeline_.now();
  if (out.link.wire_free() > now) return out.serve_event.before(out.link.wire_free());
  unsigned ingress = 0;
  while (Lane* lane = arbitrate(out, ingress)) {
    leave(out, ingress, *lane);
    if (out.link.wire_free() > now) break;
  }
  const Time free = std::max(now, out.link.wire_free());
  for (const Path& path : out.from)
    for (const Lane& lane : path) {
      if (lane.queue.empty()) continue;
      const Time next = std::max(lane.queue.front().ready, free);
      if (next > now) out.serve_event.before(next);  // else it waits for credits or order: on_drained
    }
}

/// In turn, each ingress at most `weight` times a round.
Switch::Lane* Switch::arbitrate(SwitchPort& out, unsigned& ingress) {
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      const auto n = static_cast<unsigned>((out.turn + i) % ports_.size());
      if (out.budget[n] == 0) continue;
      if (Lane* lane = eligible(out, out.from[n])) {
        --out.budget[n];
        out.turn = (n + 1) % static_cast<unsigned>(ports_.size());
        ingress = n;
        return lane;
      }
    }
    for (const SwitchPort& port : ports_) out.budget[port.number] = port.weight;  // a new round
  }
  return nullptr;
}

/// The oldest TLP of a path that has come through, may go by order and finds its class free at the egress.
Switch::Lane* Switch::eligible(SwitchPort& out, Path& path) {
  Lane* best = nullptr;
  for (std::size_t c = 0; c < fc_classes; ++c) {
    Lane& lane = path[c];
    if (lane.queue.empty() || lane.queue.front().ready > timeline_.now()) continue;
    if (best && best->queue.front().order < lane.queue.front().order) continue;
    if (out.link.backlog(static_cast<FcClass>(c)) == 0 && ordered_to_go(path, lane)) best = &lane;
  }
  return best;
}

void Switch::leave(SwitchPort& out, unsigned ingress, Lane& lane) {
  Waiting& head = lane.queue.front();
  if (head.order <= lane.last_order) ++order_breaks_;
  lane.last_order = head.order;
  const FcClass fc = head.tlp.fc();
  const std::uint32_t payload = head.tlp.payload();
  const bool holds = head.holds;
  out.link.send(std::move(head.tlp));
  lane.queue.pop();
  ++sent_;
  ++forwarded;
  inside.set(--inside_, timeline_.now());
  if (holds) ports_[ingress].link.release(fc, payload);
}

void Switch::link_changed(SwitchPort& port, bool up) {
  if (port.number != upstream && port.bridge.link_changed(up, port.link.present())) interrupt(port);
  if (up) return;
  flush(port, port.number != upstream);
  if (port.number != upstream) return;
  routes_.clear();
  for (SwitchPort& each : ports_) {  // a reset from above goes all the way down (6.6.1)
    flush(each, false);
    each.bridge.config().reset(config::Reset::hot);
    each.acs = {};
    if (each.number == upstream) continue;
    if (!each.link.up()) static_cast<void>(each.bridge.link_changed(false, each.link.present()));
    each.link.hot_reset();
  }
}

/// Takes away what waits for an egress. @param answer  requests that wait for a completion get UR (2.9.1)
void Switch::flush(SwitchPort& out, bool answer) {
  out.serve_event.cancel();
  for (std::size_t n = 0; n < out.from.size(); ++n)
    for (Lane& lane : out.from[n])
      for (; !lane.queue.empty(); lane.queue.pop()) {
        Waiting head = std::move(lane.queue.front());
        if (out.number == upstream && head.tlp.fc() == FcClass::posted) lost_posted_data_ += data_units(head.tlp.payload());
        if (answer && n != out.number) {
          refusal_ = {CompletionStatus::unsupported_request, config::PcieError::unsupported_request, &unsupported_requests};
          refuse(ports_[n], head.tlp, head.holds);
          continue;
        }
        discard(ports_[n], head.tlp, head.holds);
        ++dropped;
      }
}

std::string Switch::check_conservation() const {
  std::uint64_t here = 0;
  for (const SwitchPort& out : ports_)
    for (const Path& path : out.from)
      for (const Lane& lane : path) here += lane.queue.size();
  if (here == inside_ && taken_ + made_ == sent_ + discarded_ + here) return {};
  return std::to_string(taken_) + " taken, " + std::to_string(made_) + " made, " + std::to_string(sent_) + " sent, " +
         std::to_string(discarded_) + " discarded, " + std::to_string(here) + " inside";
}

std::string Switch::check_buffers() const {
  for (const SwitchPort& in : ports_)
    for (std::size_t c = 0; c < fc_classes; ++c) {
      std::int64_t holding = 0;
      for (const SwitchPort& out : ports_) {
        const Ring<Waiting>& queue = out.from[in.number][c].queue;
        for (std::size_t i = 0; i < queue.size(); ++i) holding += queue[i].holds;
      }
      const std::int64_t taken = in.link.taken(static_cast<FcClass>(c));
      if (holding != taken)
        return std::string(in.link.name()) + ": " + std::to_string(taken) + " " + class_name(static_cast<FcClass>(c)) +
               " TLPs not released, " + std::to_string(holding) + " inside";
    }
  return {};
}

}  // namespace iov::pcie
