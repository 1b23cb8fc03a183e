// SPDX-License-Identifier: Apache-2.0
/// A translated 256 B DMA read of one of many tenants, each a function with a domain of its own: the machine of
/// experiments/hyper_tenant.json with one IOTLB for all. Making the machine and mapping its memory is not measured.
#include "bench/machine_config.h"
#include "bench/row.h"
#include "platforms/dma_machine.h"

namespace iov::bench {

namespace {

nlohmann::json tenants(unsigned count) {
  return machine_config("platforms/pcie_bench_broadwell.json", {{"dma0.translation", "on"},
                                                                {"dma0.transfer_size", "256 B"},
                                                                {"dma0.window", "32 KiB"},
                                                                {"dma0.interleave", "random"},
                                                                {"dma0.functions.total_vfs", 1023},
                                                                {"dma0.requesters", count}});
}

template <unsigned count>
Measurement transactions() {
  constexpr std::uint64_t warm_up = 20'000, measured = 100'000;
  platform::DmaMachine machine(tenants(count), 1);
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

constexpr const char* eight = "256 B DMA read of 8 tenants";

}  // namespace

std::vector<Row> tenant_rows() {
  return {{"256 B DMA read of 1 tenant", "translation", 0, transactions<1>},
          {eight, "translation", 0, transactions<8>},
          {"256 B DMA read of 64 tenants", "translation", 0, transactions<64>},
          {"256 B DMA read of 1024 tenants", "translation", 1.5, transactions<1024>, eight}};
}

}  // namespace iov::bench
