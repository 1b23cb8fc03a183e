// SPDX-License-Identifier: Apache-2.0
/// Random streams. Each user of chance has its own, seeded from the run's seed and its own name, so
/// that adding one does not change what the others draw. Boost's distributions, because the
/// standard's are not the same on every library.
#pragma once
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <cstdint>
#include <string_view>

namespace iov {

class Random {
 public:
  Random(std::uint64_t seed, std::string_view stream) : engine_(mix(seed, stream)) {}
  /// Uniform in [0, n); n > 0.
  std::uint64_t below(std::uint64_t n) {
    return boost::random::uniform_int_distribution<std::uint64_t>(0, n - 1)(engine_);
  }
  double unit() { return boost::random::uniform_real_distribution<double>(0, 1)(engine_); }
  /// Exponential with the given mean, in the mean's unit.
  double exponential(double mean) {
    return boost::random::exponential_distribution<double>(1.0 / mean)(engine_);
  }

 private:
  static std::uint64_t mix(std::uint64_t seed, std::string_view stream) {
    std::uint64_t h = 0xcbf29ce484222325ull ^ (seed * 0x9e3779b97f4a7c15ull);  // FNV-1a
    for (const char c : stream) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    return h;
  }
  boost::random::mt19937_64 engine_;
};

}  // namespace iov
