// SPDX-License-Identifier: Apache-2.0
/// What the command line needs of the simulator: its tables and the one function that runs a point.
/// main hands them in, so that the command line can be tested with a simulator of its own.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "platforms/catalog.h"
#include "platforms/lspci.h"
#include "platforms/simulation.h"

namespace iov::experiment {

/// Exit codes of iovsim.
inline constexpr int good = 0, claim_failed = 1, bad_input = 2, model_failed = 3, interrupted = 130;

struct Program {
  std::string version;
  const std::vector<platform::Kind>& kinds;
  std::vector<platform::NamedItem> io_paths;
  std::function<platform::PointResult(const nlohmann::json&, std::uint64_t, const platform::Progress&)> simulate;
  std::function<void(const nlohmann::json&, std::uint64_t)> build;  ///< only makes the machine; throws as simulate does
  std::function<std::string(const nlohmann::json&, const platform::LspciRequest&)> lspci = {};
};

int run_command_line(const Program& program, int argc, char* argv[]);

}  // namespace iov::experiment
