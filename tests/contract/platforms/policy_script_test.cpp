// SPDX-License-Identifier: Apache-2.0
// What a script does through the PF's driver, as the traffic shows it.
#include "models/software/pf_driver.h"
#include "tests/contract/platforms/apart.h"
#include "tests/contract/platforms/script_bench.h"

using namespace iov;
using namespace iov::platform;
using nic::PfEvent;

namespace {
constexpr double wire_gbps = 9.87;  ///< frame bits of 1500 B frames at 10 Gb/s: 1500 of 1520
}

TEST_CASE("a rate limit holds from its time on, and another VM gets what it leaves", "[G9][G12]") {
  MachineBench m(more_vms(2, "sriov") + time_line + lasting("3 ms") +
                 script({{{"at", "500 us"}, {"do", "rate_limit"}, {"vm", "vm1"}, {"rate", "1 Gb/s"}},
                         {{"at", "1900 us"}, {"do", "rate_limit"}, {"vm", "vm1"}, {"rate", "0 b/s"}}}));
  m.measure();
  CHECK(gbps_between(m, "vm1", 200, 500) == Approx(wire_gbps / 2).epsilon(0.03));
  CHECK(gbps_between(m, "vm1", 700, 1900) == Approx(1).epsilon(0.02));  // one frame of 1500 B more or less in 1.2 ms is 1 %
  CHECK(gbps_between(m, "vm0", 700, 1900) == Approx(wire_gbps - 1).epsilon(0.01));
  CHECK(gbps_between(m, "vm1", 2200, 3000) == Approx(wire_gbps / 2).epsilon(0.03));
}

TEST_CASE("a least share is had beside any number of others, which share the rest evenly", "[G9][G12]") {
  MachineBench m(more_vms(4, "sriov") + time_line + lasting("2 ms") +
                 script({{{"at", "500 us"}, {"do", "minimum_rate"}, {"vm", "vm3"}, {"rate", "5 Gb/s"}}}));
  m.measure();
  CHECK(gbps_between(m, "vm3", 200, 500) == Approx(wire_gbps / 4).epsilon(0.05));
  CHECK(gbps_between(m, "vm3", 800, 2000) == Approx(5).epsilon(0.02));
  for (const char* vm : {"vm0", "vm1", "vm2"}) CHECK(gbps_between(m, vm, 800, 2000) == Approx((wire_gbps - 5) / 3).epsilon(0.03));
}

TEST_CASE("a receive limit drops what is beyond it, and what is for others arrives", "[G9][G12]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + lasting("2 ms") + constant("receive", "3 Gb/s") +
                 script({{{"at", "500 us"}, {"do", "receive_limit"}, {"vm", "vm1"}, {"rate", "1 Gb/s"}}}));
  m.measure();
  CHECK(gbps_between(m, "vm1", 200, 500) == Approx(3).epsilon(0.03));
  CHECK(gbps_between(m, "vm1", 1000, 2000) == Approx(1).epsilon(0.02));
  CHECK(gbps_between(m, "vm0", 200, 2000) == Approx(3).epsilon(0.01));
  CHECK(m.dropped(DropReason::shaped) > 0);
  CHECK(m.dropped(DropReason::shaped) == m.result.summary["dropped_packets"]);
  CHECK(offered(m, 0) == Approx(delivered(m, 0)).margin(1));  // one may be under way at an end of the window
}

TEST_CASE("a limit on broadcasts lets as many out as it says and drops the others", "[G8]") {
  MachineBench m(more_vms(2, "sriov") + time_line + lasting("2 ms") + Settings{{"vm0.load.arrivals", "off"}, {"vm1.load.arrivals", "off"}} +
                 script({{{"at", "200 us"}, {"do", "storm_limit"}, {"vm", "vm1"}, {"frames_per_second", 50000}},
                         {{"at", "300 us"}, {"do", "storm"}, {"vm", "vm1"}, {"packet_rate", 400000}},
                         {{"at", "1300 us"}, {"do", "behave"}, {"vm", "vm1"}}}));
  m.measure();
  // 400 000/s for 1 ms are offered; 50 000/s pass, and at the start as many as the limit lets through in storm_window, 1 ms
  CHECK(m.dropped(DropReason::storm) + m.workload->ledger().group_copies.value() == Approx(400).margin(2));
  CHECK(m.workload->ledger().group_copies.value() == Approx(50 + 50).margin(2));
}

TEST_CASE("a forged source address leaves while nobody checks, and does not while the PF does", "[G11]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + lasting("1500 us") + constant("transmit", "1 Gb/s") +
                 script({{{"at", "200 us"}, {"do", "spoof"}, {"vm", "vm1"}, {"of", "vm0"}},
                         {{"at", "600 us"}, {"do", "spoof_check"}, {"vm", "vm1"}, {"on", false}},
                         {{"at", "1000 us"}, {"do", "spoof_check"}, {"vm", "vm1"}, {"on", true}}}));
  m.measure();
  CHECK(gbps_between(m, "vm1", 300, 600) == 0);
  CHECK(gbps_between(m, "vm1", 700, 1000) == Approx(1).epsilon(0.02));
  CHECK(gbps_between(m, "vm1", 1100, 1600) == 0);
  CHECK(m.dropped(DropReason::spoofed) > 60);
  CHECK(m.pf_driver()->events(PfEvent::mac_spoof) > 0);
  CHECK(offered(m, 0) == delivered(m, 0));
}

TEST_CASE("an address set by script: the VF gets what is sent to it, and nothing for the old one", "[G5][H4]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + lasting("3 ms") + constant("receive", "1 Gb/s") +
                 script({{{"at", "500 us"}, {"do", "set_mac"}, {"vm", "vm1"}, {"mac", 0x02'00'00'00'66'66}}}));
  m.measure();
  CHECK(gbps_between(m, "vm1", 200, 500) == Approx(1).epsilon(0.02));
  CHECK(gbps_between(m, "vm1", 700, 3000) == 0);
  CHECK(m.dropped(DropReason::no_filter_match) > 150);  // 1 Gb/s of 1500 B for 2 ms
  CHECK(offered(m, 0) == delivered(m, 0));
  const auto before = m.counter("vm1.driver.received");
  m.frame_arrives(m.mac(1));
  m.frame_arrives({0x02'00'00'00'66'66});
  m.run(100_us);
  CHECK(m.counter("vm1.driver.received") == before + 1);
}

TEST_CASE("a stopped VF neither sends nor receives until it may again, its sibling loses no packet", "[G11][G12]") {
  const Settings both = more_vms(2, "sriov") + time_line + with_payload + lasting("2 ms") + constant("bidirectional", "1 Gb/s");
  const std::string undisturbed = apart([&] {
    MachineBench m(both);
    m.measure();
    return std::to_string(delivered(m, 0));
  });
  MachineBench m(both + script({{{"at", "500 us"}, {"do", "stop_vf"}, {"vm", "vm1"}},
                                {{"at", "1200 us"}, {"do", "allow_vf"}, {"vm", "vm1"}}}));
  m.measure();
  CHECK(std::to_string(delivered(m, 0)) == undisturbed);
  CHECK(gbps_between(m, "vm1", 200, 500) == Approx(2).epsilon(0.02));
  CHECK(gbps_between(m, "vm1", 600, 1200) == 0);
  CHECK(gbps_between(m, "vm1", 1500, 2200) > 1.9);
  CHECK(m.dropped(DropReason::function_stopped) > 50);
}

TEST_CASE("a driver that goes tells every VF: they stop, what is still sent is counted as without link", "[B19][H4]") {
  MachineBench m(more_vms(3, "sriov") + time_line + with_payload + constant("transmit", "1 Gb/s") +
                 script({{{"at", "500 us"}, {"do", "remove_driver"}}}));
  m.measure();
  for (unsigned vm = 0; vm < 3; ++vm) {
    CHECK(m.vms[vm].path->vf_driver()->removed());
    CHECK(gbps_between(m, m.vms[vm].name, 200, 500) == Approx(1).epsilon(0.05));
    CHECK(gbps_between(m, m.vms[vm].name, 600, 1000) == 0);
  }
  CHECK(m.counter("pf.driver.told") == 3);
  CHECK(m.dropped(DropReason::link_down) > 3 * 30);  // 1 Gb/s of 1500 B for 0.4 ms each
}

TEST_CASE("a link that flaps by script: every VF is told twice, sends nothing in between and all again after", "[B18][B19][H4]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + lasting("3 ms") + constant("bidirectional", "1 Gb/s") +
                 script({{{"at", "500 us"}, {"do", "link"}, {"up", false}}, {{"at", "1500 us"}, {"do", "link"}, {"up", true}}}));
  m.measure();
  for (const char* vm : {"vm0", "vm1"}) {
    CHECK(gbps_between(m, vm, 600, 1500) == 0);
    CHECK(gbps_between(m, vm, 1700, 3000) == Approx(2).epsilon(0.02));
    CHECK(m.counter(std::string(vm) + ".vf_driver.link_changes") == 2);
  }
}

TEST_CASE("a reset of the device by script: every VF is told, goes down and comes up again by itself", "[B18][B19][H4]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + lasting("6 ms") + constant("bidirectional", "1 Gb/s") +
                 script({{{"at", "500 us"}, {"do", "reset_device"}}}));
  m.measure();
  for (unsigned vm = 0; vm < 2; ++vm) {
    CHECK(gbps_between(m, m.vms[vm].name, 700, 1000) == 0);
    CHECK(gbps_between(m, m.vms[vm].name, 4500, 6000) == Approx(2).epsilon(0.02));
    CHECK(m.vms[vm].path->vf_driver()->restarts() == 1);
  }
}
