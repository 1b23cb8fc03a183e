// SPDX-License-Identifier: Apache-2.0
#include "platforms/utilization.h"

#include <algorithm>
#include <numeric>

namespace iov::platform {

namespace {

/// Its place in the chain of allowances; -1: it does work.
int place_in_chain(const std::string& resource) {
  for (std::size_t i = 0; i < std::size(allowances); ++i)
    if (resource.ends_with(allowances[i])) return static_cast<int>(i);
  return -1;
}

}  // namespace

void add_utilization(nlohmann::ordered_json& out, const std::vector<StatRow>& rows, double seconds, double walkers) {
  const StatRow* mean = nullptr;  // of an occupancy; its capacity follows
  for (const StatRow& row : rows) {
    if (row.field == "mean") mean = &row;
    if (row.field == "capacity" && mean && mean->path == row.path && place_in_chain(row.path) >= 0)
      out[row.path] = std::min(1.0, ratio(mean->value, row.value));
    if (row.field != "busy") continue;
    for (const char* tail : {"wire_busy", "wire.busy", "dram_busy", "llc_busy", "_credit_stall", ".outstanding_reads_per_channel"})
      if (row.path.ends_with(tail)) out[row.path] = ratio(row.value, seconds);
    if (row.path.ends_with("walker_busy")) out[row.path] = ratio(row.value, seconds * walkers);
  }
}

std::string saturated_resource(const nlohmann::ordered_json& utilization) {
  std::string most, last;
  double share = saturated;
  int place = -1;
  for (const auto& [resource, value] : utilization.items()) {
    const double used = value.get<double>();
    const int at = place_in_chain(resource);
    if (at < 0 && used >= share && (most.empty() || used > share)) share = used, most = resource;
    if (at > place && used >= saturated) place = at, last = resource;
  }
  return most.empty() ? last : most;
}

bool take_turns(const std::vector<double>& cores, double any_awake) {
  const double work = std::accumulate(cores.begin(), cores.end(), 0.0);
  return work >= saturated && any_awake >= saturated && work - any_awake <= 1 - saturated;
}

}  // namespace iov::platform
