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
