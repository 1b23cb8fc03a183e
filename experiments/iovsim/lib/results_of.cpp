// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <map>

#include "experiments/iovsim/lib/files.h"
#include "experiments/iovsim/lib/point.h"
#include "experiments/iovsim/lib/point_tables.h"

namespace iov::experiment {

namespace {

std::string unknown_value(const std::string& name, const std::map<std::string, double>& known) {
  std::vector<std::string> names;
  for (const auto& [other, value] : known) names.push_back(other);
  std::string text = "no metric or statistic \"" + name + "\"";
  if (const std::string near = platform::nearest(name, names); !near.empty()) text += ", did you mean \"" + near + "\"?";
  return text + " (stats.csv and vms.csv of a point list all)";
}

}  // namespace

std::vector<std::pair<std::string, Cell>> results_of(const std::filesystem::path& folder, const Experiment& experiment,
                                                     const std::string& id, platform::ProblemSink& problems) {
  const auto summary = Json::parse(read_file(folder / "summary.json"), nullptr, false);
  if (!summary.is_object()) return {};
  auto columns = columns_of(summary);
  if (experiment.collect.empty()) return columns;
  auto values = read_numbers(folder);
  for (const auto& [name, cell] : columns) values[name] = cell.number;
  for (const auto& [name, expression] : experiment.collect) {
    const double value = expression.evaluate([&](const Reference& reference) {
      if (const auto found = values.find(reference.name); found != values.end()) return found->second;
      problems.add_in(experiment.shown, "collect." + name, unknown_value(reference.name, values) + ", at point " + id);
      return std::numeric_limits<double>::quiet_NaN();
    });
    columns.emplace_back(name, std::isnan(value) ? Cell{"", value} : cell_of(value));
  }
  return columns;
}

}  // namespace iov::experiment
