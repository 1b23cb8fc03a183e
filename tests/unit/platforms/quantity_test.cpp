// SPDX-License-Identifier: Apache-2.0
#include "platforms/quantity.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace iov;
using namespace iov::platform;

namespace {
template <class T>
std::string error_of(const nlohmann::json& given) {
  T out{};
  return read_value(given, out);
}
template <class T>
T read(const nlohmann::json& given) {
  T out{};
  REQUIRE(read_value(given, out).empty());
  return out;
}
}  // namespace

TEST_CASE("a time is read exactly, to the femtosecond") {
  CHECK(read<Time>("20 ns") == 20_ns);
  CHECK(read<Time>("13.5 ns").value() == 13'500'000);
  CHECK(read<Time>("0.000001 ns").value() == 1);
  CHECK(read<Time>("1.5us").value() == 1'500'000'000);
}

TEST_CASE("sizes, rates and frequencies know binary and decimal units") {
  CHECK(read<Bytes>("2 MiB").count == 2097152);
  CHECK(read<Bytes>("2 MB").count == 2000000);
  CHECK(read<Bandwidth>("10 Gb/s").bytes_per_second == 1.25e9);
  CHECK(read<Bandwidth>("1 GiB/s").bytes_per_second == 1073741824.0);
  CHECK(read<Frequency>("2.1 GHz").hertz == 2.1e9);
}

TEST_CASE("what is written reads back as the same bits") {
  for (const std::uint64_t fs : {1ull, 999ull, 1000ull, 13'500'000ull, 123'456'789'012'345ull, 18'000'000'000'000'000'001ull})
    CHECK(read<Time>(written(Time::from_value(fs))).value() == fs);
  for (const double rate : {1.25e9, 7.877e9, 1.0 / 3.0, 1e12 / 7.0, 0.0})
    CHECK(read<Bandwidth>(written(Bandwidth{rate})).bytes_per_second == rate);
  for (const double hertz : {2.1e9, 2.0999999999999e9, 1e9 / 3.0, 0.1})
    CHECK(read<Frequency>(written(Frequency{hertz})).hertz == hertz);
  for (const std::uint64_t count : {0ull, 1ull, 1536ull, 1ull << 40, 18'446'744'073'709'551'615ull})
    CHECK(read<Bytes>(written(Bytes{count})).count == count);
}

TEST_CASE("quantities are written as people would") {
  CHECK(written(300_ns) == "300 ns");
  CHECK(written(Time::from_value(1'250'000'000)) == "1.25 us");
  CHECK(written(Time()) == "0 ns");
  CHECK(written(64_KiB) == "64 KiB");
  CHECK(written(Bytes{1500}) == "1500 B");
  CHECK(written(Bandwidth{1.25e9}) == "10 Gb/s");
  CHECK(written(Frequency{2.1e9}) == "2.1 GHz");
}

TEST_CASE("a wrong quantity is told what it should be") {
  CHECK(error_of<Time>(20) == "20 is not a time: write a number and its unit, as in \"20 ns\"");
  CHECK(error_of<Time>("20") == "\"20\" is not a time: its unit must be s, ms, us, ns, ps or fs");
  CHECK(error_of<Time>("20 GB") == "\"20 GB\" is not a time: its unit must be s, ms, us, ns, ps or fs");
  CHECK(error_of<Time>("-1 ns") == "\"-1 ns\" is not a time: it is negative");
  CHECK(error_of<Time>("99999 s") == "\"99999 s\" is too large");
  CHECK(error_of<Bytes>("many") == "\"many\" is not a size: write a number and its unit, as in \"64 B\"");
  CHECK(error_of<Frequency>("2 ghz") == "\"2 ghz\" is not a frequency: its unit must be GHz, MHz, kHz or Hz");
  CHECK(error_of<Bandwidth>("inf Gb/s") == "\"inf Gb/s\" is not a rate: write a number and its unit, as in \"10 Gb/s\"");
}

TEST_CASE("a count is a whole number that is not negative") {
  CHECK(read<std::uint64_t>(1e6) == 1'000'000);
  CHECK(error_of<std::uint64_t>(1.5) == "1.5 is not a count: write a whole number, as in 64");
  CHECK(error_of<std::uint64_t>(-1) == "-1 is not a count: write a whole number, as in 64");
  CHECK(error_of<std::uint64_t>("64") == "\"64\" is not a count: write a whole number, as in 64");
  CHECK(error_of<bool>(1) == "1 is not true or false");
  CHECK(error_of<std::string>(1) == "1 is not a text in quotes");
}
