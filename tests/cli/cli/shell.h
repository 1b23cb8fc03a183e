// SPDX-License-Identifier: Apache-2.0
/// Runs the program under test in a folder of its own and catches what it says.
#pragma once
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

struct Outcome {
  int code;
  std::string out, err;
};

/// A small repository with two configurable modules, gone after the test.
class Place {
 public:
  Place() {
    char name[] = "/tmp/iovsim test XXXXXX";  // with spaces, as users have them
    folder = ::mkdtemp(name);
    std::filesystem::create_directories(folder / "configs");
    std::filesystem::create_directories(folder / "platforms");
    write("platforms/p.json", R"({"nic0": {"kind": "nic"}, "workload": {"kind": "workload"}})");
  }
  ~Place() { std::filesystem::remove_all(folder); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  void write(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }
  /// An experiment on platforms/p.json; `rest` are further members.
  void experiment(const std::string& rest) const { write("e.json", R"({"platform": "platforms/p.json", )" + rest + "}"); }
  std::string read(const std::string& name) const {
    std::ifstream in(folder / name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder / name); }

  Outcome shell(const std::string& command) const {
    const int status = std::system(("cd '" + folder.string() + "' && { " + command + "; } >.out 2>.err").c_str());
    return {WEXITSTATUS(status), read(".out"), read(".err")};
  }
  Outcome iovsim(const std::string& arguments) const { return shell("'" IOVSIM_FAKE "' " + arguments); }

  std::filesystem::path folder;
};
