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
  MachineBench m(isolated("transmit", 8) + Settings{{"vm0.path", "vhost"}, {"host.costs.line_move", "0 ns"}});
  CHECK(stage(m, "host_stack") == Approx(350 + 300 + 125));  // tap, bridge, descriptor
  CHECK(m.result.summary["stage_ns"]["guest_driver"] == Approx(300 + 30 + 30));  // stack, one buffer reclaimed, virtqueue
}

TEST_CASE("what the hypervisor injects for an assigned function takes its time in a stage: end of the host's interrupt, entry, delivery, gate", "[F4]") {
  MachineBench m(isolated("receive", 8) + Settings{{"vm0.path", "sriov"}, {"vm0.assigned_interrupts", "vmm_inject"}});
  CHECK(stage(m, "injection") == Approx(150 + 613 + 300 + 300));
}
TEST_CASE("what is posted is injected by nobody", "[F5]") {
  MachineBench m(isolated("receive", 8) + Settings{{"vm0.path", "sriov"}});
  CHECK(stage(m, "injection") == 0);
  CHECK(m.result.summary["stage_ns"]["interrupt"] > 300);
}

TEST_CASE("the host's NIC driver is a part of the host's stack: receive", "[K8]") {
  MachineBench m(isolated("receive", 8) + Settings{{"vm0.path", "vhost"}});
  CHECK(stage(m, "host_stack") == Approx(160 + 300 + 350));  // descriptor, bridge, tap
}

}  // namespace stages_test
