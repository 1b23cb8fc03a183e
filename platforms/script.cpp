// SPDX-License-Identifier: Apache-2.0
#include "platforms/script.h"

#include <algorithm>

#include "platforms/machine.h"

namespace iov::platform {

namespace {

/// What an action is done to and with, as its file says it, defaults left out.
std::string shown(const nlohmann::json& arguments, const ScriptAction& action) {
  ProblemSink ignored;
  const nlohmann::json defaults = action.effective(nlohmann::json::object(), ignored);
  std::string text;
  for (const auto& [key, value] : arguments.items())
    if (!defaults.contains(key) || defaults[key] != value)
      text += (text.empty() ? "" : " ") + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

}  // namespace

Script::Script(const nlohmann::json& effective, Machine& machine)
    : machine_(machine), due_(machine.timeline, bind<&Script::proceed>(this)) {
  for (std::size_t i = 0; i < effective.size(); ++i) {
    Step step;
    step.arguments = effective[i];
    const std::string name = step.arguments.at("do");
    const auto& all = script_actions();
    step.action = &*std::find_if(all.begin(), all.end(), [&](const ScriptAction& a) { return a.name == name; });
    read_value(step.arguments.at("at"), step.at);
    step.arguments.erase("do"), step.arguments.erase("at");
    step.row = {step.at.to_seconds() * 1e6, name, shown(step.arguments, *step.action), "not over", -1};
    check(step, i);
    steps_.push_back(std::move(step));
  }
  std::stable_sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
}

void Script::check(const Step& step, std::size_t index) const {
  const std::string place = "script[" + std::to_string(index) + "]";
  const workload::Measure& measure = machine_.workload->params().measure;
  const Time end = measure.warm_up + measure.duration;
  if (step.at > end)
    throw BadInput(place + ".at: " + written(step.at).get<std::string>() + " is after the end of the run, " +
                   written(end).get<std::string>() + " (warm_up and duration)");
  try {
    step.action->check(step.arguments, machine_);
  } catch (const BadInput& bad) {
    throw BadInput(place + "." + bad.what());
  }
}

void Script::start() {
  origin_ = machine_.timeline.now();
  if (!steps_.empty()) due_.at(origin_ + steps_.front().at);
}

Time Script::now() const { return machine_.timeline.now() - origin_; }

void Script::proceed() {
  while (next_ < steps_.size() && steps_[next_].at <= now()) {
    Step& step = steps_[next_++];
    step.begun = true;
    step.action->perform(step.arguments, machine_, [this, &step](const std::string& what) {
      step.row.outcome = what;
      step.row.done_us = now().to_seconds() * 1e6;
    });
  }
  if (next_ < steps_.size()) due_.at(origin_ + steps_[next_].at);
}

void Script::stop() {
  due_.cancel();
  for (auto& stop : stops_) stop();
}

std::vector<ScriptRow> Script::rows() const {
  std::vector<ScriptRow> rows;
  for (const Step& step : steps_)
    if (step.begun) rows.push_back(step.row);
  return rows;
}

}  // namespace iov::platform
