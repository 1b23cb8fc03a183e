// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <map>

#include "experiments/iovsim/lib/files.h"
#include "experiments/iovsim/lib/point.h"
#include "experiments/iovsim/lib/process.h"

namespace iov::experiment {

namespace fs = std::filesystem;

namespace {

/// A folder for the children's input, gone afterwards.
struct Scratch {
  Scratch() {
    std::string name = (fs::temp_directory_path() / "iovsim-check-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error(name + ": no temporary folder can be made");
    folder = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  fs::path folder;
};

std::string ending_of(const Processes::Ended& ended) {
  if (ended.signal != 0) return "the machine cannot be made: signal " + std::to_string(ended.signal);
  const std::string said = trimmed(ended.said);
  return said.empty() ? "the machine cannot be made: exit code " + std::to_string(ended.exit_code) : said;
}

}  // namespace

bool build_points(const std::string& file, const std::vector<const Point*>& points, const fs::path& home, unsigned at_once,
                  platform::ProblemSink& problems, const InterruptGuard& guard) {
  const Scratch scratch;
  const std::string program = fs::read_symlink("/proc/self/exe").string();
  ::setenv("IOVSIM_HOME", home.c_str(), 1);
  std::map<std::string, std::vector<std::size_t>> refusals;  // by message
  Processes processes(0, [](std::size_t, const std::string&) {});
  for (std::size_t next = 0; next < points.size() || processes.running() > 0;) {
    while (next < points.size() && processes.running() < at_once) {
      const fs::path config = scratch.folder / (std::to_string(next) + ".json");
      write_file(config, config_text(*points[next]));
      processes.start(next, {program, "build", config.string()});
      ++next;
    }
    for (const Processes::Ended& ended : processes.wait(std::chrono::milliseconds(200)))
      if (ended.exit_code != good) refusals[ending_of(ended)].push_back(ended.tag);
    if (guard.stop_requested()) return false;
  }
  for (auto& [message, tags] : refusals) {
    const Point& first = *points[*std::min_element(tags.begin(), tags.end())];
    std::string where = first.axes.empty() ? "" : "point " + first.id;
    if (tags.size() > 1) where += " and " + std::to_string(tags.size() - 1) + " more";
    problems.add_in(file, where, message);
  }
  return true;
}

}  // namespace iov::experiment
