// SPDX-License-Identifier: Apache-2.0
// What only a whole platform can refuse: each case with its exact message.
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
std::string refusal(const Settings& settings) {
  const auto config = effective(settings);
  try {
    Machine machine(config, 1);
    machine.boot();
  } catch (const BadInput& bad) {
    return bad.what();
  }
  return "accepted";
}
}  // namespace

TEST_CASE("a second VM's claim on an assigned device is refused", "[A13]") {
  CHECK(refusal(more_vms(2, "passthrough")) ==
        "vm1: the function is assigned already, an assigned function is exclusive: it belongs to vm vm0");
}
TEST_CASE("a bare-metal driver beside a VM that has the device is refused", "[A13]") {
  CHECK(refusal(Settings{{"vm0.path", "passthrough"}, {"vm1", {{"kind", "vm"}, {"path", "native"}}}}) ==
        "vm1: the PF is in use: it belongs to vm vm0");
}
TEST_CASE("a software path beside a VM that has the device is refused", "[A13]") {
  CHECK(refusal(Settings{{"vm0.path", "passthrough"}, {"vm1", {{"kind", "vm"}, {"path", "vhost"}}}}) ==
        "host: the PF is assigned: it belongs to vm vm0");
}
TEST_CASE("more VMs on VFs than the device has VFs are refused", "[B14]") {
  CHECK(refusal(more_vms(3, "sriov") + Settings{{"nic0.functions.total_vfs", 2}}) ==
        "nic0.functions: more VMs of path sriov than the device has VFs");
}
TEST_CASE("VMs whose memory does not fit into the host's are refused") {
  CHECK(refusal({{"memory.size", "2 GiB"}, {"vm0.memory", "1 GiB"}, {"vm1", {{"kind", "vm"}, {"memory", "1 GiB"}}}}) ==
        "vm1.memory: the VMs' memory does not fit into the host's 2048 MiB");
}
TEST_CASE("a VM on a core that the host does not have is refused") {
  CHECK(refusal({{"vm0.vcpu_core", 4}}) == "host: core 4 is named, there are 4");
}
TEST_CASE("assignment without an IOMMU is refused", "[A13]") {
  CHECK(refusal({{"iommu", nullptr}}) == "vm0: assigning a function needs an IOMMU in the platform");
}
TEST_CASE("a platform without a workload is refused") {
  CHECK(refusal({{"workload", nullptr}}) == "the platform needs exactly one module of kind \"workload\", it has 0");
}
TEST_CASE("a platform without memory is refused") {
  CHECK(refusal({{"memory", nullptr}}) == "the platform needs exactly one module of kind \"memory\", it has 0");
}
TEST_CASE("a platform without a VM is refused") {
  CHECK(refusal({{"vm0", nullptr}}) == "the platform has no module of kind \"vm\"");
}
TEST_CASE("two links to one device are refused") {
  CHECK(refusal({{"link1", {{"kind", "link"}}}}) == "link1.device = \"nic0\": link0 leads there already");
}
TEST_CASE("a platform with two IOMMUs is refused") {
  CHECK(refusal({{"iommu1", {{"kind", "iommu"}}}}) == "the platform has 2 modules of kind \"iommu\"; one is supported");
}
TEST_CASE("a link to nowhere is refused") {
  CHECK(refusal({{"link0.device", "nic7"}}) == "link0.device = \"nic7\": no such device; there is \"nic0\"");
}
TEST_CASE("a file that is no capture is refused with its module") {
  CHECK(refusal({{"workload.sizes", "trace"}, {"workload.trace", "/etc/passwd"}}) ==
        "workload.trace: /etc/passwd: cannot be read as a capture: unknown file format");
}
TEST_CASE("a VM of several whose name another module has is refused") {
  CHECK(refusal({{"vm0.count", 2}, {"vm0_1", {{"kind", "vm"}}}}) ==
        "vm0.count: its VM vm0_1 has the name of another module");
}
TEST_CASE("more VMs on VFs than the profile has are refused", "[B14]") {
  CHECK(refusal({{"vm0.count", 65}, {"memory.size", "1 TiB"}}) ==
        "nic0.functions: more VMs of path sriov than the device has VFs");
}
TEST_CASE("more VFs for the host than the device has are refused", "[B13][B14]") {
  CHECK(refusal({{"host.vfs", 65}}) ==
        "nic0.functions: the device does not take NumVFs 65: TotalVFs is 64");
}
TEST_CASE("VMs on more cores than there are are refused") {
  CHECK(refusal({{"vm0.count", 3}, {"vm0.vcpu_cores", 3}}) == "host: core 4 is named, there are 4");
}
namespace {
std::string refused_action(nlohmann::ordered_json action, const Settings& others = {}) {
  action["at"] = "1 ms";
  return refusal(others + Settings{{"script", nlohmann::ordered_json::array({action})}});
}
}  // namespace
TEST_CASE("an action on a VM that is not there is refused with its place") {
  CHECK(refused_action({{"do", "behave"}, {"vm", "vm00"}}) ==
        "script[0].vm: unknown VM \"vm00\", did you mean \"vm0\"? (known: vm0)");
}
TEST_CASE("a device action on a VM that has no function is refused") {
  CHECK(refused_action({{"do", "rogue_msi"}, {"vm", "vm0"}}, {{"vm0.path", "vhost"}}) ==
        "script[0].vm: vm0 has no PCIe function of its own: that needs path sriov, passthrough, container or process");
}
TEST_CASE("a doorbell flood by a guest without registers is refused") {
  CHECK(refused_action({{"do", "doorbell_flood"}, {"vm", "vm0"}}, {{"vm0.path", "virtio"}}) ==
        "script[0].vm: the guest of vm0 writes no registers of a NIC: that needs path sriov, passthrough, emulation, container or process");
}
TEST_CASE("an action after the end of the run is refused") {
  CHECK(refused_action({{"do", "behave"}, {"vm", "vm0"}}, short_run) ==
        "script[0].at: 1 ms is after the end of the run, 500 us (warm_up and duration)");
}
