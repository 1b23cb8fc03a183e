// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/results_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "experiments/iovsim/lib/files.h"

namespace iov::experiment {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* digested_files[] = {"config.json", "summary.json", "stats.csv",    "latency.csv",
                                          "journeys.csv", "vms.csv",     "timeline.csv", "script.csv"};
constexpr const char* host_file = "host.json";

bool is_result_file(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  if (entry.is_symlink() || !entry.is_regular_file()) return false;
  return std::any_of(std::begin(digested_files), std::end(digested_files),
                     [&](const char* known) { return name == known || name == std::string(known) + ".new"; }) ||
         name == host_file || name == std::string(host_file) + ".new";
}

/// A text in an object of a JSON file; empty when it is not there.
std::string text_in(const fs::path& file, const char* object, const char* key) {
  const auto json = Json::parse(read_file(file), nullptr, false);
  if (!json.is_object()) return {};
  const Json& at = *object ? json.contains(object) ? json[object] : Json() : json;
  return at.is_object() && at.contains(key) && at[key].is_string() ? at[key].get<std::string>() : std::string();
}

}  // namespace

std::string digest_of(const fs::path& point) {
  Fingerprint digest;
  for (const char* name : digested_files) {
    std::error_code error;
    if (fs::exists(point / name, error)) digest.add(name).add(read_file(point / name));
  }
  return digest.hex();
}

bool is_done(const fs::path& point, const std::string& fingerprint) {
  return text_in(point / "summary.json", "provenance", "fingerprint") == fingerprint &&
         text_in(point / host_file, "", "digest") == digest_of(point);
}

bool is_point_folder(const fs::path& point) {
  std::error_code error;
  if (fs::is_symlink(point, error) || !fs::is_directory(point, error)) return false;
  for (const auto& entry : fs::directory_iterator(point))
    if (!is_result_file(entry)) return false;
  return fs::is_empty(point) || text_in(point / "config.json", "", "description") == point_description ||
         text_in(point / "summary.json", "provenance", "program").starts_with("iovsim ");
}

bool drop_other_points(const fs::path& results, const std::set<std::string>& valid) {
  std::vector<fs::path> others;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(results / "points", error))
    if (valid.count(entry.path().filename().string()) == 0 && is_point_folder(entry.path())) others.push_back(entry.path());
  for (const fs::path& folder : others) fs::remove_all(folder);
  return !others.empty();
}

void drop_tables(const fs::path& results) {
  if (!fs::exists(results / "experiment.json")) return;
  fs::remove(results / "table.csv");
  fs::remove(results / "report.txt");
}

void drop_figures(const fs::path& results) {
  if (!fs::exists(results / "experiment.json")) return;
  std::vector<fs::path> pictures;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(results / "plots", error))
    if (entry.is_regular_file() && (entry.path().extension() == ".png" || entry.path().extension() == ".svg"))
      pictures.push_back(entry.path());
  for (const fs::path& picture : pictures) fs::remove(picture);
  fs::remove(results / "plots", error);  // stays when something else is in it
}

}  // namespace iov::experiment
