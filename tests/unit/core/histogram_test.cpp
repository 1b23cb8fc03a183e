// SPDX-License-Identifier: Apache-2.0
#include "models/core/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "models/core/random.h"

using namespace iov;

namespace {
Time ps(std::uint64_t n) { return Time(static_cast<double>(n), sc_core::SC_PS); }
}  // namespace

TEST_CASE("an empty histogram has no samples and no quantiles") {
  const Histogram h;
  CHECK(h.count() == 0);
  CHECK(h.quantile_ns(0.5) == 0);
  CHECK(h.buckets().empty());
}

TEST_CASE("count, extremes and mean are exact, whichever end grows first") {
  Histogram h;
  for (const std::uint64_t sample : {1'000'000u, 50u, 7'000'000u, 0u}) h.record(ps(sample));
  CHECK(h.count() == 4);
  CHECK(h.min_ns() == 0);
  CHECK(h.max_ns() == 7000);
  CHECK(h.mean_ns() == Approx(8'000'050e-3 / 4));
  CHECK(h.buckets().size() == 4);
  CHECK(h.buckets().front().count == 1);
}

TEST_CASE("every quantile is within 1/64 of the sample at its rank") {
  Histogram h;
  Random random(1, "histogram");
  std::vector<double> samples;
  for (int i = 0; i < 5000; ++i) {
    const auto sample = static_cast<std::uint64_t>(random.exponential(3e6) + 1);
    samples.push_back(static_cast<double>(sample) * 1e-3);
    h.record(ps(sample));
  }
  std::sort(samples.begin(), samples.end());
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * 5000));
    CHECK(h.quantile_ns(share) == Approx(samples[rank - 1]).epsilon(1.0 / 64));
  }
  std::uint64_t sum = 0;
  for (const auto& bucket : h.buckets()) sum += bucket.count;
  CHECK(sum == 5000);
}

TEST_CASE("a cleared histogram starts anew") {
  Histogram h;
  h.record(ps(5'000'000));
  h.clear();
  CHECK(h.count() == 0);
  CHECK(h.max_ns() == 0);
  h.record(ps(70));
  CHECK(h.quantile_ns(1) == Approx(0.07));
  CHECK(h.buckets().size() == 1);
}
