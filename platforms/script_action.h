// SPDX-License-Identifier: Apache-2.0
/// ScriptAction -- a kind of thing that a script can make happen: its arguments behind one uniform face, who carries it
/// out, and what is done. `script_actions` is the one table; each topic has a file of rows.
///
///   rows: { make_action<LoadArgs>("load", "...", "the VM's applications", change_load), ... }
///   LoadArgs: a params struct (models/core/params.h), whose check(machine) throws BadInput for a target that is not there.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "platforms/kind.h"

namespace iov::platform {

class Machine;

/// How an action ended: "done", or what stood against it. Told once, now or later.
using Outcome = std::function<void(const std::string& what)>;

struct ScriptAction {
  std::string name, meaning;
  std::string actor;  ///< who carries it out
  /// Checks `given` (an action without "at" and "do") and returns it with every default filled in.
  std::function<nlohmann::json(const nlohmann::json& given, ProblemSink& problems)> effective;
  std::function<std::vector<ParamDoc>()> parameters;
  /// @throws BadInput when the machine has no such target
  std::function<void(const nlohmann::json& arguments, const Machine& machine)> check;
  std::function<void(const nlohmann::json& arguments, Machine& machine, Outcome outcome)> perform;
};

template <class Args>
ScriptAction make_action(std::string name, std::string meaning, std::string actor,
                         void (*perform)(const Args&, Machine&, Outcome)) {
  const Kind kind = make_kind<Args>(name, meaning);
  return {std::move(name),
          std::move(meaning),
          std::move(actor),
          kind.effective,
          kind.parameters,
          [](const nlohmann::json& arguments, const Machine& machine) { params_of<Args>(arguments).check(machine); },
          [perform](const nlohmann::json& arguments, Machine& machine, Outcome outcome) {
            perform(params_of<Args>(arguments), machine, std::move(outcome));
          }};
}

const std::vector<ScriptAction>& script_actions();
/// Rows by topic.
std::vector<ScriptAction> traffic_actions();
std::vector<ScriptAction> function_actions();
std::vector<ScriptAction> policy_actions();
std::vector<ScriptAction> reset_actions();
std::vector<ScriptAction> assignment_actions();
std::vector<ScriptAction> fabric_actions();

/// Checks the list of actions under "script" of a platform; returns it with every default filled in.
nlohmann::json effective_script(const nlohmann::json& given, ProblemSink& problems);

}  // namespace iov::platform
