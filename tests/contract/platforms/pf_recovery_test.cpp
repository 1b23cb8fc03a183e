// SPDX-License-Identifier: Apache-2.0
// The device forgets what its PF's driver has set; the driver knows it and writes it again. A whole device in a VM comes back, too.
#include "models/software/pf_driver.h"
#include "tests/contract/platforms/apart.h"
#include "tests/contract/platforms/script_bench.h"

namespace iov::platform::pf_recovery {

namespace {
const Settings soon{{"nic0.functions.reset_time", "50 us"}, {"nic0.functions.vf_start_up", "100 us"}, {"host.pci.reset_wait", "100 us"},
                    {"host.pci.vf_wait", "150 us"}, {"host.pci.link_wait", "100 us"},
                    {"root_complex.completion_timeout", "200 us"}};  // a core whose request a link loses waits for so long
const Json flap = {{{"at", "500 us"}, {"do", "pcie_link"}}, {{"at", "1 ms"}, {"do", "pcie_link"}, {"up", true}}};
const Json pf_flr = {{{"at", "500 us"}, {"do", "reset_pf"}}};
const Json device_reset = {{{"at", "500 us"}, {"do", "reset_device"}}};

Json operator+(Json a, const Json& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
/// Two VMs on VFs whose drivers look every 200 us.
Settings looking(const char* duration, const char* rate = "1 Gb/s") {
  return more_vms(2, "sriov", {{"vf_driver", {{"service_interval", "200 us"}}}}) + time_line + with_payload + soon + lasting(duration) +
         constant("bidirectional", rate);
}
const software::VfDriver& vf(const MachineBench& m, unsigned vm) { return *m.vms[vm].path->vf_driver(); }
std::uint32_t ats(const MachineBench& m, unsigned function) {
  const config::ConfigSpace& space = m.nic->functions().config(function);
  return space.read(space.layout().extended(PCI_EXT_CAP_ID_ATS) + PCI_ATS_CTRL, 2) & PCI_ATS_CTRL_ENABLE;
}

/// Everything that an administrator may ask for, and what the device holds of it.
struct Governed {
  std::string text;
  explicit Governed(MachineBench& m) {
    const auto& p = m.nic->policy(1);
    for (const std::uint64_t value : {std::uint64_t{p.transmit_mbps}, std::uint64_t{p.share_mbps}, std::uint64_t{p.receive_mbps},
                                      std::uint64_t{p.storm_per_second}, std::uint64_t{p.interrupt_ns}, std::uint64_t{p.max_frame},
                                      std::uint64_t{p.control}, p.mac.value, std::uint64_t{m.nic->policy(2).control}})
      text += std::to_string(value) + " ";
    for (const std::uint32_t reg : {std::uint32_t{nic::reg_switch}, std::uint32_t{nic::reg_vf_default}, std::uint32_t{nic::reg_pause_high},
                                    std::uint32_t{nic::reg_pause_low}, std::uint32_t{nic::reg_congestion}, std::uint32_t{nic::reg_event_vector}})
      text += std::to_string(m.read_register(0, reg, 4)) + " ";
    m.write_register(0, nic::reg_vf_select, 1, 4);
    text += std::to_string(m.read_register(0, nic::vf_vlan, 4));
  }
};
const Settings governed{{"host.pf_driver", {{"switch_mode", "vepa"}, {"pause_high", "64 KiB"}, {"pause_low", "32 KiB"}, {"congestion_level", "96 KiB"}}},
                        {"vm0.vf", {{"max_transmit_rate", "300 Mb/s"}, {"min_transmit_rate", "100 Mb/s"}, {"max_receive_rate", "400 Mb/s"},
                                    {"storm_rate", 1000}, {"interrupt_interval", "20 us"}}}};

/// The end state of the device is that of a machine where nothing happened.
void everything_is_written_again(const Json& event) {
  const Json asked = {{{"at", "100 us"}, {"do", "ask"}, {"vm", "vm0"}, {"for", "vlan"}, {"value", 7}},
                      {{"at", "100 us"}, {"do", "stop_vf"}, {"vm", "vm1"}}};
  const Settings settings = looking("8 ms", "200 Mb/s") + governed;
  const std::string undisturbed = apart([&] {
    MachineBench m(settings + script(asked));
    m.measure();
    return Governed(m).text;
  });
  MachineBench m(settings + script(asked + event));
  m.measure();
  CHECK(Governed(m).text == undisturbed);
  CHECK(undisturbed.starts_with("300 100 400 1000 20000 1514 "));
  CHECK(undisturbed.ends_with(" 1"));
  CHECK(vf(m, 0).restarts() == 1);
  CHECK(gbps_between(m, "vm0", 5000, 8000) > 0.39);  // and what waited
  CHECK(gbps_between(m, "vm1", 600, 8000) == 0);  // stopped, and stays so
}

void limit_holds(const Json& event) {
  const Json limit = {{{"at", "100 us"}, {"do", "rate_limit"}, {"vm", "vm1"}, {"rate", "500 Mb/s"}}};
  MachineBench m(looking("10 ms") + Settings{{"workload.direction", "transmit"}} + script(limit + event));
  m.measure();
  CHECK(gbps_between(m, "vm0", 6000, 10000) == Approx(1).epsilon(0.02));
  CHECK(gbps_between(m, "vm1", 6000, 10000) == Approx(0.5).epsilon(0.03));
}

void spoofer_is_stopped(const Json& event) {
  const Json spoof = {{{"at", "100 us"}, {"do", "spoof"}, {"vm", "vm1"}, {"of", "vm0"}}};
  MachineBench m(looking("8 ms") + Settings{{"workload.direction", "transmit"}} + script(spoof + event));
  m.measure();
  CHECK(vf(m, 1).restarts() == 1);
  CHECK(gbps_between(m, "vm0", 5000, 8000) == Approx(1).epsilon(0.02));
  CHECK(gbps_between(m, "vm1", 200, 8000) == 0);
  CHECK(m.dropped(DropReason::spoofed) > 3 * 83);  // 83 packets of 1500 B a millisecond, and it is up for more than 3 of them
}

std::string host_comes_back(const char* path, const Json& event) {
  return apart([&] {
    MachineBench m(time_line + with_payload + soon + lasting("6 ms") + constant("bidirectional", "500 Mb/s") + Settings{{"vm0.path", path}} +
                   script(event));
    m.measure();
    const double gbps = gbps_between(m, "vm0", 4000, 6000);
    return gbps > 0.97 ? std::string("back") : std::to_string(gbps);
  });
}
}  // namespace

TEST_CASE("a PCIe link that flaps: all that the administrator asked for is in the device again", "[B18][G5][G9][G10]") {
  everything_is_written_again(flap);
}
TEST_CASE("a function level reset of the PF: its VFs come back under the same rules", "[B20][G5][G9][G10]") {
  everything_is_written_again(pf_flr);
}
TEST_CASE("a reset of the device by its register: all that the administrator asked for is in the device again", "[B18][G5][G9][G10]") {
  everything_is_written_again(device_reset);
}
TEST_CASE("a rate limit holds after the PCIe link was down", "[B18][G9]") { limit_holds(flap); }
TEST_CASE("a rate limit holds after a function level reset of the PF", "[B20][G9]") { limit_holds(pf_flr); }
TEST_CASE("a rate limit holds after a reset of the device", "[B18][G9]") { limit_holds(device_reset); }
TEST_CASE("a VF that forges its source is still stopped after the PCIe link was down", "[B18][G11]") { spoofer_is_stopped(flap); }
TEST_CASE("a VF that forges its source is still stopped after a function level reset of the PF", "[B20][G11]") { spoofer_is_stopped(pf_flr); }
TEST_CASE("a VF that forges its source is still stopped after a reset of the device", "[B18][G11]") { spoofer_is_stopped(device_reset); }

TEST_CASE("frames that only the host's filters and pools accept arrive again after every kind of reset", "[B18][B20][G4][G5]") {
  for (const char* path : {"native", "vhost", "vmdq"})
    for (const Json& event : {flap, pf_flr, device_reset}) {
      INFO(path << " " << event.dump());
      CHECK(host_comes_back(path, event) == "back");
    }
}

TEST_CASE("a link that the administrator took down stays down over a reset", "[B18][B19]") {
  MachineBench m(looking("6 ms") + script(Json{{{"at", "100 us"}, {"do", "link"}, {"up", false}}} + pf_flr));
  m.measure();
  CHECK_FALSE(m.nic->link_up());
  CHECK(m.read_register(0, nic::reg_link, 4) == 0);
}

TEST_CASE("between reset and rewriting the device knows nothing: no filter, no limit, and after it all is as before", "[B18][G4][G9]") {
  MachineBench m(looking("1 ms", "200 Mb/s") + governed);
  m.start();
  m.run(2000_us);
  FrameHeader to_vf;
  to_vf.destination = m.mac(0);
  REQUIRE(m.nic->sorter().match(to_vf).has_value());
  REQUIRE(m.nic->policy(1).transmit_mbps == 300);
  pcie::Port& port = m.tree->link("link0").root;
  port.link_down();
  CHECK_FALSE(m.nic->sorter().match(to_vf).has_value());
  CHECK(m.nic->policy(1).transmit_mbps == 0);
  CHECK(m.nic->policy(1).control == nic::vf_reset_value);
  m.run(500_us);
  port.link_up();
  m.run(99_us);  // the host waits for 100 us before its first request
  CHECK(m.nic->functions().vfs() == 0);
  m.run(5000_us);
  CHECK(m.nic->sorter().match(to_vf) == endpoint::Destination{1});
  CHECK(m.nic->policy(1).transmit_mbps == 300);
  m.workload->stop_sources();
  for (auto& vm : m.vms) vm.path->stop_service();
  m.run(5000_us);
  CHECK(m.workload->in_flight() == 0);
}

TEST_CASE("VFs are enabled again only when their PF's driver has closed them", "[B18][G11]") {
  MachineBench m(looking("1 ms"));
  m.start();
  m.run(2000_us);
  pcie::Port& port = m.tree->link("link0").root;
  port.link_down();
  m.run(100_us);
  port.link_up();
  bool seen = false, open = false;
  for (unsigned step = 0; step < 2000 && !seen; ++step) {
    m.timeline.run(m.timeline.now() + 1_us);
    seen = m.nic->functions().vfs() != 0;
    open = seen && m.nic->policy(1).has(nic::vf_transmit_enable);
  }
  CHECK(seen);
  CHECK_FALSE(open);
}

TEST_CASE("VFs with ATS use translated requests again after the PCIe link flapped, their device TLB begins empty", "[B18][E1][E5]") {
  MachineBench m(looking("1 ms") + Settings{{"nic0.device_tlb.enabled", true}});
  m.start();
  m.run(2000_us);
  pcie::Port& port = m.tree->link("link0").root;
  port.link_down();
  m.run(500_us);
  const auto translated = m.counter("nic0.dma_engine.translated_tlps"), asked = m.counter("nic0.device_tlb.translation_requests");
  port.link_up();
  m.run(4000_us);
  for (unsigned f : {1u, 2u}) CHECK(ats(m, f) != 0);
  CHECK(m.counter("nic0.dma_engine.translated_tlps") > translated + 1000);
  CHECK(m.counter("nic0.device_tlb.translation_requests") > asked);
  CHECK(m.counter("recovery.late_looks") == 0);
}

TEST_CASE("VFs that answer long after the host has enabled them get their ATS then", "[B18][C7][E1]") {
  const Json actions = flap + Json{{{"at", "1200 us"}, {"do", "vf_enable"}}, {{"at", "4 ms"}, {"do", "vf_enable"}, {"on", true}}};
  MachineBench m(looking("12 ms") + Settings{{"nic0.device_tlb.enabled", true}} + script(actions));
  m.measure();
  CHECK(m.counter("recovery.late_looks") >= 2);
  CHECK(m.counter("recovery.given_up") == 0);
  for (unsigned f : {1u, 2u}) CHECK(ats(m, f) != 0);
  for (const char* vm : {"vm0", "vm1"}) CHECK(gbps_between(m, vm, 10000, 12000) == Approx(2).epsilon(0.02));
}

TEST_CASE("VFs that never answer again are given up, and keep nothing busy", "[B18][C7]") {
  const Json actions = flap + Json{{{"at", "1200 us"}, {"do", "vf_enable"}}};
  MachineBench m(looking("4 ms") + Settings{{"nic0.device_tlb.enabled", true}} + script(actions));
  m.measure();  // the machine comes to rest
  CHECK(m.counter("recovery.late_looks") >= 1);
}

TEST_CASE("VF Enable set between the host's look at a PF and its enabling is cleared and waited for, no VF is lost", "[B8][B17][B18]") {
  unsigned waited = 0;
  for (unsigned at = 1110; at <= 1150; at += 5) {
    const Json actions = pf_flr + Json{{{"at", std::to_string(at) + " us"}, {"do", "vf_enable"}, {"on", true}}};
    const std::string end = apart([&] {
      MachineBench m(looking("6 ms") + Settings{{"host.pci.vf_disable_wait", "1 ms"}} + script(actions));
      m.measure();
      for (const char* vm : {"vm0", "vm1"})
        if (gbps_between(m, vm, 4000, 6000) < 1.95) return std::string("lost");
      return std::string(gbps_between(m, "vm0", 1800, 2100) == 0 ? "waited" : "at once");
    });
    INFO(at);
    CHECK((end == "waited" || end == "at once"));
    waited += end == "waited";
  }
  CHECK(waited > 0);  // the time between look and enabling is among these
}

namespace {
void ats_comes_back(const char* path) {
  const Json actions = {{{"at", "500 us"}, {"do", "vf_enable"}}, {{"at", "1 ms"}, {"do", "vf_enable"}, {"on", true}}};
  MachineBench m(looking("4 ms") + Settings{{"nic0.device_tlb.enabled", true}, {"vm0.path", path}, {"vm1.path", path}} + script(actions));
  m.measure();
  for (unsigned f : {1u, 2u}) CHECK(ats(m, f) != 0);
  for (const char* vm : {"vm0", "vm1"}) CHECK(gbps_between(m, vm, 3000, 4000) == Approx(2).epsilon(0.05));
  const bool passes_through = std::string(path) == "container";  // its memory is the kernel's, at its own addresses
  CHECK((m.counter("nic0.dma_engine.translated_tlps") > 5000) == !passes_through);
  CHECK(m.counter("recovery.late_looks") == 0);
}
}  // namespace

TEST_CASE("VMs' VFs that only VF Enable took and brought back have their ATS again", "[B17][E1][E5]") { ats_comes_back("sriov"); }
TEST_CASE("a container's VF that only VF Enable took and brought back has its ATS again", "[B11][B17][E1]") { ats_comes_back("container"); }
TEST_CASE("a process's VF that only VF Enable took and brought back has its ATS again", "[B11][B17][E1]") { ats_comes_back("process"); }

// --- a whole device in a VM ----------------------------------------------------------------------------------

namespace {
Settings whole(const char* duration, const char* interval = "200 us") {
  return time_line + with_payload + soon + lasting(duration) + constant("bidirectional", "1 Gb/s") +
         Settings{{"vm0.path", "passthrough"}, {"vm0.vf_driver.service_interval", interval}, {"nic0.device_tlb.enabled", true}};
}
std::uint64_t restarts(const MachineBench& m) { return m.counter("vm0.restarts"); }
}  // namespace

TEST_CASE("a PF in a VM: after the PCIe link flapped its guest finds it, writes everything again, and packets flow", "[B18][C7][C10][A22]") {
  MachineBench m(whole("6 ms") + script(flap));
  m.measure();
  CHECK(gbps_between(m, "vm0", 200, 500) == Approx(2).epsilon(0.05));
  CHECK(gbps_between(m, "vm0", 600, 1000) == 0);
  CHECK(gbps_between(m, "vm0", 3000, 6000) == Approx(2).epsilon(0.02));
  CHECK(restarts(m) == 1);
  CHECK(ats(m, 0) != 0);  // what only the host gives
}

TEST_CASE("a PF in a VM that the host resets: its guest finds the queues off and begins anew", "[B20][C10]") {
  MachineBench m(whole("6 ms") + script({{{"at", "500 us"}, {"do", "flr"}, {"vm", "vm0"}}}));
  m.measure();
  CHECK(gbps_between(m, "vm0", 3000, 6000) == Approx(2).epsilon(0.02));
  CHECK(restarts(m) == 1);
  CHECK(ats(m, 0) != 0);
}

TEST_CASE("a PF in a VM whose driver does not look does not come back", "[B20][C10]") {
  MachineBench m(whole("6 ms", "0 us") + script(flap));
  m.measure();
  CHECK(gbps_between(m, "vm0", 600, 6000) == 0);
  CHECK(restarts(m) == 0);
}

TEST_CASE("a PF in a VM whose link stays down: the machine comes to rest and every packet is accounted for", "[B18]") {
  MachineBench m(whole("3 ms") + script({{{"at", "500 us"}, {"do", "pcie_link"}}}));
  m.measure();
  CHECK(gbps_between(m, "vm0", 600, 3000) == 0);
}

TEST_CASE("the host resets no PF that it has no driver of", "[B20][C7]") {
  CHECK(apart([&] { return MachineBench(whole("1 ms") + script(pf_flr)).counter("vm0.restarts") == 0 ? "built" : ""; }) ==
        "died: script[0].pf: the host has no driver of PF 0: that needs a VM of path sriov, or a host that has the PF");
}

// --- hostile -------------------------------------------------------------------------------------------------

namespace {
Json link(const char* at, bool up) { return {{{"at", at}, {"do", "pcie_link"}, {"up", up}}}; }
std::string survives(const Settings& settings, double from_us, double to_us, double gbps, const Json& events) {
  return apart([&] {
    MachineBench m(settings + script(events));
    m.measure();
    std::string wrong;
    for (const auto& vm : m.vms)
      if (const double got = gbps_between(m, vm.name, from_us, to_us); std::abs(got - gbps) > 0.05 * gbps)
        wrong += vm.name + " " + std::to_string(got) + " ";
    return m.timeline.idle() ? wrong : wrong + "not at rest";
  });
}
}  // namespace

TEST_CASE("a second flap at any point of the way back: VFs and a PF in a VM come back after it", "[B18][B20]") {
  for (const char* again : {"1010 us", "1090 us", "1105 us", "1120 us", "1150 us", "1200 us", "1270 us", "1300 us", "1400 us", "1900 us"}) {
    INFO(again);
    const Json events = flap + link(again, false) + link("2500 us", true);
    CHECK(survives(looking("10 ms"), 7000, 10000, 2, events) == "");
    CHECK(survives(whole("10 ms"), 7000, 10000, 2, events) == "");
  }
}

TEST_CASE("resets of a PF that overlap: the second is refused, the first ends, and what comes after finds the lock free", "[B18][B20]") {
  for (const char* again : {"500 us", "501 us", "700 us", "1 ms"}) {
    INFO(again);
    const Json second = {{{"at", again}, {"do", "reset_pf"}}};
    CHECK(survives(looking("14 ms"), 10000, 14000, 2, pf_flr + second + link("4 ms", false) + link("4500 us", true)) == "");
  }
}

TEST_CASE("VFs that vanish while their ATS is given again: they come back, or the machine comes to rest without them", "[B17][B20][E1]") {
  const auto vfs = [](const char* at, bool on) { return Json{{{"at", at}, {"do", "vf_enable"}, {"on", on}}}; };
  const Settings both = looking("8 ms") + Settings{{"nic0.device_tlb.enabled", true}};
  for (const char* at : {"1600 us", "1610 us", "1650 us", "1700 us", "1750 us", "1800 us", "1900 us"}) {
    INFO(at);
    const Json gone = vfs("500 us", false) + vfs("1500 us", true) + vfs(at, false);
    CHECK(survives(both, 5000, 8000, 2, gone + vfs("2500 us", true)) == "");
    CHECK(survives(both, 5000, 8000, 0, gone) == "");
  }
}

TEST_CASE("of several PFs each is reset by its own driver: the others' VFs go on", "[B2][B18]") {
  const Settings two = looking("8 ms") + Settings{{"nic0.functions.physical_functions", 2}, {"nic0.functions.total_vfs", 1}};
  for (const char* what : {"reset_device", "reset_pf"}) {
    INFO(what);
    CHECK(survives(two, 5000, 8000, 2, {{{"at", "500 us"}, {"do", what}}}) == "");
  }
}

TEST_CASE("a reset of the PF or of its device while VFs' requests are pending, or its link goes meanwhile: all come back", "[B18][B20][H1]") {
  for (const char* at : {"501 us", "520 us", "700 us", "990 us", "1010 us", "1100 us", "1200 us", "1280 us", "1350 us", "2000 us"}) {
    INFO(at);
    const Json reset = {{{"at", at}, {"do", "reset_pf"}}}, device = {{{"at", at}, {"do", "reset_device"}}};
    CHECK(survives(looking("14 ms"), 10000, 14000, 2, flap + reset) == "");
    CHECK(survives(looking("14 ms"), 10000, 14000, 2, pf_flr + device) == "");
    CHECK(survives(looking("14 ms"), 10000, 14000, 2, pf_flr + link(at, false) + link("2500 us", true)) == "");
  }
}

}  // namespace iov::platform::pf_recovery
