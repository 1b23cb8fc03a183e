// SPDX-License-Identifier: Apache-2.0
/// Goodput of the DMA microbenchmark through a whole platform, IOMMU off, against the pcie-bench model.
/// Figures: pcie-bench/pcie-model, Neugebauer et al., SIGCOMM 2018: Gen3 x8, MPS 256, MRRS 512, RCB 64, 64-bit addresses,
/// completions cut at MPS, Gb/s each way. Tolerance 1 %.
#include "tests/reference/platforms/pcie_bench.h"
using namespace iov::platform;

namespace {
/// A device that the link alone limits.
double gbps(const char* pattern, const char* size) {
  return run_dma({{"dma0.pattern", pattern}, {"dma0.transfer_size", size}, {"dma0.translation", "off"},
                  {"dma0.outstanding", 128}, {"dma0.dma_engine.outstanding_reads", 256},
                  {"dma0.dma_engine.outstanding_reads_per_channel", 256}, {"dma0.issue_interval", "0 ns"},
                  {"dma0.local_bandwidth", "1000 GB/s"}, {"dma0.order", "sequential"}, {"dma0.window", "1 MiB"},
                  {"dma0.warm_up", 4000}, {"dma0.transfers", 8000}})
      .at("bandwidth_gbps");
}
}  // namespace

TEST_CASE("write of 64 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("write", "64 B") == Approx(42.0980).epsilon(0.01));
}
TEST_CASE("read of 64 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read", "64 B") == Approx(44.1027).epsilon(0.01));
}
TEST_CASE("read_write of 64 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read_write", "64 B") == Approx(33.0770).epsilon(0.01));
}
TEST_CASE("write of 128 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("write", "128 B") == Approx(48.7451).epsilon(0.01));
}
TEST_CASE("read of 128 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read", "128 B") == Approx(50.0625).epsilon(0.01));
}
TEST_CASE("read_write of 128 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read_write", "128 B") == Approx(42.0980).epsilon(0.01));
}
TEST_CASE("write of 256 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("write", "256 B") == Approx(52.9232).epsilon(0.01));
}
TEST_CASE("read of 256 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read", "256 B") == Approx(53.6902).epsilon(0.01));
}
TEST_CASE("read_write of 256 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read_write", "256 B") == Approx(48.7451).epsilon(0.01));
}
TEST_CASE("write of 512 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("write", "512 B") == Approx(52.9232).epsilon(0.01));
}
TEST_CASE("read of 512 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read", "512 B") == Approx(53.6902).epsilon(0.01));
}
TEST_CASE("read_write of 512 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read_write", "512 B") == Approx(50.7483).epsilon(0.01));
}
TEST_CASE("write of 1024 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("write", "1024 B") == Approx(52.9232).epsilon(0.01));
}
TEST_CASE("read of 1024 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read", "1024 B") == Approx(53.6902).epsilon(0.01));
}
TEST_CASE("read_write of 1024 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read_write", "1024 B") == Approx(50.7483).epsilon(0.01));
}
TEST_CASE("write of 1280 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("write", "1280 B") == Approx(52.9232).epsilon(0.01));
}
TEST_CASE("read of 1280 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read", "1280 B") == Approx(53.6902).epsilon(0.01));
}
TEST_CASE("read_write of 1280 B reaches the goodput of the pcie-bench model on a whole platform") {
  CHECK(gbps("read_write", "1280 B") == Approx(50.3346).epsilon(0.01));
}
