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

/// What TLPs, requests or threads hold until something behind gives it back, from the device to memory. It limits a run only when
/// nothing that does work is saturated; of several that are used up the last one, for which the others wait.
inline constexpr const char* allowances[] = {".receiver.buffer_used", ".transmitter.buffer_used", ".page_requests.outstanding",
                                             ".outstanding_reads_per_channel",
                                             ".outstanding.tags",     "_credit_stall",            ".read_lines",
                                             ".write_lines",          ".translation_queue",       ".mutex.held"};

/// Share of the window in which each wire, memory and walker worked and in which each class of TLPs waited for credits, and
/// how much of each bounded queue, buffer and set of tags was in use.
/// @param walkers  of the IOMMU
void add_utilization(nlohmann::ordered_json& out, const std::vector<StatRow>& rows, double seconds, double walkers);

/// What limits the run by itself: the most used resource that works, else an allowance. Empty when nothing is saturated.
std::string saturated_resource(const nlohmann::ordered_json& utilization);

inline constexpr const char* cores_in_turns = "host.cores in turns";

/// Whether cores limit the run though none is saturated: one of them nearly always works, and hardly ever two at once.
/// @param any_awake  share of the window in which not all of them were at rest, ways out of rest included: these may hide as much
///                   of work at once
bool take_turns(const std::vector<double>& cores, double any_awake);

}  // namespace iov::platform
