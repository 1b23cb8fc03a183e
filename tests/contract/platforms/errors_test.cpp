// SPDX-License-Identifier: Apache-2.0
// Errors of the fabric on a NIC platform: what becomes of packets, what root ports report, what the host's driver counts.
#include "models/io_path/uplink.h"
#include "models/software/pf_driver.h"
#include "tests/contract/platforms/script_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
std::uint64_t cell(const std::string& table, const std::string& row, std::size_t column = 0) {
  const TableStat* found = nullptr;
  for_each<TableStat>([&](TableStat& t) { found = table == t.name() ? &t : found; });
  REQUIRE(found != nullptr);
  for (std::size_t r = 0; r < found->rows(); ++r)
    if (found->row_name(r) == row) return found->at(r, column);
  FAIL(table << " has no row " << row);
  return 0;
}
}  // namespace

TEST_CASE("a NIC on a link with bit errors loses nothing, every replay is reported to the host, which counts it", "[A17][B24]") {
  MachineBench m(time_line + with_payload + lasting("2 ms") + constant("bidirectional", "4 Gb/s") + Settings{{"link0.bit_error_rate", 1e-6}});
  m.measure();
  CHECK(offered(m, 0) == Approx(delivered(m, 0)).margin(8));  // what is under way at the ends of the window
  CHECK(m.result.summary["dropped_packets"] == 0);
  CHECK(cell("ports.errors.reported", "correctable") > 3);
  CHECK(cell("ports.errors.reported", "fatal") == 0);
  CHECK(cell("ports.errors.errors", "bad_tlp") > 1);
  CHECK(m.counter("ports.errors.interrupts") >= cell("ports.errors.reported", "correctable"));
}


namespace {
/// Completions come one by one, each after the credit of the one before: most reads wait for longer than the device does.
const Settings impatient = short_run + Settings{{"vm0.path", "native"}, {"workload.direction", "transmit"}, {"link0.propagation", "1 us"},
                                                {"link0.receive.completion_headers", 1}, {"nic0.dma_engine.completion_timeout", "50 us"}};
}  // namespace

TEST_CASE("a run that rests with packets under way because requests timed out says so") {
  MachineBench m(impatient);
  CHECK_THROWS_WITH(platform::run(m, {}), Catch::Contains("nic0: comes to rest with") &&
                                              Catch::Contains("had no completion within dma_engine.completion_timeout"));
}

TEST_CASE("frames that a device could not read are accounted for when the interfaces go down") {
  MachineBench m(impatient + Settings{{"workload.packet_bytes", 64}, {"script", Json{{{"at", "450 us"}, {"do", "pcie_link"}}}}});
  m.measure();
  CHECK(m.nic->unread_frames() > 0);
  CHECK(m.workload->in_flight() == 0);
}

TEST_CASE("a PCIe link that goes down by surprise: reads return all ones, the host is told, nothing hangs, and every packet is accounted for",
          "[B18][B19]") {
  MachineBench m(more_vms(2, "sriov") + time_line + with_payload + constant("bidirectional", "1 Gb/s") +
                 script({{{"at", "500 us"}, {"do", "pcie_link"}}, {{"at", "510 us"}, {"do", "link"}, {"up", false}}}));
  m.measure();
  for (const char* vm : {"vm0", "vm1"}) {
    CHECK(gbps_between(m, vm, 200, 500) == Approx(2).epsilon(0.05));
    CHECK(gbps_between(m, vm, 700, 1000) == 0);
  }
  CHECK(cell("ports.errors.reported", "fatal") == 1);
  CHECK(cell("ports.errors.errors", "surprise_down") == 1);
  CHECK(m.read_register(0, nic::reg_status, 4) == 0xffff'ffff);
}

TEST_CASE("a PCIe link that comes up again: the device is there as after a reset", "[B18]") {
  MachineBench m(more_vms(1, "sriov") + time_line + constant("bidirectional", "1 Gb/s") + Settings{{"host.hot_plug", false}} +
                 script({{{"at", "300 us"}, {"do", "pcie_link"}}, {{"at", "500 us"}, {"do", "pcie_link"}, {"up", true}}}));
  m.measure();
  CHECK(m.nic->functions().vfs() == 0);
  CHECK(m.nic->functions().config(0).read(PCI_COMMAND, 2) == 0);
  CHECK(gbps_between(m, "vm0", 600, 1000) == 0);
}

TEST_CASE("translation blocking set by script: the port above the NIC refuses what the device translated itself, and says so", "[B24][E4]") {
  const Settings ats = more_vms(1, "sriov") + time_line + constant("transmit", "1 Gb/s") + Settings{{"nic0.device_tlb.enabled", true}};
  MachineBench m(ats + script({{{"at", "300 us"}, {"do", "acs"}, {"translation_blocking", true}}}));
  m.measure();
  CHECK(gbps_between(m, "vm0", 200, 300) == Approx(1).epsilon(0.1));
  CHECK(gbps_between(m, "vm0", 500, 1000) == 0);
  CHECK(m.counter("root_complex.inbound.acs_violations") > 0);
  const config::ConfigSpace& port = m.root_complex->root_port(0).config();
  CHECK((port.dword(port.layout().extended(PCI_EXT_CAP_ID_ERR) + PCI_ERR_UNCOR_STATUS) & PCI_ERR_UNC_ACSV) != 0);
}
