// SPDX-License-Identifier: Apache-2.0
/// The commands of iovsim, without their command line. Each returns the exit code.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/iovsim/lib/program.h"

namespace iov::experiment {

struct RunRequest {
  std::string file;
  std::vector<std::string> set;
  std::string out;  ///< empty: results/<experiment>
  unsigned jobs = 0;  ///< 0: all cores
  bool fresh = false, plot = false;
  double time_limit = 3600;
};

int run(const Program& program, const RunRequest& request);
int check(const Program& program, const std::vector<std::string>& files, const std::vector<std::string>& set);
int describe(const Program& program, const std::string& kind);
int list(const Program& program);
/// Prints the configuration spaces of the first point of a platform or experiment file.
int lspci(const Program& program, const std::string& file, const std::vector<std::string>& set,
          const platform::LspciRequest& request);
/// Draws every figure of a results folder; one without any is bad input.
int plot(const std::string& folder);

/// Prints what is wrong with what was asked for; the second says besides that nothing was run. @return bad_input
int bad(const platform::ProblemSink& problems);
int nothing_was_run(const platform::ProblemSink& problems);

}  // namespace iov::experiment
