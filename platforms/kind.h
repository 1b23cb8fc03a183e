// SPDX-License-Identifier: Apache-2.0
/// Kind -- a type of module that a platform file can name: its parameters behind one uniform face.
///
///   catalog: { make_kind<pcie::Port::Params>("port", "one end of a PCIe link"), ... }
///   builder: const auto params = params_of<pcie::Port::Params>(effective_config["port0"]);
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "platforms/json_params.h"

namespace iov::platform {

struct Kind {
  std::string name, meaning;
  /// Checks `given` (an object of parameters) and returns it with every default filled in.
  std::function<nlohmann::json(const nlohmann::json& given, ProblemSink& problems)> effective;
  /// Of such a result: what says nothing.
  std::function<std::vector<SilentParam>(const nlohmann::json& effective)> silent;
  /// Every parameter, nested ones under dotted names, in order of declaration.
  std::function<std::vector<ParamDoc>()> parameters;
  /// Those of them that name a file.
  std::vector<std::string> files;
};

/// The params struct of one module of a checked, effective configuration (its "kind" is skipped).
/// @throws std::invalid_argument naming every problem: the config was not checked
template <class Params>
Params params_of(nlohmann::json module_config) {
  module_config.erase("kind");
  ProblemSink problems;
  Params params;
  JsonReader(module_config, problems).read(params);
  if (!problems.empty()) throw std::invalid_argument(problems.text());
  return params;
}

/// Names of the parameters that name files.
template <class Params>
std::vector<std::string> files_among() {
  std::vector<std::string> names;
  for (const ParamDoc& parameter : ParamsDoc::of(Params{}))
    if (parameter.type == "file") names.push_back(parameter.name);
  return names;
}

template <class Params>
Kind make_kind(std::string name, std::string meaning) {
  return {std::move(name), std::move(meaning),
          [](const nlohmann::json& given, ProblemSink& problems) {
            Params params;
            JsonReader(given, problems).read(params);
            return JsonWriter::write(params);
          },
          [](const nlohmann::json& effective) { return SilentParams::of(params_of<Params>(effective)); },
          [] {
            Params params;
            return ParamsDoc::of(params);
          },
          files_among<Params>()};
}

}  // namespace iov::platform
