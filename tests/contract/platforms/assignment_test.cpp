// SPDX-License-Identifier: Apache-2.0
// VFs given to running VMs, taken from them, reset under them: what hypervisor, guest and PF driver do about it.
#include "models/iommu/fault_reason.h"
#include "models/software/pf_driver.h"
#include "tests/contract/platforms/apart.h"
#include "tests/contract/platforms/script_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
const Settings quick_reset{{"nic0.functions.reset_time", "50 us"}, {"nic0.functions.vf_start_up", "100 us"}, {"host.pci.reset_wait", "100 us"},
                           {"host.pci.vf_wait", "150 us"}};
Settings two_vms(const char* duration) {
  return more_vms(2, "sriov") + time_line + with_payload + quick_reset + lasting(duration) + constant("bidirectional", "1 Gb/s");
}
std::string sibling(const Settings& settings) {
  return apart([&] {
    MachineBench m(settings);
    m.measure();
    return std::to_string(delivered(m, 0));
  });
}
}  // namespace

TEST_CASE("a VF is taken from a running VM and given back: its guest lets go, finds it again, its sibling loses no packet",
          "[B11][C6][C7]") {
  const Settings both = two_vms("6 ms");
  const std::string undisturbed = sibling(both);
  MachineBench m(both + script({{{"at", "500 us"}, {"do", "unassign"}, {"vm", "vm1"}}, {{"at", "2 ms"}, {"do", "assign"}, {"vm", "vm1"}}}));
  const auto scan = m.counter("vm1.config.cfg_accesses");
  m.measure();
  CHECK(std::to_string(delivered(m, 0)) == undisturbed);
  CHECK(gbps_between(m, "vm1", 200, 500) == Approx(2).epsilon(0.05));
  CHECK(gbps_between(m, "vm1", 1000, 2000) == 0);
  CHECK(gbps_between(m, "vm1", 4000, 6000) == Approx(2).epsilon(0.02));
  for (const ScriptRow& row : m.result.script) CHECK(row.outcome == "done");
  CHECK(m.vf_manager().assigns.value() == 1);  // in the window
  CHECK(m.vf_manager().unassigns.value() == 1);
  CHECK(m.counter("vm1.config.cfg_accesses") >= scan);  // the same scan again, each access an exit
  CHECK(m.dropped(DropReason::link_down) > 0);                 // what the guest sent meanwhile
}

TEST_CASE("a VM that starts without its VF gets it while it runs", "[B11][C6][C7]") {
  MachineBench m(two_vms("4 ms") + Settings{{"vm1.attached", false}} + script({{{"at", "500 us"}, {"do", "assign"}, {"vm", "vm1"}}}));
  CHECK(m.vf_manager().owners().owner_of({0, 2}) == nullptr);
  CHECK(m.counter("vm1.config.cfg_accesses") == 0);
  m.measure();
  CHECK(gbps_between(m, "vm1", 200, 500) == 0);
  CHECK(gbps_between(m, "vm1", 2000, 4000) == Approx(2).epsilon(0.02));
  REQUIRE(m.vf_manager().owners().owner_of({0, 2}) != nullptr);
  CHECK(m.vf_manager().owners().owner_of({0, 2})->name == "vm1");
}

TEST_CASE("what stands against assigning or taking away is the action's outcome", "[B11][C7]") {
  MachineBench m(two_vms("3 ms") + script({{{"at", "200 us"}, {"do", "assign"}, {"vm", "vm1"}},
                                           {{"at", "300 us"}, {"do", "unassign"}, {"vm", "vm1"}},
                                           {{"at", "301 us"}, {"do", "unassign"}, {"vm", "vm1"}},
                                           {{"at", "1500 us"}, {"do", "unassign"}, {"vm", "vm1"}},
                                           {{"at", "1500 us"}, {"do", "flr"}, {"vm", "vm1"}},
                                           {{"at", "1600 us"}, {"do", "vf_enable"}},
                                           {{"at", "1800 us"}, {"do", "assign"}, {"vm", "vm1"}}}));
  m.measure();
  std::string outcomes;
  for (const ScriptRow& row : m.result.script) outcomes += row.outcome + "\n";
  CHECK(outcomes == "it has its function already\ndone\nsomething else is being done with the function\nit has no function now\n"
                    "it has no function now\ndone\nthe function does not answer\n");
}

TEST_CASE("a function that was taken back reaches no memory any more", "[B7][D4]") {
  MachineBench m(two_vms("2 ms") + script({{{"at", "500 us"}, {"do", "unassign"}, {"vm", "vm1"}},
                                           {{"at", "1500 us"}, {"do", "bus_master"}, {"vm", "vm1"}, {"on", true}},
                                           {{"at", "1600 us"}, {"do", "rogue_dma"}, {"vm", "vm1"}, {"address", 0x200000}}}));
  m.measure();
  REQUIRE(m.iommu->fault_record(0).valid());
  CHECK(m.iommu->fault_record(0).source() == m.nic->requester(2).value);
  CHECK(m.iommu->fault_record(0).reason() == static_cast<std::uint8_t>(iommu::FaultReason::context_not_present));
}

TEST_CASE("a guest whose VF the host resets is told before, and comes up again by itself, its sibling loses no packet",
          "[B19][B20][H4]") {
  const Settings both = two_vms("6 ms");
  const std::string undisturbed = sibling(both);
  MachineBench m(both + script({{{"at", "500 us"}, {"do", "flr"}, {"vm", "vm1"}}}));
  m.measure();
  CHECK(std::to_string(delivered(m, 0)) == undisturbed);
  CHECK(m.result.script[0].outcome == "done");
  CHECK(gbps_between(m, "vm1", 600, 1000) == 0);
  CHECK(gbps_between(m, "vm1", 4000, 6000) == Approx(2).epsilon(0.02));
  CHECK(m.vms[1].path->vf_driver()->restarts() == 1);
  CHECK(m.vms[0].path->vf_driver()->restarts() == 0);
  CHECK(m.dropped(DropReason::malformed) == 0);
}

TEST_CASE("a container and a process move packets through VFs of their own, which are taken from them and given back like a VM's",
          "[B11][C6]") {
  MachineBench m(two_vms("6 ms") + Settings{{"vm0.path", "container"}, {"vm1.path", "process"}} +
                 script({{{"at", "500 us"}, {"do", "unassign"}, {"vm", "vm1"}},
                         {{"at", "2 ms"}, {"do", "assign"}, {"vm", "vm1"}},
                         {{"at", "2 ms"}, {"do", "flr"}, {"vm", "vm0"}}}));
  const auto& owners = m.vf_manager().owners();
  REQUIRE(owners.owner_of({0, 1}) != nullptr);
  CHECK(owners.owner_of({0, 1})->text() == "container vm0");
  CHECK(owners.owner_of({0, 2})->text() == "process vm1");
  m.measure();
  for (const ScriptRow& row : m.result.script) CHECK(row.outcome == "done");
  CHECK(gbps_between(m, "vm0", 200, 2000) == Approx(2).epsilon(0.02));
  CHECK(gbps_between(m, "vm1", 200, 500) == Approx(2).epsilon(0.05));
  CHECK(gbps_between(m, "vm1", 1000, 2000) == 0);
  for (const char* vm : {"vm0", "vm1"}) CHECK(gbps_between(m, vm, 5000, 6000) == Approx(2).epsilon(0.02));
  CHECK(exits_of(m) == "");
}

TEST_CASE("a VF that vanished with all others and came back is given to its VM anew", "[B17][C6][C7]") {
  MachineBench m(two_vms("6 ms") + Settings{{"nic0.functions.vf_start_up", "100 us"}} +
                 script({{{"at", "500 us"}, {"do", "vf_enable"}},
                         {{"at", "600 us"}, {"do", "unassign"}, {"vm", "vm1"}},
                         {{"at", "1200 us"}, {"do", "vf_enable"}, {"on", true}},
                         {{"at", "1500 us"}, {"do", "assign"}, {"vm", "vm1"}}}));
  m.measure();
  for (const ScriptRow& row : m.result.script) CHECK(row.outcome == "done");
  CHECK(gbps_between(m, "vm1", 700, 1500) == 0);
  CHECK(gbps_between(m, "vm1", 4500, 6000) == Approx(2).epsilon(0.02));
  CHECK(gbps_between(m, "vm0", 1500, 6000) < 0.01);  // nobody told its guest
}

namespace {
/// Every action there is, alone or with another one 100 us later: whatever it leaves behind, the machine comes to rest and has
/// accounted for every packet.
void under_every_action(const char* then) {
  for (const ScriptAction& action : script_actions()) {
    Json actions = Json::array({{{"at", "300 us"}, {"do", action.name}}});
    for (const ParamDoc& parameter : action.parameters())
      if (parameter.name == "vm") actions[0]["vm"] = "vm1";
    if (*then != 0) actions.push_back({{"at", "400 us"}, {"do", then}});
    if (*then != 0 && std::string(then) != "vf_enable" && std::string(then) != "pcie_link") actions[1]["vm"] = "vm1";
    INFO(actions.dump());
    CHECK(apart([&] {
            MachineBench m(two_vms("500 us") + script(actions));
            m.result = platform::run(m, {});
            return std::to_string(m.workload->in_flight()) + (m.timeline.idle() ? " under way, at rest" : " under way, not at rest");
          }) == "0 under way, at rest");
  }
}
}  // namespace

TEST_CASE("every packet is accounted for on every path when the PCIe link goes down, with what hangs on the device", "[B18][B19]") {
  for (const char* path : {"native", "emulation", "virtio", "vhost", "vmdq", "passthrough", "sriov", "container", "process"})
    for (const char* interrupts : {"posted", "none"}) {
      INFO(path << " " << interrupts);
      CHECK(apart([&] {
              MachineBench m(time_line + with_payload + quick_reset + lasting("500 us") + constant("bidirectional", "1 Gb/s") +
                             Settings{{"vm0.path", path}, {"vm0.assigned_interrupts", interrupts}} +
                             script({{{"at", "400 us"}, {"do", "pcie_link"}}}));
              m.result = platform::run(m, {});
              return std::to_string(m.workload->in_flight()) + (m.timeline.idle() ? " under way, at rest" : " under way, not at rest");
            }) == "0 under way, at rest");
    }
}

TEST_CASE("frames whose writes are on the PCIe link when it goes down are lost with it, and booked so", "[B18][B19]") {
  for (const char* path : {"sriov", "vmdq", "vhost"})
    for (unsigned ns = 0; ns < 1200; ns += 150) {  // over the time of a frame on the Ethernet wire
      INFO(path << " " << ns);
      CHECK(apart([&] {
              MachineBench m(time_line + quick_reset + lasting("200 us") + Settings{{"vm0.path", path}, {"workload.direction", "receive"}} +
                             script({{{"at", std::to_string(300'000 + ns) + " ns"}, {"do", "pcie_link"}}}));
              m.result = platform::run(m, {});
              return std::to_string(m.workload->in_flight()) + (m.timeline.idle() ? " under way, at rest" : " under way, not at rest");
            }) == "0 under way, at rest");
    }
}

TEST_CASE("a driver whose queue is reset while it maps a packet sends again afterwards", "[B19]") {
  const Settings slow_mapping{{"vm0.path", "native"}, {"vm0.native_iommu", "translate"}, {"vm0.iommu_mapping", "strict"},
                              {"vm0.driver.report_interval", 1}, {"vm0.driver.rx_descriptors", 16}, {"vm0.driver.refill_batch", 1},
                              {"host.costs.dma_map", "5 us"}, {"host.pci.link_wait", "10 us"}, {"nic0.functions.reset_time", "10 us"}};
  for (unsigned ns = 0; ns < 12'000; ns += 2000) {
    INFO(ns);
    CHECK(apart([&] {
            MachineBench m(slow_mapping + lasting("4 ms") +
                           Settings{{"workload.measure.warm_up", "0 us"}, {"workload.measure.interval", "100 us"}} +
                           Settings{{"script", Json{{{"at", std::to_string(119'000 + ns) + " ns"}, {"do", "pcie_link"}},
                                                    {{"at", "185 us"}, {"do", "pcie_link"}, {"up", true}}}}});
            m.result = platform::run(m, {});
            return std::string(m.workload->results().delivered > 300 ? "sends" : "stands still after " + std::to_string(m.workload->results().delivered));
          }) == "sends");
  }
}

TEST_CASE("VFs that vanish while their writes wait for credits send no interrupt any more", "[B17]") {
  for (unsigned headers = 1; headers <= 2; ++headers)
    for (unsigned us = 102; us < 126; us += 3) {
      INFO(headers << " " << us);
      CHECK(apart([&] {
              MachineBench m(more_vms(2, "sriov") + time_line + lasting("200 us") +
                             Settings{{"workload.direction", "receive"}, {"link0.receive.posted_headers", headers},
                                      {"nic0.dma_engine.outstanding_reads", 1}} +
                             script({{{"at", std::to_string(us) + " us"}, {"do", "vf_enable"}}}));
              m.result = platform::run(m, {});
              return std::to_string(m.workload->in_flight()) + (m.timeline.idle() ? " under way, at rest" : " under way, not at rest");
            }) == "0 under way, at rest");
    }
}

TEST_CASE("frames behind a descriptor that a function without bus master could not write are lost with the ring, and booked so", "[B19]") {
  for (const char* path : {"process", "sriov"}) {
    INFO(path);
    CHECK(apart([&] {
            MachineBench m(time_line + lasting("3 ms") + Settings{{"vm0.path", path}, {"workload.direction", "request_response"}} +
                           script({{{"at", "200 us"}, {"do", "bus_master"}, {"vm", "vm0"}},
                                   {{"at", "800 us"}, {"do", "bus_master"}, {"vm", "vm0"}, {"on", true}}}));
            m.result = platform::run(m, {});
            return std::to_string(m.workload->in_flight()) + (m.timeline.idle() ? " under way, at rest" : " under way, not at rest");
          }) == "0 under way, at rest");
  }
}

TEST_CASE("every packet is accounted for under every script action", "[B19][B20]") { under_every_action(""); }
TEST_CASE("every packet is accounted for under every script action and a reset of the function", "[B19][B20]") { under_every_action("flr"); }
TEST_CASE("every packet is accounted for under every script action and a removal", "[B19][B20]") { under_every_action("unassign"); }
TEST_CASE("every packet is accounted for under every script action and the end of all VFs", "[B17][B19]") { under_every_action("vf_enable"); }
TEST_CASE("every packet is accounted for under every script action and the end of the PCIe link", "[B18][B19]") { under_every_action("pcie_link"); }

TEST_CASE("a polling driver whose rounds cost nothing is refused, for time would stand still", "[B11]") {
  const Settings free_rounds{{"host.costs.driver_poll", "0 ns"}};
  CHECK_THROWS_WITH(MachineBench(Settings{{"vm0.path", "process"}} + free_rounds), Catch::Contains("driver_poll must be above 0"));
}
