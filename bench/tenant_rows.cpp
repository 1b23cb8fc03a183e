// SPDX-License-Identifier: Apache-2.0
/// A translated 256 B DMA read of one of many tenants, each a function with a domain of its own: the machine and the windows of
/// experiments/hyper_tenant.json. Making the machine and mapping its memory is not measured.
#include "bench/machine_config.h"
#include "bench/row.h"
#include "platforms/dma_machine.h"

namespace iov::bench {

namespace {

enum class Caches { as_built, device_tlb, none, for_all };

/// @param caches  as_built and device_tlb (ATS) are what the experiment compares; with none in the IOMMU or with room for all tenants
///                the work per read is the same, however many they are
nlohmann::json tenants(unsigned count, Caches caches) {
  Settings settings{{"dma0.translation", "on"},         {"dma0.transfer_size", "256 B"},    {"dma0.window", "64 KiB"},
                    {"dma0.interleave", "random"},      {"dma0.functions.total_vfs", 1023}, {"dma0.requesters", count}};
  if (caches == Caches::device_tlb) {
    settings.emplace_back("dma0.device_tlb.enabled", true);
    settings.emplace_back("dma0.device_tlb.entries", 4096);
  } else if (caches != Caches::as_built) {
    const unsigned entries = caches == Caches::none ? 0 : 32768;
    for (const char* cache : {"context_cache", "iotlb", "pde_cache", "pdpe_cache", "pml4e_cache"}) {
      settings.emplace_back("iommu." + std::string(cache) + ".entries", entries);
      settings.emplace_back("iommu." + std::string(cache) + ".ways", 4);
    }
  }
  return machine_config("platforms/pcie_bench_broadwell.json", settings);
}

template <unsigned count, Caches caches = Caches::as_built>
Measurement transactions() {
  constexpr std::uint64_t warm_up = 20'000, measured = 100'000;
  platform::DmaMachine machine(tenants(count, caches), 1);
  machine.prepare();
  Timeline& timeline = machine.timeline;
  endpoint::TransferSource& source = machine.transfers();
  const auto run_to = [&](std::uint64_t ended) {
    source.on_count(ended, bind<&Timeline::stop>(&timeline));
    timeline.run(timeline.now() + Time(1, sc_core::SC_SEC));
  };
  source.start();
  run_to(warm_up);
  const std::uint64_t events = timeline.events(), before = source.ended();
  const Stopwatch watch;
  run_to(before + measured);
  const double ns = watch.ns();
  const auto done = static_cast<double>(source.ended() - before);
  if (source.failed.value()) return {};
  return {ns / done, static_cast<double>(timeline.events() - events) / done};
}

constexpr const char *eight = "256 B DMA read of 8 tenants", *eight_ats = "256 B DMA read of 8 tenants, ATS",
                     *eight_walk = "256 B DMA read of 8 tenants, no caches", *eight_hit = "256 B DMA read of 8 tenants, all cached";

}  // namespace

std::vector<Row> tenant_rows() {
  return {{"256 B DMA read of 1 tenant", "translation", 0, transactions<1>},
          {eight, "translation", 0, transactions<8>},
          {"256 B DMA read of 64 tenants", "translation", 0, transactions<64>},
          {"256 B DMA read of 1024 tenants", "translation", 1.5, transactions<1024>, eight},
          {eight_ats, "translation", 0, transactions<8, Caches::device_tlb>},
          {"256 B DMA read of 1024 tenants, ATS", "translation", 1.5, transactions<1024, Caches::device_tlb>, eight_ats},
          {eight_walk, "translation", 0, transactions<8, Caches::none>},
          {"256 B DMA read of 1024 tenants, no caches", "translation", 1.5, transactions<1024, Caches::none>, eight_walk},
          {eight_hit, "translation", 0, transactions<8, Caches::for_all>},
          {"256 B DMA read of 1024 tenants, all cached", "translation", 1.5, transactions<1024, Caches::for_all>, eight_hit}};
}

}  // namespace iov::bench
