// SPDX-License-Identifier: Apache-2.0
#include "models/workload/time_line.h"

#include <catch2/catch.hpp>

using namespace iov;
using namespace iov::literals;
using workload::TimeLine;

namespace {
struct Two : TimeLine {
  Two() : TimeLine(10_us) { add_vm(), add_vm(); }
};
}  // namespace

TEST_CASE("a packet counts in the interval in which it was delivered, up to its last instant") {
  Two line;
  line.delivered(0, 100, 3_us, 0_us);
  line.delivered(1, 200, 4_us, 10_us - Time(1, sc_core::SC_PS));
  line.delivered(1, 300, 5_us, 10_us);
  line.close(15_us);
  REQUIRE(line.intervals() == 2);
  CHECK(line.cell(0, 0).bytes == 100);
  CHECK(line.cell(0, 1).bytes == 200);
  CHECK(line.cell(1, 0).delivered == 0);
  CHECK(line.cell(1, 1).bytes == 300);
  CHECK(line.cell(1, 1).latency == 5_us);
  CHECK(line.begin(1) == 10_us);
  CHECK(line.end(1) == 15_us);
}

TEST_CASE("intervals in which nothing happened are there, the first and the last included") {
  Two line;
  line.dropped(0, 35_us);
  line.close(50_us);
  REQUIRE(line.intervals() == 5);
  CHECK(line.cell(3, 0).dropped == 1);
  CHECK(line.cell(4, 0).dropped == 0);
  CHECK(line.end(4) == 50_us);
}

TEST_CASE("what comes after the end of the window does not count") {
  Two line;
  line.delivered(0, 100, 3_us, 1_us);
  line.close(20_us);
  line.delivered(0, 100, 3_us, 25_us);
  line.dropped(1, 45_us);
  REQUIRE(line.intervals() == 2);
  CHECK(line.cell(0, 0).delivered == 1);
  CHECK(line.cell(1, 0).delivered == 0);
  CHECK(line.cell(1, 1).dropped == 0);
}
