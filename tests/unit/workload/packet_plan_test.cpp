// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <map>

#include "models/workload/packet_plan.h"

using namespace iov;
using namespace iov::workload;
using namespace iov::literals;

namespace {
PacketPlan plan_of(const Params& params, std::vector<unsigned> vms = {0}, const Time& begin = {}) {
  const auto all = static_cast<unsigned>(vms.size());
  return {params, nullptr,           true, SizeSequence(params, nullptr, true), std::move(vms),
          all,    Random(1, "test"), begin};
}
}  // namespace

TEST_CASE("a constant packet rate gives equal gaps, to each VM in turn") {
  Params params;
  params.arrivals = Arrivals::constant;
  params.packet_rate = 1e6;
  PacketPlan plan = plan_of(params, {0, 1}, 5_us);
  for (unsigned i = 1; i <= 10; ++i) {
    CHECK(plan.peek().due == 5_us + Time(500.0 * i, sc_core::SC_NS));  // 1 Mpps each
    CHECK(plan.peek().vm == (i - 1) % 2);
    CHECK(plan.peek().bytes == 1496);
    plan.pop();
  }
}

TEST_CASE("a bit rate counts frames with FCS") {
  Params params;
  params.arrivals = Arrivals::constant;
  params.packet_bytes = 1000;
  params.bit_rate = {1e9 / 8};
  CHECK(plan_of(params).peek().due == 8_us);
}

TEST_CASE("IMIX is 64, 570 and 1518 B as 7:4:1") {
  Params params;
  params.sizes = Sizes::imix;
  PacketPlan plan = plan_of(params);
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < 1200; ++i) ++counts[plan.peek().bytes + 4], plan.pop();
  CHECK(counts == std::map<std::uint32_t, int>{{64, 700}, {570, 400}, {1518, 100}});
}

TEST_CASE("Poisson gaps have the asked-for mean, and their mean as standard deviation") {
  Params params;
  params.arrivals = Arrivals::poisson;
  params.packet_rate = 1e6;
  PacketPlan plan = plan_of(params);
  constexpr int n = 100000;
  double sum = 0, squares = 0;
  Time last;
  for (int i = 0; i < n; ++i) {
    const double us = to_ns(plan.peek().due - last) * 1e-3;
    last = plan.peek().due;
    sum += us, squares += us * us;
    plan.pop();
  }
  const double mean = sum / n, deviation = std::sqrt(squares / n - mean * mean);
  CHECK(mean == Approx(1).epsilon(0.01));
  CHECK(deviation == Approx(1).epsilon(0.02));
}

TEST_CASE("the same seed gives the same arrivals, another seed others") {
  Params params;
  params.arrivals = Arrivals::poisson;
  const SizeSequence sizes(params, nullptr, true);
  PacketPlan a(params, nullptr, true, sizes, {0}, 1, Random(7, "vm0"), {});
  PacketPlan b(params, nullptr, true, sizes, {0}, 1, Random(7, "vm0"), {});
  PacketPlan c(params, nullptr, true, sizes, {0}, 1, Random(8, "vm0"), {});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(a.peek().due == b.peek().due);
    REQUIRE(a.peek().due != c.peek().due);
    a.pop(), b.pop(), c.pop();
  }
}

TEST_CASE("what is due waits in the socket queue up to its bound, the rest is refused") {
  Params params;
  params.arrivals = Arrivals::constant;
  params.packet_rate = 1e6;
  PacketPlan plan = plan_of(params);
  SocketQueue<PacketPlan> queue(plan, 3);
  int offered = 0, refused = 0;
  const auto count = [&](const PlannedPacket&, bool has_room) { ++(has_room ? offered : refused); };
  CHECK(queue.next_due() == 1_us);
  queue.advance(Time(5, sc_core::SC_US) - 1_ps, count);
  CHECK(refused == 1);
  queue.advance(5_us, count);
  CHECK(refused == 2);
  CHECK(offered == 3);
  CHECK(queue.front().due == 1_us);
  queue.pop(), queue.pop(), queue.pop();
  CHECK(queue.empty());
  CHECK(queue.next_due() == 6_us);
}

TEST_CASE("request and response sizes fall back to packet_bytes and to the smallest frame") {
  Params params;
  params.direction = Direction::request_response;
  params.packet_bytes = 256;
  params.response_bytes = 10;
  CHECK(SizeSequence(params, nullptr, false).peek() == 252);
  CHECK(SizeSequence(params, nullptr, true).peek() == 60);
}
