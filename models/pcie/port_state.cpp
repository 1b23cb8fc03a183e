// SPDX-License-Identifier: Apache-2.0
/// The state of the link, and what must hold of the credits and queues whatever it is.
#include "models/pcie/port.h"

namespace iov::pcie {

void Port::link_down() {
  const bool surprise = up_;
  if (partner_) present_ = partner_->present_ = false;
  take_down();
  if (!surprise) return;
  for (Port* end : {this, partner_}) end->link_error(config::PcieError::surprise_down);
}

void Port::link_error(config::PcieError error) {
  const Port& witness = error == config::PcieError::bad_tlp ? *partner_ : *this;
  if (witness.on_error_) witness.on_error_(error);
}

void Port::take_down() {
  if (!partner_) throw SimError(timeline_.now(), name(), "is not connected");
  for (Port* end : {this, partner_}) end->trained_.cancel();
  if (!up_) return;
  const std::array<Port*, 2> ends{this, partner_};
  for (Port* end : ends) end->go_down();
  for (Port* end : ends) end->restore_credits();
  for (Port* end : ends)
    if (end->on_link_) end->on_link_(false);
}

void Port::link_up() {
  if (up_) return;
  for (Port* end : {this, partner_}) {
    end->trained_.cancel();
    end->up_ = end->present_ = true;
    end->direct_ = end->started_ && !end->replay_;
  }
  for (Port* end : {this, partner_})
    if (end->on_link_) end->on_link_(true);
}

void Port::hot_reset() {
  if (!up_) return;
  take_down();
  trained_.at(timeline_.now() + params_.training_time);
}

void Port::go_down() {
  const Time now = timeline_.now();
  up_ = direct_ = false;
  std::size_t posted = lane(FcClass::posted).queue.size();
  for (Lane& mine : lanes_) {
    if (mine.stalled) mine.credit_stall.add(now - mine.stalled_since);
    mine.stalled = false;
    for (; !mine.queue.empty(); mine.queue.pop()) lose(mine.queue.front().tlp), mine.queue.front().tlp = Tlp();
  }
  drained_ = waiting_ > 0;
  set_waiting(0);
  queued_.set(0, now);
  credit_.cancel();
  if (drained_) credit_.at(now);
  if (replay_) replay_->abandon(bind<&Port::lose>(this));
  wire_free_ = last_arrival_ = now;
  for (; !arrivals_.empty(); arrivals_.pop()) {  // the partner sent them
    Tlp& tlp = arrivals_.front().tlp;
    lane(tlp.fc()).held_headers -= 1;
    lane(tlp.fc()).held_data -= data_units(tlp.payload());
    partner_->lose(tlp);
    tlp = Tlp();
  }
  arrived_ = 0;
  arrive_.cancel();
  for (; posted > 0 && on_posted_left_; --posted) on_posted_left_();
}

void Port::lose(const Tlp& tlp) {
  ++lost_;
  if (tlp.fc() == FcClass::posted) lost_posted_data_ += data_units(tlp.payload());
}

// Flow control starts anew; what the receiver took and still works on keeps its buffer.
void Port::restore_credits() {
  for (std::size_t c = 0; c < fc_classes; ++c) {
    Lane& buffer = partner_->lanes_[c];
    while (!buffer.back.empty()) buffer.back.pop();
    lanes_[c].credits.restart(buffer.held_headers, buffer.held_data);
  }
}

std::string Port::check_credits() const {
  for (std::size_t c = 0; partner_ && c < fc_classes; ++c) {
    const Credits& credits = lanes_[c].credits;
    const Lane& buffer = partner_->lanes_[c];
    std::int64_t headers = buffer.held_headers, data = buffer.held_data;
    headers += static_cast<std::int64_t>(buffer.back.size());
    for (std::size_t i = 0; i < buffer.back.size(); ++i) data += buffer.back[i].data;
    if (replay_)
      replay_->for_undelivered([&](const Tlp& tlp) {
        if (static_cast<std::size_t>(tlp.fc()) == c) headers += 1, data += data_units(tlp.payload());
      });
    const auto wrong = [](std::int64_t advertised, std::int64_t home, std::int64_t held) {
      return advertised && (held < 0 || home > advertised || home + held != advertised);
    };
    if (buffer.held_headers < 0 || buffer.held_data < 0 ||
        wrong(credits.advertised_headers(), credits.home_headers(), headers) ||
        wrong(credits.advertised_data(), credits.home_data(), data))
      return std::string(class_name(static_cast<FcClass>(c))) + ": " + std::to_string(credits.home_headers()) +
             " headers and " + std::to_string(credits.home_data()) + " data units here, " + std::to_string(headers) +
             " and " + std::to_string(data) + " held by the receiver, of " + std::to_string(credits.advertised_headers()) +
             " and " + std::to_string(credits.advertised_data());
  }
  return {};
}

std::int64_t Port::taken(FcClass fc) const {
  std::int64_t taken = lane(fc).held_headers;
  for (std::size_t i = 0; i < arrivals_.size(); ++i) taken -= arrivals_[i].tlp.fc() == fc;
  return taken;
}

std::string Port::check_at_rest() const {
  if (waiting_ == 0 && arrivals_.empty() && (!replay_ || replay_->at_rest())) return {};
  return std::to_string(waiting_) + " TLPs queued, " + std::to_string(arrivals_.size()) + " on the wire or untaken" +
         (replay_ && !replay_->at_rest() ? ", some unacknowledged" : "");
}

}  // namespace iov::pcie
