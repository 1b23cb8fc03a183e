// SPDX-License-Identifier: Apache-2.0
/// Script -- actions at given times: what administrators, guests and devices do in a scenario, as data.
///
///   "script": [ { "at": "5 ms", "do": "storm", "vm": "vm1" }, { "at": "8 ms", "do": "behave", "vm": "vm1" } ]
///
/// Times count from the start of the VMs, after the boot, as those of timeline.csv; actions of one time happen in their order.
/// Each is carried out by the actor that its row of script_actions() names, who takes the time that takes.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "models/core/timeline.h"
#include "platforms/script_action.h"
#include "platforms/simulation.h"

namespace iov::platform {

class Script {
 public:
  /// @throws BadInput naming the action: its target is not there, it is after the end of the run
  Script(const nlohmann::json& effective, Machine& machine);

  void start();
  void stop();  ///< whatever goes on by itself ends
  /// A device wrote over memory of its guest: packets may be nowhere any more, and their driver cannot know.
  void memory_overwritten() { overwritten_ = true; }
  bool overwritten() const { return overwritten_; }
  /// What happened so far, in the order of time.
  std::vector<ScriptRow> rows() const;
  /// Starts what goes on by itself, and keeps it until the end.
  template <class Actor>
  void keep(std::unique_ptr<Actor> actor) {
    actor->start();
    stops_.push_back([kept = std::shared_ptr<Actor>(std::move(actor))] { kept->stop(); });
  }

 private:
  struct Step {
    Time at;
    const ScriptAction* action;
    nlohmann::json arguments;
    ScriptRow row;
    bool begun = false;
  };
  void check(const Step& step, std::size_t index) const;
  void proceed();

  Time now() const;  ///< since the start

  Machine& machine_;
  Time origin_;  ///< when the VMs started
  std::deque<Step> steps_;  ///< by time; the rows of those under way are referred to
  std::size_t next_ = 0;
  bool overwritten_ = false;
  std::vector<std::function<void()>> stops_;  ///< of those that go on; each keeps its own alive
  Event due_;
};

}  // namespace iov::platform
