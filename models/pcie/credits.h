// SPDX-License-Identifier: Apache-2.0
/// Credits -- a transmitter's account of one class of the far end's receive buffer. A mechanism: it is
/// told the time, returns on their way back are folded in when somebody asks.
///
/// Spec    PCIe Base 5.0 2.6.1: a header unit per TLP, a data unit per 16 B of payload; 0 advertised: infinite.
#pragma once
#include <cstdint>

#include "models/core/ring.h"
#include "models/core/units.h"
#include "models/protocol/tlp.h"

namespace iov::pcie {

constexpr const char* class_name(FcClass fc) {
  return fc == FcClass::posted ? "posted" : fc == FcClass::non_posted ? "non_posted" : "completion";
}
constexpr std::uint32_t data_units(std::uint32_t payload_bytes) { return (payload_bytes + 15) / 16; }

struct CreditReturn {  ///< of one TLP
  Time when;
  std::int64_t data = 0;
};

class Credits {
 public:
  void advertise(unsigned headers, unsigned data) {
    advertised_headers_ = headers_ = headers;
    advertised_data_ = data_ = data;
  }
  bool finite() const { return advertised_headers_ || advertised_data_; }
  /// As far as what came back was counted, which is done when it is needed: by afford().
  bool enough(std::int64_t units, std::int64_t tlps = 1) const {
    return (headers_ >= tlps || !advertised_headers_) && (data_ >= units || !advertised_data_);
  }
  bool afford(std::int64_t units, const Time& now, std::int64_t tlps = 1) {
    if (enough(units, tlps)) return true;
    if (returns_.empty()) return false;
    fold(now);
    return enough(units, tlps);
  }
  void consume(std::int64_t units, std::int64_t tlps = 1) {
    headers_ -= tlps;
    data_ -= units;
  }
  /// `when` never decreases: the way back takes the same time for all. What is infinite is not given back.
  void give_back(std::int64_t units, const Time& when, const Time& now) {
    if (when <= now && returns_.empty())
      headers_ += 1, data_ += units;
    else
      returns_.push({when, units});
  }
  /// All of the buffer is free but what the receiver holds.
  void restart(std::int64_t held_headers, std::int64_t held_data) {
    headers_ = advertised_headers_ - held_headers;
    data_ = advertised_data_ - held_data;
    while (!returns_.empty()) returns_.pop();
  }
  bool returning() const { return !returns_.empty(); }
  const Time& next_return() const { return returns_.front().when; }

  std::int64_t advertised_headers() const { return advertised_headers_; }
  std::int64_t advertised_data() const { return advertised_data_; }
  /// Available or on the way back.
  std::int64_t home_headers() const { return headers_ + static_cast<std::int64_t>(returns_.size()); }
  std::int64_t home_data() const {
    std::int64_t home = data_;
    for (std::size_t i = 0; i < returns_.size(); ++i) home += returns_[i].data;
    return home;
  }

 private:
  void fold(const Time& now) {
    while (!returns_.empty() && returns_.front().when <= now) {
      headers_ += 1;
      data_ += returns_.front().data;
      returns_.pop();
    }
  }
  // not side by side: two that change together would be computed as a vector, which is longer
  std::int64_t headers_ = 0, advertised_headers_ = 0;
  std::int64_t data_ = 0, advertised_data_ = 0;
  Ring<CreditReturn> returns_;
};

}  // namespace iov::pcie
