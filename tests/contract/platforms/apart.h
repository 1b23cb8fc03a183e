// SPDX-License-Identifier: Apache-2.0
/// Runs points in processes of their own (SystemC elaborates once per process), for tests that compare machines.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <sstream>

#include "tests/contract/platforms/machine_bench.h"

namespace iov::platform {

/// What `work` returns, computed in a child process; the text "died" when that ended badly.
template <class Work>
std::string apart(Work work) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string text;
    try {
      text = work();
    } catch (const std::exception& error) {
      text = std::string("died: ") + error.what();
    }
    for (std::size_t at = 0; at < text.size();) {
      const auto written = ::write(ends[1], text.data() + at, text.size() - at);
      if (written <= 0) break;
      at += static_cast<std::size_t>(written);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[65536];
  for (::ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

/// The summary of one point.
inline nlohmann::json summary_of(const Settings& settings, const std::string& platform) {
  const auto config = effective(settings, platform);
  const std::string text = apart([&] { return simulate(config, 1, {}).summary.dump(); });
  const auto summary = nlohmann::json::parse(text, nullptr, false);
  INFO(text);
  REQUIRE(summary.is_object());
  return summary;
}

/// Everything a point reports, as text.
inline std::string everything(const PointResult& r) {
  std::ostringstream out;
  out.precision(17);
  out << r.summary.dump() << '\n' << r.events << ' ' << r.simulated_seconds << '\n';
  for (const StatRow& s : r.stats) out << s.path << ',' << s.field << ',' << s.unit << ',' << s.value << '\n';
  for (const LatencyRow& l : r.latency) out << l.histogram << ',' << l.bucket.low_ns << ',' << l.bucket.count << '\n';
  for (const JourneyRow& j : r.journeys) out << j.stage << ',' << j.mean_ns << ',' << j.share << '\n';
  return out.str();
}

}  // namespace iov::platform
