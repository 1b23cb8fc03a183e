// SPDX-License-Identifier: Apache-2.0
/// Experiment -- a question as data: a platform, what to set, what to sweep, what to measure, what to
/// expect, what to plot. expand() turns it into points, each with its effective configuration.
///
/// File   { "question", "platform": file or object, "set": {key: value}, "sweep": {axis: values},
///          "seeds": [1], "measure": {...}, "collect": {name: expression}, "expect": [claim],
///          "plot": [script] }; a point's own config.json is such a file too.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/iovsim/lib/claim.h"
#include "experiments/iovsim/lib/expression.h"
#include "platforms/config.h"

namespace iov::experiment {

using Json = nlohmann::ordered_json;

struct Override {
  std::string key;
  Json value;
};

struct AxisValue {
  std::string label;  ///< as in table.csv and in [axis=label]
  std::vector<Override> overrides;
};

struct Axis {
  std::string name;
  std::vector<AxisValue> values;
};

struct Experiment {
  std::string name;            ///< of the file, without folder and extension
  std::string shown;           ///< the file as the user wrote it
  std::filesystem::path file;
  std::string question;
  Json platform;               ///< file name or object
  std::vector<Override> settings;
  std::vector<Axis> sweep;
  std::vector<std::uint64_t> seeds{1};
  Json measure = Json::object();
  std::vector<std::pair<std::string, Expression>> collect;
  std::vector<Claim> expect;
  std::vector<std::string> plots;
  std::vector<std::pair<std::string, std::string>> left_out;  ///< axis and label, by --set
};

/// One combination of axis values and a seed.
struct Point {
  std::string id;  ///< its folder's name
  std::vector<std::pair<std::string, std::string>> axes;  ///< axis name and label
  std::uint64_t seed = 1;
  nlohmann::json config;  ///< effective
};

/// Whether a JSON object is an experiment (rather than a platform or a file of configs/).
bool is_experiment(const Json& object);

std::optional<Experiment> read_experiment(const Json& object, const std::filesystem::path& file,
                                          const std::string& shown, platform::ProblemSink& problems);

/// @param last_word  what --set says, above every other layer
std::vector<Point> expand(const Experiment& experiment, const std::vector<Override>& last_word,
                          const std::filesystem::path& home, const std::vector<platform::Kind>& kinds,
                          platform::ProblemSink& problems);

/// "key.path=value"; the value is JSON, or a text when it is not.
std::optional<Override> parse_set(const std::string& text, platform::ProblemSink& problems);

/// What table.csv and claims call a value of an axis, and what is wrong with that; empty when nothing is.
std::string label_of(const Json& value);
std::string label_problem(const std::string& label);

/// The script behind an entry of "plot", which may go on with arguments.
std::filesystem::path plot_script(const std::string& entry, const std::filesystem::path& home);

inline constexpr std::size_t max_points = 10000;

}  // namespace iov::experiment
