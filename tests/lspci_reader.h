// SPDX-License-Identifier: Apache-2.0
/// The real lspci (package pciutils) on a dump: what it says is what tests of configuration space check.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace iov {

/// What a shell command prints, both ways out, from the root of the sources; its exit code is checked.
inline std::string output_of(const std::string& command, int expected = 0) {
  std::string text;
  FILE* pipe = ::popen(("cd '" IOVSIM_SOURCE_DIR "' && PATH=$PATH:/sbin:/usr/sbin; " + command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char part[4096];
  while (const std::size_t n = std::fread(part, 1, sizeof part, pipe)) text.append(part, n);
  const int status = ::pclose(pipe);
  INFO(command << ": " << text);
  REQUIRE(WEXITSTATUS(status) == expected);
  return text;
}

class Lspci {
 public:
  explicit Lspci(const std::string& dump)
      : file_((std::filesystem::temp_directory_path() / ("iovsim_lspci_" + std::to_string(::getpid()))).string()) {
    std::ofstream(file_) << dump;
    output_of("command -v lspci || { echo install the package pciutils; exit 1; }");
  }
  ~Lspci() { std::filesystem::remove(file_); }
  /// Without its warnings, which would come in the middle of a line.
  std::string operator()(const std::string& options) const { return output_of("{ lspci -F " + file_ + " " + options + " 2>/dev/null; }"); }
  /// Output of -vvv, by function.
  std::map<std::string, std::string> functions() const {
    std::map<std::string, std::string> by_id;
    std::istringstream in((*this)("-vvv -n"));
    std::string id;
    for (std::string line; std::getline(in, line);) {
      if (!line.empty() && line[0] != '\t') id = line.substr(0, line.find(' '));
      by_id[id] += line + "\n";
    }
    return by_id;
  }

 private:
  const std::string file_;
};

/// lspci says all of it about a function.
inline void says(const std::string& text, const std::vector<std::string>& expected) {
  for (const std::string& e : expected)
    if (text.find(e) == std::string::npos) FAIL_CHECK("lspci does not say \"" << e << "\" but:\n" << text);
}

}  // namespace iov
