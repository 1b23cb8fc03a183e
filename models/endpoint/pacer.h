// SPDX-License-Identifier: Apache-2.0
/// Pacer -- a token bucket as one time: when the bucket would be full again. A mechanism that knows when the next item
/// conforms, so that whoever waits books that time instead of polling.
///
/// Spec    ITU-T I.371 annex A (generic cell rate algorithm, virtual scheduling).
/// Units   of the owner: bytes or frames; per second
#pragma once
#include <algorithm>

#include "models/core/units.h"

namespace iov::endpoint {

class Pacer {
 public:
  /// @param per_second  0: no limit, everything conforms; @param burst  units that may be ahead of the rate
  void set(double per_second, std::uint64_t burst) {
    rate_ = {per_second};
    burst_ = active() ? rate_.time_for(burst) : Time();
    full_at_ = Time();
  }
  bool active() const { return rate_.bytes_per_second > 0; }
  /// From when on the next item conforms.
  Time earliest() const { return full_at_ > burst_ ? full_at_ - burst_ : Time(); }
  bool conforms(const Time& now) const { return !active() || now + burst_ >= full_at_; }
  /// An item goes now, whether it conforms or not.
  void charge(const Time& now, std::uint64_t units) {
    if (active()) full_at_ = std::max(full_at_, now) + rate_.time_for(units);
  }
  bool take(const Time& now, std::uint64_t units) {  ///< charges it if it conforms
    if (!conforms(now)) return false;
    charge(now, units);
    return true;
  }

 private:
  Bandwidth rate_;
  Time full_at_, burst_;
};

}  // namespace iov::endpoint
