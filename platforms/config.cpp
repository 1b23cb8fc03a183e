// SPDX-License-Identifier: Apache-2.0
#include "platforms/config.h"

#include <algorithm>

#include "platforms/script_action.h"

namespace iov::platform {

namespace fs = std::filesystem;
using Json = Config::Json;

namespace {

constexpr int max_use_depth = 8;
constexpr std::size_t platform_layer = 1;

/// The origin of a path: its own or that of the nearest object above it.
template <class Origins>
auto nearest_origin(const Origins& origins, std::string path) {
  for (;;) {
    if (const auto found = origins.find(path); found != origins.end()) return found->second;
    if (path.empty()) return typename Origins::mapped_type{};
    const auto dot = path.rfind('.');
    path.resize(dot == std::string::npos ? 0 : dot);
  }
}

/// Who to name for a problem of a path: of an object, whoever had the last word on any of its keys.
template <class Origins>
std::string to_blame(const Origins& origins, const std::string& path) {
  auto last = nearest_origin(origins, path.substr(0, path.find('[')));
  for (auto at = origins.lower_bound(path + "."); at != origins.end() && at->first.starts_with(path + "."); ++at)
    if (at->second.layer > last.layer) last = at->second;
  return last.shown;
}

template <class Origins>
void forget_below(Origins& origins, const std::string& path) {
  auto at = origins.lower_bound(path + ".");
  while (at != origins.end() && at->first.starts_with(path + ".")) at = origins.erase(at);
}

/// Keeps what `node` says and adds what only `base` says.
template <class Origins>
void merge_below(Json& node, const std::string& path, const Json& base, Origins& origins,
                 const typename Origins::mapped_type& origin) {
  for (const auto& [key, value] : base.items()) {
    const std::string at = joined_path(path, key);
    if (!node.contains(key)) {
      node[key] = value;
      origins[at] = origin;
    } else if (node[key].is_object() && value.is_object()) {
      merge_below(node[key], at, value, origins, origin);
    }
  }
}

std::vector<std::string> names_of(const std::vector<Kind>& kinds) {
  std::vector<std::string> names;
  for (const Kind& kind : kinds) names.push_back(kind.name);
  return names;
}

const Kind* find_kind(const std::vector<Kind>& kinds, const std::string& name) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

bool is_module_name(const std::string& name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

/// The value at a dotted path; null: there is none.
template <class Value>
const Value* value_at(const Value& object, const std::string& path) {
  const Value* at = &object;
  for (std::size_t from = 0; at && from <= path.size();) {
    const auto dot = std::min(path.find('.', from), path.size());
    const auto found = at->is_object() ? at->find(path.substr(from, dot - from)) : at->end();
    at = at->is_object() && found != at->end() ? &*found : nullptr;
    from = dot + 1;
  }
  return at;
}

nlohmann::json parameters_of(const Json& module) {
  nlohmann::json given = module;
  given.erase("kind");
  return given;
}

}  // namespace

void Config::merge(const std::string& path, const Json& layer, const std::string& shown, const fs::path& file) {
  const Origin origin{shown, file, ++layers_};
  if (path.empty()) {
    origins_.emplace("", origin);  // the platform file is the first
    return merge_over(tree_, "", layer, origin);
  }
  Json* at = &tree_;
  std::size_t from = 0;
  for (auto dot = path.find('.'); dot != std::string::npos; dot = path.find('.', from)) {
    Json& next = (*at)[path.substr(from, dot - from)];
    if (!next.is_object()) next = Json::object(), origins_[path.substr(0, dot)] = origin;
    at = &next;
    from = dot + 1;
  }
  const std::string key = path.substr(from);
  if (layer.is_null()) at->erase(key);
  else merge_over((*at)[key], path, layer, origin);
}

void Config::merge_over(Json& at, const std::string& path, const Json& layer, const Origin& origin) {
  if (!layer.is_object() || !at.is_object()) {
    at = layer;
    forget_below(origins_, path);
    origins_[path] = origin;
    return;
  }
  for (const auto& [key, value] : layer.items()) {
    if (value.is_null()) at.erase(key);
    else merge_over(at[key], joined_path(path, key), value, origin);
  }
}

void Config::lay_file_below(Json& node, const std::string& name, const std::string& path, Origins& origins,
                            ProblemSink& problems) const {
  const Origin said = nearest_origin(origins, joined_path(path, "use"));
  const auto file = find_file(name, home_, said.file);
  if (!file) {
    problems.add_in(said.shown, joined_path(path, "use"), "no file \"" + name + "\" in " + home_.string());
    return;
  }
  auto base = load_json(*file, name, problems);
  if (!base) return;
  const bool is_module = !path.empty() && path.find('.') == std::string::npos;
  if (base->contains("kind") && node.contains("kind") && is_module && (*base)["kind"] != node["kind"])
    problems.add_in(said.shown, joined_path(path, "use"),
                    "\"" + name + "\" configures kind " + (*base)["kind"].dump() + ", not " + node["kind"].dump());
  if (!is_module) base->erase("kind");
  merge_below(node, path, *base, origins, {name, *file});
}

void Config::follow_uses(Json& node, const std::string& path, Origins& origins, ProblemSink& problems,
                         int depth) const {
  if (!node.is_object()) return;
  for (; node.contains("use"); ++depth) {
    const Origin said = nearest_origin(origins, joined_path(path, "use"));
    const Json use = node["use"];
    node.erase("use");
    if (depth == max_use_depth) {
      problems.add_in(said.shown, joined_path(path, "use"), "files use each other in a circle");
      return;
    }
    if (!use.is_string()) {
      problems.add_in(said.shown, joined_path(path, "use"), use.dump() + " is not the name of a file");
      return;
    }
    origins[joined_path(path, "use")] = said;
    lay_file_below(node, use, path, origins, problems);
  }
  for (const auto& [key, value] : node.items()) follow_uses(value, joined_path(path, key), origins, problems, depth);
}

void Config::find_files(nlohmann::json& module, const std::string& name, const Kind& kind, const Origins& origins,
                        ProblemSink& problems) const {
  for (const std::string& parameter : kind.files) {
    std::string pointer = "/" + parameter;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    nlohmann::json& value = module.at(nlohmann::json::json_pointer(pointer));
    const std::string given = value;
    if (given.empty()) continue;
    const Origin said = nearest_origin(origins, joined_path(name, parameter));
    const auto file = find_file(given, home_, said.file);
    if (file) value = portable_name(*file, home_);
    else problems.add_in(said.shown, joined_path(name, parameter), "no file \"" + given + "\" in " + home_.string());
  }
}

void Config::tell_silent(const Json& given, const nlohmann::json& effective, const std::string& name, const Kind& kind,
                         const Origins& origins, ProblemSink& problems) const {
  for (const SilentParam& silent : kind.silent(effective)) {
    if (!value_at(given, silent.key)) continue;
    const std::string path = joined_path(name, silent.key), beside = joined_path(name, silent.beside);
    const Origin said = nearest_origin(origins, path);
    ProblemSink none;
    const nlohmann::json defaults = kind.effective(nlohmann::json::object(), none);
    if (said.layer <= platform_layer && *value_at(effective, silent.key) == *value_at(defaults, silent.key)) continue;
    const std::string place = value_at(given, silent.beside) ? nearest_origin(origins, beside).shown : "its default";
    problems.add_in(said.shown, path, "says nothing beside " + beside + " = \"" + silent.value + "\" (" + place + ")");
  }
}

const Kind* Config::kind_of(const Json& modules, const std::string& name, const Json& module, const Origins& origins,
                            ProblemSink& problems) const {
  const std::string shown = nearest_origin(origins, name).shown;
  if (!module.is_object() || !module.contains("kind")) {
    std::vector<std::string> known;
    for (const auto& [other, value] : modules.items())
      if (value.is_object() && value.contains("kind")) known.push_back(other);
    const bool in_platform = shown == nearest_origin(origins, "").shown;
    if (in_platform) problems.add_in(shown, name, "a module is an object with a \"kind\": " + one_of(names_of(*kinds_)));
    else if (module.is_object()) problems.add_in(shown, "", unknown_name("module", name, known));
    else problems.add_in(shown, name, module.dump() + " is not a module; its parameters are named as in " + name +
                                          ".PARAMETER, and null leaves it out");
    return nullptr;
  }
  const Json& given = module["kind"];
  const Kind* kind = given.is_string() ? find_kind(*kinds_, given) : nullptr;
  if (!is_module_name(name))
    problems.add_in(shown, name, "a module's name has small letters, digits and _, and starts with a letter");
  if (!kind)
    problems.add_in(nearest_origin(origins, name + ".kind").shown, name + ".kind",
                    unknown_name("kind", given.is_string() ? given.get<std::string>() : given.dump(), names_of(*kinds_)));
  return kind;
}

nlohmann::json Config::effective(ProblemSink& problems) const {
  Json modules = tree_;
  Origins origins = origins_;
  follow_uses(modules, "", origins, problems, 0);
  ProblemSink found([&](const std::string& path) { return to_blame(origins, path); });
  nlohmann::json result = nlohmann::json::object();
  for (const auto& [name, module] : modules.items()) {
    if (is_remark(name)) continue;
    if (name == "script") {
      result[name] = effective_script(module, found);
      continue;
    }
    const Kind* kind = kind_of(modules, name, module, origins, found);
    if (!kind) continue;
    found.below(name);
    const std::size_t before = found.size();
    result[name] = kind->effective(parameters_of(module), found);
    if (found.size() == before) tell_silent(module, result[name], name, *kind, origins, found);
    result[name]["kind"] = kind->name;
    find_files(result[name], name, *kind, origins, found);
    found.below("");
  }
  for (const Problem& problem : found.list()) problems.add_in(problem.file, problem.path, problem.what);
  return result;
}

std::vector<std::string> Config::modules_of(const std::string& kind) const {
  std::vector<std::string> names;
  for (const auto& [name, module] : tree_.items())
    if (module.is_object() && module.contains("kind") && module["kind"] == kind) names.push_back(name);
  return names;
}

void Config::check_fragment(Json fragment, const std::string& file, ProblemSink& problems) const {
  const std::vector<std::string> known = names_of(*kinds_);
  if (!fragment.contains("kind") || !fragment["kind"].is_string()) {
    problems.add_in(file, "kind", "a configuration file names the kind of module it configures: " + one_of(known));
    return;
  }
  const Kind* kind = find_kind(*kinds_, fragment["kind"]);
  if (!kind) {
    problems.add_in(file, "kind", unknown_name("kind", fragment["kind"], known));
    return;
  }
  Origins origins{{"", {file, file}}};
  follow_uses(fragment, "", origins, problems, 0);
  ProblemSink found([&](const std::string& path) { return to_blame(origins, path); });
  kind->effective(parameters_of(fragment), found);
  for (const Problem& problem : found.list()) problems.add_in(problem.file, problem.path, problem.what);
}

}  // namespace iov::platform
