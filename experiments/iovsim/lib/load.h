// SPDX-License-Identifier: Apache-2.0
/// From a file and what the command line sets to the points of an experiment.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "experiments/iovsim/lib/experiment.h"
#include "experiments/iovsim/lib/program.h"

namespace iov::experiment {

struct Loaded {
  Experiment experiment;
  std::vector<Point> points;
  std::vector<std::string> notes;  ///< what --set made of the sweep, for the user
};

/// An experiment file; a platform file counts as the experiment of its one point. Nothing when there are problems.
std::optional<Loaded> load(const Program& program, const std::string& file, const std::vector<std::string>& set,
                           const std::filesystem::path& home, platform::ProblemSink& problems);

}  // namespace iov::experiment
