// SPDX-License-Identifier: Apache-2.0
#include "platforms/json_file.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace iov::platform {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::optional<std::string> read_text(const fs::path& file, const std::string& shown, ProblemSink& problems) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    problems.add_in(shown, "", "no such file");
    return std::nullopt;
  }
  std::ifstream in;
  if (fs::is_regular_file(file, error)) in.open(file, std::ios::binary);  // to open a pipe would be to wait for its writer
  if (!in.is_open()) {
    problems.add_in(shown, "", fs::is_directory(file, error) ? "is a folder, not a file" : "cannot be read");
    return std::nullopt;
  }
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

namespace {

constexpr std::size_t deepest_nesting = 100;  ///< no file of ours comes near; code that follows a file's structure recurses

/// What a parser would accept and we do not: keys that appear twice in one object, and nesting without end. Values are not kept.
class FileRules : public nlohmann::json_sax<ordered_json> {
 public:
  FileRules(const std::string& shown, ProblemSink& problems) : shown_(shown), problems_(problems) {}
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool key(string_t& key) override {
    if (!open_.back().keys.insert(key).second) problems_.add_in(shown_, path(), "key \"" + key + "\" appears twice");
    open_.back().last = key;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  struct Open {
    std::set<std::string> keys;
    std::string last;
  };
  bool open() {
    open_.emplace_back();
    if (open_.size() <= deepest_nesting) return true;
    problems_.add_in(shown_, "", "is nested more than " + std::to_string(deepest_nesting) + " deep");
    return false;
  }
  bool close() { return open_.pop_back(), true; }
  std::string path() const {
    std::string result;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i)
      if (!open_[i].last.empty()) result = joined_path(result, open_[i].last);
    return result;
  }
  const std::string& shown_;
  ProblemSink& problems_;
  std::vector<Open> open_;
};

/// "[json.exception.out_of_range.406] number overflow parsing '1e999'"
std::string without_code(const std::string& what) {
  const auto end = what.find("] ");
  return end == std::string::npos ? what : what.substr(end + 2);
}

/// "... parse error at line 3, column 0: syntax error while parsing X - Y": keeps what comes after the
/// place, and counts the place itself, because the parser's column is off at the end of a line.
std::string parse_message(const std::string& text, const ordered_json::parse_error& error) {
  const std::size_t last = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(last), '\n');
  const auto newline = last > 0 ? text.rfind('\n', last - 1) : std::string::npos;
  const std::size_t column = newline == std::string::npos ? last + 1 : last - newline;
  std::string what = error.what();
  if (const auto place = what.find(": "); place != std::string::npos) what.erase(0, place + 2);
  for (const std::string noise : {"syntax error while parsing ", "syntax error "})
    if (const auto at = what.find(noise); at != std::string::npos) what.erase(at, noise.size());
  return "is not JSON: line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + what;
}

}  // namespace

std::optional<ordered_json> parse_json(const std::string& text, const std::string& shown, ProblemSink& problems) {
  const std::size_t before = problems.size();
  FileRules rules(shown, problems);
  ordered_json::sax_parse(text, &rules, nlohmann::detail::input_format_t::json, true, true);
  if (problems.size() > before) return std::nullopt;
  try {
    auto parsed = ordered_json::parse(text, nullptr, true, true);
    if (!parsed.is_object()) {
      problems.add_in(shown, "", "expected an object { ... } at the top");
      return std::nullopt;
    }
    return parsed;
  } catch (const ordered_json::out_of_range& error) {
    problems.add_in(shown, "", "has a number that is too large: " + without_code(error.what()));
    return std::nullopt;
  } catch (const ordered_json::parse_error& error) {
    problems.add_in(shown, "", text.find_first_not_of(" \t\r\n") == std::string::npos ? "is empty" : parse_message(text, error));
    return std::nullopt;
  }
}

std::optional<ordered_json> load_json(const fs::path& file, const std::string& shown, ProblemSink& problems) {
  const auto text = read_text(file, shown, problems);
  return text ? parse_json(*text, shown, problems) : std::nullopt;
}

namespace {
fs::path home_above(fs::path start) {
  std::error_code error;
  start = fs::weakly_canonical(fs::absolute(start, error), error);
  for (fs::path at = start;; at = at.parent_path()) {
    if (fs::is_directory(at / "configs", error) && fs::is_directory(at / "platforms", error)) return at;
    if (at == at.parent_path()) return {};
  }
}
}  // namespace

fs::path find_home(const fs::path& start) {
  std::error_code error;
  if (const char* home = std::getenv("IOVSIM_HOME"); home && *home) return fs::absolute(home, error);
  for (const fs::path& from : {start, fs::current_path(error), fs::read_symlink("/proc/self/exe", error)})
    if (fs::path home = from.empty() ? fs::path() : home_above(from); !home.empty()) return home;
  return fs::current_path(error);
}

void enter_home(const fs::path& start) { fs::current_path(find_home(start)); }

std::optional<fs::path> find_file(const std::string& name, const fs::path& home, const fs::path& named_in) {
  std::error_code error;
  const fs::path first = named_in.empty() ? fs::current_path(error) : home;
  for (const fs::path& folder : {first, named_in.empty() ? home : named_in.parent_path()})
    if (fs::path file = folder / name; fs::exists(file, error)) return file;  // an absolute name stays itself
  return std::nullopt;
}

std::string portable_name(const fs::path& file, const fs::path& home) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(fs::absolute(file, error), error);
  const fs::path inside = whole.lexically_relative(fs::weakly_canonical(fs::absolute(home, error), error));
  return inside.empty() || *inside.begin() == ".." ? whole.string() : inside.string();
}

}  // namespace iov::platform
