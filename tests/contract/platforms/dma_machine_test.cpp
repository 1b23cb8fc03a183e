// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <fstream>

#include "tests/reference/platforms/pcie_bench.h"
using namespace iov::platform;

namespace {
const DmaSettings brief{{"dma0.transfers", 2000}, {"dma0.warm_up", 200}};
DmaSettings with(DmaSettings more) {
  more.insert(more.begin(), brief.begin(), brief.end());
  return more;
}
struct Trace {  ///< a file of its own for each test: they run side by side
  explicit Trace(const std::string& text) { std::ofstream(name) << text; }
  ~Trace() { std::remove(name.c_str()); }
  const std::string name = "/tmp/dma_trace_" + std::to_string(::getpid()) + ".csv";
};
std::string dma_refusal(const DmaSettings& settings) {
  try {
    run_dma(settings);
  } catch (const BadInput& wrong) {
    return wrong.what();
  }
  return "accepted";
}
}  // namespace

TEST_CASE("each requester has a domain of its own: equal addresses, no access fails", "[B6][D5]") {
  const auto s = run_dma(with({{"dma0.requesters", 9}, {"dma0.window", "64 KiB"}}));
  CHECK(s.at("failed_transactions") == 0);
  CHECK(s.at("iotlb_hit_ratio") < 0.6);  // 9 * 16 pages and 64 entries
  CHECK(s.at("walks_per_transaction") > 0.3);
}

TEST_CASE("pass-through needs no IOTLB and no walk") {
  const auto s = run_dma(with({{"dma0.translation", "pass_through"}, {"dma0.window", "64 MiB"}}));
  CHECK(s.at("iotlb_hit_ratio").is_null());
  CHECK(s.at("walk_reads_per_transaction") < 0.01);  // the context entry, once
  CHECK(s.at("failed_transactions") == 0);
}

TEST_CASE("1 GiB pages reach any window") {
  const auto s = run_dma(with({{"dma0.page_size", "1 GiB"}, {"dma0.window", "1 GiB"}, {"dma0.cache", "cold"}}));
  CHECK(s.at("iotlb_hit_ratio") > 0.999);
}

TEST_CASE("a device TLB that reaches takes every lookup off the IOTLB", "[E2]") {
  const auto s = run_dma(with({{"dma0.device_tlb.enabled", true}, {"dma0.window", "64 KiB"}}));
  CHECK(s.at("device_tlb_hit_ratio") > 0.99);
  CHECK(s.at("iotlb_misses_per_transaction") == 0);
}

TEST_CASE("a run says how long and how many events it took") {
  const auto a = simulate(effective_dma(with({{"dma0.window", "1 MiB"}})), 7, {});
  CHECK(a.events > 2000);
  CHECK(a.summary.at("transactions_mps") > 20);
  CHECK(a.simulated_seconds > 0);
}

TEST_CASE("transactions that take longer than a second in all are no standstill") {
  // an eighth of them lies between two audits: 1.5 s
  const auto a = simulate(effective_dma({{"dma0.issue_interval", "1 ms"}, {"dma0.transfers", 12000}, {"dma0.warm_up", 0}}), 1, {});
  CHECK(a.simulated_seconds > 11.9);
  CHECK(a.summary.at("failed_transactions") == 0);
}

TEST_CASE("a trace may pause for longer than a second") {
  const Trace trace("0,256,,0x1000,64,r\n2500000000,256,,0x1000,64,r\n");
  CHECK(run_dma({{"dma0.trace", trace.name}}).at("failed_transactions") == 0);
}

TEST_CASE("a trace's requesters read and write what they touched, one domain each") {
  const Trace trace("0,256,,0x1000,64,r\n10,257,,0x1000,64,w\n20,256,,0x7ffffff000,4096,r\n5000,256,,0x1000,64,r\n");
  const auto s = run_dma({{"dma0.trace", trace.name}});
  CHECK(s.at("failed_transactions") == 0);
  CHECK(s.at("walks_per_transaction") == Approx(0.75));  // 3 pages, 4 accesses
}

TEST_CASE("a bad line of a trace is bad input that names file, line and reason") {
  const Trace trace("0,256,,0x1000,64,r\n10,256,,0x1000,none,w\n");
  CHECK(dma_refusal({{"dma0.trace", trace.name}}) == "dma0.trace: " + trace.name + ", line 2: bytes \"none\" is no number");
}

TEST_CASE("windows that do not fit into memory are bad input") {
  CHECK(dma_refusal({{"dma0.window", "1 TiB"}}) == "dma0.window: the functions' windows do not fit into the host's 65536 MiB");
}

TEST_CASE("translation without an IOMMU is bad input") {
  auto config = effective_dma({});
  config.erase("iommu");
  CHECK_THROWS_AS(simulate(config, 1, {}), BadInput);
}

TEST_CASE("behind a saturated IOMMU the walkers are what binds") {
  const auto s = run_dma({{"dma0.window", "64 MiB"}, {"dma0.cache", "cold"}, {"dma0.transfers", 5000}});
  CHECK(s.at("binding_resource") == "iommu.walker_busy");
}

TEST_CASE("more devices than slots are bad input", "[D9]") {
  CHECK_THROWS_WITH(DmaMachine(effective_dma({{"root_complex.slots", 2}}, "platforms/peer_to_peer.json"), 1),
                    "root_complex.slots = 2: the platform has 3 devices");
}
