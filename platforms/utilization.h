// SPDX-License-Identifier: Apache-2.0
/// How busy the resources of a platform were, and which kind of shortage each stands for. Shared by all reports.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/core/stat.h"

namespace iov::platform {

inline constexpr double saturated = 0.95;  ///< a resource this busy is what limits the run

inline double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

/// Whether a resource is one that TLPs or requests wait for because something behind it does not give it back: it
/// limits a run only when nothing that does work is saturated.
inline bool is_allowance(const std::string& resource) {
  return resource.ends_with("_credit_stall") || resource.ends_with(".outstanding.tags");
}

/// Share of the window in which each wire, memory and walker worked, and in which each class of TLPs waited for credits.
/// @param walkers  of the IOMMU
inline void add_utilization(nlohmann::ordered_json& out, const std::vector<StatRow>& rows, double seconds, double walkers) {
  for (const StatRow& row : rows) {
    if (row.field != "busy") continue;
    for (const char* tail : {"wire_busy", "wire.busy", "dram_busy", "llc_busy", "_credit_stall"})
      if (row.path.ends_with(tail)) out[row.path] = ratio(row.value, seconds);
    if (row.path.ends_with("walker_busy")) out[row.path] = ratio(row.value, seconds * walkers);
  }
}

/// The most used resource that works; once none is saturated, an allowance that is.
inline std::string most_used(const nlohmann::ordered_json& utilization, double& share) {
  std::string most, allowance;
  double starved = 0;
  share = -1;
  for (const auto& [resource, value] : utilization.items()) {
    const double used = value.get<double>();
    if (is_allowance(resource)) {
      if (used > starved) starved = used, allowance = resource;
    } else if (used > share) {
      share = used, most = resource;
    }
  }
  if (share >= saturated || starved < saturated) return most;
  share = starved;
  return allowance;
}

}  // namespace iov::platform
