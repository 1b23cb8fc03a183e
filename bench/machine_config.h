// SPDX-License-Identifier: Apache-2.0
/// The effective configuration of a shipped platform file with some values set, as `iovsim run --set` would have it.
#pragma once
#include <filesystem>
#include <stdexcept>
#include <utility>
#include <vector>

#include "platforms/catalog.h"
#include "platforms/config.h"

namespace iov::bench {

using Settings = std::vector<std::pair<std::string, nlohmann::ordered_json>>;

inline nlohmann::json machine_config(const char* file, const Settings& settings) {
  using namespace platform;
  const std::filesystem::path home = find_home({});
  ProblemSink problems;
  Config config(home, catalog());
  if (const auto json = load_json(home / file, file, problems)) config.merge("", *json, file, home / file);
  for (const auto& [key, value] : settings) config.merge(key, value, "bench");
  auto effective = config.effective(problems);
  if (!problems.empty()) throw std::runtime_error(problems.text());
  return effective;
}

}  // namespace iov::bench
