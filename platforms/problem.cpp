// SPDX-License-Identifier: Apache-2.0
#include "platforms/problem.h"

#include <algorithm>
#include <numeric>

namespace iov::platform {

std::string Problem::text() const {
  std::string line = file;
  if (!path.empty()) line += (line.empty() ? "" : ": ") + path;
  return line.empty() ? what : line + ": " + what;
}

void ProblemSink::add(const std::string& path, std::string what) {
  std::string full = joined_path(prefix_, path);
  std::string file = file_of_ ? file_of_(full) : std::string();
  add_in(std::move(file), std::move(full), std::move(what));
}

void ProblemSink::add_in(std::string file, std::string path, std::string what) {
  list_.push_back({std::move(file), std::move(path), std::move(what)});
}

std::string ProblemSink::text() const {
  std::string lines;
  for (const Problem& problem : list_) lines += problem.text() + "\n";
  return lines;
}

std::string joined_path(const std::string& head, const std::string& tail) {
  return head.empty() || tail.empty() ? head + tail : head + "." + tail;
}

namespace {
/// Levenshtein distance.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}
}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known)
    if (const std::size_t distance = edit_distance(word, candidate); distance < best_distance)
      best = candidate, best_distance = distance;
  return best;
}

std::string one_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

std::string unknown_name(const std::string& what, const std::string& word, const std::vector<std::string>& known) {
  std::string text = "unknown " + what + " \"" + word + "\"";
  if (const std::string near = nearest(word, known); !near.empty()) text += ", did you mean \"" + near + "\"?";
  text += known.empty() ? " (there are none)" : " (known: " + one_of(known) + ")";
  return text;
}

}  // namespace iov::platform
