// SPDX-License-Identifier: Apache-2.0
/// Config -- a platform under construction: named modules, layer over layer.
///
/// Precedence, lowest first: struct default < file named by "use" < inline in the platform file <
/// experiment "set" < sweep axis < --set. A later layer replaces single values; objects merge; null
/// takes away what the layers before said about a key. "use" may stand in any object and may be set
/// by a later layer: it is followed last, and what it brings lies below everything inline.
///
/// Beside the modules "script" is a list of actions (platforms/script.h); a later layer replaces it whole.
///
/// A parameter that names a file is looked for as "use" is; the effective configuration has its name from the home folder
/// when it is in there, else its whole path.
///
/// What a layer above the platform file says, or what the platform says and is not the default, must say something: see
/// SilentParam.
///
/// A module's key is its object name, its path in the statistics and its --set key.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "platforms/json_file.h"
#include "platforms/kind.h"
#include "platforms/problem.h"

namespace iov::platform {

class Config {
 public:
  using Json = nlohmann::ordered_json;

  Config(std::filesystem::path home, const std::vector<Kind>& kinds) : home_(std::move(home)), kinds_(&kinds) {}

  /// Merges `layer` at a dotted key path ("" is the top) and remembers that it came from `shown`.
  void merge(const std::string& path, const Json& layer, const std::string& shown,
             const std::filesystem::path& file = {});
  /// Follows every "use", checks each module and returns the whole configuration, defaults included.
  /// The result is only meaningful when nothing was added to `problems`.
  nlohmann::json effective(ProblemSink& problems) const;
  /// Names of the modules of one kind; follows no "use".
  std::vector<std::string> modules_of(const std::string& kind) const;
  /// Checks a file of configs/ and what it uses: {"kind": ..., "use": ..., parameters}.
  void check_fragment(Json fragment, const std::string& file, ProblemSink& problems) const;

 private:
  struct Origin {
    std::string shown;
    std::filesystem::path file;
    std::size_t layer = 0;  ///< later layers are higher; 0: a file that was used
  };
  using Origins = std::map<std::string, Origin>;  ///< by key path; what has none came with its parent

  void merge_over(Json& at, const std::string& path, const Json& layer, const Origin& origin);
  void follow_uses(Json& node, const std::string& path, Origins& origins, ProblemSink& problems, int depth) const;
  void lay_file_below(Json& node, const std::string& name, const std::string& path, Origins& origins,
                      ProblemSink& problems) const;
  void find_files(nlohmann::json& module, const std::string& name, const Kind& kind, const Origins& origins,
                  ProblemSink& problems) const;
  void tell_silent(const Json& given, const nlohmann::json& effective, const std::string& name, const Kind& kind,
                   const Origins& origins, ProblemSink& problems) const;
  const Kind* kind_of(const Json& modules, const std::string& name, const Json& module, const Origins& origins,
                      ProblemSink& problems) const;

  std::filesystem::path home_;
  const std::vector<Kind>* kinds_;
  Json tree_ = Json::object();
  Origins origins_;
  std::size_t layers_ = 0;
};

}  // namespace iov::platform
