// SPDX-License-Identifier: Apache-2.0
#include "platforms/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "models/core/time_text.h"

namespace iov::platform {

namespace {

struct Unit {
  const char* name;
  double factor;  ///< of the stored unit: fs, bytes, bytes per second, hertz
};
constexpr auto units_of_time = [] {
  std::array<Unit, time_units.size()> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = {time_units[i].name, time_units[i].fs};
  return table;
}();
constexpr Unit size_units[] = {{"TiB", 1099511627776.0}, {"GiB", 1073741824.0}, {"MiB", 1048576.0}, {"KiB", 1024.0},
                               {"B", 1}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}};
constexpr Unit rate_units[] = {{"Tb/s", 1e12 / 8}, {"Gb/s", 1e9 / 8}, {"Mb/s", 1e6 / 8}, {"kb/s", 1e3 / 8},
                               {"b/s", 1.0 / 8}, {"GB/s", 1e9}, {"MB/s", 1e6}, {"kB/s", 1e3}, {"B/s", 1},
                               {"GiB/s", 1073741824.0}, {"MiB/s", 1048576.0}, {"KiB/s", 1024.0}};
constexpr Unit frequency_units[] = {{"GHz", 1e9}, {"MHz", 1e6}, {"kHz", 1e3}, {"Hz", 1}};

std::string named(std::span<const Unit> units) {
  std::string text;
  for (std::size_t i = 0; i < units.size(); ++i)
    text += (i == 0 ? "" : i + 1 == units.size() ? " or " : ", ") + std::string(units[i].name);
  return text;
}

struct Dimension {
  const char* what;     ///< "a time"
  const char* example;  ///< "\"20 ns\""
  std::span<const Unit> units;
};
constexpr Dimension time_dimension{"a time", "\"20 ns\"", units_of_time};
constexpr Dimension size_dimension{"a size", "\"64 B\"", size_units};
constexpr Dimension rate_dimension{"a rate", "\"10 Gb/s\"", rate_units};
constexpr Dimension frequency_dimension{"a frequency", "\"2.1 GHz\"", frequency_units};

/// "20 ns" -> 20 and the factor of ns; long double so that 64-bit femtoseconds and bytes stay exact.
std::string split(const nlohmann::json& given, const Dimension& dimension, long double& number, long double& factor) {
  const std::string wrong = given.dump() + " is not " + dimension.what + ": ";
  if (!given.is_string()) return wrong + "write a number and its unit, as in " + dimension.example;
  const auto& text = given.get_ref<const std::string&>();
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || !std::isfinite(number))
    return wrong + "write a number and its unit, as in " + dimension.example;
  const char* name = rest;
  while (name != end && *name == ' ') ++name;
  for (const Unit& unit : dimension.units) {
    if (std::string(name, end) != unit.name) continue;
    factor = unit.factor;
    return number < 0 ? wrong + "it is negative" : std::string();
  }
  return wrong + "its unit must be " + named(dimension.units);
}

std::string shortest(long double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, static_cast<double>(value));
  return error == std::errc() ? std::string(buffer, end) : std::string();
}

std::string read_whole(const nlohmann::json& given, const Dimension& dimension, std::uint64_t& out) {
  long double number = 0, factor = 1;
  if (std::string wrong = split(given, dimension, number, factor); !wrong.empty()) return wrong;
  const long double value = std::round(number * factor);
  if (value >= 18446744073709551616.0L) return given.dump() + " is too large";
  out = static_cast<std::uint64_t>(value);
  return {};
}

std::string read_real(const nlohmann::json& given, const Dimension& dimension, double& out) {
  long double number = 0, factor = 1;
  if (std::string wrong = split(given, dimension, number, factor); !wrong.empty()) return wrong;
  out = static_cast<double>(number * factor);
  return {};
}

/// The largest unit that needs no leading zero and reads back as the same bits.
std::string write_real(double value, const Dimension& dimension) {
  for (const Unit& unit : dimension.units) {
    if (value < unit.factor && value != 0) continue;
    const std::string text = shortest(value / unit.factor) + " " + unit.name;
    double back = 0;
    if (read_real(text, dimension, back).empty() && back == value) return text;
  }
  const Unit& base = dimension.units.back();
  return shortest(value / base.factor) + " " + base.name;
}

}  // namespace

std::string read_value(const nlohmann::json& given, std::uint64_t& out) {
  const bool negative = given.is_number_integer() && !given.is_number_unsigned() && given.get<std::int64_t>() < 0;
  if (given.is_number_integer() && !negative) return out = given.get<std::uint64_t>(), std::string();
  if (given.is_number_float()) {
    const double value = given.get<double>();
    if (value >= 0 && value < 1.8e19 && value == std::floor(value))
      return out = static_cast<std::uint64_t>(value), std::string();
  }
  return given.dump() + " is not a count: write a whole number, as in 64";
}

std::string read_value(const nlohmann::json& given, std::int64_t& out) {
  if (given.is_number_integer()) return out = given.get<std::int64_t>(), std::string();
  return given.dump() + " is not a whole number";
}

std::string read_value(const nlohmann::json& given, double& out) {
  if (!given.is_number()) return given.dump() + " is not a number";
  out = given.get<double>();
  return {};
}

std::string read_value(const nlohmann::json& given, bool& out) {
  if (!given.is_boolean()) return given.dump() + " is not true or false";
  out = given.get<bool>();
  return {};
}

std::string read_value(const nlohmann::json& given, std::string& out) {
  if (!given.is_string()) return given.dump() + " is not a text in quotes";
  out = given.get<std::string>();
  return {};
}

std::string read_value(const nlohmann::json& given, Time& out) {
  std::uint64_t fs = 0;
  std::string wrong = read_whole(given, time_dimension, fs);
  if (wrong.empty()) out = Time::from_value(fs);
  return wrong;
}

std::string read_value(const nlohmann::json& given, Bytes& out) { return read_whole(given, size_dimension, out.count); }

std::string read_value(const nlohmann::json& given, Bandwidth& out) {
  return read_real(given, rate_dimension, out.bytes_per_second);
}

std::string read_value(const nlohmann::json& given, Frequency& out) {
  return read_real(given, frequency_dimension, out.hertz);
}

nlohmann::json written(const Time& value) {
  const std::uint64_t fs = value.value();
  for (const TimeUnit& unit : time_units) {
    if (fs < static_cast<std::uint64_t>(unit.fs)) continue;
    const std::string text = exact_text(value, unit);
    std::uint64_t back = 0;  // more digits than reading keeps: then in a smaller unit
    if (read_whole(text, time_dimension, back).empty() && back == fs) return text;
  }
  return exact_text(value);
}

nlohmann::json written(Bytes value) {
  for (const Unit& unit : std::span(size_units).first(4))
    if (const auto factor = static_cast<std::uint64_t>(unit.factor); value.count >= factor && value.count % factor == 0)
      return std::to_string(value.count / factor) + " " + unit.name;
  return std::to_string(value.count) + " B";
}

nlohmann::json written(Bandwidth value) { return write_real(value.bytes_per_second, rate_dimension); }
nlohmann::json written(Frequency value) { return write_real(value.hertz, frequency_dimension); }

}  // namespace iov::platform
