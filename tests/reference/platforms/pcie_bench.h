// SPDX-License-Identifier: Apache-2.0
/// A run of a platform of DMA microbenchmarks, platforms/pcie_bench_broadwell.json if no other is named, with some --set
/// values.
#pragma once
#include <catch2/catch.hpp>

#include "platforms/catalog.h"
#include "platforms/config.h"
#include "platforms/dma_machine.h"
#include "platforms/json_file.h"

namespace iov::platform {

using DmaSettings = std::vector<std::pair<std::string, nlohmann::ordered_json>>;

inline nlohmann::json effective_dma(const DmaSettings& settings, const std::string& platform, ProblemSink& problems) {
  const std::filesystem::path home = IOVSIM_SOURCE_DIR;
  Config config(home, catalog());
  config.merge("", load_json(home / platform, platform, problems).value(), platform, home / platform);
  for (const auto& [path, value] : settings) config.merge(path, value, "test");
  return config.effective(problems);
}

inline nlohmann::json effective_dma(const DmaSettings& settings,
                                    const std::string& platform = "platforms/pcie_bench_broadwell.json") {
  ProblemSink problems;
  auto result = effective_dma(settings, platform, problems);
  INFO(problems.text());
  REQUIRE(problems.empty());
  return result;
}

/// One run: SystemC elaborates once per process, and so does a TEST_CASE that calls this.
inline nlohmann::ordered_json run_dma(const DmaSettings& settings) { return simulate(effective_dma(settings), 1, {}).summary; }

}  // namespace iov::platform
