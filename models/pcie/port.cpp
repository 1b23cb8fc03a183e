// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/port.h"

namespace iov::pcie {

namespace {
constexpr std::array<FcClass, fc_classes> classes{FcClass::posted, FcClass::non_posted, FcClass::completion};
std::string joined(FcClass fc, const char* stat) {
  std::string text(class_name(fc));
  return text.append("_").append(stat);
}
}  // namespace

Port::Lane::Lane(FcClass fc)
    : tlps(joined(fc, "tlps").c_str(), "1", "TLPs put on the wire"),
      payload_bytes(joined(fc, "payload_bytes").c_str(), "B", "payload put on the wire"),
      wire_bytes(joined(fc, "wire_bytes").c_str(), "B", "headers, payload and framing put on the wire"),
      credit_stall(joined(fc, "credit_stall").c_str(), "time in which the oldest TLP of the class waited for credits") {}

Port::Port(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, std::uint64_t seed)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      limits_(params.limits()),
      wire_times_(params),
      credit_return_(dllp_latency(params)),
      lanes_{Lane(classes[0]), Lane(classes[1]), Lane(classes[2])} {
  tx.bind(*this);
  rx.bind(*this);
  for (const FcClass fc : classes) {
    lane(fc).returns_headers = params.receive.headers(fc) != 0;
    lane(fc).returns = lane(fc).returns_headers || params.receive.data(fc) != 0;
  }
  if (params.bit_error_rate > 0)
    replay_ = std::make_unique<Replay>(timeline_, params_, wire_times_, seed, this->name(), bind<&Port::deliver>(this),
                                       bind<&Port::room_for_replay>(this), bind<&Port::link_error>(this));
}

void Port::connect(Port& partner) {
  const Params& other = partner.params_;
  if (partner_ || partner.partner_) throw SimError(timeline_.now(), name(), "is already connected");
  if (params_.generation != other.generation || params_.width != other.width)
    throw SimError(timeline_.now(), name(), std::string("generation and width differ from those of ") + partner.name());
  if (params_.max_payload != other.max_payload)
    throw SimError(timeline_.now(), name(), std::string("max_payload differs from that of ") + partner.name());
  partner_ = &partner;
  partner.partner_ = this;
  tx.bind(partner.rx);
  partner.tx.bind(rx);
  back_wanted_ = partner.waiting_ > 0, partner.back_wanted_ = waiting_ > 0;
  for (const FcClass fc : classes) {
    lane(fc).credits.advertise(other.receive.headers(fc), other.receive.data(fc));
    partner.lane(fc).credits.advertise(params_.receive.headers(fc), params_.receive.data(fc));
  }
}

// Sockets are bound only when the simulation starts: what was sent before goes now.
void Port::start_of_simulation() {
  started_ = true;
  direct_ = up_ && !replay_;
  pump(no_order);
}

void Port::send(Tlp&& tlp) {
  const FcClass fc = tlp.fc();
  Lane& mine = lane(fc);
  if (waiting_ == 0 && direct_ && affords(mine, fc, data_units(tlp.payload())))
    transmit(mine, {&tlp, 1});
  else
    enqueue(mine, std::move(tlp));
}

bool Port::clear_for(FcClass fc, std::uint32_t tlps, std::uint32_t payload_bytes) {
  if (waiting_ != 0 || !direct_ || tlps > most_together) return false;
  return affords(lane(fc), fc, data_units(payload_bytes) + tlps, tlps);  // each may begin a unit
}

void Port::send_together(std::span<Tlp> tlps) {
  if (tlps.size() > most_together || !direct_) return TlpPort::send_together(tlps);
  transmit(lane(tlps.front().fc()), tlps);
}

Time Port::sent_all_but(std::uint32_t bytes) const {
  const Time all = replay_ ? replay_->all_sent_at() : wire_free_, rest = wire_times_.of_part(bytes);
  return all > rest ? all - rest : Time();
}

void Port::enqueue(Lane& to, Tlp&& tlp) {
  if (!up_) return lose(tlp);
  to.queue.push({std::move(tlp), ++order_});
  set_waiting(waiting_ + 1);
  if (started_) pump(to.queue.size() == 1 ? order_ : no_order);  // behind others it belongs to their backlog
  queued_.set(waiting_, timeline_.now());
}

[[gnu::always_inline]] inline void Port::hand_over(LinkTransfer& transfer, Time delay) {
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  tx->nb_transport_fw(transfer, phase, delay);
}

/// TLPs for which there are credits, one behind the other. With bit errors one at a time.
void Port::transmit(Lane& from, std::span<Tlp> tlps) {
  LinkTransfer transfer{tlps.front().fc(), static_cast<std::uint32_t>(tlps.size()), 0, tlps, {}, {}};
  std::array<const Time*, most_together> gaps;
  std::uint32_t payload_bytes = 0, wire_bytes = transfer.headers * wire_times_.framing();
  Time busy;
  for (std::size_t i = 0; i < tlps.size(); ++i) {
    const std::uint32_t payload = tlps[i].payload(), bytes = tlps[i].header() + payload;
    transfer.data += data_units(payload);
    payload_bytes += payload;
    wire_bytes += bytes;
    gaps[i] = &wire_times_.of(bytes);
    busy += *gaps[i];
  }
  from.credits.consume(transfer.data, transfer.headers);
  from.tlps += transfer.headers;
  from.payload_bytes += payload_bytes;
  from.wire_bytes += wire_bytes;
  wire_busy_.add(busy);
  if (replay_) return replay_->send(std::move(tlps.front()));
  const Time now = timeline_.now(), start = std::max(wire_free_, now);
  wire_free_ = start + busy;
  transfer.gaps = gaps.data();
  hand_over(transfer, start + *gaps[0] - now + params_.propagation);
}

void Port::deliver(Tlp& tlp) {
  LinkTransfer transfer{tlp.fc(), 1, data_units(tlp.payload()), {&tlp, 1}, {}, {}};
  hand_over(transfer, {});
}

// Sends whatever may go, oldest first. `newest` is the TLP just queued, if any: it alone does not
// make a backlog.
void Port::pump(std::uint64_t newest) {
  while (waiting_ > 0 && may_transmit()) {
    Lane* next = next_to_send();
    if (!next) break;
    transmit_queued(*next, newest);
  }
  if (waiting_ > 0) wait_for_credits();
  if (drained_) credit_.before(timeline_.now());
}

Port::Lane* Port::next_to_send() {
  Lane* best = nullptr;
  for (const FcClass fc : classes) {
    Lane& candidate = lane(fc);
    if (candidate.queue.empty()) continue;
    const Queued& head = candidate.queue.front();
    if (best && best->queue.front().order < head.order) continue;
    if (!ordered_to_go(lanes_, candidate)) continue;
    if (affords(candidate, fc, data_units(head.tlp.payload()))) best = &candidate;
  }
  return best;
}

void Port::transmit_queued(Lane& from, std::uint64_t newest) {
  Queued& head = from.queue.front();
  if (head.order <= from.last_order) ++order_breaks_;
  from.last_order = head.order;
  if (from.stalled) {
    from.stalled = false;
    from.credit_stall.add(timeline_.now() - from.stalled_since);
  }
  transmit(from, {&head.tlp, 1});
  const bool waited = head.order != newest;
  from.queue.pop();
  set_waiting(waiting_ - 1);
  if (!waited) return;
  if (from.queue.empty()) drained_ = true;
  if (on_posted_left_ && &from == &lane(FcClass::posted)) on_posted_left_();
}

void Port::wait_for_credits() {
  const Time now = timeline_.now();
  for (const FcClass fc : classes) {
    Lane& blocked = lane(fc);
    if (blocked.queue.empty()) continue;
    if (affords(blocked, fc, data_units(blocked.queue.front().tlp.payload()))) continue;  // waits for order
    if (!blocked.stalled) blocked.stalled = true, blocked.stalled_since = now;
    if (blocked.credits.returning()) credit_.before(blocked.credits.next_return());
  }
}

void Port::credits_arrived() {
  pump(no_order);
  queued_.set(waiting_, timeline_.now());
  if (!drained_) return;
  drained_ = false;
  credit_.cancel();
  if (waiting_ > 0) wait_for_credits();
  if (on_drained_) on_drained_();
}

namespace {
/// To where no bytes are. Most TLPs have none.
[[gnu::always_inline]] inline void move_tlp(Tlp& from, Tlp& to) {
  static_cast<TlpHeader&>(to) = from;
  if (from.data) to.data = std::move(from.data);
}
}  // namespace

tlm::tlm_sync_enum Port::nb_transport_fw(LinkTransfer& transfer, tlm::tlm_phase&, Time& delay) {
  const Time first = timeline_.now() + delay;
  if (first < last_arrival_) ++order_breaks_;
  Lane& buffer = lane(transfer.fc);
  buffer.held_headers += transfer.headers;
  buffer.held_data += transfer.data;
  Time when = first;
  const std::span<Tlp> tlps = transfer.tlps;
  const Time* const* const gaps = transfer.gaps;
  for (std::size_t i = 0; i < tlps.size(); ++i) {
    if (i > 0) when += *gaps[i];
    Arrival& arrival = arrivals_.extend();
    move_tlp(tlps[i], arrival.tlp);
    arrival.when = when;
  }
  last_arrival_ = when;
  if (!arrive_.scheduled()) arrive_.at(first);
  foresee(arrivals_[arrivals_.size() - 1].tlp.requester);
  return tlm::TLM_ACCEPTED;
}

void Port::tlp_arrived() {
  const Time now = timeline_.now();
  while (++arrived_ < arrivals_.size()) {
    const Time& next = arrivals_[arrived_].when;
    if (next <= now) continue;
    arrive_.at(next);
    break;
  }
  if (on_arrival_) on_arrival_();
}

std::size_t Port::take(Tlp& tlp) {
  const std::size_t there = arrived_;
  if (there == 0) return 0;
  if (tlp.data) tlp.data = ByteBuffer();  // it would stay in the ring
  arrived_ = there - 1;
  move_tlp(arrivals_.front().tlp, tlp);
  arrivals_.pop();
  return there;
}

void Port::release_at(FcClass fc, std::uint32_t payload_bytes, const Time& when) {
  Lane& buffer = lane(fc);
  const std::uint32_t data = data_units(payload_bytes);
  buffer.held_headers -= 1;
  buffer.held_data -= data;
  if (data > 0 ? !buffer.returns : !buffer.returns_headers) return;
  if (back_wanted_) [[unlikely]]
    return give_back_at_once(fc, {when + credit_return_, data});
  buffer.back.push({when + credit_return_, data});
}

void Port::give_back_at_once(FcClass fc, const CreditReturn& credits) {
  lane(fc).back.push(credits);
  give_back(fc);
}

void Port::give_back(FcClass fc) {
  Ring<CreditReturn>& back = lane(fc).back;
  if (back.empty()) return;
  LinkTransfer transfer{fc, 0, 0, {}, {}, &back};
  tlm::tlm_phase phase = tlm::END_REQ;
  Time delay = back[back.size() - 1].when - timeline_.now();
  rx->nb_transport_bw(transfer, phase, delay);
}

bool Port::ask_for_credits(Lane& mine, FcClass fc, std::int64_t units, std::int64_t tlps) {
  asking_ = true;
  if (partner_) partner_->give_back(fc);
  asking_ = false;
  return mine.credits.afford(units, timeline_.now(), tlps);
}

tlm::tlm_sync_enum Port::nb_transport_bw(LinkTransfer& transfer, tlm::tlm_phase&, Time& delay) {
  Lane& sender = lane(transfer.fc);
  const Time now = timeline_.now();
  for (Ring<CreditReturn>& back = *transfer.back; !back.empty(); back.pop())
    sender.credits.give_back(back.front().data, back.front().when, now);
  if (!asking_ && !sender.queue.empty()) credit_.before(now + delay);
  return tlm::TLM_COMPLETED;
}

void Port::b_transport(LinkTransfer&, Time&) {
  throw SimError(timeline_.now(), name(), "a link has no blocking transport");
}

}  // namespace iov::pcie
