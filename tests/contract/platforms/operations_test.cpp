// SPDX-License-Identifier: Apache-2.0
// Which operations of a VF hardware serves, which the PF's driver, which the hypervisor.
#include "models/software/pf_driver.h"
#include "tests/contract/platforms/script_bench.h"

using namespace iov;
using namespace iov::platform;

TEST_CASE("moving packets is served by the VF's hardware, asking by the PF's driver, configuration by the hypervisor, each at its cost",
          "[C9][H3]") {
  Json actions = Json::array();
  double at = 100;
  for (const auto& [wish, value] : {std::pair("vlan", 7ull), std::pair("multicast", 0x01'00'5e'00'00'01ull), std::pair("promiscuous", 1ull),
                                    std::pair("mac", 0x02'00'00'00'77'77ull)})
    actions.push_back({{"at", std::to_string(at += 200) + " us"}, {"do", "ask"}, {"vm", "vm0"}, {"for", wish}, {"value", value}});
  actions.push_back({{"at", "1200 us"}, {"do", "unassign"}, {"vm", "vm0"}});
  actions.push_back({{"at", "2 ms"}, {"do", "assign"}, {"vm", "vm0"}});
  MachineBench m(more_vms(1, "sriov") + time_line + lasting("4 ms") + constant("transmit", "1 Gb/s") +
                 Settings{{"vm0.vf.trust", true}, {"host.pci.reset_wait", "100 us"}, {"nic0.functions.reset_time", "50 us"}} + script(actions));
  m.measure();
  const auto mean = [](const std::string& table, const std::string& row) {
    double found = -1;
    for_each<TableStat>([&](TableStat& t) {
      for (std::size_t r = 0; table == t.name() && r < t.rows(); ++r)
        if (t.row_name(r) == row && t.at(r, 0) > 0) found = static_cast<double>(t.at(r, 1)) / static_cast<double>(t.at(r, 0));
    });
    INFO(table << " " << row);
    CHECK(found > 0);
    return found;
  };
  const double doorbell = m.result.summary["stage_ns"]["doorbell"];
  CHECK(m.exits(host::ExitCause::mmio_write) == 0);
  for (const char* request : {"reset", "set_mac", "set_multicast", "set_vlan", "set_mtu", "promiscuous", "negotiate", "get_queues"}) {
    const double mailbox = mean("vm0.vf_driver.answers", request);
    CHECK(mailbox > 5 * doorbell);
    CHECK(mailbox > 4000);   // four register accesses of the VF's driver and six of the PF's, interrupts both ways
    CHECK(mailbox < 40000);  // well before anybody asks again
  }
  CHECK(mean("vm0.config.cfg_latency", "read") > 5 * doorbell);
  CHECK(m.exits(host::ExitCause::config) == m.counter("vm0.config.cfg_accesses") + 2);  // and twice the slot
}
