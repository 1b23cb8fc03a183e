// SPDX-License-Identifier: Apache-2.0
#include "platforms/script_action.h"

#include <algorithm>

namespace iov::platform {

namespace {

const ScriptAction* find(const std::string& name) {
  const auto& all = script_actions();
  const auto found = std::find_if(all.begin(), all.end(), [&](const ScriptAction& a) { return a.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const ScriptAction& action : script_actions()) all.push_back(action.name);
  return all;
}

nlohmann::json effective_step(const nlohmann::json& given, ProblemSink& problems) {
  if (!given.is_object() || !given.contains("do")) {
    problems.add("", "an action is an object with \"at\", \"do\" and what it is done to");
    return {};
  }
  const nlohmann::json& what = given["do"];
  const ScriptAction* action = what.is_string() ? find(what) : nullptr;
  if (!action) {
    problems.add("do", unknown_name("action", what.is_string() ? what.get<std::string>() : what.dump(), names()));
    return {};
  }
  Time at;
  const std::string wrong = given.contains("at") ? read_value(given["at"], at) : "is missing: a time, as in \"5 ms\"";
  if (!wrong.empty()) problems.add("at", wrong);
  nlohmann::json arguments = given;
  arguments.erase("at"), arguments.erase("do");
  nlohmann::json result = action->effective(arguments, problems);
  result["at"] = written(at);
  result["do"] = action->name;
  return result;
}

}  // namespace

const std::vector<ScriptAction>& script_actions() {
  static const std::vector<ScriptAction> all = [] {
    std::vector<ScriptAction> rows;
    for (auto topic : {traffic_actions(), function_actions(), policy_actions(), reset_actions(), assignment_actions(), fabric_actions()})
      rows.insert(rows.end(), std::make_move_iterator(topic.begin()), std::make_move_iterator(topic.end()));
    return rows;
  }();
  return all;
}

nlohmann::json effective_script(const nlohmann::json& given, ProblemSink& problems) {
  nlohmann::json result = nlohmann::json::array();
  if (!given.is_array()) {
    problems.add("script", "expected a list of actions [ ... ], got " + given.dump());
    return result;
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    problems.below("script[" + std::to_string(i) + "]");
    result.push_back(effective_step(given[i], problems));
    problems.below("");
  }
  return result;
}

}  // namespace iov::platform
