// SPDX-License-Identifier: Apache-2.0
/// DMA latency against size, one transaction at a time, host-warm, window 8 KiB.
/// Figures: pcie-bench data set (github.com/pcie-bench/data), Neugebauer et al., SIGCOMM 2018: Xeon E5-2630v4, NFP-6000,
/// LAT_DMA_RD and LAT_DMA_WRRD, averages in ns (the device's clock ticks every 13.3 ns). Tolerance 5 %.
#include "tests/reference/platforms/pcie_bench.h"
using namespace iov::platform;

namespace {
double latency(const char* pattern, const char* size, const char* translation = "off") {
  return run_dma({{"dma0.pattern", pattern}, {"dma0.transfer_size", size}, {"dma0.translation", translation},
                  {"dma0.outstanding", 1}, {"dma0.order", "sequential"}, {"dma0.transfers", 500}, {"dma0.warm_up", 100}})
      .at("latency_mean_ns");
}
}  // namespace

TEST_CASE("a DMA read of 4 B takes as long as measured") {
  CHECK(latency("read", "4 B") == Approx(540.9).epsilon(0.05));
}
TEST_CASE("a DMA read of 8 B takes as long as measured") {
  CHECK(latency("read", "8 B") == Approx(541.1).epsilon(0.05));
}
TEST_CASE("a DMA read of 16 B takes as long as measured") {
  CHECK(latency("read", "16 B") == Approx(541.1).epsilon(0.05));
}
TEST_CASE("a DMA read of 24 B takes as long as measured") {
  CHECK(latency("read", "24 B") == Approx(546.4).epsilon(0.05));
}
TEST_CASE("a DMA read of 32 B takes as long as measured") {
  CHECK(latency("read", "32 B") == Approx(549.5).epsilon(0.05));
}
TEST_CASE("a DMA read of 48 B takes as long as measured") {
  CHECK(latency("read", "48 B") == Approx(555.0).epsilon(0.05));
}
TEST_CASE("a DMA read of 64 B takes as long as measured") {
  CHECK(latency("read", "64 B") == Approx(552.4).epsilon(0.05));
}
TEST_CASE("a DMA read of 128 B takes as long as measured") {
  CHECK(latency("read", "128 B") == Approx(582.0).epsilon(0.05));
}
TEST_CASE("a DMA read of 256 B takes as long as measured") {
  CHECK(latency("read", "256 B") == Approx(626.0).epsilon(0.05));
}
TEST_CASE("a DMA read of 512 B takes as long as measured") {
  CHECK(latency("read", "512 B") == Approx(700.9).epsilon(0.05));
}
TEST_CASE("a DMA read of 768 B takes as long as measured") {
  CHECK(latency("read", "768 B") == Approx(775.3).epsilon(0.05));
}
TEST_CASE("a DMA read of 1024 B takes as long as measured") {
  CHECK(latency("read", "1024 B") == Approx(847.0).epsilon(0.05));
}
TEST_CASE("a DMA read of 1280 B takes as long as measured") {
  CHECK(latency("read", "1280 B") == Approx(917.6).epsilon(0.05));
}
TEST_CASE("a DMA read of 1520 B takes as long as measured") {
  CHECK(latency("read", "1520 B") == Approx(985.9).epsilon(0.05));
}
TEST_CASE("a DMA read of 2048 B takes as long as measured") {
  CHECK(latency("read", "2048 B") == Approx(1129.0).epsilon(0.05));
}
TEST_CASE("a DMA read of 64 B takes as long as measured behind the IOMMU") {
  CHECK(latency("read", "64 B", "on") == Approx(554.7).epsilon(0.05));
}
TEST_CASE("a DMA read of 2048 B takes as long as measured behind the IOMMU") {
  CHECK(latency("read", "2048 B", "on") == Approx(1134.6).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 4 B takes as long as measured") {
  CHECK(latency("write_then_read", "4 B") == Approx(752.0).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 8 B takes as long as measured") {
  CHECK(latency("write_then_read", "8 B") == Approx(753.8).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 16 B takes as long as measured") {
  CHECK(latency("write_then_read", "16 B") == Approx(754.9).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 24 B takes as long as measured") {
  CHECK(latency("write_then_read", "24 B") == Approx(761.9).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 32 B takes as long as measured") {
  CHECK(latency("write_then_read", "32 B") == Approx(763.1).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 48 B takes as long as measured") {
  CHECK(latency("write_then_read", "48 B") == Approx(775.2).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 64 B takes as long as measured") {
  CHECK(latency("write_then_read", "64 B") == Approx(775.6).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 128 B takes as long as measured") {
  CHECK(latency("write_then_read", "128 B") == Approx(815.0).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 256 B takes as long as measured") {
  CHECK(latency("write_then_read", "256 B") == Approx(877.8).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 512 B takes as long as measured") {
  CHECK(latency("write_then_read", "512 B") == Approx(1009.5).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 768 B takes as long as measured") {
  CHECK(latency("write_then_read", "768 B") == Approx(1135.5).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 1024 B takes as long as measured") {
  CHECK(latency("write_then_read", "1024 B") == Approx(1269.4).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 1280 B takes as long as measured") {
  CHECK(latency("write_then_read", "1280 B") == Approx(1411.2).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 1520 B takes as long as measured") {
  CHECK(latency("write_then_read", "1520 B") == Approx(1562.2).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 2048 B takes as long as measured") {
  CHECK(latency("write_then_read", "2048 B") == Approx(1844.4).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 64 B takes as long as measured behind the IOMMU") {
  CHECK(latency("write_then_read", "64 B", "on") == Approx(778.3).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 512 B takes as long as measured behind the IOMMU") {
  CHECK(latency("write_then_read", "512 B", "on") == Approx(1011.0).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 1280 B takes as long as measured behind the IOMMU") {
  CHECK(latency("write_then_read", "1280 B", "on") == Approx(1411.4).epsilon(0.05));
}
TEST_CASE("a DMA write and then a read of 2048 B takes as long as measured behind the IOMMU") {
  CHECK(latency("write_then_read", "2048 B", "on") == Approx(1841.3).epsilon(0.05));
}
