// SPDX-License-Identifier: Apache-2.0
/// Quantities. Time is always sc_core::sc_time, at a resolution of 1 fs (set_time_resolution), so
/// that rates such as Gen3's 128/130 code accumulate no visible error and results are exact to 1 ps.
#pragma once
#include <cmath>
#include <compare>
#include <cstdint>
#include <systemc>

namespace iov {

using Time = sc_core::sc_time;

/// Once per process, before any object with a time in it is made.
inline void set_time_resolution() { sc_core::sc_set_time_resolution(1, sc_core::SC_FS); }

/// Femtoseconds: the integer behind a Time at our resolution.
inline Time from_fs(double fs) {
  return Time::from_value(static_cast<std::uint64_t>(std::llround(fs)));
}
inline double to_ns(const Time& t) { return static_cast<double>(t.value()) * 1e-6; }
inline std::uint64_t to_ps(const Time& t) { return t.value() / 1000; }

struct Bytes {
  std::uint64_t count = 0;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
};

struct Bandwidth {  ///< bytes per second
  double bytes_per_second = 0;
  Time time_for(std::uint64_t bytes) const {
    return from_fs(static_cast<double>(bytes) * 1e15 / bytes_per_second);
  }
  friend constexpr auto operator<=>(Bandwidth, Bandwidth) = default;
};

struct Frequency {  ///< hertz
  double hertz = 0;
  Time time_for(double cycles) const { return from_fs(cycles * 1e15 / hertz); }
  double cycles(const Time& t) const { return static_cast<double>(t.value()) * 1e-15 * hertz; }
  friend constexpr auto operator<=>(Frequency, Frequency) = default;
};

inline namespace literals {
inline Time operator""_us(unsigned long long n) { return {static_cast<double>(n), sc_core::SC_US}; }
inline Time operator""_ns(unsigned long long n) { return {static_cast<double>(n), sc_core::SC_NS}; }
inline Time operator""_ns(long double n) { return {static_cast<double>(n), sc_core::SC_NS}; }
inline Time operator""_ps(unsigned long long n) { return {static_cast<double>(n), sc_core::SC_PS}; }
constexpr Bytes operator""_B(unsigned long long n) { return {n}; }
constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
}  // namespace literals

}  // namespace iov
