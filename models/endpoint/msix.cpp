// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/msix.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace iov::endpoint {

namespace {
std::uint64_t bit(unsigned vector) { return std::uint64_t{1} << vector; }
/// Whether a packet is still on its way from the device (its device TLB included) to the guest: only then is
/// the interrupt what it waits for (a poll may have taken it before).
bool awaits_interrupt(const JourneyRef& ref) {
  const Journey* journey = ref.get();
  if (!journey) return false;
  const Stage s = journey->stage;
  return s == Stage::completion || s == Stage::device || s == Stage::link || s == Stage::translation ||
         s == Stage::memory;
}
}  // namespace

Msix::Vector::Vector(Timeline& timeline, Msix* owner, unsigned n)
    : msix(owner), number(n), timer(timeline, bind<&Vector::expired>(this)) {}

Msix::Msix(Timeline& timeline, MsixSender& sender, unsigned function, unsigned vectors)
    : timeline_(timeline), sender_(sender), function_(function) {
  for (unsigned v = 0; v < std::min(vectors, max_vectors); ++v) vectors_.push_back(std::make_unique<Vector>(timeline, this, v));
}

void Msix::add_to(WorkingSet& set) const {
  set.add_object(*this);
  if (vectors_.empty()) return;
  set.add_object(vectors_.front());
  set.add_object(*vectors_.front());
  vectors_.front()->joined.add_to(set);
}

void Msix::join(unsigned vector, JourneyRef journey) {
  if (vector >= vectors_.size() || !journey) return;
  auto& joined = vectors_[vector]->joined;
  if (joined.size() >= journeys_kept) return;
  Joined& last = joined.extend();
  last.journey = journey, last.when = timeline_.now();
}

void Msix::raise(unsigned vector) {
  if (vector >= vectors_.size()) return;  // software named a vector that does not exist
  causes_ |= bit(vector);
  raised_ |= bit(vector);
  attempt(vector);
  drive_line();
}

void Msix::drive_line() {
  const bool wanted = intx_ && !msix_enable_ && (causes_ & enabled_);
  if (std::exchange(asserted_, wanted) != wanted) sender_.send_intx(function_, wanted);
}

void Msix::attempt(unsigned vector) {
  Vector& v = *vectors_[vector];
  if (!(raised_ & enabled_ & bit(vector)) || (v.entry[3] & 1) || !msix_enable_ || function_mask_) return;
  if (timeline_.now() < v.next_allowed) return v.timer.before(v.next_allowed);
  fire(v);
}

void Msix::fire(Vector& v) {
  raised_ &= ~bit(v.number);
  if (auto_mask_ & bit(v.number)) enabled_ &= ~bit(v.number);
  v.next_allowed = timeline_.now() + std::max(least_interval_, v.throttle);
  const JourneyRef last = stamp(v);
  ++sent_;
  sender_.send_message(function_, std::uint64_t{v.entry[1]} << 32 | v.entry[0], v.entry[2], last);
}

/// What waited for moderation, waited for the interrupt since it joined. What joined in this very instant is
/// still on the link: its stage begins where the message arrives.
JourneyRef Msix::stamp(Vector& v) {
  JourneyRef last;
  while (!v.joined.empty()) {
    const Joined j = v.joined.pop();
    if (!awaits_interrupt(j.journey)) continue;
    if (j.when != timeline_.now()) j.journey.enter(Stage::interrupt, j.when);
    last = j.journey;
  }
  return last;
}

std::uint64_t Msix::take_causes() {
  raised_ = 0;
  const std::uint64_t causes = std::exchange(causes_, 0);
  drive_line();
  return causes;
}

void Msix::enable(std::uint64_t vectors) {
  enabled_ |= vectors;
  attempt_all(raised_ & vectors);
  drive_line();
}

void Msix::attempt_all(std::uint64_t vectors) {
  for (std::uint64_t rest = vectors; rest; rest &= rest - 1) attempt(static_cast<unsigned>(std::countr_zero(rest)));
}

void Msix::set_control(bool enable, bool function_mask, bool intx) {
  msix_enable_ = enable, function_mask_ = function_mask, intx_ = intx;
  drive_line();
  attempt_all(raised_);
}

void Msix::set_throttle(unsigned vector, std::uint32_t ns) {
  if (vector < vectors_.size()) vectors_[vector]->throttle = Time(ns, sc_core::SC_NS);
}

std::uint32_t Msix::throttle(unsigned vector) const {
  return vector < vectors_.size() ? static_cast<std::uint32_t>(to_ps(vectors_[vector]->throttle) / 1000) : 0;
}

std::uint32_t Msix::read_table(std::uint32_t offset) const {
  const std::uint32_t vector = offset / entry_bytes;
  return vector < vectors_.size() ? vectors_[vector]->entry[offset % entry_bytes / 4] : 0;
}

void Msix::write_table(std::uint32_t offset, std::uint32_t dw) {
  const std::uint32_t vector = offset / entry_bytes;
  if (vector >= vectors_.size()) return;
  vectors_[vector]->entry[offset % entry_bytes / 4] = dw;
  attempt(vector);  // unmasked while pending: send (7.7.2.9)
}

std::uint64_t Msix::pending() const {
  std::uint64_t bits = 0;
  for (const auto& v : vectors_)
    if (((v->entry[3] & 1) || function_mask_) && (raised_ & bit(v->number))) bits |= bit(v->number);
  return bits;
}

void Msix::reset() {
  causes_ = raised_ = enabled_ = auto_mask_ = 0;
  drive_line();
  for (const auto& v : vectors_) {
    v->throttle = Time();
    v->next_allowed = Time();
    v->joined.clear();
    v->timer.cancel();
  }
}

void Msix::reset_table() {
  for (const auto& v : vectors_) v->entry = reset_entry;
}

}  // namespace iov::endpoint
