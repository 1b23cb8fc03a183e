// SPDX-License-Identifier: Apache-2.0
// Same configuration and seed: byte-equal results, wherever objects happen to lie in the process's memory.
#include <fstream>

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

TEST_CASE("iovsim writes the same bytes with one job and with two") {
  const auto folder = std::filesystem::temp_directory_path() / ("iovsim_jobs_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "e.json") << R"({"question": "Do jobs matter?", "platform": "platforms/server_10g.json",
    "sweep": {"vm0.path": ["emulation", "vhost", "sriov"]}, "measure": {"warm_up": "50 us", "duration": "100 us"}})";
  std::string found[2];
  for (const int jobs : {1, 2}) {
    const auto out = folder / std::to_string(jobs);
    REQUIRE(std::system((std::string("IOVSIM_HOME='" IOVSIM_SOURCE_DIR "' '" IOVSIM_BINARY "' run '") +
                         (folder / "e.json").string() + "' -j " + std::to_string(jobs) + " --out '" + out.string() +
                         "' > /dev/null 2>&1").c_str()) == 0);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out))
      if (entry.path().extension() == ".csv") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    REQUIRE(files.size() == 1 + 3 * 4);  // the table; statistics, latencies and journeys of each point
    for (const auto& file : files) {
      std::ostringstream text;
      text << std::filesystem::relative(file, out) << std::ifstream(file).rdbuf();
      found[jobs - 1] += text.str();
    }
  }
  std::filesystem::remove_all(folder);
  CHECK(found[0] == found[1]);
}

TEST_CASE("the effective configuration, written and read back, gives the same run") {
  const auto config = effective(short_run);
  CHECK(run_of(config, 1, 0) == run_of(nlohmann::json::parse(config.dump()), 1, 0));
}
