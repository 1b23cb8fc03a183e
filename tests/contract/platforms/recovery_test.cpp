// SPDX-License-Identifier: Apache-2.0
// What brings a VF's user back that nobody told anything: its driver's own looks, and the host's driver of slots.
#include "models/software/pf_driver.h"
#include "tests/contract/platforms/apart.h"
#include "tests/contract/platforms/script_bench.h"

namespace iov::platform::recovery {

namespace {
const Settings quick{{"nic0.functions.reset_time", "50 us"}, {"nic0.functions.vf_start_up", "100 us"}, {"host.pci.reset_wait", "100 us"},
                     {"host.pci.vf_wait", "150 us"}, {"host.pci.link_wait", "100 us"}};
Settings watched(const std::string& interval) { return {{"vm0.vf_driver.service_interval", interval}, {"vm1.vf_driver.service_interval", interval}}; }
Settings two_watched_vms(const char* duration) {
  return more_vms(2, "sriov") + time_line + with_payload + quick + watched("200 us") + lasting(duration) + constant("bidirectional", "1 Gb/s");
}
const software::VfDriver& driver(const MachineBench& m, unsigned vm) { return *m.vms[vm].path->vf_driver(); }
using Health = software::NicDriver::Health;
const Json link_flap = {{{"at", "500 us"}, {"do", "pcie_link"}}, {{"at", "1 ms"}, {"do", "pcie_link"}, {"up", true}}};

void comes_back(MachineBench& m, const char* vm) {
  CHECK(gbps_between(m, vm, 200, 500) == Approx(2).epsilon(0.05));
  CHECK(gbps_between(m, vm, 4000, 6000) == Approx(2).epsilon(0.02));
}
}  // namespace

TEST_CASE("a VF that is reset without notice: its driver finds the queue off and begins anew, its sibling loses no packet", "[B20][C10]") {
  const Settings both = two_watched_vms("6 ms");
  const std::string undisturbed = apart([&] {
    MachineBench m(both);
    m.measure();
    return std::to_string(delivered(m, 0));
  });
  MachineBench m(both + script({{{"at", "500 us"}, {"do", "flr"}, {"vm", "vm1"}, {"notice", false}}}));
  m.measure();
  CHECK(std::to_string(delivered(m, 0)) == undisturbed);
  comes_back(m, "vm1");
  CHECK(driver(m, 1).found(Health::reset) + driver(m, 1).found(Health::gone) == 1);
  CHECK(driver(m, 1).restarts() == 1);
  CHECK(driver(m, 0).restarts() == 0);
  CHECK(m.dropped(DropReason::malformed) == 0);
}

TEST_CASE("a driver that does not look does not come back", "[B20]") {
  MachineBench m(two_watched_vms("6 ms") + watched("0 us") + script({{{"at", "500 us"}, {"do", "flr"}, {"vm", "vm1"}, {"notice", false}}}));
  m.measure();
  CHECK(gbps_between(m, "vm1", 600, 6000) == 0);
  CHECK(driver(m, 1).restarts() == 0);
}

TEST_CASE("all VFs vanish and come back: their drivers find them gone, wait, give them bus master and MSI-X, and begin anew", "[B17][C10]") {
  MachineBench m(two_watched_vms("6 ms") +
                 script({{{"at", "500 us"}, {"do", "vf_enable"}}, {{"at", "1500 us"}, {"do", "vf_enable"}, {"on", true}}}));
  m.measure();
  for (const char* vm : {"vm0", "vm1"}) {
    comes_back(m, vm);
    CHECK(gbps_between(m, vm, 600, 1600) == 0);
  }
  for (unsigned vm : {0u, 1u}) {
    CHECK(driver(m, vm).found(Health::gone) == 1);
    CHECK(driver(m, vm).restarts() == 1);
  }
}

TEST_CASE("a function that may not send any more: its queues stop, its driver finds them off, makes it bus master and begins anew", "[C10]") {
  MachineBench m(two_watched_vms("6 ms") + script({{{"at", "500 us"}, {"do", "bus_master"}, {"vm", "vm1"}}}));
  m.measure();
  comes_back(m, "vm1");
  CHECK(driver(m, 1).found(Health::reset) == 1);
  CHECK(driver(m, 1).restarts() == 1);
  CHECK(driver(m, 0).restarts() == 0);
}

TEST_CASE("a transmit queue that stands still: senders wait, the watchdog finds them after its time and not before", "[C10][G11]") {
  const Settings stopped = two_watched_vms("8 ms") + Settings{{"vm1.vf_driver.transmit_timeout", "3 ms"}, {"workload.bit_rate", "3 Gb/s"}} +
                           script({{{"at", "500 us"}, {"do", "stop_vf"}, {"vm", "vm1"}}, {{"at", "6 ms"}, {"do", "allow_vf"}, {"vm", "vm1"}}});
  MachineBench m(stopped);
  m.measure();
  CHECK(driver(m, 1).found(Health::hung) == 1);  // the ring of 512 is full 2 ms after the stop, 3 ms later is too long
  CHECK(driver(m, 1).restarts() == 1);
  CHECK(gbps_between(m, "vm1", 600, 6000) == 0);
  CHECK(gbps_between(m, "vm1", 7000, 8000) > 5);
  CHECK(driver(m, 0).restarts() == 0);
}

TEST_CASE("a container and a process find their VFs reset and begin anew, too", "[B11][B20]") {
  MachineBench m(two_watched_vms("6 ms") + Settings{{"vm0.path", "container"}, {"vm1.path", "process"}} +
                 script({{{"at", "500 us"}, {"do", "vf_enable"}}, {{"at", "1 ms"}, {"do", "vf_enable"}, {"on", true}}}));
  m.measure();
  for (const char* vm : {"vm0", "vm1"}) comes_back(m, vm);
}

TEST_CASE("a PCIe link that goes and comes: the host configures the device anew, enables its VFs, and the guests come back", "[B18][C6][C7]") {
  MachineBench m(two_watched_vms("6 ms") + Settings{{"nic0.device_tlb.enabled", true}} + script(link_flap));
  const Hpa before = m.bar(0);
  m.measure();
  for (const char* vm : {"vm0", "vm1"}) {
    comes_back(m, vm);
    CHECK(gbps_between(m, vm, 600, 1000) == 0);
  }
  CHECK(m.counter("ports.slots.removals") == 1);
  CHECK(m.counter("ports.slots.returns") == 1);
  CHECK(m.counter("recovery.refusals") == 0);
  CHECK(m.vf_manager().hot_adds.value() == 2);  // in the window
  CHECK(m.vf_manager().hot_removes.value() == 2);
  CHECK(m.nic->functions().vfs() == 2);
  CHECK(m.bar(0) == before);
  for (unsigned f : {1u, 2u}) {  // what only the host gives: ATS
    const config::ConfigSpace& space = m.nic->functions().config(f);
    CHECK((space.read(space.layout().extended(PCI_EXT_CAP_ID_ATS) + PCI_ATS_CTRL, 2) & PCI_ATS_CTRL_ENABLE) != 0);
  }
  const config::ConfigSpace& pf = m.nic->functions().config(0);
  CHECK((pf.read(pf.layout().capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_FERE) != 0);  // reports again
}

TEST_CASE("Secondary Bus Reset of the root port: the device is reset, found again, and its guests come back", "[B18][C7]") {
  MachineBench m(two_watched_vms("1 ms") + Settings{{"link0.training_time", "100 us"}});
  m.start();
  m.run(2000_us);
  REQUIRE(driver(m, 0).up());
  m.root_complex->write_root_port(0, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
  CHECK(m.nic->functions().vfs() == 0);
  m.root_complex->write_root_port(0, PCI_BRIDGE_CONTROL, 2, 0);
  m.run(5000_us);
  CHECK(m.nic->functions().vfs() == 2);
  for (unsigned vm : {0u, 1u}) {
    CHECK(driver(m, vm).up());
    CHECK(driver(m, vm).restarts() == 1);
  }
}

namespace {
void comes_back_below_a_switch(const char* link, unsigned interrupts) {
  Json actions = link_flap;
  for (Json& action : actions) action["link"] = link;
  MachineBench m(two_watched_vms("6 ms") + Settings{{"link0.training_time", "100 us"}, {"link0.acs.source_validation", true}} + script(actions),
                 "platforms/server_switch_10g.json");
  m.measure();
  const config::ConfigSpace& port = m.tree->switches()[0]->port(1).config();
  CHECK(port.read(port.layout().extended(PCI_EXT_CAP_ID_ACS) + PCI_ACS_CTRL, 2) == PCI_ACS_SV);  // isolation comes back, too
  for (const char* vm : {"vm0", "vm1"}) comes_back(m, vm);
  CHECK(m.counter("ports.slots.returns") == 1);
  CHECK(m.counter("switch0.slot_interrupts") == interrupts);
}
}  // namespace

TEST_CASE("a link below a switch goes and comes: the switch port's interrupts tell the host", "[B18][B24][C6]") {
  comes_back_below_a_switch("link0", 2);
}

TEST_CASE("a link above a switch goes and comes: the switch's ports are configured before the device", "[B18][B24][C7]") {
  comes_back_below_a_switch("link_up", 0);
}

TEST_CASE("a host whose PF moves its VMs' packets has them move again after the PCIe link came back", "[B18]") {
  for (const char* path : {"native", "virtio", "vhost", "vmdq"}) {
    INFO(path);
    CHECK(apart([&] {
            MachineBench m(time_line + with_payload + quick + lasting("6 ms") + constant("bidirectional", "500 Mb/s") +
                           Settings{{"vm0.path", path}} + script(link_flap));
            m.measure();
            return gbps_between(m, "vm0", 4000, 6000) > 0.97 ? std::string("back") : std::to_string(gbps_between(m, "vm0", 4000, 6000));
          }) == "back");
  }
}

}  // namespace iov::platform::recovery
