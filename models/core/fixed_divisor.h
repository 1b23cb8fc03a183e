// SPDX-License-Identifier: Apache-2.0
/// FixedDivisor -- division by a number that stays the same: multiplications instead of a division.
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
  /// Of a number and a divisor below 2^32, where that is all that is wanted (Lemire et al., "Faster remainder by direct computation",
  /// 2019): what the product with 1 / divisor has behind the point, times the divisor.
  std::uint64_t rest(std::uint32_t number) const {
    return static_cast<std::uint64_t>(Wide{(reciprocal_ + 1) * number} * divisor_ >> 64);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  std::uint64_t divisor_, reciprocal_;
};

}  // namespace iov
