// SPDX-License-Identifier: Apache-2.0
/// Which tables translate for a device, and which memory its walks and its accesses reach: guests with first-stage tables of
/// their own, snooping.
#include <map>

#include "platforms/dma_machine.h"
#include "tests/contract/platforms/apart.h"
#include "tests/reference/platforms/pcie_bench.h"
namespace page_tables_test {
using namespace iov;
using namespace iov::platform;

namespace {
DmaSettings nested(DmaSettings more) {
  more.insert(more.begin(), {{"dma0.transfers", 2000}, {"dma0.warm_up", 200}, {"dma0.window", "1 MiB"}, {"dma0.scalable_mode", true},
                             {"dma0.page_tables", "nested"}, {"iommu.audit", true}});
  return more;
}
const DmaSettings no_caches{{"iommu.iotlb.entries", 0},        {"iommu.pde_cache.entries", 0},     {"iommu.pdpe_cache.entries", 0},
                            {"iommu.pml4e_cache.entries", 0}, {"iommu.pml5e_cache.entries", 0}};
nlohmann::json summary_with(const DmaSettings& more) { return summary_of(nested(more), "platforms/pcie_bench_broadwell.json"); }
double reads_per_walk(DmaSettings more) {
  more.insert(more.end(), no_caches.begin(), no_caches.end());
  const auto s = summary_with(more);
  CHECK(s.at("failed_transactions") == 0);
  return s.at("walk_reads_per_transaction").get<double>() / s.at("walks_per_transaction").get<double>();
}
std::string refusal(const DmaSettings& settings) {
  try {
    simulate(effective_dma(settings), 1, {});
  } catch (const BadInput& wrong) {
    return wrong.what();
  }
  return "accepted";
}
std::string mistake(const DmaSettings& settings) {
  ProblemSink problems;
  effective_dma(settings, "platforms/pcie_bench_broadwell.json", problems);
  return problems.text();
}
}  // namespace

TEST_CASE("without caches for it every nested walk reads 24 entries, fewer with larger pages of either stage", "[D1][L6]") {
  CHECK(reads_per_walk({}) == Approx(24).epsilon(0.001));
  CHECK(reads_per_walk({{"dma0.page_size", "2 MiB"}, {"dma0.window", "4 MiB"}}) == Approx(19).epsilon(0.001));
  CHECK(reads_per_walk({{"dma0.host_page_size", "2 MiB"}}) == Approx(19).epsilon(0.001));
  CHECK(reads_per_walk({{"dma0.host_page_size", "1 GiB"}}) == Approx(14).epsilon(0.001));
}

TEST_CASE("every guest reaches its own memory: functions, and PASIDs of one function", "[B7][L6]") {
  for (const char* tenants : {"functions", "pasids"}) {
    const auto s = summary_with({{"dma0.tenants", tenants}, {"dma0.requesters", 9}, {"dma0.window", "64 KiB"}});
    CHECK(s.at("failed_transactions") == 0);
    CHECK(s.at("walk_reads_per_transaction") > 1);
  }
}

TEST_CASE("guests' windows lie in memory of their own, behind their tables", "[D2][L6]") {
  DmaMachine m(effective_dma(nested({{"dma0.tenants", "pasids"}, {"dma0.requesters", 3}, {"dma0.window", "64 KiB"}})), 1);
  m.prepare();
  struct Asker : TranslationClient {
    void translated(std::uint32_t ticket, const TranslationReply& reply) override { replies[ticket] = reply; }
    void translator_ready() override {}
    std::map<std::uint32_t, TranslationReply> replies;
  } asker;
  std::map<std::uint64_t, std::uint32_t> owner;
  for (std::uint32_t pasid = 1; pasid <= 3; ++pasid)
    for (std::uint64_t page = 0; page < 16; ++page) {
      TranslationRequest q;
      q.requester = {0x0100}, q.pasid = {pasid}, q.bytes = 64;
      q.address = Iova((std::uint64_t{1} << 32) + page * 4096);
      const auto ticket = static_cast<std::uint32_t>(pasid * 100 + page);
      REQUIRE(m.iommu->translate(q, ticket, asker));
      m.timeline.run(m.timeline.now() + Time(20, sc_core::SC_US));
      REQUIRE(asker.replies.at(ticket).outcome == TranslationReply::Outcome::granted);
      CHECK(owner.emplace(asker.replies.at(ticket).address.value, pasid).second);  // nobody else has this page
    }
  CHECK(owner.size() == 48);
}

TEST_CASE("a device TLB hides nested walks, and nested tables without scalable mode, with paging or without nesting are bad input",
          "[E3][L6]") {
  const auto s = summary_with({{"dma0.device_tlb.enabled", true}, {"dma0.window", "64 KiB"}});
  CHECK(s.at("device_tlb_hit_ratio") > 0.99);
  CHECK(refusal(nested({{"dma0.scalable_mode", false}})).find("needs dma0.scalable_mode") != std::string::npos);
  CHECK(refusal(nested({{"iommu.features.nested", false}})).find("does not nest") != std::string::npos);
  const auto needs = Catch::Contains("dma0: page_tables \"nested\" needs translation \"on\"");
  CHECK_THAT(mistake(nested({{"dma0.translation", "pass_through"}})), needs);
  CHECK_THAT(mistake(nested({{"dma0.device_tlb.enabled", true}, {"dma0.device_tlb.page_requests.enabled", true}})), needs);
}

TEST_CASE("what a device reads with No Snoop comes from DRAM, unless its mappings force the snoop", "[D1]") {
  const DmaSettings device{{"dma0.dma_engine.no_snoop", true},
                           {"dma0.cache", "host_warm"},
                           {"dma0.outstanding", 1},
                           {"dma0.window", "64 KiB"}};
  const auto with = [&](DmaSettings more) {
    more.insert(more.begin(), device.begin(), device.end());
    return summary_with(more).at("latency_p50_ns").get<double>();
  };
  const double dram = with({}), llc = with({{"dma0.dma_engine.no_snoop", false}});
  CHECK(dram > llc + 40);  // about 51 ns between LLC and DRAM
  CHECK(with({{"dma0.force_snoop", true}}) == llc);
  CHECK(with({{"dma0.force_snoop", true}, {"dma0.page_tables", "first_stage"}}) ==
        with({{"dma0.dma_engine.no_snoop", false}, {"dma0.page_tables", "first_stage"}}));
  CHECK(with({{"dma0.force_snoop", true}, {"dma0.device_tlb.enabled", true}}) ==
        with({{"dma0.dma_engine.no_snoop", false}, {"dma0.device_tlb.enabled", true}}));  // N in the translation
}

TEST_CASE("walks of a unit that does not snoop read their tables from DRAM") {
  const auto latency = [](bool coherent) {
    return summary_of({{"dma0.transfers", 2000}, {"dma0.warm_up", 200}, {"dma0.window", "16 MiB"}, {"dma0.outstanding", 1},
                       {"dma0.cache", "cold"}, {"iommu.features.coherent", coherent}},
                      "platforms/pcie_bench_broadwell.json")
        .at("latency_p50_ns")
        .get<double>();
  };
  CHECK(latency(false) - latency(true) == Approx(51).margin(17));  // 70 ns against 19; the histogram counts by 16 ns there
}
}  // namespace page_tables_test
