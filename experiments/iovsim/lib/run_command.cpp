// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <optional>
#include <thread>

#include "experiments/iovsim/lib/commands.h"
#include "experiments/iovsim/lib/load.h"
#include "experiments/iovsim/lib/runner.h"

namespace iov::experiment {

namespace fs = std::filesystem;
using platform::ProblemSink;

int bad(const ProblemSink& problems) {
  std::cerr << problems.text();
  return bad_input;
}

int nothing_was_run(const ProblemSink& problems) {
  std::cerr << problems.text() << problems.size() << (problems.size() == 1 ? " problem" : " problems")
            << "; nothing was run\n";
  return bad_input;
}

namespace {

unsigned cores() { return std::max(1u, std::thread::hardware_concurrency()); }

/// Two at a time per core: a machine is made quickly, and half of it is starting a process.
bool check_machines(const std::string& file, const std::vector<Point>& points, ProblemSink& problems, const InterruptGuard& guard) {
  std::vector<const Point*> all;
  for (const Point& point : points) all.push_back(&point);
  return build_points(file, all, platform::find_home(file), 2 * cores(), problems, guard);
}

bool is_fragment(const Json& object) { return object.contains("kind") && object["kind"].is_string(); }

/// @return false: interrupted
bool check_file(const Program& program, const std::string& file, const std::vector<std::string>& set, ProblemSink& problems,
                const InterruptGuard& guard) {
  const auto object = platform::load_json(file, file, problems);
  if (!object) return true;
  const std::size_t before = problems.size();
  std::string points;
  if (is_fragment(*object)) {
    platform::Config(platform::find_home(file), program.kinds).check_fragment(*object, file, problems);
  } else if (const auto loaded = load(program, file, set, platform::find_home(file), problems)) {
    if (is_experiment(*object)) points = ", " + std::to_string(loaded->points.size()) + " points";
    if (!check_machines(file, loaded->points, problems, guard)) return false;
  }
  if (problems.size() == before) std::cout << file << ": good" << points << "\n";
  return true;
}

}  // namespace

int check(const Program& program, const std::vector<std::string>& files, const std::vector<std::string>& set) {
  ProblemSink problems;
  const InterruptGuard guard;
  for (const std::string& file : files)
    if (!check_file(program, file, set, problems, guard)) return interrupted;
  return problems.empty() ? good : bad(problems);
}

int lspci(const Program& program, const std::string& file, const std::vector<std::string>& set,
          const platform::LspciRequest& request) {
  ProblemSink problems;
  const auto loaded = load(program, file, set, platform::find_home(file), problems);
  if (!loaded) return nothing_was_run(problems);
  platform::enter_home(file);
  std::cout << program.lspci(loaded->points.front().config, request);
  return good;
}

int run(const Program& program, const RunRequest& request) {
  ProblemSink problems;
  const fs::path home = platform::find_home(request.file);
  const auto loaded = load(program, request.file, request.set, home, problems);
  if (!loaded) return nothing_was_run(problems);
  for (const std::string& note : loaded->notes) std::cerr << note << "\n";
  RunOptions options;
  options.home = home;
  options.out = request.out.empty() ? home / "results" / loaded->experiment.name : fs::path(request.out);
  options.jobs = request.jobs > 0 ? request.jobs : cores();
  options.fresh = request.fresh;
  options.time_limit = request.time_limit;
  const int code = Runner(loaded->experiment, loaded->points, options).run();
  if (code == interrupted || !request.plot || !fs::exists(options.out / "table.csv")) return code;
  if (loaded->experiment.plots.empty()) {
    std::cout << "no figures: the experiment names no \"plot\"\n";
    return code;
  }
  const int drawn = plot(options.out.string());
  return code == good ? drawn : code;
}

}  // namespace iov::experiment
