// SPDX-License-Identifier: Apache-2.0
/// FixedDivisor -- division by a number that stays the same: a multiplication instead of a division.
#pragma once
#include <cstdint>

namespace iov {

class FixedDivisor {
 public:
  /// @param divisor  not 0, unless nothing is ever divided
  explicit FixedDivisor(std::uint64_t divisor) : divisor_(divisor), reciprocal_(divisor ? ~std::uint64_t{0} / divisor : 0) {}

  struct Result {
    std::uint64_t quotient, rest;
  };
  /// Exact: the reciprocal is too small by less than 2^-64, so the quotient is right or one too small.
  Result divide(std::uint64_t number) const {
    const auto quotient = static_cast<std::uint64_t>(Wide{number} * reciprocal_ >> 64);
    const std::uint64_t rest = number - quotient * divisor_;
    const bool low = rest >= divisor_;
    return {quotient + low, low ? rest - divisor_ : rest};
  }

 private:
  __extension__ using Wide = unsigned __int128;
  std::uint64_t divisor_, reciprocal_;
};

}  // namespace iov
