// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "experiments/iovsim/lib/experiment.h"

namespace iov::experiment {

namespace fs = std::filesystem;
using platform::Config;
using platform::ProblemSink;

namespace {

/// Letters, digits, dots, dashes and underscores stay: the name of a folder that needs no quotes.
std::string folder_name(const std::vector<std::pair<std::string, std::string>>& axes, std::uint64_t seed, bool with_seed) {
  std::string name;
  for (const auto& [axis, label] : axes) {
    if (!name.empty()) name += '_';
    for (char c : label) name += std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_' ? c : '-';
  }
  if (name.empty() || name[0] == '.') name = "point" + name;
  if (name.size() > 100) name.resize(100);
  return with_seed ? name + "_seed" + std::to_string(seed) : name;
}

/// Steps through all combinations of axis values, the last axis fastest.
class Combinations {
 public:
  explicit Combinations(const std::vector<Axis>& axes) : axes_(axes), at_(axes.size(), 0) {}
  std::size_t count() const {
    std::size_t product = 1;
    for (const Axis& axis : axes_) product = product > max_points ? product : product * axis.values.size();
    return product;
  }
  const AxisValue& value(std::size_t axis) const { return axes_[axis].values[at_[axis]]; }
  bool next() {
    for (std::size_t a = axes_.size(); a-- > 0;) {
      if (++at_[a] < axes_[a].values.size()) return true;
      at_[a] = 0;
    }
    return false;
  }

 private:
  const std::vector<Axis>& axes_;
  std::vector<std::size_t> at_;
};

bool merge_platform(const Experiment& experiment, const fs::path& home, Config& config, ProblemSink& problems) {
  if (experiment.platform.is_object()) {
    config.merge("", experiment.platform, experiment.shown, experiment.file);
    return true;
  }
  const std::string name = experiment.platform;
  const auto file = platform::find_file(name, home, experiment.file);
  if (!file) {
    problems.add_in(experiment.shown, "platform", "no file \"" + name + "\" in " + home.string());
    return false;
  }
  const auto object = platform::load_json(*file, name, problems);
  if (!object) return false;
  config.merge("", *object, name, *file);
  return true;
}

void merge_measure(const Experiment& experiment, Config& config, ProblemSink& problems) {
  if (experiment.measure.empty()) return;
  const auto workloads = config.modules_of("workload");
  if (workloads.empty()) problems.add_in(experiment.shown, "measure", "the platform has no module of kind \"workload\"");
  for (const std::string& name : workloads)
    config.merge(name + ".measure", experiment.measure, experiment.shown, experiment.file);
}

Config platform_of(const Experiment& experiment, const Combinations& at, const std::vector<Override>& last_word,
                   const Config& base) {
  Config config = base;
  for (std::size_t a = 0; a < experiment.sweep.size(); ++a)
    for (const Override& o : at.value(a).overrides)
      config.merge(o.key, o.value, experiment.shown + " sweep " + experiment.sweep[a].name + "=" + at.value(a).label,
                   experiment.file);
  for (const Override& o : last_word) config.merge(o.key, o.value, "--set");
  return config;
}

/// A problem of the platform shows up at every point; tell it once.
class Told {
 public:
  explicit Told(ProblemSink& problems) : problems_(problems) {
    for (const auto& problem : problems.list()) told_.insert(problem.text());
  }
  void tell(const ProblemSink& found) {
    for (const auto& problem : found.list())
      if (told_.insert(problem.text()).second) problems_.add_in(problem.file, problem.path, problem.what);
  }

 private:
  ProblemSink& problems_;
  std::set<std::string> told_;
};

}  // namespace

std::vector<Point> expand(const Experiment& experiment, const std::vector<Override>& last_word, const fs::path& home,
                          const std::vector<platform::Kind>& kinds, ProblemSink& problems) {
  Config base(home, kinds);
  if (!merge_platform(experiment, home, base, problems)) return {};
  for (const Override& o : experiment.settings) base.merge(o.key, o.value, experiment.shown + " set", experiment.file);
  merge_measure(experiment, base, problems);
  Combinations at(experiment.sweep);
  if (at.count() == 0) return {};
  if (at.count() * experiment.seeds.size() > max_points) {
    problems.add_in(experiment.shown, "sweep", "more than " + std::to_string(max_points) + " points: sweep less at once");
    return {};
  }
  std::vector<Point> points;
  std::set<std::string> ids;
  Told told(problems);
  do {
    ProblemSink found;
    Point point;
    point.config = platform_of(experiment, at, last_word, base).effective(found);
    told.tell(found);
    for (std::size_t a = 0; a < experiment.sweep.size(); ++a)
      point.axes.emplace_back(experiment.sweep[a].name, at.value(a).label);
    for (const std::uint64_t seed : experiment.seeds) {
      point.seed = seed;
      point.id = folder_name(point.axes, seed, experiment.seeds.size() > 1);
      for (std::string same = point.id; !ids.insert(point.id).second;)
        point.id = same + "-" + std::to_string(ids.size());
      points.push_back(point);
    }
  } while (at.next());
  return points;
}

std::optional<Override> parse_set(const std::string& text, ProblemSink& problems) {
  const auto equals = text.find('=');
  const std::string key = text.substr(0, equals);
  const bool empty_part = key.empty() || key.front() == '.' || key.back() == '.' || key.find("..") != std::string::npos;
  if (equals == std::string::npos || empty_part) {
    problems.add_in("--set", "", "\"" + text + "\" is not key.path=value, as in nic0.dma_engine.tags=64");
    return std::nullopt;
  }
  const std::string value = text.substr(equals + 1);
  Json parsed = Json::parse(value, nullptr, false);
  return Override{key, parsed.is_discarded() ? Json(value) : parsed};
}

}  // namespace iov::experiment
