// SPDX-License-Identifier: Apache-2.0
#include "models/core/time_text.h"

#include <catch2/catch.hpp>

#include "models/core/sim_error.h"

using namespace iov;

TEST_CASE("a time is written in the largest unit that needs no leading zero, with all its digits") {
  CHECK(exact_text(Time()) == "0 ns");
  CHECK(exact_text(from_fs(1)) == "1 fs");
  CHECK(exact_text(from_fs(999)) == "999 fs");
  CHECK(exact_text(from_fs(1000)) == "1 ps");
  CHECK(exact_text(20_ns) == "20 ns");
  CHECK(exact_text(from_fs(12345678)) == "12.345678 ns");
  CHECK(exact_text(from_fs(1250001000)) == "1.250001 us");
  CHECK(exact_text(from_fs(50000000001.0)) == "50.000000001 us");
  CHECK(exact_text(Time(3, sc_core::SC_SEC)) == "3 s");
  CHECK(exact_text(Time::from_value(~0ull)) == "18446.744073709551615 s");
}

TEST_CASE("a length of time that nobody needs exactly has three digits") {
  CHECK(rounded_text(0) == "0 s");
  CHECK(rounded_text(1.2345e-3) == "1.23 ms");
  CHECK(rounded_text(0.5) == "500 ms");
  CHECK(rounded_text(2.5e-9) == "2.5 ns");
  CHECK(rounded_text(1e6) == "1e+06 s");
}

TEST_CASE("an error says when in units that people read") {
  CHECK(std::string(SimError(from_fs(1234567891234.0), "nic0", "no").what()) == "1.234567891234 ms nic0: no");
  CHECK(std::string(SimError(Time(), "nic0", "no").what()) == "nic0: no");
}
