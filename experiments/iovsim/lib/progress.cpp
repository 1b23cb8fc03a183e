// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/progress.h"

#include <unistd.h>

#include <cstdio>

#include "models/core/time_text.h"

namespace iov::experiment {

std::string host_time(double seconds) {
  const auto whole = static_cast<unsigned long>(seconds + 0.5);
  char text[64];
  if (seconds < 10) std::snprintf(text, sizeof text, "%.1f s", seconds);
  else std::snprintf(text, sizeof text, "%lu:%02lu", whole / 60, whole % 60);
  return text;
}

ProgressLine::ProgressLine(std::size_t points) : points_(points), terminal_(::isatty(STDERR_FILENO)) {}

void ProgressLine::running(std::size_t point, const PointProgress& progress) { running_[point] = progress; }

void ProgressLine::ended(std::size_t point, const std::string& text) {
  ++ended_;
  simulated_seconds_ += running_[point].simulated_seconds;
  running_.erase(point);
  clear();
  if (!terminal_) std::fprintf(stderr, "[%zu/%zu] ", ended_, points_);
  std::fprintf(stderr, "%s\n", text.c_str());
}

std::string ProgressLine::line() const {
  double done = static_cast<double>(ended_), simulated = simulated_seconds_;
  for (const auto& [point, progress] : running_) done += progress.share, simulated += progress.simulated_seconds;
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  std::string text = std::to_string(ended_) + " of " + std::to_string(points_) + " points, " + rounded_text(simulated) +
                     " simulated, " + rounded_text(elapsed > 0 ? simulated / elapsed : 0) + "/s";
  if (done > 0.1) text += ", " + host_time(elapsed * (static_cast<double>(points_) - done) / done) + " left";
  return text;
}

void ProgressLine::redraw() {
  if (!terminal_) return;
  std::fprintf(stderr, "\r\033[K%s", line().c_str());
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace iov::experiment
