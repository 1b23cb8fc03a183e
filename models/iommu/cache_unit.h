// SPDX-License-Identifier: Apache-2.0
/// CacheUnit -- the time and the statistics of one cache: a lookup pipeline (a reservation) and counts.
/// What is in the cache is the business of SetAssoc and its users.
#pragma once
#include <algorithm>
#include <systemc>

#include "models/core/stat.h"
#include "models/iommu/params.h"

namespace iov::iommu {

class CacheUnit : public sc_core::sc_module {
 public:
  CacheUnit(const sc_core::sc_module_name& name, const CacheParams& p, const Frequency& clock)
      : sc_module(name), latency_(p.hit_latency), interval_(clock.time_for(1 / p.lookups_per_cycle)) {}
  /// Takes the next lookup slot at or after `start`; @returns when the answer is there.
  Time look_up(const Time& start, bool hit) {
    ++lookups, hit ? ++hits : ++misses;
    free_at_ = std::max(free_at_, start) + interval_;
    return free_at_ - interval_ + latency_;
  }
  Counter lookups{"lookups", "1", "lookups"};
  Counter hits{"hits", "1", "lookups that found an entry"};
  Counter misses{"misses", "1", "lookups that found none"};
  Counter evictions{"evictions", "1", "entries that made room for others"};
  Counter invalidated{"invalidated", "1", "entries removed by invalidations"};

 private:
  Time latency_, interval_, free_at_;
};

}  // namespace iov::iommu
