// SPDX-License-Identifier: Apache-2.0
#include "models/core/fixed_divisor.h"

#include <catch2/catch.hpp>
#include <random>

using namespace iov;

TEST_CASE("a fixed divisor gives the quotient and the rest of every number") {
  std::mt19937_64 random(1);
  for (unsigned i = 0; i < 100'000; ++i) {
    const std::uint64_t divisor = std::max<std::uint64_t>(1, random() >> random() % 64), number = random() >> random() % 64;
    const auto [quotient, rest] = FixedDivisor(divisor).divide(number);
    REQUIRE(quotient == number / divisor);
    REQUIRE(rest == number % divisor);
  }
  constexpr std::uint64_t most = ~std::uint64_t{0};
  for (const std::uint64_t divisor : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, most / 2 + 1, most - 1, most})
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, divisor - 1, divisor, most - 1, most}) {
      CHECK(FixedDivisor(divisor).divide(number).quotient == number / divisor);
      CHECK(FixedDivisor(divisor).divide(number).rest == number % divisor);
    }
}
