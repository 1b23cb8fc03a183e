// SPDX-License-Identifier: Apache-2.0
// Accounts of a core: where each picosecond went.
#include <algorithm>

#include "models/host/core.h"

namespace iov::host {

/// The part before work begins.
void Core::settle_switch(const Time& now) {
  if (settled_ < awake_at_) {
    const Time until = std::min(now, awake_at_);
    idle_total_ += until - settled_;
    settled_ = until;
  }
  if (settled_ < work_begin_ && settled_ < now) {
    const Time until = std::min(now, work_begin_);
    spent_[static_cast<std::size_t>(switch_context_)][static_cast<std::size_t>(Work::world_switch)] += until - settled_;
    settled_ = until;
  }
}

/// The part of what runs that was owed.
inline void Core::settle_owed(Strand& strand, const Time& now) {
  auto& spent = spent_[static_cast<std::size_t>(strand.context_)];
  const unsigned count = strand.owed_count_;
  Time settled = settled_;
  unsigned done = 0;
  for (; done < count; ++done) {
    Strand::Owed& owed = strand.owed_[done];
    const Time part = std::min(owed.cost, now - settled);
    spent[static_cast<std::size_t>(owed.work)] += part;
    settled += part, owed.cost -= part;
    if (owed.cost > Time()) break;
  }
  settled_ = settled;
  strand.owed_count_ = static_cast<std::uint8_t>(count - done);
  if (strand.owed_count_ > 0) std::copy_n(strand.owed_.begin() + done, strand.owed_count_, strand.owed_.begin());
}

void Core::settle_since(const Time& now) {
  if (settled_ < work_begin_ || settled_ < awake_at_) [[unlikely]] {
    settle_switch(now);
    if (settled_ >= now) return;
  }
  if (running_) {
    if (thread_level(*running_)) thread_of(*running_)->run_time_ += now - settled_;
    if (running_->owed_count_ > 0) settle_owed(*running_, now);
    spent_[static_cast<std::size_t>(running_->context_)][static_cast<std::size_t>(running_->work_)] += now - settled_;
  } else {
    idle_total_ += now - settled_;
  }
  settled_ = now;
}

Time Core::spent(Context c) const {
  Time sum;
  for (const Time& t : spent_[static_cast<std::size_t>(c)]) sum += t;
  return sum;
}

Time Core::busy() const {
  Time sum;
  for (std::size_t c = 0; c < context_count; ++c) sum += spent(static_cast<Context>(c));
  return sum;
}

void Core::reset_accounts() {
  settle();
  for (auto& row : spent_) row.fill(sc_core::SC_ZERO_TIME);
  idle_total_ = {};
  since_ = settled_;
}

std::string Core::sums() const {
  const Time accounted = busy() + idle_total_;
  const Time elapsed = settled_ - since_;
  return accounted == elapsed ? std::string() : exact_text(accounted) + " of " + exact_text(elapsed);
}

}  // namespace iov::host
