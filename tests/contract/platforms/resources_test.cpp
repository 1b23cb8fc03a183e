// SPDX-License-Identifier: Apache-2.0
// What VFs cost of the machine, against the arithmetic of SR-IOV: PCIe Base 5.0 9.2.1.2, 9.3.3.
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
nlohmann::ordered_json resources(unsigned vfs) {
  MachineBench m(short_run + Settings{{"vm0.load.arrivals", "off"}, {"host.vfs", vfs}, {"nic0.functions.total_vfs", vfs},
                                               {"nic0.functions.first_vf_offset", 128}, {"nic0.functions.vf_stride", 1}});
  return m.measure()["resources"];
}
}  // namespace

TEST_CASE("each VF costs a requester ID, a configuration space, BARs, vectors and a context entry", "[B15]") {
  const auto r = resources(64);
  CHECK(r["vfs"] == 64);
  CHECK(r["requester_ids"] == 65);
  CHECK(r["config_space_bytes"] == 65 * 4096);
  CHECK(r["context_entries"] == 65 - 1);  // the PF is nobody's: no VM, no uplink
  CHECK(r["bus_numbers"] == 1);
  CHECK(r["context_table_bytes"] == 4096);
}

TEST_CASE("64000 VFs of one PF fill the buses that their requester IDs need", "[B13][B15]") {
  const auto r = resources(64000);
  CHECK(r["vfs"] == 64000);
  CHECK(r["requester_ids"] == 64001);
  CHECK(r["bus_numbers"] == (128 + 64000 - 1) / 256 + 1);
  CHECK(r["context_entries"] == 64000);
  CHECK(r["context_table_bytes"] == ((128 + 64000 - 1) / 256 + 1) * 4096);
}

TEST_CASE("a VF keeps a fraction of a full function's state, so that many fit where a few full functions do", "[B16]") {
  const auto r = resources(8);
  const auto full = r["function_state_bits"].get<unsigned>(), vf = r["vf_state_bits"].get<unsigned>(), pf = r["pf_state_bits"].get<unsigned>();
  CHECK(full > 64 * 129);  // its MSI-X table alone
  CHECK(pf > full);        // the SR-IOV capability
  CHECK(vf > 3 * 129);
  CHECK((8 * full - pf) / vf > 50);  // in what eight full functions take
}

TEST_CASE("one slot serves eight VMs by VFs, each with a function of its own", "[D9][A14][G14]") {
  MachineBench m(short_run + more_vms(8, "sriov") + Settings{{"root_complex.slots", 1}, {"workload.arrivals", "constant"}, {"workload.packet_rate", 10000}});
  const auto r = m.measure()["resources"];
  CHECK(r["slots"] == 1);
  CHECK(r["slots_used"] == 1);
  CHECK(r["vms"] == 8);
  CHECK(r["vms_with_function"] == 8);
  CHECK(r["vms_per_slot_used"] == 8);
}

TEST_CASE("one slot serves one VM by assignment of the device", "[D9][A14]") {
  MachineBench m(short_run + Settings{{"vm0.path", "passthrough"}, {"root_complex.slots", 4}});
  const auto r = m.measure()["resources"];
  CHECK(r["slots"] == 4);
  CHECK(r["vms_with_function"] == 1);
  CHECK(r["vms_per_slot_used"] == 1);
}
