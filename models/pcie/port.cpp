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
      credit_stall(joined(fc, "credit_stall").c_str(), "time in which the oldest TLP of the class waited for credits") {
  note.type = fc == FcClass::posted       ? TlpType::memory_write
              : fc == FcClass::completion ? TlpType::completion_data
                                          : TlpType::memory_read;
}

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
  for (const FcClass fc : classes) lane(fc).returns = params.receive.headers(fc) != 0 || params.receive.data(fc) != 0;
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
  Lane& mine = lane(tlp.fc());
  const std::uint32_t payload = tlp.payload();
  const Time now = timeline_.now();
  if (waiting_ == 0 && direct_ && mine.credits.afford(data_units(payload), now))
    transmit(mine, tlp, payload, now);
  else
    enqueue(mine, std::move(tlp));
}

void Port::enqueue(Lane& to, Tlp&& tlp) {
  if (!up_) return lose(tlp);
  to.queue.push({std::move(tlp), ++order_});
  ++waiting_;
  if (started_) pump(order_);
  queued_.set(waiting_, timeline_.now());
}

inline void Port::transmit(Lane& from, Tlp& tlp, std::uint32_t payload, const Time& now) {
  const std::uint32_t bytes = tlp.header() + payload;
  const Time& busy = wire_times_.of(bytes);
  from.credits.consume(data_units(payload));
  ++from.tlps;
  from.payload_bytes += payload;
  from.wire_bytes += bytes + wire_times_.framing();
  wire_busy_.add(busy);
  if (replay_) return replay_->send(std::move(tlp));
  wire_free_ = std::max(wire_free_, now) + busy;
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  Time delay = wire_free_ - now + params_.propagation;
  tx->nb_transport_fw(tlp, phase, delay);
}

void Port::deliver(Tlp& tlp) {
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  Time delay;
  tx->nb_transport_fw(tlp, phase, delay);
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
  for (Lane& candidate : lanes_) {
    if (candidate.queue.empty()) continue;
    const Queued& head = candidate.queue.front();
    if (best && best->queue.front().order < head.order) continue;
    if (!ordered_to_go(lanes_, candidate)) continue;
    if (candidate.credits.afford(data_units(head.tlp.payload()), timeline_.now())) best = &candidate;
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
  transmit(from, head.tlp, head.tlp.payload(), timeline_.now());
  const bool waited = head.order != newest;
  from.queue.pop();
  --waiting_;
  if (waited && from.queue.empty()) drained_ = true;
}

void Port::wait_for_credits() {
  const Time now = timeline_.now();
  for (Lane& blocked : lanes_) {
    if (blocked.queue.empty()) continue;
    if (blocked.credits.afford(data_units(blocked.queue.front().tlp.payload()), now)) continue;  // waits for order
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

tlm::tlm_sync_enum Port::nb_transport_fw(Tlp& tlp, tlm::tlm_phase&, Time& delay) {
  const Time when = timeline_.now() + delay;
  if (when < last_arrival_) ++order_breaks_;
  last_arrival_ = when;
  Lane& buffer = lane(tlp.fc());
  buffer.held_headers += 1;
  buffer.held_data += data_units(tlp.payload());
  Arrival& arrival = arrivals_.extend();
  arrival.tlp = std::move(tlp);
  arrival.when = when;
  if (!arrive_.scheduled()) arrive_.at(when);
  return tlm::TLM_ACCEPTED;
}

void Port::tlp_arrived() {
  const Time now = timeline_.now();
  while (arrived_ < arrivals_.size() && arrivals_[arrived_].when <= now) ++arrived_;
  if (arrived_ < arrivals_.size()) arrive_.at(arrivals_[arrived_].when);
  if (on_arrival_) on_arrival_();
}

Tlp Port::take() {
  if (arrived_ == 0) throw SimError(timeline_.now(), name(), "take() from an empty receive buffer");
  --arrived_;
  Tlp tlp = std::move(arrivals_.front().tlp);
  arrivals_.pop();
  return tlp;
}

void Port::release_at(FcClass fc, std::uint32_t payload_bytes, const Time& when) {
  Lane& buffer = lane(fc);
  buffer.held_headers -= 1;
  buffer.held_data -= data_units(payload_bytes);
  if (!buffer.returns) return;
  if (fc == FcClass::non_posted) buffer.note.type = payload_bytes ? TlpType::config_write : TlpType::memory_read;
  buffer.note.length = payload_bytes;
  tlm::tlm_phase phase = tlm::END_REQ;
  Time delay = when - timeline_.now() + credit_return_;
  rx->nb_transport_bw(buffer.note, phase, delay);
}

tlm::tlm_sync_enum Port::nb_transport_bw(Tlp& note, tlm::tlm_phase&, Time& delay) {
  Lane& sender = lane(note.fc());
  const Time when = timeline_.now() + delay;
  sender.credits.give_back(data_units(note.payload()), when);
  if (!sender.queue.empty()) credit_.before(when);
  return tlm::TLM_COMPLETED;
}

void Port::b_transport(Tlp&, Time&) {
  throw SimError(timeline_.now(), name(), "a link has no blocking transport");
}

}  // namespace iov::pcie
