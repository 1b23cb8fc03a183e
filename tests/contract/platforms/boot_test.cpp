// SPDX-License-Identifier: Apache-2.0
/// From power-on to the first packet: the scan, the VF manager, the guests' own scans.
#include "tests/contract/platforms/apart.h"
using namespace iov;
using namespace iov::platform;
using software::Owner;

namespace {
struct BootBench : MachineBench {
  explicit BootBench(const Settings& settings) : MachineBench(silent + settings) {}
  host::Thread thread{processors->core(0), host::Thread::Kind::process, "control"};
  host::Strand strand{thread.core(), host::Level::thread_low, &thread};
  std::string refusal;

  void finish(Task task) {
    task.start();
    for (unsigned seconds = 0; !task.done() && seconds < 100; ++seconds) run(Time(1, sc_core::SC_SEC));
    REQUIRE(task.done());
  }
  std::string enable(unsigned vfs, unsigned pf = 0) {
    finish(vf_manager().enable(strand, pf, vfs, refusal));
    return refusal;
  }
  std::string disable(unsigned pf = 0) {
    finish(vf_manager().disable(strand, pf, refusal));
    return refusal;
  }
  std::string change(unsigned vfs) {
    finish(vf_manager().change(strand, 0, vfs, refusal));
    return refusal;
  }
  std::uint32_t config(RequesterId id, unsigned offset, unsigned bytes) {
    root_complex->read_config(id, offset, bytes, bind<&BootBench::answered>(this));
    run(1000_us);
    return static_cast<std::uint32_t>(value_);
  }

 private:
  void answered(std::uint64_t value) { value_ = value; }
  std::uint64_t value_ = 0;
};
const Settings no_vf{{"vm0.path", "vhost"}};
}  // namespace

TEST_CASE("the scan finds root port and PFs, no VF, each BAR gets an address of its own inside the bridge's window",
          "[B1][C5][C7]") {
  BootBench b(no_vf + Settings{{"nic0.functions.physical_functions", 3}, {"nic0.functions.first_vf_offset", 0},
                               {"nic0.functions.vf_stride", 0}, {"nic0.functions.first_vf_offset_without_ari", 0},
                               {"nic0.functions.vf_stride_without_ari", 0}});
  const software::PciTree& tree = b.boot_software().tree;
  REQUIRE(tree.functions.size() == 4);
  CHECK(tree.problems.empty());
  const software::PciFunction& port = tree.functions[0];
  CHECK(port.bridge);
  CHECK(port.id.value == 0x0008);
  CHECK(port.secondary == 1);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (unsigned pf = 0; pf < 3; ++pf) {
    const software::PciFunction& f = tree.functions[1 + pf];
    CHECK(f.id.value == 0x0100 + pf);
    CHECK(f.device == 0x10fb);
    CHECK(f.total_vfs == 64);
    CHECK(b.bar(pf).value == f.bars[0].address);
    for (const software::PciBar& bar : f.bars)
      if (bar.bytes) ranges.emplace_back(bar.address, bar.bytes);
    for (const software::PciBar& bar : f.vf_bars)
      if (bar.bytes) ranges.emplace_back(bar.address, bar.bytes * 64);
  }
  CHECK(ranges.size() == 12);
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    CHECK(ranges[i].first >= port.window.first);
    CHECK(ranges[i].first + ranges[i].second - 1 <= port.window.last);
    if (i > 0) CHECK(ranges[i - 1].first + ranges[i - 1].second <= ranges[i].first);
  }
  CHECK(b.config(RequesterId{0x0103}, PCI_VENDOR_ID, 4) == ~0u);
}

TEST_CASE("VFs come all at once, are added one by one and given away, their number changes only when nobody has one",
          "[B8][B17][C6][B11]") {
  BootBench b(no_vf);
  software::VfManager& vfs = b.vf_manager();
  CHECK(b.config(RequesterId{0x0180}, PCI_HEADER_TYPE, 1) == 0xff);
  const Time begin = b.timeline.now();
  CHECK(b.enable(4) == "");
  CHECK(b.timeline.now() > begin + Time(100, sc_core::SC_MS));
  CHECK(vfs.hot_adds.value() == 4);
  CHECK(b.config(RequesterId{0x0186}, PCI_HEADER_TYPE, 1) == 0);
  CHECK(b.config(RequesterId{0x0188}, PCI_HEADER_TYPE, 1) == 0xff);
  CHECK(b.enable(5) == "VFs are enabled already: their number changes only when all are disabled");
  CHECK(vfs.assign({0, 1}, {Owner::Kind::container, "web"}) == "");
  CHECK(vfs.assign({0, 2}, {Owner::Kind::process, "dpdk"}) == "");
  CHECK(vfs.assign({0, 2}, {Owner::Kind::vm, "vm7"}) == "it belongs to process dpdk");
  CHECK(vfs.assign({0, 5}, {Owner::Kind::vm, "vm7"}) == "there is no such VF");
  CHECK(b.change(5) == "VF 1 belongs to container web");
  CHECK(vfs.vfs(0) == 4);
  vfs.unassign({0, 1});
  CHECK(b.change(5) == "VF 2 belongs to process dpdk");
  vfs.unassign({0, 2});
  const Time before = b.timeline.now();
  CHECK(b.change(5) == "");
  CHECK(b.timeline.now() > before + Time(1100, sc_core::SC_MS));  // 1 s to disable, 100 ms to enable
  CHECK(vfs.hot_removes.value() == 4);
  CHECK(vfs.hot_adds.value() == 9);
  CHECK(vfs.assigns.value() == 2);
  CHECK(vfs.refusals.value() == 5);
  CHECK(b.config(RequesterId{0x0188}, PCI_HEADER_TYPE, 1) == 0);
  CHECK(b.disable() == "");
  CHECK(b.nic->functions().vfs() == 0);
}

TEST_CASE("257 VFs of a device that has 256 fail as the device's NumVFs does", "[B14]") {
  BootBench b(no_vf + Settings{{"nic0.functions.total_vfs", 256}});
  CHECK(b.enable(257) == "the device does not take NumVFs 257: TotalVFs is 256");
  CHECK(b.nic->functions().vfs() == 0);
  CHECK(b.enable(256) == "");
  CHECK(b.nic->functions().vfs() == 256);
}

TEST_CASE("a shortage of bus numbers is a refusal with its reason, fewer VFs still fit", "[B13][C7]") {
  BootBench b(no_vf + Settings{{"host.pci.last_bus", 2}, {"nic0.functions.total_vfs", 256}});
  CHECK(b.enable(256) == "not enough bus numbers: the last VF is on bus 3, the port above forwards up to bus 2");
  CHECK(b.nic->functions().vfs() == 0);
  CHECK(b.enable(192) == "");  // 0180h + 2 * 191 = 02FEh
  CHECK(b.config(RequesterId{0x02fe}, PCI_HEADER_TYPE, 1) == 0);
}

TEST_CASE("a shortage of addresses leaves the PFs their BARs and the VFs none", "[B13][C7]") {
  BootBench b(no_vf + Settings{{"host.pci.mmio_window", "2 MiB"}});
  CHECK(b.boot_software().tree.problems == std::vector<std::string>{"not enough MMIO space for the BARs of all VFs"});
  CHECK(b.enable(1) == "not enough MMIO space for the BARs of the VFs");
  CHECK(b.nic->functions().vfs() == 0);
}

TEST_CASE("a larger System Page puts the VFs further apart", "[C7][B10]") {
  BootBench b(no_vf + Settings{{"host.pci.system_page", "1 MiB"}});
  CHECK(b.enable(2) == "");
  CHECK(b.bar(2).value - b.bar(1).value == 1u << 20);
  CHECK(b.vf_manager().bar({0, 2}, 0) == b.bar(2));
  CHECK(b.vf_manager().bar({0, 2}, 2) == b.bar(2, 2));
}

TEST_CASE("a VF whose manager does not wait is not there yet, and the manager says so") {
  BootBench b(no_vf + Settings{{"host.pci.vf_wait", "1 ms"}, {"root_complex.completion_timeout", "10 ms"}});
  CHECK(b.enable(2) == "VF 1 does not answer");
}

TEST_CASE("the guest finds a complete function by the kernel's own scan: one exit per access, none on the data path",
          "[C1][C4][A17]") {
  MachineBench m(short_run + Settings{{"workload.direction", "bidirectional"}});
  const software::GuestConfig& guest = *m.vms[0].path->guest_config();
  CHECK((guest.space().dword(PCI_VENDOR_ID)) == 0x10ed'8086);
  CHECK((guest.space().dword(PCI_COMMAND) & 0xffff) == (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
  CHECK(guest.space().dword(PCI_BASE_ADDRESS_1) == 0x380);
  CHECK(m.counter("vm0.config.cfg_accesses") > 40);
  CHECK(m.exits(host::ExitCause::config) == m.counter("vm0.config.cfg_accesses"));
  CHECK(m.boot_software().guest_accesses == m.counter("vm0.config.cfg_accesses"));
  CHECK((m.nic->functions().config(1).read(PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0);  // the raw VF's
  m.measure();
  CHECK(exits_of(m) == "");
}

TEST_CASE("what a guest may not change stays, and is counted by class", "[C2][C3]") {
  MachineBench m(silent);
  auto& guest = const_cast<software::GuestConfig&>(*m.vms[0].path->guest_config());
  host::Thread thread{m.processors->core(0), host::Thread::Kind::vcpu, "guest"};
  host::Strand strand{thread.core(), host::Level::thread_low, &thread, host::Context::guest};
  const TableStat* blocked = nullptr;
  for_each<TableStat>([&](TableStat& t) { blocked = std::string("vm0.config.cfg_write_blocked") == t.name() ? &t : blocked; });
  REQUIRE(blocked);
  const auto access = [&](unsigned offset, unsigned bytes, std::uint32_t value) {
    std::uint32_t now = 0;
    Task write = guest.write(strand, software::GuestConfig::slot, offset, bytes, value);
    write.start();
    m.run(100_us);
    REQUIRE(write.done());
    Task read = guest.read(strand, software::GuestConfig::slot, offset, bytes, now);
    read.start();
    m.run(100_us);
    REQUIRE(read.done());
    return now;
  };
  const auto& layout = guest.space().layout();
  const unsigned control = layout.capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
  const std::uint64_t before = blocked->at(1, 0);
  const std::uint32_t payload = m.nic->functions().config(0).read(m.nic->functions().config(0).layout().capability(PCI_CAP_ID_EXP) +
                                                                     PCI_EXP_DEVCTL, 2);
  CHECK(access(control, 2, 0) == payload);       // the PF's: hardware_ro
  CHECK(blocked->at(1, 0) == before + 1);
  const std::uint64_t emulated = blocked->at(2, 0);
  CHECK(access(PCI_VENDOR_ID, 2, 0) == 0x8086);  // emulated, read-only
  CHECK(blocked->at(2, 0) == emulated + 1);
  CHECK(access(PCI_COMMAND, 2, PCI_COMMAND_MEMORY) == PCI_COMMAND_MEMORY);  // hardware_rw and emulated
  CHECK((m.nic->functions().config(1).read(PCI_COMMAND, 2) & PCI_COMMAND_MASTER) == 0);
}

TEST_CASE("a whole device in a VM is set up otherwise than a VF, and its guest sees the PF", "[A13][A19]") {
  MachineBench m(silent + Settings{{"vm0.path", "passthrough"}});
  const software::GuestConfig& guest = *m.vms[0].path->guest_config();
  CHECK(guest.space().dword(PCI_VENDOR_ID) == 0x10fb'8086);
  CHECK(guest.space().layout().extended(PCI_EXT_CAP_ID_SRIOV) == 0);
  CHECK(m.nic->functions().vfs() == 0);
  CHECK(m.counter("vf_manager.vf_hot_adds") == 0);
  CHECK(m.boot_software().duration < Time(100, sc_core::SC_MS));  // no VF to wait for
}

TEST_CASE("how long the boot took changes nothing in the window, byte for byte") {
  const auto window = [](const char* wait, double& boot) {
    auto summary = summary_of(short_run + Settings{{"host.pci.vf_wait", wait}, {"workload.direction", "bidirectional"}}, current);
    boot = summary["setup"]["boot_ns"];
    summary.erase("setup");
    return summary.dump();
  };
  double quick = 0, slow = 0;
  CHECK(window("100 ms", quick) == window("700 ms", slow));
  CHECK(slow - quick == Approx(6e8));
}
