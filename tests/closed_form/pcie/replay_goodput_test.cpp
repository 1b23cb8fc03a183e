// SPDX-License-Identifier: Apache-2.0
/// Goodput of a saturated wire with bit errors (go back N): a TLP that takes t and is damaged with probability p is followed
/// by n = ceil((propagation + Nak) / t) that are sent in vain; when the Nak is damaged, or the TLP again (there is one Nak
/// only), the replay timer has to run out. So each good one takes
///   t + p * ((1 + n) * t + (share of damaged Naks + p / (1 - p)) * replay timer).
#include <cmath>

#include "tests/timed/pcie/replay_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
void check(double bit_error_rate, std::uint32_t payload, std::uint16_t tlps) {
  LinkParams far, bad;
  far.receive.posted_headers = far.receive.posted_data = 0;
  bad.bit_error_rate = bit_error_rate;
  bad.replay_timeout = 2_us;  // waits for it are rare: long ones would make the mean a matter of luck
  LinkBench b(far, bad);
  for (std::uint16_t i = 0; i < tlps; ++i) b.device.send(memory_write(payload, i));
  b.timeline.run(Time(100, sc_core::SC_MS));
  REQUIRE(b.at_root.got.size() == tlps);
  const double t = to_ns(b.device.wire_time(memory_write(payload)));
  const auto damaged = [&](double bytes) { return 1 - std::pow(1 - bit_error_rate, 8 * bytes); };
  const double p = damaged(16 + payload + 8);
  const double n = std::ceil(to_ns(bad.propagation + dllp_latency(bad)) / t);
  const double each = t + p * ((1 + n) * t + (damaged(8) + p / (1 - p)) * to_ns(bad.replay_timeout));
  CHECK(to_ns(b.at_root.got.back().when - b.at_root.got.front().when) / (tlps - 1) == Approx(each).epsilon(0.02));
}
}  // namespace

TEST_CASE("replay goodput: 256 B at one error in 10^5 bits reaches the closed form") { check(1e-5, 256, 60000); }
TEST_CASE("replay goodput: 256 B at one error in 10^6 bits reaches the closed form") { check(1e-6, 256, 60000); }
TEST_CASE("replay goodput: 64 B at one error in 2*10^5 bits reaches the closed form") { check(5e-6, 64, 60000); }
