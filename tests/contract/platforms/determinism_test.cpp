// SPDX-License-Identifier: Apache-2.0
// Same configuration and seed: byte-equal results, wherever objects happen to lie in the process's memory.
#include "tests/contract/platforms/apart.h"

using namespace iov;
using namespace iov::platform;

namespace {
std::string run_of(const nlohmann::json& config, std::uint64_t seed, unsigned shift) {
  return apart([&] {
    std::vector<std::unique_ptr<char[]>> elsewhere;  // moves the heap, so that an order by address would show
    for (unsigned i = 0; i < shift; ++i) elsewhere.push_back(std::make_unique<char[]>(37 * (i % 61 + 1)));
    for (unsigned i = 0; i < shift; i += 2) elsewhere[i].reset();
    return everything(simulate(config, seed, {}));
  });
}

void runs_alike(const std::string& path) {
  const auto config = effective(short_run + Settings{{"vm0.path", path == "sriov_ats" ? "sriov" : path},
                                                     {"nic0.device_tlb.enabled", path == "sriov_ats"},
                                                     {"workload.direction", "bidirectional"},
                                                     {"workload.arrivals", "poisson"},
                                                     {"workload.bit_rate", "4 Gb/s"}});
  const std::string first = run_of(config, 7, 0);
  REQUIRE(first.size() > 5000);
  CHECK(first == run_of(config, 7, 5000));
  CHECK(first != run_of(config, 8, 0));  // the seed matters
}
}  // namespace

TEST_CASE("native runs alike twice") { runs_alike("native"); }
TEST_CASE("emulation runs alike twice") { runs_alike("emulation"); }
TEST_CASE("virtio runs alike twice") { runs_alike("virtio"); }
TEST_CASE("vhost runs alike twice") { runs_alike("vhost"); }
TEST_CASE("vmdq runs alike twice") { runs_alike("vmdq"); }
TEST_CASE("passthrough runs alike twice") { runs_alike("passthrough"); }
TEST_CASE("sriov runs alike twice") { runs_alike("sriov"); }
TEST_CASE("sriov with device TLB runs alike twice") { runs_alike("sriov_ats"); }

TEST_CASE("the effective configuration, written and read back, gives the same run") {
  const auto config = effective(short_run);
  CHECK(run_of(config, 1, 0) == run_of(nlohmann::json::parse(config.dump()), 1, 0));
}
