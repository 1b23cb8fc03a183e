// SPDX-License-Identifier: Apache-2.0
/// One point: its folder with the input (config.json) and, once simulated, the results.
///
/// Files  config.json (an experiment of this one point), summary.json, stats.csv, latency.csv, journeys.csv,
///        of VMs vms.csv and, when asked for, timeline.csv: equal for equal inputs. host.json: how long this machine took, and a digest of
///        the others.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "experiments/iovsim/lib/experiment.h"
#include "experiments/iovsim/lib/interrupt.h"
#include "experiments/iovsim/lib/metrics.h"
#include "experiments/iovsim/lib/program.h"

namespace iov::experiment {

/// What config.json of the point holds.
std::string config_text(const Point& point);

/// Says whether results of an earlier run still stand: configuration, seed, the files it names
/// (captures), and this program.
std::string fingerprint_of(const Point& point, const std::filesystem::path& home);

/// In the child process: simulates the point of this folder and writes its results there. Says how
/// far it is on standard output. @return exit code
int simulate_point(const Program& program, const std::filesystem::path& folder, const std::string& fingerprint);

/// In the child process: makes the machine of the point described by this file, and no more. @return exit code
int build_point(const Program& program, const std::filesystem::path& config_file);

/// Makes the machine of each point in a child process of its own, some at a time; what would be refused is a problem of
/// `file`, once for all points that it concerns. @return false: interrupted
bool build_points(const std::string& file, const std::vector<const Point*>& points, const std::filesystem::path& home,
                  unsigned at_once, platform::ProblemSink& problems, const InterruptGuard& guard);

/// What a line of a child's standard output says; nothing when it is something else.
struct PointProgress {
  double simulated_seconds = 0, share = 0;
};
std::optional<PointProgress> parse_progress(const std::string& line);

/// The columns of the finished point: its summary, then the collected expressions. What cannot be
/// evaluated is reported.
std::vector<std::pair<std::string, Cell>> results_of(const std::filesystem::path& folder, const Experiment& experiment,
                                                     const std::string& id, platform::ProblemSink& problems);

}  // namespace iov::experiment
