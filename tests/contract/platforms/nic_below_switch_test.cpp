// SPDX-License-Identifier: Apache-2.0
/// A NIC behind a switch: the machine is the same, its way to memory longer.
#include "tests/contract/platforms/machine_bench.h"
using namespace iov;
using namespace iov::platform;

TEST_CASE("a NIC below a switch serves its VM, every frame by way of the switch", "[A17]") {
  const Settings settings{{"workload.measure.warm_up", "100 us"}, {"workload.measure.duration", "1 ms"}};
  const PointResult result = simulate(effective(settings, "platforms/server_switch_10g.json"), 1, {});
  const auto statistic = [&](const std::string& path) {
    for (const StatRow& row : result.stats)
      if (row.path == path) return row.value;
    return -1.0;
  };
  CHECK(result.summary.at("throughput_gbps").get<double>() > 1);
  CHECK(statistic("switch0.forwarded") > statistic("root_complex.inbound.writes"));
  CHECK(statistic("switch0.peer_to_peer") == 0);
  CHECK(statistic("switch0.unsupported_requests") == 0);
}
