// SPDX-License-Identifier: Apache-2.0
/// Times as people read them. The one place that writes a time as text.
///
/// Units  s ms us ns ps fs: the largest that needs no leading zero.
#pragma once
#include <array>
#include <string>

#include "models/core/units.h"

namespace iov {

struct TimeUnit {
  const char* name;
  double fs;
};
inline constexpr std::array<TimeUnit, 6> time_units{{{"s", 1e15}, {"ms", 1e12}, {"us", 1e9}, {"ns", 1e6}, {"ps", 1e3}, {"fs", 1}}};

/// All digits that it has: "20 ns", "1.250001 us"; "0 ns".
std::string exact_text(const Time& time);
std::string exact_text(const Time& time, const TimeUnit& unit);
/// Three digits: "1.25 us"; any length, also beyond what a Time holds.
std::string rounded_text(double seconds);

}  // namespace iov
