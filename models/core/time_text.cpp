// SPDX-License-Identifier: Apache-2.0
#include "models/core/time_text.h"

#include <cstdio>

namespace iov {

namespace {

/// count / factor without trailing zeros.
std::string exact_decimal(std::uint64_t count, std::uint64_t factor) {
  std::string text = std::to_string(count / factor), fraction;
  for (std::uint64_t rest = count % factor, step = factor / 10; step > 0 && rest > 0; step /= 10) {
    fraction += static_cast<char>('0' + rest / step);
    rest %= step;
  }
  return fraction.empty() ? text : text + "." + fraction;
}

}  // namespace

std::string exact_text(const Time& time) {
  for (const TimeUnit& unit : time_units)
    if (time.value() >= static_cast<std::uint64_t>(unit.fs)) return exact_text(time, unit);
  return "0 ns";
}

std::string exact_text(const Time& time, const TimeUnit& unit) {
  return exact_decimal(time.value(), static_cast<std::uint64_t>(unit.fs)) + " " + unit.name;
}

std::string rounded_text(double seconds) {
  const TimeUnit* unit = time_units.data();
  while (unit + 1 != time_units.data() + time_units.size() && seconds * 1e15 < unit->fs) ++unit;
  char text[64];
  std::snprintf(text, sizeof text, "%.3g %s", seconds > 0 ? seconds * 1e15 / unit->fs : 0, seconds > 0 ? unit->name : "s");
  return text;
}

}  // namespace iov
