// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "experiments/iovsim/lib/commands.h"
#include "experiments/iovsim/lib/experiment.h"
#include "experiments/iovsim/lib/files.h"
#include "experiments/iovsim/lib/process.h"
#include "platforms/script_action.h"

namespace iov::experiment {

namespace fs = std::filesystem;

namespace {

void describe_parameters(const std::vector<platform::ParamDoc>& parameters) {
  for (const platform::ParamDoc& param : parameters) {
    std::cout << "  " << param.name << " = " << param.default_value << "   (" << param.type;
    if (!param.range.empty()) std::cout << ", " << param.range;
    std::cout << ")\n      " << param.meaning << "\n";
    const bool plain = param.type == "count" || param.type == "number", named = param.type == "text" || param.type == "file" ||
                       param.type == "choice" || param.type == "flag";
    if (!named && !(plain && param.units == "1"))
      std::cout << "      unit" << (plain ? "" : "s") << ": " << param.units << (plain ? ", as a plain number" : "") << "\n";
    if (!named || param.source != no_source) std::cout << "      source: " << param.source << "\n";
  }
  std::cout << "\n";
}

void describe_kind(const platform::Kind& kind) {
  std::cout << kind.name << " -- " << kind.meaning << "\n";
  describe_parameters(kind.parameters());
}

void describe_script() {
  std::cout << "script -- a list of actions: { \"at\": \"5 ms\", \"do\": one of these, and its parameters }\n\n";
  for (const platform::ScriptAction& action : platform::script_actions()) {
    std::cout << action.name << " -- " << action.meaning << " (by: " << action.actor << ")\n";
    describe_parameters(action.parameters());
  }
}

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// What a file says it is: its key for that, else its first line when that is a comment; not counting the licence.
std::string description_of(const fs::path& file, const char* key) {
  platform::ProblemSink ignored;
  const std::string text = read_file(file);
  const auto object = platform::parse_json(text, file.string(), ignored);
  if (object && object->contains(key) && (*object)[key].is_string()) return (*object)[key];
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line) && line.starts_with("// SPDX-")) continue;
  return line.starts_with("// ") ? line.substr(3) : "";
}

void list_files(const char* title, const fs::path& home, const char* folder, const char* key) {
  std::cout << title << "\n";
  for (const fs::path& file : json_files(home / folder)) {
    std::cout << "  " << file.lexically_relative(home).string() << "  " << description_of(file, key) << "\n";
  }
  std::cout << "\n";
}

void list_names(const char* title, const std::vector<platform::NamedItem>& items) {
  std::size_t width = 0;
  for (const auto& item : items) width = std::max(width, item.name.size());
  std::cout << title << "\n";
  for (const auto& item : items)
    std::cout << "  " << std::left << std::setw(static_cast<int>(width)) << item.name << "  " << item.meaning << "\n";
  std::cout << "\n";
}

/// Runs one plot script to its end; it prints the pictures it wrote.
bool draw(const fs::path& script, const std::string& folder, std::istream& columns) {
  std::cout.flush();
  Processes processes(0, [](std::size_t, const std::string& line) { std::cout << line << "\n"; });
  // matplotlib comes with the distribution's own interpreter; another python3 may come first in PATH
  const char* python = fs::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  std::vector<std::string> command{python, "-B", script.string(), folder};
  for (std::string column; columns >> column;) command.push_back(column);
  processes.start(0, command);
  for (;;)
    for (const auto& ended : processes.wait(std::chrono::milliseconds(1000))) {
      if (ended.exit_code == good) return true;
      std::cerr << script.filename().string() << " failed: " << ended.said;
      return false;
    }
}

}  // namespace

int describe(const Program& program, const std::string& name) {
  std::vector<std::string> names;
  for (const platform::Kind& kind : program.kinds) {
    names.push_back(kind.name);
    if (name.empty() || name == kind.name) describe_kind(kind);
  }
  names.push_back("script");
  if (name.empty() || name == "script") describe_script();
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return good;
  std::cerr << platform::unknown_name("kind", name, names) << "\n";
  return bad_input;
}

int list(const Program& program) {
  const fs::path home = platform::find_home(".");
  list_names("I/O paths", program.io_paths);
  std::vector<platform::NamedItem> kinds;
  for (const platform::Kind& kind : program.kinds) kinds.push_back({kind.name, kind.meaning});
  list_names("kinds of module (iovsim describe KIND shows the parameters)", kinds);
  list_files("platforms", home, "platforms", "description");
  list_files("experiments", home, "experiments", "question");
  list_files("configurations to \"use\"", home, "configs", "description");
  return good;
}

int plot(const std::string& folder) {
  const fs::path file = fs::path(folder) / "experiment.json";
  const auto description = Json::parse(read_file(file), nullptr, false);
  if (!description.is_object() || !description.contains("plot") || !fs::exists(fs::path(folder) / "table.csv")) {
    std::cerr << folder << ": no results of an experiment in this folder\n";
    return bad_input;
  }
  if (description["plot"].empty()) {
    std::cerr << folder << ": its experiment names no \"plot\": nothing to draw\n";
    return bad_input;
  }
  const fs::path home = platform::find_home(folder);
  bool drawn = true;
  for (const std::string entry : description["plot"]) {
    const fs::path script = plot_script(entry, home);
    std::istringstream words(entry);
    std::string name;
    words >> name;
    const bool exists = fs::is_regular_file(script);
    if (!exists) std::cerr << "no plot script " << script.string() << "\n";
    drawn = exists && draw(script, folder, words) && drawn;
  }
  return drawn ? good : bad_input;
}

}  // namespace iov::experiment
