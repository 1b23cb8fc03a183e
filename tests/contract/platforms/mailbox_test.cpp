// SPDX-License-Identifier: Apache-2.0
// PF and VF drivers on a whole server: they talk only through the device, with CPU time of their own.
#include "models/software/pf_driver.h"
#include "models/software/vf_driver.h"
#include "tests/contract/platforms/apart.h"

using namespace iov;
using namespace iov::platform;
using nic::PfEvent;

namespace {
struct Bench : MachineBench {
  explicit Bench(const Settings& settings, const std::string& platform = current) : MachineBench(settings, platform) {
    start();
    run(5000_us);
  }
  software::PfDriver& pf() { return *pf_driver(); }
  software::VfDriver& vf(unsigned vm = 0) { return *vms[vm].path->vf_driver(); }
  std::uint64_t sent(unsigned function) { return nic->table().count(function, endpoint::FunctionTable::tx_frames); }
  /// The window of VF 1, which the PF driver has selected already.
  void window(std::uint32_t reg, std::uint64_t value, unsigned bytes = 4) {
    write_register(0, nic::reg_vf_select, 1, 4);
    write_register(0, reg, value, bytes);
  }
};
const Settings transmit{{"workload.packet_bytes", 1500}};
}  // namespace

TEST_CASE("a VF comes up through its mailbox: it learns its address, is opened, and both drivers pay for it", "[B21][H1][H3][C10]") {
  Bench b(silent);
  CHECK(b.vf().up());
  CHECK(b.vf().mac() == b.mac(0));
  CHECK(b.pf().open(1));
  CHECK(b.pf().events(PfEvent::mailbox_request) == 5);  // reset, API, queues, MTU, multicast
  CHECK(b.pf().refused() == 0);
  CHECK(b.vf().timeouts() == 0);
  CHECK(b.processors->core(0).spent(host::Context::host_kernel, host::Work::driver) > 5_us);
  CHECK(b.processors->core(2).spent(host::Context::guest, host::Work::driver) > 5_us);
  CHECK(b.exits(host::ExitCause::mmio_write) + b.exits(host::ExitCause::mmio_read) == 0);
  CHECK(b.nic->policy(1).mac == b.mac(0));
  b.frame_arrives(b.mac(0));
  b.run(100_us);
  CHECK(b.counter("vm0.driver.received") == 1);
}

TEST_CASE("the drivers exchange the same messages under another hypervisor's costs", "[C10]") {
  const auto script = [](const std::string& platform) {
    return apart([&] {
      Bench b(silent, platform);
      b.vf().ask_vlan(7, true);
      b.vf().ask_mac({0x02'00'00'00'77'77});
      b.run(5000_us);
      std::string counts;
      for (const char* counter : {"pf.driver.requests", "pf.driver.refused", "pf.driver.told", "vm0.vf_driver.requests",
                                  "vm0.vf_driver.refused", "nic0.register_writes"})
        counts += std::to_string(b.counter(counter)) + " ";
      return counts;
    });
  };
  const std::string now = script(current), then = script(of_2010);
  CHECK(now == then);
  CHECK(now.starts_with("7 1 0 7 1 "));
}

TEST_CASE("what a VF asks for is granted by policy: VLAN, multicast, MTU to all, address and promiscuity to the trusted", "[H3][G5]") {
  Bench b(silent);
  b.vf().ask_vlan(100, true);
  b.vf().ask_multicast({MacAddress{0x01'00'5e'00'00'01}, MacAddress{0x01'00'5e'00'00'02}});
  b.run(3000_us);
  CHECK(b.vf().refused() == 0);
  b.vf().ask_mac({0x02'00'00'00'77'77});
  b.vf().ask_promiscuous(1);
  b.run(3000_us);
  CHECK(b.vf().refused() == 2);
  CHECK(b.vf().mac() == b.mac(0));
  b.pf().set_trust(1, true);
  b.vf().ask_mac({0x02'00'00'00'77'77});
  b.vf().ask_promiscuous(2);
  b.run(3000_us);
  CHECK(b.vf().refused() == 2);
  CHECK(b.vf().mac() == MacAddress{0x02'00'00'00'77'77});
  CHECK(b.nic->policy(1).has(nic::vf_accept_all));
  b.frame_arrives({0x02'00'00'00'77'77});
  b.run(100_us);
  CHECK(b.counter("vm0.driver.received") == 1);
}

TEST_CASE("a request while the PF has the mailbox waits, one that nobody answers is asked again", "[H2]") {
  Bench b(silent);
  b.window(nic::vf_window_mailbox, nic::pf_mailbox_pfu);
  b.vf().ask_vlan(5, true);
  b.run(1000_us);
  CHECK(b.vf().collisions() >= 2);
  CHECK(b.vf().timeouts() == 0);
  b.window(nic::vf_window_mailbox, 0);
  b.run(2000_us);
  CHECK(b.read_register(0, nic::vf_vlan, 4) == 1);
  b.write_register(0, nic::reg_event_vector, 0, 4);  // the PF driver hears nothing
  b.vf().ask_vlan(6, true);
  b.run(7000_us);
  CHECK(b.vf().timeouts() == 2);  // after 2 ms, and 4 ms more
  CHECK(b.read_register(0, nic::vf_vlan, 4) == 1);
  b.write_register(0, nic::reg_event_vector, 1u << 31 | 63, 4);
  b.run(5000_us);
  CHECK(b.read_register(0, nic::vf_vlan, 4) == 2);
  CHECK(b.vf().refused() == 0);
}

TEST_CASE("VFs whose PF's driver is slower than their patience with one answer all come up in the end", "[H1][H2][B12]") {
  constexpr unsigned vfs = 8;
  MachineBench m(silent + more_vms(vfs, "sriov", {{"vf_driver", {{"answer_timeout", "200 us"}}}}) +
                 Settings{{"host.costs.control_message", "100 us"}});
  m.start();
  m.run(60'000_us);
  std::uint64_t timeouts = 0;
  for (unsigned vm = 0; vm < vfs; ++vm) {
    INFO("VM " << vm);
    const software::VfDriver& driver = *m.vms[vm].path->vf_driver();
    CHECK(driver.up());
    CHECK(driver.refused() == 0);
    CHECK(m.pf_driver()->open(vm + 1));
    m.frame_arrives(m.mac(vm));
    timeouts += driver.timeouts();
  }
  CHECK(timeouts > vfs);
  m.run(1000_us);
  for (unsigned vm = 0; vm < vfs; ++vm) CHECK(m.counter("vm" + std::to_string(vm) + ".driver.received") == 1);
}

TEST_CASE("a VF that its PF has closed learns it from a refusal that is not clear to send, and begins anew", "[H2][H4]") {
  Bench b(silent);
  b.write_register(1, nic::reg_control, nic::control_reset_function, 4);  // not its driver's doing
  b.write_register(1, nic::reg_mailbox_vector, 1, 4);
  b.write_register(1, nic::reg_interrupt_mask_set, 2, 8);
  b.run(50_us);
  CHECK_FALSE(b.pf().open(1));
  CHECK(b.vf().up());
  b.vf().ask_vlan(5, true);
  b.run(2000_us);
  CHECK(b.vf().refused() == 1);
  CHECK(b.vf().timeouts() == 0);
  CHECK(b.vf().restarts() == 1);
  CHECK(b.pf().open(1));
  CHECK(b.read_register(0, nic::vf_vlan, 4) == 1);
}

TEST_CASE("a VF whose PF has stopped to answer begins anew until it does", "[H2][H4]") {
  Bench b(silent + Settings{{"vm0.vf_driver.patience", "3 ms"}});
  b.write_register(0, nic::reg_event_vector, 0, 4);  // the PF driver hears nothing
  b.vf().ask_vlan(5, true);
  b.run(20'000_us);
  CHECK(b.vf().restarts() == 0);
  CHECK(b.vf().timeouts() > 4);  // 2 ms, 4 ms, anew
  b.write_register(0, nic::reg_event_vector, 1u << 31 | 63, 4);
  b.run(5000_us);
  CHECK(b.vf().restarts() == 1);
  CHECK(b.read_register(0, nic::vf_vlan, 4) == 1);
}

TEST_CASE("what the PF driver finds in a mailbox that is an answer already it does not answer", "[H2]") {
  Bench b(silent);
  const auto requests = b.counter("pf.driver.requests"), told = b.counter("vm0.vf_driver.link_changes");
  b.write_register(1, nic::reg_mailbox_memory, nic::msg_reset | nic::msg_ack | nic::msg_cts, 4);
  b.write_register(1, nic::reg_mailbox, nic::vf_mailbox_request, 4);
  b.run(1000_us);
  CHECK(b.pf().events(PfEvent::mailbox_request) == 6);
  CHECK(b.counter("pf.driver.requests") == requests);
  CHECK(b.counter("vm0.vf_driver.link_changes") == told);
  CHECK(b.pf().open(1));
}

TEST_CASE("a VF that keeps its mailbox does not keep the PF from speaking", "[H2][B19]") {
  Bench b(silent);
  b.write_register(1, nic::reg_mailbox, nic::vf_mailbox_vfu, 4);
  b.pf().set_link(false);
  b.run(1000_us);
  CHECK(b.counter("pf.driver.mailbox_busy") == 1);
  CHECK(b.counter("vm0.vf_driver.link_changes") == 1);
}

TEST_CASE("link changes reach the VF: without link it sends nothing, with it it goes on", "[B19][H4][B18]") {
  Bench b(transmit + short_run);
  const auto before = b.sent(1);
  CHECK(before > 100);
  b.pf().set_link(false);
  b.run(1000_us);
  const auto down = b.sent(1);
  b.run(1000_us);
  CHECK(b.sent(1) == down);
  CHECK(b.counter("vm0.vf_driver.link_changes") == 1);
  b.pf().set_link(true);
  b.run(2000_us);
  CHECK(b.sent(1) > down + 100);
  CHECK(b.counter("vm0.vf_driver.link_changes") == 2);
  b.workload->stop_sources();
  b.run(2000_us);
  CHECK(b.workload->in_flight() == 0);
}

TEST_CASE("before a reset of the device the VFs stop, after it they start, what is lost is counted", "[B19][H4][B18]") {
  Bench b(transmit + short_run + more_vms(2, "sriov"));
  for (unsigned f = 1; f <= 2; ++f) CHECK(b.sent(f) > 100);
  b.pf().reset_device();
  b.run(10'000_us);
  std::uint64_t lost = 0;
  for (unsigned vm = 0; vm < 2; ++vm) {
    CHECK(b.vf(vm).restarts() == 1);
    CHECK(b.vf(vm).up());
    lost += b.counter("vm" + std::to_string(vm) + ".driver.lost");
  }
  CHECK(lost > 0);
  const auto after = b.sent(1);
  b.run(1000_us);
  CHECK(b.sent(1) > after + 100);
  b.workload->stop_sources();
  b.run(5000_us);
  CHECK(b.workload->in_flight() == 0);
}

TEST_CASE("when the PF's driver goes, the VFs stop", "[B19][H4]") {
  Bench b(transmit + short_run);
  b.pf().announce_removal();
  b.run(1000_us);
  CHECK(b.vf().removed());
  const auto then = b.sent(1);
  b.run(1000_us);
  CHECK(b.sent(1) == then);
  b.workload->stop_sources();
  b.run(1000_us);
}

TEST_CASE("an administrator's new address makes the VF start anew with it", "[H4]") {
  Bench b(silent);
  b.pf().set_mac(1, {0x02'00'00'00'66'66});
  b.run(5000_us);
  CHECK(b.vf().restarts() == 1);
  CHECK(b.vf().mac() == MacAddress{0x02'00'00'00'66'66});
  b.frame_arrives(b.mac(0));
  b.frame_arrives({0x02'00'00'00'66'66});
  b.run(100_us);
  CHECK(b.counter("vm0.driver.received") == 1);
}

TEST_CASE("a VF that spoofs is stopped by the PF's driver, its sibling is not", "[G11]") {
  Bench b(transmit + short_run + more_vms(2, "sriov") + Settings{{"host.pf_driver.spoof_limit", 1}});
  b.window(nic::vf_mac, 0x02'00'00'00'55'55, 8);  // from now on its own address is a foreign one
  b.write_register(0, nic::reg_filter_mac, b.mac(0).value, 8);
  b.write_register(0, nic::reg_filter_vlan, nic::filter_any_vlan, 4);
  b.write_register(0, nic::reg_filter_command, nic::filter_remove, 4);
  b.run(1000_us);
  CHECK(b.pf().stopped(1));
  CHECK_FALSE(b.pf().stopped(2));
  CHECK(b.pf().events(PfEvent::mac_spoof) >= 1);
  const auto one = b.sent(1), two = b.sent(2);
  b.run(1000_us);
  CHECK(b.sent(1) == one);
  CHECK(b.sent(2) > two + 100);
}
