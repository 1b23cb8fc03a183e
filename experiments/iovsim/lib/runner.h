// SPDX-License-Identifier: Apache-2.0
/// Runner -- simulates the points of an experiment, one child process each, and gathers what they
/// wrote into table.csv and report.txt.
///
/// A machine that cannot be made is found before anything is simulated or touched. A point is simulated in
/// points/.<id>.new and moved to points/<id> when it is complete; a point whose results still stand is not
/// simulated again; what is of another sweep is taken away first. A point that dies is reported and the
/// others go on. Interrupted, the runner leaves what is done; the next run continues.
#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "experiments/iovsim/lib/experiment.h"
#include "experiments/iovsim/lib/interrupt.h"
#include "experiments/iovsim/lib/point.h"
#include "experiments/iovsim/lib/process.h"
#include "experiments/iovsim/lib/progress.h"
#include "experiments/iovsim/lib/table.h"

namespace iov::experiment {

struct RunOptions {
  std::filesystem::path out;
  std::filesystem::path home;
  unsigned jobs = 1;
  bool fresh = false;
  double time_limit = 3600;  ///< seconds per point; 0: none
};

class Runner {
 public:
  Runner(const Experiment& experiment, const std::vector<Point>& points, const RunOptions& options);
  /// @return exit code
  int run();

 private:
  std::filesystem::path folder(std::size_t point) const { return options_.out / "points" / points_[point].id; }
  std::filesystem::path workplace(std::size_t point) const;
  void find_work();
  int check_machines(const InterruptGuard& guard) const;
  void begin_anew();
  bool simulate_all(const InterruptGuard& guard);  ///< false: interrupted
  void finish(const Processes::Ended& ended);
  void fail(std::size_t point, int code, const std::string& why);
  std::string why_it_ended(const Processes::Ended& ended) const;
  int report();
  Table gather(platform::ProblemSink& problems) const;
  void check_claims(const Table& table, std::string& text, int& code) const;

  const Experiment& experiment_;
  const std::vector<Point>& points_;
  RunOptions options_;
  std::vector<std::string> fingerprints_;
  std::set<std::string> done_;     ///< ids of points whose results stand
  std::vector<std::size_t> work_;  ///< points to simulate
  bool had_results_ = false;       ///< the folder is one that an earlier run made
  std::vector<std::string> failures_;
  int worst_ = 0;
};

}  // namespace iov::experiment
