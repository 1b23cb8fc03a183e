// SPDX-License-Identifier: Apache-2.0
/// Problems of a configuration, collected so that all of them are reported at once.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace iov::platform {

struct Problem {
  std::string file;  ///< the file, or "--set"; empty when there is none
  std::string path;  ///< dotted key path inside it; may be empty
  std::string what;
  std::string text() const;
};

/// Where problems go. The reader of one module knows keys below that module only; the sink puts the
/// module's name in front and finds out which file a key came from.
class ProblemSink {
 public:
  using FileOf = std::function<std::string(const std::string& path)>;
  ProblemSink() = default;
  explicit ProblemSink(FileOf file_of) : file_of_(std::move(file_of)) {}

  void below(std::string prefix) { prefix_ = std::move(prefix); }
  void add(const std::string& path, std::string what);
  void add_in(std::string file, std::string path, std::string what);
  bool empty() const { return list_.empty(); }
  std::size_t size() const { return list_.size(); }
  const std::vector<Problem>& list() const { return list_; }
  std::string text() const;  ///< one line each

 private:
  FileOf file_of_;
  std::string prefix_;
  std::vector<Problem> list_;
};

/// "a.b" from "a" and "b"; either may be empty.
std::string joined_path(const std::string& head, const std::string& tail);

/// The member of `known` that `word` most likely meant; empty when none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

/// "a, b or c"
std::string one_of(const std::vector<std::string>& names);

/// What to say about an unknown name: the nearest known one and the list of all.
std::string unknown_name(const std::string& what, const std::string& word, const std::vector<std::string>& known);

}  // namespace iov::platform
