// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/interrupt_ledger.h"

namespace iov {

void InterruptLine::raise(const Time& now) {
  at(InterruptStage::message).push_back(now);
  ++ledger_.raised, ++ledger_.in_;
}

bool InterruptLine::take_oldest(Time& raised) {
  auto& messages = at(InterruptStage::message);
  if (messages.empty()) return false;  // sent before it was cancelled, and arrived all the same
  raised = messages.front();
  messages.erase(messages.begin());
  return true;
}

void InterruptLine::arrive(InterruptStage to) {
  if (Time raised; take_oldest(raised)) at(to).push_back(raised);
}

void InterruptLine::block() {
  if (Time raised; take_oldest(raised)) ++ledger_.blocked, ++ledger_.out_;
}

void InterruptLine::cancel() {
  ledger_.out_ += at(InterruptStage::message).size();
  at(InterruptStage::message).clear();
}

void InterruptLine::advance(InterruptStage from, InterruptStage to) {
  at(to).insert(at(to).end(), at(from).begin(), at(from).end());
  at(from).clear();
}

void InterruptLine::handled(const Time& now) {
  auto& served = at(InterruptStage::in_service);
  if (served.empty()) return;
  for (const Time& raised : served) ledger_.latency.record(now - raised);
  ++ledger_.handled;
  ledger_.merged += served.size() - 1;
  ledger_.out_ += served.size();
  served.clear();
}

std::size_t InterruptLine::waiting() const {
  std::size_t sum = 0;
  for (const auto& stage : waiting_) sum += stage.size();
  return sum;
}

InterruptLine& InterruptLedger::open(RequesterId source, std::uint32_t address, std::uint32_t data) {
  InterruptLine& line = open();
  by_message_[{address, data, source}] = &line;
  return line;
}

InterruptLine* InterruptLedger::find(const InterruptMessage& m) {
  const auto found = by_message_.find({m.address, m.data, m.requester});
  return found == by_message_.end() ? nullptr : found->second;
}

void InterruptLedger::sent(const InterruptMessage& message) {
  if (InterruptLine* line = find(message)) line->raise(timeline_.now());
}

void InterruptLedger::cancelled(RequesterId source) {
  for (auto& [key, line] : by_message_)
    if (key.source == source) line->cancel();
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
