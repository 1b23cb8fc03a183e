// SPDX-License-Identifier: Apache-2.0
#include "models/core/journey.h"

namespace iov {

void JourneyLog::add_slot() { free_.push_back(&slots_.emplace_back()); }

JourneyRef JourneyLog::begin(Stage first, const Time& now) {
  if (free_.empty()) add_slot();
  Journey* journey = free_.back();
  free_.pop_back();
  journey->spent = {};
  journey->born = journey->since = now;
  journey->stage = first;
  ++journey->generation;
  ++open_;
  return {journey, journey->generation};
}

Time JourneyLog::finish(JourneyRef ref, const Time& now, bool count) {
  if (!ref) return {};
  Journey& journey = *ref.journey_;
  journey.enter(journey.stage, now);
  const Time total = journey.total();
  if (count) {
#pragma GCC unroll 18
    for (std::size_t s = 0; s < stage_count; ++s) spent_[s] += journey.spent[s];
    total_ += total;
    ++finished_;
  }
  ++journey.generation;
  --open_;
  free_.push_back(&journey);
  return total;
}

void JourneyLog::reset() {
  spent_.fill(sc_core::SC_ZERO_TIME);
  total_ = {};
  finished_ = 0;
}

}  // namespace iov
