// SPDX-License-Identifier: Apache-2.0
#include "platforms/json_params.h"

#include <algorithm>

namespace iov::platform {

bool is_remark(const std::string& key) { return key == "description" || key == "source" || key == "comment"; }

JsonReader::JsonReader(const nlohmann::json& given, ProblemSink& problems) : problems_(problems) {
  levels_.push_back({&given, "", {}, problems.size()});
  if (given.is_object()) return;
  report("", "expected an object of parameters, got " + given.dump());
  levels_.back().given = nullptr;
}

const nlohmann::json* JsonReader::take(const char* key) {
  Level& level = levels_.back();
  level.known.emplace_back(key);
  if (!level.given) return nullptr;
  const auto found = level.given->find(key);
  if (found == level.given->end()) return nullptr;
  if (found->is_object() && found->contains("value")) return &found->at("value");
  return &*found;
}

void JsonReader::report(const std::string& key, const std::string& what) {
  problems_.add(joined_path(levels_.back().path, key), what);
}

void JsonReader::flag(const char* key, bool& value, const char*, const char*) {
  const nlohmann::json* given = take(key);
  if (!given) return;
  if (const std::string wrong = read_value(*given, value); !wrong.empty()) report(key, wrong);
}

void JsonReader::text(const char* key, std::string& value, const char*, const char*) {
  const nlohmann::json* given = take(key);
  if (!given) return;
  if (const std::string wrong = read_value(*given, value); !wrong.empty()) report(key, wrong);
}

bool JsonReader::read_choice(const char* key, const std::vector<std::string>& names, std::size_t& index) {
  const nlohmann::json* given = take(key);
  if (!given) return false;
  const auto found = given->is_string() ? std::find(names.begin(), names.end(), *given) : names.end();
  if (found != names.end()) {
    index = static_cast<std::size_t>(found - names.begin());
    return true;
  }
  std::string wrong = given->dump() + " is not " + one_of(names);
  if (given->is_string())
    if (const std::string near = nearest(*given, names); !near.empty()) wrong += "; did you mean \"" + near + "\"?";
  report(key, wrong);
  return false;
}

void JsonReader::require(bool holds, const std::string& message) {
  if (!holds && problems_.size() == levels_.back().problems_before) report("", message);
}

void JsonReader::enter(const char* key) {
  const nlohmann::json* given = take(key);
  if (given && !given->is_object()) {
    report(key, "expected an object of parameters, got " + given->dump());
    given = nullptr;
  }
  levels_.push_back({given, joined_path(levels_.back().path, key), {}, problems_.size()});
}

void JsonReader::leave() {
  finish();
  levels_.pop_back();
}

void JsonReader::finish() {
  const Level& level = levels_.back();
  if (!level.given) return;
  for (const auto& [key, value] : level.given->items()) {
    const bool known = std::find(level.known.begin(), level.known.end(), key) != level.known.end();
    if (!known && !is_remark(key)) report(key, unknown_name("key", key, level.known));
  }
}

void ParamsDoc::flag(const char* key, bool& value, const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), "flag", "", "false or true", value ? "true" : "false", meaning, source});
}

void ParamsDoc::text(const char* key, std::string& value, const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), "text", "", "", "\"" + value + "\"", meaning, source});
}

namespace {
/// As in JSON, but without the quotes of a quantity.
std::string plain(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}
}  // namespace

void ParamsDoc::add(const char* key, const char* type, const char* units, const nlohmann::json& lo,
                    const nlohmann::json& hi, const nlohmann::json& value, const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), type, units, plain(lo) + " .. " + plain(hi), plain(value), meaning,
                   source});
}

void ParamsDoc::add_choice(const char* key, const std::vector<std::string>& names, std::size_t value,
                           const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), "choice", "", one_of(names), names.at(value), meaning, source});
}

}  // namespace iov::platform
