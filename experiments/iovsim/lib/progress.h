// SPDX-License-Identifier: Apache-2.0
/// ProgressLine -- how far an experiment is: one line redrawn on a terminal, a line per finished
/// point elsewhere. Goes to standard error; results go to standard output.
#pragma once
#include <chrono>
#include <map>
#include <string>

#include "experiments/iovsim/lib/point.h"

namespace iov::experiment {

class ProgressLine {
 public:
  /// @param points  to be simulated, without those that are done already
  explicit ProgressLine(std::size_t points);
  void running(std::size_t point, const PointProgress& progress);
  /// A point ended; `text` is printed above the line (or as the line).
  void ended(std::size_t point, const std::string& text);
  void redraw();
  void clear();

 private:
  std::string line() const;
  std::size_t points_, ended_ = 0;
  bool terminal_;
  std::map<std::size_t, PointProgress> running_;
  double simulated_seconds_ = 0;  ///< of the points that ended
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

/// "3.2 s", from ten seconds on "1:05"
std::string host_time(double seconds);

}  // namespace iov::experiment
