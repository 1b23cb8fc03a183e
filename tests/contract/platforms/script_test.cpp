// SPDX-License-Identifier: Apache-2.0
// Scripts: what actions do, who they leave alone, and that nothing a script says makes the simulation fail.
#include "models/iommu/fault_reason.h"
#include "tests/contract/platforms/script_bench.h"

using namespace iov;
using namespace iov::platform;
using iommu::FaultReason;

TEST_CASE("one active VM of many gets the whole line rate", "[G13]") {
  MachineBench m(more_vms(2, "sriov") + time_line +
                 Settings{{"vm1.count", 7}, {"vm1.load.arrivals", "off"}, {"host.cores", 16}});
  m.measure();
  CHECK(m.result.vms[0].throughput_gbps > 9.8);
  for (unsigned vm = 1; vm < 8; ++vm) CHECK(delivered(m, vm) == 0);
}

TEST_CASE("a VM whose load stops leaves the wire to the other, and takes its half again", "[G13]") {
  MachineBench m(more_vms(2, "sriov") + time_line + Settings{{"workload.measure.duration", "8 ms"}} +
                 script({{{"at", "1 ms"}, {"do", "load"}, {"vm", "vm1"}, {"arrivals", "off"}},
                         {{"at", "5 ms"}, {"do", "load"}, {"vm", "vm1"}}}));
  m.measure();
  CHECK(gbps_between(m, "vm0", 200, 1000) == Approx(4.93).epsilon(0.05));
  CHECK(gbps_between(m, "vm0", 3000, 5000) == Approx(9.87).epsilon(0.01));  // what lay in vm1's ring has left
  CHECK(gbps_between(m, "vm1", 3000, 5000) == 0);
  CHECK(gbps_between(m, "vm1", 7000, 8000) == Approx(4.93).epsilon(0.05));
}

TEST_CASE("VMs of different loads from one peer each get theirs") {
  MachineBench m(more_vms(3, "sriov") + time_line +
                 Settings{{"workload.direction", "receive"},
                          {"vm1.load", {{"arrivals", "constant"}, {"bit_rate", "1 Gb/s"}}},
                          {"vm2.load", {{"direction", "request_response"}}}});
  m.measure();
  CHECK(m.result.vms[1].throughput_gbps == Approx(1).epsilon(0.05));
  CHECK(m.result.vms[2].throughput_gbps > 0.1);
  CHECK(m.result.vms[0].throughput_gbps > 7.5);  // what the others leave
  CHECK(m.result.vms[1].dropped_packets == 0);
}

TEST_CASE("a broadcast storm reaches the other VMs, and every packet is accounted for", "[G8]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload +
                 Settings{{"vm0.load.arrivals", "off"}} +
                 script({{{"at", "400 us"}, {"do", "storm"}, {"vm", "vm1"}, {"packet_rate", 200000}},
                         {{"at", "800 us"}, {"do", "behave"}, {"vm", "vm1"}}}));
  m.measure();
  CHECK(m.workload->ledger().group_copies.value() == Approx(80).margin(2));  // 200 000/s for 400 us
  CHECK(m.workload->ledger().unknown.value() == 0);
  CHECK(m.dropped(DropReason::malformed) == 0);
}

TEST_CASE("packets with the MAC address of another VM leave, and are accounted for", "[G11]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload +
                 script({{{"at", "300 us"}, {"do", "spoof"}, {"vm", "vm1"}, {"of", "vm0"}},
                         {{"at", "600 us"}, {"do", "spoof"}, {"vm", "vm1"}}}));
  m.measure();
  CHECK(m.workload->ledger().unknown.value() == 0);
  CHECK(m.dropped(DropReason::malformed) == 0);
  CHECK(m.result.script.size() == 2);
}

TEST_CASE("a function's DMA to an address that is not mapped is blocked and recorded, its sibling does not notice", "[D4][G11]") {
  const Settings both = more_vms(2, "sriov") + time_line + Settings{{"workload.arrivals", "constant"}, {"workload.bit_rate", "1 Gb/s"}};
  MachineBench m(both + script({{{"at", "500 us"}, {"do", "rogue_dma"}, {"vm", "vm1"}, {"address", 0x7000000000}, {"count", 3}},
                                {{"at", "510 us"}, {"do", "rogue_dma"}, {"vm", "vm1"}, {"address", 0x7000000000}, {"write", false}}}));
  m.measure();
  const vtd::FaultRecord record = m.iommu->fault_record(0);
  REQUIRE(record.valid());
  CHECK(record.source() == m.nic->requester(2).value);
  CHECK(record.page() == 0x7000000000);
  CHECK(record.reason() == static_cast<std::uint8_t>(FaultReason::write_denied));
  CHECK(m.counter("iommu.faults") == 4);
  CHECK(delivered(m, 0) == Approx(66).margin(1));  // 1 Gb/s of 1500 B for 800 us
  CHECK(m.result.summary["dropped_packets"] == 0);
}

TEST_CASE("an interrupt message that a function was not given reaches nobody", "[F2][F3]") {
  MachineBench m(more_vms(2, "sriov") + time_line + Settings{{"vm0.load.arrivals", "off"}, {"vm1.load.arrivals", "off"}} +
                 script({{{"at", "500 us"}, {"do", "rogue_msi"}, {"vm", "vm1"}, {"count", 5}}}));
  m.measure();
  REQUIRE(m.iommu->fault_record(0).valid());
  CHECK(m.iommu->fault_record(0).reason() == static_cast<std::uint8_t>(FaultReason::compatibility_blocked));
  for (std::size_t c = 0; c < m.processors->size(); ++c) CHECK(m.processors->core(c).interrupts() == 0);
}

TEST_CASE("a doorbell flood costs its own VM's processor and ends at its time") {
  MachineBench m(more_vms(2, "sriov") + time_line + Settings{{"workload.arrivals", "constant"}, {"workload.bit_rate", "1 Gb/s"}} +
                 script({{{"at", "400 us"}, {"do", "doorbell_flood"}, {"vm", "vm1"}, {"rate", 1e6}, {"duration", "200 us"}}}));
  m.measure();
  REQUIRE(m.result.script.size() == 1);
  const std::string outcome = m.result.script[0].outcome;
  REQUIRE(outcome.starts_with("done: "));
  const int writes = std::stoi(outcome.substr(6));  // its vCPU has packets to send as well
  CHECK(writes > 90);
  CHECK(writes <= 200);
  CHECK(m.result.script[0].done_us == Approx(up_us + 600).margin(5));
  CHECK(delivered(m, 0) == Approx(66).margin(1));
}

TEST_CASE("the PF's limit on a function's interrupts holds from its time on", "[F8]") {
  MachineBench m(more_vms(1, "sriov") + time_line + Settings{{"workload.direction", "receive"}} +
                 script({{{"at", "200 us"}, {"do", "interrupt_limit"}, {"vm", "vm0"}, {"interval", "50 us"}}}));
  m.measure();
  CHECK(m.vms[0].path->interrupts() > 0);
  // and one before the PF's driver has set it, one for what arrives after the window
  CHECK(m.nic->table().at(1, endpoint::FunctionTable::interrupts) <= 800 / 50 + 2);
}

TEST_CASE("actions that contradict each other, come twice or at the same time break nothing", "[B12]") {
  Json actions = Json::array();
  for (const char* at : {"0 ns", "250 us", "250 us", "251 us", "1 ms"})
    for (const char* what : {"storm", "load", "spoof", "behave", "doorbell_flood", "rogue_msi", "interrupt_limit"})
      for (const char* vm : {"vm0", "vm1"}) actions.push_back({{"at", at}, {"do", what}, {"vm", vm}});
  for (const char* arrivals : {"off", "saturate", "poisson", "off"})
    for (const char* direction : {"request_response", "receive", "bidirectional", "transmit"})
      if (arrivals != std::string("poisson") || direction != std::string("request_response"))
        actions.push_back({{"at", "500 us"}, {"do", "load"}, {"vm", "vm1"}, {"arrivals", arrivals}, {"direction", direction}});
  actions.push_back({{"at", "600 us"}, {"do", "rogue_dma"}, {"vm", "vm0"}, {"address", 0}, {"count", 1000}});
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + script(actions));
  m.measure();  // audits the invariants, the conservation of packets among them
  CHECK(m.result.script.size() == actions.size());
  for (const ScriptRow& row : m.result.script) CHECK(row.done_us >= row.at_us);
}

TEST_CASE("a function level reset ends one VM's traffic and leaves its sibling's untouched, to the packet", "[B20]") {
  const Settings both = more_vms(2, "sriov") + time_line + with_payload +
                        Settings{{"workload.direction", "bidirectional"}, {"workload.arrivals", "constant"},
                                 {"workload.bit_rate", "1 Gb/s"}, {"nic0.functions.reset_time", "50 us"},
                                 {"host.pci.reset_wait", "50 us"}};
  MachineBench m(both + script({{{"at", "500 us"}, {"do", "flr"}, {"vm", "vm1"}, {"notice", false}}}));
  m.measure();
  REQUIRE(m.result.script.size() == 1);
  CHECK(m.result.script[0].outcome == "done");
  CHECK(m.result.script[0].done_us == Approx(up_us + 550).margin(30));
  CHECK(delivered(m, 0) == Approx(2 * 66).margin(2));  // 1 Gb/s of 1500 B each way for 800 us
  CHECK(m.workload->ledger().vms.at(0, workload::PacketLedger::offered) <= delivered(m, 0) + 2);
  CHECK(gbps_between(m, "vm1", 600, 1000) == 0);
  CHECK(gbps_between(m, "vm1", 200, 500) > 1.8);
  CHECK(m.dropped(DropReason::malformed) == 0);
}

TEST_CASE("VFs that vanish take their VMs' traffic with them, and every packet is accounted for", "[B17][B19]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + Settings{{"workload.direction", "bidirectional"}} +
                 script({{{"at", "500 us"}, {"do", "vf_enable"}}, {{"at", "700 us"}, {"do", "vf_enable"}}}));
  m.measure();
  CHECK(m.nic->functions().vfs() == 0);
  CHECK(gbps_between(m, "vm0", 900, 1000) + gbps_between(m, "vm1", 900, 1000) == 0);  // rings are empty by then
  CHECK(m.result.script[1].outcome == "done");
}

TEST_CASE("a function that may not send requests sends none until it may") {
  MachineBench m(more_vms(1, "sriov") + time_line + Settings{{"workload.arrivals", "constant"}, {"workload.bit_rate", "1 Gb/s"}} +
                 script({{{"at", "400 us"}, {"do", "bus_master"}, {"vm", "vm0"}}}));
  m.measure();
  CHECK(gbps_between(m, "vm0", 500, 1000) == 0);
}

TEST_CASE("resets and vanishing VFs amid misbehaviour break nothing", "[B20]") {
  Json actions = Json::array();
  for (const char* at : {"0 ns", "300 us", "300 us", "305 us", "600 us"})
    for (const char* what : {"flr", "storm", "doorbell_flood", "rogue_dma", "bus_master", "vf_enable", "rogue_msi", "flr"}) {
      Json action{{"at", at}, {"do", what}};
      if (std::string(what) != "vf_enable") action["vm"] = "vm1";
      if (std::string(what) == "vf_enable") action["on"] = std::string(at) != "305 us";
      actions.push_back(action);
    }
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload +
                 Settings{{"workload.direction", "bidirectional"}, {"nic0.functions.reset_time", "50 us"}, {"host.pci.reset_wait", "100 us"}} +
                 script(actions));
  m.measure();
  CHECK(m.result.script.size() == actions.size());
}
