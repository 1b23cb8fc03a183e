// SPDX-License-Identifier: Apache-2.0
/// One point: an effective configuration and a seed in, everything a run reports out. Nothing here
/// depends on the host (no wall clock, no path), so equal inputs give byte-equal results.
///
/// Units  as the names say; Time for simulated time.
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/core/stat.h"

namespace iov::platform {

struct LatencyRow {  ///< one bucket of latency.csv
  std::string histogram;  ///< "one_way", "round_trip", ...
  LatencyHistogram::Bucket bucket;
};

struct JourneyRow {  ///< one stage of journeys.csv
  std::string stage;
  double mean_ns = 0;  ///< per finished journey
  double share = 0;    ///< of the whole journey, 0..1
};

struct VmRow {  ///< of vms.csv: one VM in the window, both ways together
  std::string vm, path;
  double throughput_gbps = 0, packet_rate_mpps = 0, offered_mpps = 0;
  double latency_p50_ns = 0, latency_p99_ns = 0, latency_max_ns = 0;  ///< not a number: nothing delivered
  std::uint64_t dropped_packets = 0;
};

struct TimeLineRow {  ///< of timeline.csv: one VM in one interval
  double begin_us = 0, end_us = 0;  ///< since the start of the VMs
  std::string vm;
  double throughput_gbps = 0;
  std::uint64_t delivered = 0, dropped = 0;
  double latency_mean_ns = 0;  ///< not a number: nothing delivered
};

struct ScriptRow {  ///< of script.csv: one action that happened
  double at_us = 0;
  std::string action, arguments, outcome;
  double done_us = -1;  ///< negative: not over
};

/// `summary` has the headline metrics under their contract names, and the breakdowns
///   "cycles_per_packet_by_context": {"guest", "host_kernel", "host_user", "irq"},
///   "exits_per_packet_by_cause": {cause: n}, "stage_ns": {stage: mean ns},
///   "utilization": {resource: share}, "dropped_by_reason": {reason: n}.
struct PointResult {
  nlohmann::ordered_json summary;
  std::vector<StatRow> stats;
  std::vector<LatencyRow> latency;
  std::vector<JourneyRow> journeys;
  std::vector<VmRow> vms;
  std::vector<ScriptRow> script;
  std::vector<TimeLineRow> time_line;  ///< empty: not asked for (workload.measure.interval)
  std::uint64_t events = 0;    ///< timeline events, for the speed of the simulator
  double simulated_seconds = 0;
};

/// What the checks of single parameters cannot see: a module that another one needs is missing, a
/// capture cannot be read. The message names the module and the key. iovsim exits with code 2.
struct BadInput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// @param simulated  time simulated so far
/// @param share      of the run that is done, 0..1
using Progress = std::function<void(const Time& simulated, double share)>;

/// @param effective_config  object of modules by name, each {"kind": ..., every parameter}; checked
/// beside them "script", a list of checked actions, when there is one.
/// A platform with a module of kind "dma_bench" is a DmaMachine, any other a Machine.
/// @throws BadInput, SimError, InvariantBroken
PointResult simulate(const nlohmann::json& effective_config, std::uint64_t seed, const Progress& progress);

/// Makes the machine of a point and throws it away: finds what simulate() would refuse before time starts.
/// @throws BadInput, SimError
void build(const nlohmann::json& effective_config, std::uint64_t seed);

class Machine;
class DmaMachine;
/// The same on a machine that the caller made and keeps.
PointResult run(Machine& machine, const Progress& progress);
PointResult run(DmaMachine& machine, const Progress& progress);

}  // namespace iov::platform
