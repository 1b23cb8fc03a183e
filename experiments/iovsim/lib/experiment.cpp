// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/experiment.h"

#include <algorithm>

#include "experiments/iovsim/lib/metrics.h"

namespace iov::experiment {

using platform::joined_path;
using platform::ProblemSink;
using platform::unknown_name;

namespace {

const std::vector<std::string> known_keys{"question", "platform", "set",     "script", "sweep", "seeds",
                                          "measure",  "collect",  "expect",  "plot",  "point"};

/// Reads one experiment file; every member reports what is wrong with its part.
class Reader {
 public:
  Reader(const Json& object, const std::string& shown, ProblemSink& problems)
      : object_(object), shown_(shown), problems_(problems) {}

  void report(const std::string& path, const std::string& what) { problems_.add_in(shown_, path, what); }

  void unknown_keys() {
    for (const auto& [key, value] : object_.items())
      if (!platform::is_remark(key) && std::find(known_keys.begin(), known_keys.end(), key) == known_keys.end())
        report(key, unknown_name("key", key, known_keys));
  }

  /// The value of a key when it is there and of the right type.
  const Json* get(const std::string& key, Json::value_t type, const char* expected) {
    const auto found = object_.find(key);
    if (found == object_.end()) return nullptr;
    if (found->type() == type) return &*found;
    report(key, std::string("expected ") + expected + ", got " + found->dump());
    return nullptr;
  }
  const Json* object(const std::string& key) { return get(key, Json::value_t::object, "an object { ... }"); }
  const Json* array(const std::string& key) { return get(key, Json::value_t::array, "a list [ ... ]"); }

  void platform(Experiment& experiment) {
    const auto found = object_.find("platform");
    if (found != object_.end() && (found->is_string() || found->is_object())) experiment.platform = *found;
    else report("platform", "expected the name of a platform file or an object of modules");
  }

  void settings(Experiment& experiment) {
    if (const Json* script = array("script")) experiment.settings.push_back({"script", *script});
    const Json* set = object("set");
    if (!set) return;
    for (const auto& [key, value] : set->items()) experiment.settings.push_back({key, value});
  }

  void seeds(Experiment& experiment) {
    const Json* seeds = array("seeds");
    if (!seeds) return;
    experiment.seeds.clear();
    for (const Json& seed : *seeds)
      if (seed.is_number_unsigned()) experiment.seeds.push_back(seed);
      else report("seeds", seed.dump() + " is not a count");
    if (seeds->empty()) report("seeds", "is empty: no point would be run");
  }

  void sweep(Experiment& experiment) {
    const Json* sweep = object("sweep");
    if (!sweep) return;
    for (const auto& [name, given] : sweep->items()) {
      Axis axis{name, {}};
      const std::string path = joined_path("sweep", name);
      check_column("sweep", name);
      if (given.is_array()) listed(axis, {name}, given, path);
      else if (given.is_object()) described(axis, given, path);
      else report(path, "expected a list of values or an object with \"values\", got " + given.dump());
      experiment.sweep.push_back(std::move(axis));
    }
  }

  void collect(Experiment& experiment) {
    const Json* collect = object("collect");
    if (!collect) return;
    for (const auto& [name, given] : collect->items()) {
      const bool is_axis = std::any_of(experiment.sweep.begin(), experiment.sweep.end(),
                                       [&, &name = name](const Axis& axis) { return axis.name == name; });
      if (is_axis) report(joined_path("collect", name), "is the name of an axis already");
      check_column("collect", name);
      try {
        if (!given.is_string()) throw SyntaxError("expected an expression in quotes, got " + given.dump());
        experiment.collect.emplace_back(name, Expression::parse(given.get<std::string>()));
        for (const Reference& reference : experiment.collect.back().second.references())
          if (!reference.at.empty()) throw SyntaxError(reference.text() + ": a collected value is of one point; name others in \"expect\"");
      } catch (const SyntaxError& error) {
        report(joined_path("collect", name), error.what());
      }
    }
  }

  void expect(Experiment& experiment) {
    const Json* expect = array("expect");
    if (!expect) return;
    for (std::size_t i = 0; i < expect->size(); ++i) {
      const std::string path = "expect[" + std::to_string(i) + "]";
      try {
        if (!expect->at(i).is_string()) throw SyntaxError("expected a claim in quotes, got " + expect->at(i).dump());
        experiment.expect.push_back(Claim::parse(expect->at(i)));
        check_claim(experiment, experiment.expect.back(), path);
      } catch (const SyntaxError& error) {
        report(path, error.what());
      }
    }
  }

  void plots(Experiment& experiment) {
    const auto found = object_.find("plot");
    if (found == object_.end()) return;
    for (const Json& plot : found->is_array() ? *found : Json::array({*found}))
      if (plot.is_string()) experiment.plots.push_back(plot);
      else report("plot", plot.dump() + " is not the name of a script");
  }

 private:
  /// The name of a column that the table does not have without it.
  void check_column(const std::string& of, const std::string& name) {
    const std::vector<std::string> metrics = headline_metrics();
    if (name == "seed" || std::find(metrics.begin(), metrics.end(), name) != metrics.end())
      report(joined_path(of, name), "is a column of every table: choose another name");
  }

  void listed(Axis& axis, const std::vector<std::string>& keys, const Json& values, const std::string& path) {
    if (values.empty()) report(path, "is empty: no point would be run");
    for (const Json& value : values) {
      AxisValue entry{label_of(value), {}};
      for (const std::string& key : keys) entry.overrides.push_back({key, value});
      add(axis, std::move(entry), path);
    }
  }

  void described(Axis& axis, const Json& given, const std::string& path) {
    for (const auto& [key, value] : given.items())
      if (key != "key" && key != "values" && !platform::is_remark(key))
        report(path, unknown_name("key", key, {"key", "values"}));
    const auto values = given.find("values");
    if (values == given.end() || !(values->is_array() || values->is_object()))
      return report(path, "expected \"values\": a list, or an object of label: {key: value}");
    if (values->is_array()) return keyed(axis, given, *values, path);
    if (given.contains("key")) report(path, "labelled values name their keys themselves; take \"key\" away");
    if (values->empty()) report(path, "is empty: no point would be run");
    for (const auto& [label, set] : values->items()) labelled(axis, label, set, path);
  }

  void keyed(Axis& axis, const Json& given, const Json& values, const std::string& path) {
    std::vector<std::string> keys;
    const Json key = given.value("key", Json(axis.name));
    for (const Json& one : key.is_array() ? key : Json::array({key}))
      if (one.is_string()) keys.push_back(one);
      else report(path, one.dump() + " is not a key path such as \"nic0.dma_engine.tags\"");
    listed(axis, keys, values, path);
  }

  void labelled(Axis& axis, const std::string& label, const Json& set, const std::string& path) {
    if (!set.is_object()) return report(path, "\"" + label + "\": expected {key: value}, got " + set.dump());
    AxisValue entry{label, {}};
    for (const auto& [key, value] : set.items())
      if (!platform::is_remark(key)) entry.overrides.push_back({key, value});
    add(axis, std::move(entry), path);
  }

  void add(Axis& axis, AxisValue entry, const std::string& path) {
    for (const AxisValue& other : axis.values)
      if (other.label == entry.label) return report(path, "value " + entry.label + " appears twice");
    if (const std::string wrong = label_problem(entry.label); !wrong.empty()) report(path, wrong);
    axis.values.push_back(std::move(entry));
  }

  void check_axis(const Experiment& experiment, const std::string& name, const std::vector<std::string>& labels,
                  const std::string& path) {
    std::vector<std::string> axes, values;
    for (const Axis& axis : experiment.sweep) {
      axes.push_back(axis.name);
      if (axis.name != name) continue;
      for (const AxisValue& value : axis.values) values.push_back(value.label);
    }
    if (values.empty() && std::find(axes.begin(), axes.end(), name) == axes.end())
      return report(path, unknown_name("axis", name, axes));
    for (const std::string& label : labels)
      if (std::find(values.begin(), values.end(), label) == values.end())
        report(path, unknown_name("value of " + name, label, values));
  }

  void check_claim(const Experiment& experiment, const Claim& claim, const std::string& path) {
    if (!claim.axis.empty()) check_axis(experiment, claim.axis, {}, path);
    for (const auto& [axis, labels] : claim.where) check_axis(experiment, axis, labels, path);
    std::vector<std::string> known = headline_metrics();
    for (const auto& [name, expression] : experiment.collect) known.push_back(name);
    const std::size_t results = known.size();
    for (const Axis& axis : experiment.sweep) known.push_back(axis.name);
    bool of_results = false;
    for (const Reference& reference : claim.references()) {
      for (const auto& [axis, label] : reference.at) check_axis(experiment, axis, {label}, path);
      const auto at = std::find(known.begin(), known.end(), reference.name) - known.begin();
      of_results = of_results || static_cast<std::size_t>(at) < results || is_breakdown(reference.name);
      if (static_cast<std::size_t>(at) < known.size() || is_breakdown(reference.name)) continue;
      report(path, unknown_name("metric", reference.name, known));
      of_results = true;
    }
    if (!of_results) report(path, "\"" + claim.text + "\": names no result, so no simulation can refute it");
  }

  const Json& object_;
  const std::string& shown_;
  ProblemSink& problems_;
};

}  // namespace

std::string label_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string label_problem(const std::string& label) {
  const bool bad = label.find_first_of(",]|\"\n") != std::string::npos;
  return bad ? "value " + label + ": a label has none of , ] | \"" : std::string();
}

std::filesystem::path plot_script(const std::string& entry, const std::filesystem::path& home) {
  return home / "experiments" / "plots" / entry.substr(0, entry.find(' '));
}

bool is_experiment(const Json& object) {
  const auto found = object.find("platform");
  return found != object.end() && (found->is_string() || !found->contains("kind"));
}

std::optional<Experiment> read_experiment(const Json& object, const std::filesystem::path& file,
                                          const std::string& shown, ProblemSink& problems) {
  const std::size_t before = problems.size();
  Experiment experiment;
  experiment.name = file.stem().string();
  if (experiment.name == "config") experiment.name = file.parent_path().filename().string();  // of one point
  if (experiment.name.empty()) experiment.name = "experiment";
  experiment.shown = shown;
  experiment.file = file;
  Reader reader(object, shown, problems);
  reader.unknown_keys();
  if (const Json* question = reader.get("question", Json::value_t::string, "a text in quotes"))
    experiment.question = *question;
  if (const Json* measure = reader.object("measure")) experiment.measure = *measure;
  reader.platform(experiment);
  reader.settings(experiment);
  reader.seeds(experiment);
  reader.sweep(experiment);
  reader.collect(experiment);
  reader.expect(experiment);
  reader.plots(experiment);
  if (problems.size() > before) return std::nullopt;
  return experiment;
}

}  // namespace iov::experiment
