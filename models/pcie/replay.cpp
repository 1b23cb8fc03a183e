// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/replay.h"

#include <algorithm>

namespace iov::pcie {

namespace {
constexpr unsigned replays_before_retraining = 4;  // REPLAY_NUM is 2 bits and rolls over (3.6.2.1)
}

Replay::Replay(Timeline& timeline, const LinkParams& params, const WireTimes& wire_times, std::uint64_t seed,
               const char* stream, Delegate<void(Tlp&)> deliver, Delegate<void()> room, Delegate<void(config::PcieError)> error)
    : timeline_(timeline),
      wire_times_(wire_times),
      propagation_(params.propagation),
      answer_time_(dllp_latency(params)),
      acknowledge_time_(symbol_time(params) * ack_limit(params)),
      timeout_(params.replay_timeout),
      retrain_time_(params.retrain_time),
      dllp_bytes_(row(params).dllp),
      bits_between_errors_(1 / params.bit_error_rate),
      random_(seed, stream),
      bits_to_error_(random_.exponential(bits_between_errors_)),
      deliver_(deliver),
      room_(room),
      error_(error) {}

// Errors are independent of each other: the bits from one to the next are exponentially distributed.
bool Replay::damages(std::uint32_t bytes) {
  bits_to_error_ -= 8.0 * bytes;
  if (bits_to_error_ > 0) return false;
  while (bits_to_error_ <= 0) bits_to_error_ += random_.exponential(bits_between_errors_);
  return true;
}

void Replay::send(Tlp&& tlp) {
  Entry& entry = buffer_.extend();
  entry.bytes = tlp.header() + tlp.payload();
  entry.tlp = std::move(tlp);
  if (wire_.scheduled()) return;
  if (wire_free_ <= timeline_.now()) return wire_free();
  wire_.at(wire_free_);
}

void Replay::wire_free() {
  if (next_ == first_ + buffer_.size()) return;
  const Entry& entry = buffer_[next_ - first_];
  const Time& busy = wire_times_.of(entry.bytes);
  if (next_ < newest_) {
    ++replayed;
    replay_time.add(busy);
  } else {
    newest_ = next_ + 1;
  }
  wire_free_ = timeline_.now() + busy;
  const bool damaged = damages(entry.bytes + wire_times_.framing());
  if (damaged) ++corrupted;
  flights_.push({wire_free_ + propagation_, next_, damaged});
  arrive_.before(flights_.front().when);
  if (!timer_.scheduled()) timer_.at(wire_free_ + timeout_);  // from the last symbol of the oldest one
  ++next_;
  wire_.at(wire_free_);
}

Time Replay::all_sent_at() const {
  Time when = std::max(wire_free_, timeline_.now());
  for (std::size_t i = next_ - first_; i < buffer_.size(); ++i) when += wire_times_.of(buffer_[i].bytes);
  return when;
}

void Replay::arrived() {
  const Flight flight = flights_.front();
  flights_.pop();
  if (!flights_.empty()) arrive_.at(flights_.front().when);
  if (flight.damaged) error_(config::PcieError::bad_tlp);
  if (flight.damaged || flight.sequence > expected_) return ask_again();
  if (flight.sequence == expected_) return accept(flight.sequence);
  ++duplicates;  // its Ack was lost: say it again (3.6.3.1)
  acknowledge_.before(timeline_.now() + acknowledge_time_);
}

void Replay::accept(std::uint64_t sequence) {
  nak_scheduled_ = false;
  ++expected_;
  acknowledge_.before(timeline_.now() + acknowledge_time_);
  Entry& entry = buffer_[sequence - first_];
  // The entry keeps the header, for a replay that the far end will discard.
  Tlp delivered;
  static_cast<TlpHeader&>(delivered) = entry.tlp;
  delivered.data = std::move(entry.tlp.data);
  deliver_(delivered);
}

// One Nak until the TLP it asks for has come (NAK_SCHEDULED, 3.6.3.1).
void Replay::ask_again() {
  if (nak_scheduled_) return;
  nak_scheduled_ = true;
  ++naks;
  acknowledge_.cancel();  // a Nak acknowledges what was good
  answer(true);
}

void Replay::answer(bool nak) {
  const bool damaged = damages(dllp_bytes_);
  if (damaged) ++lost_acknowledges;
  answers_.push({timeline_.now() + answer_time_, expected_, nak, damaged});
  answer_.before(answers_.front().when);
}

void Replay::answered() {
  const Acknowledge answer = answers_.front();
  answers_.pop();
  if (!answers_.empty()) answer_.at(answers_.front().when);
  if (answer.damaged) return error_(config::PcieError::bad_dllp);
  const bool full = !has_room();
  if (answer.below > first_) forget(answer.below);
  if (answer.nak) replay();
  if (full && has_room()) room_();
}

void Replay::forget(std::uint64_t below) {
  for (; first_ < below; ++first_) buffer_.pop();
  next_ = std::max(next_, first_);
  replays_in_a_row_ = 0;
  if (first_ == newest_)
    timer_.cancel();
  else
    timer_.at(timeline_.now() + timeout_);
}

void Replay::timed_out() {
  ++timeouts;
  error_(config::PcieError::replay_timeout);
  replay();
}

void Replay::replay() {
  timer_.cancel();  // starts again with the first TLP on the wire
  if (first_ == newest_) return;
  ++replays;
  next_ = first_;
  wire_free_ = std::max(wire_free_, timeline_.now());
  if (++replays_in_a_row_ == replays_before_retraining) {
    replays_in_a_row_ = 0;
    ++retrains;
    error_(config::PcieError::replay_rollover);
    wire_free_ += retrain_time_;
  }
  wire_.at(wire_free_);
}

void Replay::abandon(Delegate<void(const Tlp&)> lost) {
  for_undelivered([&](const Tlp& tlp) { lost(tlp); });
  for (Event* event : {&wire_, &timer_, &arrive_, &acknowledge_, &answer_}) event->cancel();
  for (; !buffer_.empty(); buffer_.pop()) buffer_.front().tlp = Tlp();
  while (!flights_.empty()) flights_.pop();
  while (!answers_.empty()) answers_.pop();
  first_ = next_ = newest_ = expected_ = 0;
  replays_in_a_row_ = 0;
  nak_scheduled_ = false;
  wire_free_ = timeline_.now();
}

}  // namespace iov::pcie
