// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/load.h"

#include "experiments/iovsim/lib/restrict.h"

namespace iov::experiment {

namespace fs = std::filesystem;
using platform::ProblemSink;

namespace {

std::vector<Override> parse_sets(const std::vector<std::string>& texts, ProblemSink& problems) {
  std::vector<Override> overrides;
  for (const std::string& text : texts)
    if (auto parsed = parse_set(text, problems)) overrides.push_back(std::move(*parsed));
  return overrides;
}

/// An experiment file; a platform file counts as the experiment of its one point.
std::optional<Experiment> load_experiment(const std::string& name, ProblemSink& problems) {
  auto object = platform::load_json(name, name, problems);
  if (!object) return std::nullopt;
  if (!is_experiment(*object)) object = Json{{"platform", *object}};
  return read_experiment(*object, name, name, problems);
}

void check_plots(const Experiment& experiment, const fs::path& home, ProblemSink& problems) {
  std::error_code error;
  for (const std::string& entry : experiment.plots)
    if (const fs::path script = plot_script(entry, home); !fs::is_regular_file(script, error))
      problems.add_in(experiment.shown, "plot", "no script " + script.string());
}

}  // namespace

std::optional<Loaded> load(const Program& program, const std::string& file, const std::vector<std::string>& set,
                           const fs::path& home, ProblemSink& problems) {
  const std::size_t before = problems.size();
  const auto last_word = parse_sets(set, problems);
  auto experiment = load_experiment(file, problems);
  if (!experiment) return std::nullopt;
  check_plots(*experiment, home, problems);
  auto notes = restrict_sweep(*experiment, last_word, problems);
  auto points = expand(*experiment, last_word, home, program.kinds, problems);
  if (problems.size() > before) return std::nullopt;
  return Loaded{std::move(*experiment), std::move(points), std::move(notes)};
}

}  // namespace iov::experiment
