// SPDX-License-Identifier: Apache-2.0
/// 64 B random DMA reads against the window, IOMMU off and on with 4 KiB pages: the IOTLB's cliff, and what is left of the
/// bandwidth behind it.
/// Figures: pcie-bench data set (github.com/pcie-bench/data), Neugebauer et al., SIGCOMM 2018: Xeon E5-2630v4, NFP-6000,
/// BW_DMA_RD, 64 B, cold and host-warm. Tolerance: 0.06 of the ratio on/off, 6 % of the bandwidth with the IOMMU off.
/// A process elaborates once: the simulated bandwidth with the IOMMU off, to which others are related, is quoted where
/// they need it and pinned by tests of its own.
#include "tests/reference/platforms/pcie_bench.h"
using namespace iov::platform;

namespace {
double gbps(const char* cache, const char* window, const char* translation) {
  return run_dma({{"dma0.cache", cache}, {"dma0.window", window}, {"dma0.translation", translation}, {"dma0.transfers", 20000},
                  {"dma0.warm_up", 2000}, {"dma0.page_size", "4 KiB"}})
      .at("bandwidth_gbps");
}
/// @param off  simulated with the IOMMU off
void check_ratio(const char* cache, const char* window, double off, double measured_ratio) {
  CHECK(gbps(cache, window, "on") / off == Approx(measured_ratio).margin(0.06));
}
void check_off(const char* cache, const char* window, double off, double measured) {
  const double simulated = gbps(cache, window, "off");
  CHECK(simulated == Approx(measured).epsilon(0.06));
  CHECK(simulated == Approx(off).epsilon(0.005));
}
}  // namespace

TEST_CASE("64 B reads from DRAM within 4 KiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "4 KiB", 28.87, 0.9960);
}
TEST_CASE("64 B reads from DRAM within 16 KiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "16 KiB", 28.87, 0.9957);
}
TEST_CASE("64 B reads from DRAM within 256 KiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "256 KiB", 28.87, 0.9951);
}
TEST_CASE("64 B reads from DRAM within 512 KiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "512 KiB", 28.87, 0.7358);
}
TEST_CASE("64 B reads from DRAM within 1 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "1 MiB", 28.87, 0.5194);
}
TEST_CASE("64 B reads from DRAM within 1536 KiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "1536 KiB", 28.87, 0.4526);
}
TEST_CASE("64 B reads from DRAM within 2 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "2 MiB", 28.87, 0.4211);
}
TEST_CASE("64 B reads from DRAM within 3 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "3 MiB", 28.87, 0.3936);
}
TEST_CASE("64 B reads from DRAM within 4 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "4 MiB", 28.87, 0.3807);
}
TEST_CASE("64 B reads from DRAM within 8 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "8 MiB", 28.87, 0.3628);
}
TEST_CASE("64 B reads from DRAM within 16 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "16 MiB", 28.87, 0.3541);
}
TEST_CASE("64 B reads from DRAM within 32 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "32 MiB", 28.87, 0.3514);
}
TEST_CASE("64 B reads from DRAM within 64 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("cold", "64 MiB", 28.87, 0.3501);
}
TEST_CASE("64 B reads from DRAM within 16 KiB are as fast as measured without IOMMU") {
  check_off("cold", "16 KiB", 28.87, 28.090);
}
TEST_CASE("64 B reads from DRAM within 1 MiB are as fast as measured without IOMMU") {
  check_off("cold", "1 MiB", 28.87, 27.590);
}
TEST_CASE("64 B reads from DRAM within 64 MiB are as fast as measured without IOMMU") {
  check_off("cold", "64 MiB", 28.87, 28.116);
}
TEST_CASE("64 B reads from LLC within 256 KiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("host_warm", "256 KiB", 32.62, 0.9971);
}
TEST_CASE("64 B reads from LLC within 512 KiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("host_warm", "512 KiB", 32.62, 0.6866);
}
TEST_CASE("64 B reads from LLC within 1 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("host_warm", "1 MiB", 32.62, 0.4668);
}
TEST_CASE("64 B reads from LLC within 4 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("host_warm", "4 MiB", 32.62, 0.3355);
}
TEST_CASE("64 B reads from LLC within 16 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("host_warm", "16 MiB", 32.62, 0.3118);
}
TEST_CASE("64 B reads from LLC within 64 MiB keep the measured share of their bandwidth behind the IOMMU", "[D5]") {
  check_ratio("host_warm", "64 MiB", 29.86, 0.3466);
}
TEST_CASE("64 B reads from LLC within 16 KiB are as fast as measured without IOMMU") {
  check_off("host_warm", "16 KiB", 32.62, 32.186);
}
TEST_CASE("64 B reads from LLC within 1 MiB are as fast as measured without IOMMU") {
  check_off("host_warm", "1 MiB", 32.62, 32.546);
}
TEST_CASE("64 B reads from LLC within 64 MiB are as fast as measured without IOMMU") {
  check_off("host_warm", "64 MiB", 29.86, 28.363);
}
