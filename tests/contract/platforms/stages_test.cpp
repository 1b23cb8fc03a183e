// SPDX-License-Identifier: Apache-2.0
// Which stage has what time: the host's own work on a packet of a VM, with the costs of configs/costs/server_current.json.
#include "tests/contract/platforms/machine_bench.h"

namespace stages_test {
using namespace iov;
using namespace iov::platform;

namespace {
double stage(MachineBench& m, const char* name) { return m.measure()["stage_ns"][name]; }
}  // namespace

TEST_CASE("the host's NIC driver is a part of the host's stack: transmit", "[K8]") {
  MachineBench m(isolated("transmit", 8) + Settings{{"vm0.path", "vhost"}});
  CHECK(stage(m, "host_stack") == Approx(350 + 300 + 125));  // tap, bridge, descriptor
  CHECK(m.result.summary["stage_ns"]["guest_driver"] == Approx(300 + 30 + 60));  // stack, one buffer reclaimed, virtqueue
}

TEST_CASE("the host's NIC driver is a part of the host's stack: receive", "[K8]") {
  MachineBench m(isolated("receive", 8) + Settings{{"vm0.path", "vhost"}});
  CHECK(stage(m, "host_stack") == Approx(160 + 300 + 350));  // descriptor, bridge, tap
}

}  // namespace stages_test
