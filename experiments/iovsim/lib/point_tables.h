// SPDX-License-Identifier: Apache-2.0
/// The tables of a point's folder: stats.csv, latency.csv, journeys.csv, of VMs vms.csv and timeline.csv, of a script script.csv.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "platforms/simulation.h"

namespace iov::experiment {

/// The last three only when there is something to say.
void write_tables(const std::filesystem::path& folder, const platform::PointResult& result);

/// Every number of stats.csv and vms.csv by name: "path.field" and, for stats of a single field, "path" alone;
/// "vm0_3.throughput_gbps".
std::map<std::string, double> read_numbers(const std::filesystem::path& folder);

}  // namespace iov::experiment
