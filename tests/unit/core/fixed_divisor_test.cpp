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

TEST_CASE("the rest of numbers and divisors of 32 bits is exact, too") {
  std::mt19937_64 random(2);
  constexpr std::uint32_t most = ~std::uint32_t{0};
  for (unsigned i = 0; i < 200'000; ++i) {
    const auto divisor = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, random() >> (32 + random() % 32)));
    const auto number = static_cast<std::uint32_t>(random() >> (32 + random() % 32));
    REQUIRE(FixedDivisor(divisor).rest(number) == number % divisor);
  }
  for (const std::uint32_t divisor : {1u, 2u, 3u, most / 2 + 1, most - 1, most})
    for (const std::uint32_t number : {0u, 1u, divisor - 1, divisor, most - 1, most}) CHECK(FixedDivisor(divisor).rest(number) == number % divisor);
}
