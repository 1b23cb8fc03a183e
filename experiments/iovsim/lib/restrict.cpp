// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/restrict.h"

#include <algorithm>
#include <map>

namespace iov::experiment {

using platform::ProblemSink;

namespace {

using Settings = std::map<std::string, Json>;  ///< by full key path, no objects among them

void add_settings(Settings& settings, const std::string& key, const Json& value) {
  if (value.is_object() && value.contains("value")) return add_settings(settings, key, value["value"]);
  if (!value.is_object() || value.empty()) {
    settings[key] = value;
    return;
  }
  for (const auto& [inner, given] : value.items())
    if (!platform::is_remark(inner)) add_settings(settings, platform::joined_path(key, inner), given);
}

Settings settings_of(const std::vector<Override>& overrides) {
  Settings settings;
  for (const Override& o : overrides) add_settings(settings, o.key, o.value);
  return settings;
}

/// One value of an axis, seen from --set.
class SweptValue {
 public:
  SweptValue(const AxisValue& value, const Settings& said) : sets_(settings_of(value.overrides)) {
    for (const auto& [key, own] : sets_) {
      const Json* other = last_word(said, key);
      if (!other) remaining_[key] = own;
      else if (*other == own) ++agreed_;
      else contradicted_.push_back(key);
    }
  }
  bool contradicted() const { return !contradicted_.empty(); }
  bool contradicted_in(const std::string& key) const {
    return std::find(contradicted_.begin(), contradicted_.end(), key) != contradicted_.end();
  }
  /// Everything that it says is said otherwise.
  bool emptied() const { return contradicted() && contradicted_.size() == sets_.size(); }
  /// --set says all that it says.
  bool picked() const { return agreed_ > 0 && agreed_ == sets_.size(); }
  bool agrees_in_something() const { return agreed_ > 0; }
  /// Became the same as another one, which says more of it itself.
  bool covered_by(const SweptValue& other) const {
    return remaining_ == other.remaining_ && sets_ != other.sets_ && rank() < other.rank();
  }
  /// Became the same as another one, and neither is what it says.
  bool lost_with(const SweptValue& other) const {
    return remaining_ == other.remaining_ && sets_ != other.sets_ && contradicted() && other.contradicted();
  }
  const Settings& sets() const { return sets_; }

 private:
  /// What --set says of a key: the key itself or, as null does, of an object that it is in.
  static const Json* last_word(const Settings& said, std::string key) {
    for (;;) {
      if (const auto found = said.find(key); found != said.end()) return &found->second;
      const auto dot = key.rfind('.');
      if (dot == std::string::npos) return nullptr;
      key.resize(dot);
    }
  }
  std::size_t rank() const { return contradicted() ? 0 : 1 + agreed_; }

  Settings sets_, remaining_;
  std::vector<std::string> contradicted_;
  std::size_t agreed_ = 0;
};

bool set_by_all(const std::string& key, const std::vector<SweptValue>& values) {
  return std::all_of(values.begin(), values.end(), [&](const SweptValue& value) { return value.sets().count(key) > 0; });
}

bool is_left_out(const SweptValue& value, const std::vector<SweptValue>& all) {
  for (const auto& [key, own] : value.sets())
    if (value.contradicted_in(key) && set_by_all(key, all)) return true;
  const bool another = std::any_of(all.begin(), all.end(), [](const SweptValue& other) { return other.picked(); });
  if (another && !value.agrees_in_something()) return true;
  return value.emptied() || std::any_of(all.begin(), all.end(), [&](const SweptValue& other) {
           return &other != &value && (value.covered_by(other) || value.lost_with(other));
         });
}

/// The one key that an axis sweeps; empty when it sweeps several.
std::string only_key(const std::vector<SweptValue>& values) {
  const Settings& first = values.front().sets();
  if (first.size() != 1 || !set_by_all(first.begin()->first, values)) return {};
  const bool one = std::all_of(values.begin(), values.end(), [](const SweptValue& value) { return value.sets().size() == 1; });
  return one ? first.begin()->first : std::string();
}

std::string labels_of(const std::vector<AxisValue>& values) {
  std::string text;
  for (const AxisValue& value : values) text += (text.empty() ? "" : ", ") + value.label;
  return text;
}

/// The axis has nothing that --set agrees with.
void replace_axis(Axis& axis, const std::string& key, const Settings& said, ProblemSink& problems) {
  const auto given = said.find(key);
  if (key.empty() || given == said.end()) {
    problems.add_in("--set", "", "contradicts every value of sweep." + axis.name + " (" + labels_of(axis.values) +
                                     "): set a key to what one of them has, to run that one alone");
    return;
  }
  AxisValue value{label_of(given->second), {{key, given->second}}};
  if (const std::string wrong = label_problem(value.label); !wrong.empty()) problems.add_in("--set", key, wrong);
  axis.values = {std::move(value)};
}

}  // namespace

std::vector<std::string> restrict_sweep(Experiment& experiment, const std::vector<Override>& last_word, ProblemSink& problems) {
  const Settings said = settings_of(last_word);
  std::vector<std::string> notes;
  for (Axis& axis : experiment.sweep) {
    std::vector<SweptValue> swept;
    for (const AxisValue& value : axis.values) swept.emplace_back(value, said);
    std::vector<AxisValue> kept, left_out;
    for (std::size_t v = 0; v < swept.size(); ++v)
      (is_left_out(swept[v], swept) ? left_out : kept).push_back(axis.values[v]);
    if (left_out.empty()) continue;
    if (kept.empty()) replace_axis(axis, only_key(swept), said, problems);
    else axis.values = kept;
    for (const AxisValue& value : left_out) experiment.left_out.emplace_back(axis.name, value.label);
    notes.push_back("--set leaves of sweep." + axis.name + ": " + labels_of(axis.values));
  }
  return notes;
}

std::string left_out_of(const Experiment& experiment, const Claim& claim) {
  const auto is_out = [&](const std::string& axis, const std::string& label) {
    return std::find(experiment.left_out.begin(), experiment.left_out.end(), std::pair(axis, label)) !=
           experiment.left_out.end();
  };
  for (const Reference& reference : claim.references())
    for (const auto& [axis, label] : reference.at)
      if (is_out(axis, label)) return axis + "=" + label;
  for (const auto& [axis, labels] : claim.where)
    if (std::all_of(labels.begin(), labels.end(), [&, &name = axis](const std::string& label) { return is_out(name, label); }))
      return axis + "=" + labels.front();
  for (const Axis& axis : experiment.sweep)
    if (axis.name == claim.axis && axis.values.size() < 2)
      for (const auto& [name, label] : experiment.left_out)
        if (name == axis.name) return axis.name + "=" + label;
  return {};
}

}  // namespace iov::experiment
