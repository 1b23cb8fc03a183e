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

template <class W>
bool JsonReader::read_number(const char* key, W& value, const W& lo, const W& hi) {
  const nlohmann::json* given = take(key);
  if (!given) return false;
  std::string wrong = read_value(*given, value);
  if (wrong.empty() && (value < lo || hi < value))
    wrong = given->dump() + " is out of range " + written(lo).dump() + " .. " + written(hi).dump();
  if (!wrong.empty()) report(key, wrong);
  return wrong.empty();
}

bool JsonReader::read_choice(const char* key, std::span<const char* const> allowed, std::size_t& index) {
  const nlohmann::json* given = take(key);
  if (!given) return false;
  const std::vector<std::string> names(allowed.begin(), allowed.end());
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

JsonWriter::JsonWriter() : out_(nlohmann::json::object()) {}

JsonWriter::Within::Within(JsonWriter& w, const char* key) : writer(w), above(w.here_) {
  nlohmann::json& inner = (*above)[key];
  inner = nlohmann::json::object();
  writer.here_ = &inner;
}

JsonWriter::Within::~Within() { writer.here_ = above; }

template <class W>
void JsonWriter::put_number(const char* key, const W& value) {
  (*here_)[key] = written(value);
}

void JsonWriter::put_text(const char* key, const std::string& value) { (*here_)[key] = value; }

void JsonWriter::flag(const char* key, bool& value, const char*, const char*) { (*here_)[key] = value; }

void ParamsDoc::flag(const char* key, bool& value, const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), "flag", "", "false or true", value ? "true" : "false", meaning, source});
}

void ParamsDoc::text(const char* key, std::string& value, const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), "text", "", "", "\"" + value + "\"", meaning, source});
}

void ParamsDoc::file(const char* key, std::string& value, const char* meaning, const char* source) {
  text(key, value, meaning, source);
  rows_.back().type = "file";
}

namespace {
/// As in JSON, but without the quotes of a quantity.
std::string plain(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}
}  // namespace

template <class W>
void ParamsDoc::add_number(const char* key, TypeName type, const W& lo, const W& hi, const W& value,
                           const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), type.type, type.units, plain(written(lo)) + " .. " + plain(written(hi)),
                   plain(written(value)), meaning, source});
}

void ParamsDoc::add_choice(const char* key, std::span<const char* const> names, std::size_t value,
                           const char* meaning, const char* source) {
  rows_.push_back({joined_path(prefix_, key), "choice", "", one_of({names.begin(), names.end()}), names[value], meaning,
                   source});
}

template bool JsonReader::read_number(const char*, std::uint64_t&, const std::uint64_t&, const std::uint64_t&);
template void JsonWriter::put_number(const char*, const std::uint64_t&);
template void ParamsDoc::add_number(const char*, TypeName, const std::uint64_t&, const std::uint64_t&, const std::uint64_t&, const char*, const char*);
template bool JsonReader::read_number(const char*, std::int64_t&, const std::int64_t&, const std::int64_t&);
template void JsonWriter::put_number(const char*, const std::int64_t&);
template void ParamsDoc::add_number(const char*, TypeName, const std::int64_t&, const std::int64_t&, const std::int64_t&, const char*, const char*);
template bool JsonReader::read_number(const char*, double&, const double&, const double&);
template void JsonWriter::put_number(const char*, const double&);
template void ParamsDoc::add_number(const char*, TypeName, const double&, const double&, const double&, const char*, const char*);
template bool JsonReader::read_number(const char*, Time&, const Time&, const Time&);
template void JsonWriter::put_number(const char*, const Time&);
template void ParamsDoc::add_number(const char*, TypeName, const Time&, const Time&, const Time&, const char*, const char*);
template bool JsonReader::read_number(const char*, Bytes&, const Bytes&, const Bytes&);
template void JsonWriter::put_number(const char*, const Bytes&);
template void ParamsDoc::add_number(const char*, TypeName, const Bytes&, const Bytes&, const Bytes&, const char*, const char*);
template bool JsonReader::read_number(const char*, Bandwidth&, const Bandwidth&, const Bandwidth&);
template void JsonWriter::put_number(const char*, const Bandwidth&);
template void ParamsDoc::add_number(const char*, TypeName, const Bandwidth&, const Bandwidth&, const Bandwidth&, const char*, const char*);
template bool JsonReader::read_number(const char*, Frequency&, const Frequency&, const Frequency&);
template void JsonWriter::put_number(const char*, const Frequency&);
template void ParamsDoc::add_number(const char*, TypeName, const Frequency&, const Frequency&, const Frequency&, const char*, const char*);

}  // namespace iov::platform
