// SPDX-License-Identifier: Apache-2.0
/// Values of parameters as JSON: counts and factors are numbers, what has a dimension is a string
/// with its unit ("20 ns", "2 MiB", "10 Gb/s", "2.1 GHz"). Writing and reading back gives the same
/// bits; the unit written is the largest that needs no leading zero.
///
/// Units  time fs ps ns us ms s; size B KiB MiB GiB TiB kB MB GB TB; rate b/s ... Tb/s, B/s ... GB/s,
///        KiB/s ... GiB/s; frequency Hz kHz MHz GHz.
#pragma once
#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "models/core/units.h"

namespace iov::platform {

/// Each reads `given` into `out`; returns what is wrong with it, empty when nothing is.
std::string read_value(const nlohmann::json& given, std::uint64_t& out);
std::string read_value(const nlohmann::json& given, std::int64_t& out);
std::string read_value(const nlohmann::json& given, double& out);
std::string read_value(const nlohmann::json& given, bool& out);
std::string read_value(const nlohmann::json& given, std::string& out);
std::string read_value(const nlohmann::json& given, Time& out);
std::string read_value(const nlohmann::json& given, Bytes& out);
std::string read_value(const nlohmann::json& given, Bandwidth& out);
std::string read_value(const nlohmann::json& given, Frequency& out);

nlohmann::json written(const Time& value);
nlohmann::json written(Bytes value);
nlohmann::json written(Bandwidth value);
nlohmann::json written(Frequency value);
template <class T>
  requires std::is_arithmetic_v<T> || std::same_as<T, std::string>
nlohmann::json written(const T& value) {
  return value;
}

/// Type and accepted units, for `iovsim describe`.
struct TypeName {
  const char* type;
  const char* units;
};
template <class T>
constexpr TypeName type_name() {
  if constexpr (std::same_as<T, Time>) return {"time", "fs ps ns us ms s"};
  else if constexpr (std::same_as<T, Bytes>) return {"size", "B KiB MiB GiB TiB kB MB GB TB"};
  else if constexpr (std::same_as<T, Bandwidth>) return {"rate", "b/s kb/s Mb/s Gb/s Tb/s B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s"};
  else if constexpr (std::same_as<T, Frequency>) return {"frequency", "Hz kHz MHz GHz"};
  else if constexpr (std::integral<T>) return {"count", "1"};
  else return {"number", "1"};
}

/// The widest type that read_value knows for T.
template <class T>
struct Wide {
  using type = T;
};
template <std::unsigned_integral T>
struct Wide<T> {
  using type = std::uint64_t;
};
template <std::signed_integral T>
struct Wide<T> {
  using type = std::int64_t;
};
template <class T>
using WideType = typename Wide<T>::type;
template <class T>
WideType<T> widened(const T& value) {
  return static_cast<WideType<T>>(value);
}

}  // namespace iov::platform
