// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/interrupt_ledger.h"

#include <algorithm>

namespace iov {

void InterruptLine::raise(const Time& now) {
  waiting_.push_back({now, InterruptStage::message});
  ++ledger_.raised, ++ledger_.in_;
}

/// Null: it was sent before it was cancelled, and arrived all the same.
InterruptLine::Waiting* InterruptLine::oldest() {
  const auto oldest = std::ranges::find(waiting_, InterruptStage::message, &Waiting::at);
  return oldest == waiting_.end() ? nullptr : &*oldest;
}

void InterruptLine::arrive(InterruptStage to) {
  if (Waiting* const message = oldest()) message->at = to;
}

void InterruptLine::block() {
  Waiting* const message = oldest();
  if (!message) return;
  waiting_.erase(waiting_.begin() + (message - waiting_.data()));
  ++ledger_.blocked, ++ledger_.out_;
}

void InterruptLine::end(InterruptStage at) {
  const auto rest = std::ranges::remove(waiting_, at, &Waiting::at);
  ledger_.out_ += rest.size();
  waiting_.erase(rest.begin(), rest.end());
}

void InterruptLine::cancel() { end(InterruptStage::message); }

void InterruptLine::advance(InterruptStage from, InterruptStage to) {
  for (Waiting& w : waiting_)
    if (w.at == from) w.at = to;
}

void InterruptLine::handled(const Time& now) {
  std::size_t served = 0;
  for (const Waiting& w : waiting_) {
    if (w.at != InterruptStage::in_service) continue;
    ledger_.latency.record(now - w.raised);
    ++served;
  }
  if (served == 0) return;
  ++ledger_.handled;
  ledger_.merged += served - 1;
  end(InterruptStage::in_service);
}

InterruptLine& InterruptLedger::open(RequesterId source, std::uint32_t address, std::uint32_t data) {
  InterruptLine& line = open();
  by_message_.set({address, data, source}, &line);
  return line;
}

InterruptLine* InterruptLedger::find(const InterruptMessage& m) {
  InterruptLine* const* const found = by_message_.find(key(m));
  return found ? *found : nullptr;
}

void InterruptLedger::sent(const InterruptMessage& message) {
  if (InterruptLine* line = find(message)) line->raise(timeline_.now());
}

void InterruptLedger::cancelled(RequesterId source) {
  by_message_.for_each([source](const auto& entry) {
    if (entry.key.source == source) entry.value->cancel();
  });
}

void InterruptLedger::interrupt(const InterruptMessage& message) {
  InterruptMessage followed = message;
  followed.line = find(message);
  remapper_->interrupt(followed);
}

std::string InterruptLedger::unaccounted() const {
  std::uint64_t waits = 0;
  for (const InterruptLine& line : lines_) waits += line.waiting();
  return in_ == out_ + waits ? "" : std::to_string(in_) + " raised, " + std::to_string(out_) + " over, " + std::to_string(waits) + " waiting";
}

std::string InterruptLedger::waiting() const {
  std::size_t waits = 0;
  for (const InterruptLine& line : lines_) waits += line.waiting();
  return waits == 0 ? "" : std::to_string(waits) + " waiting";
}

}  // namespace iov
