// SPDX-License-Identifier: Apache-2.0
#include "platforms/json_file.h"

#include <catch2/catch.hpp>

using namespace iov::platform;

namespace {
std::string problems_of(const std::string& text) {
  ProblemSink problems;
  const bool parsed = parse_json(text, "f.json", problems).has_value();
  CHECK(parsed == problems.empty());
  return problems.text();
}
}  // namespace

TEST_CASE("JSON may have comments") { CHECK(problems_of("{ // one\n \"a\": 1 /* two */ }").empty()); }

TEST_CASE("bad JSON is told with line and column") {
  CHECK(problems_of("{\n  \"a\": 1,\n  \"b\" 2\n}") ==
        "f.json: is not JSON: line 3, column 7: object separator - unexpected number literal; expected ':'\n");
  CHECK(problems_of("{\"a\": 1") == "f.json: is not JSON: line 1, column 8: object - unexpected end of input; expected '}'\n");
  CHECK(problems_of(" \n") == "f.json: is empty\n");
  CHECK(problems_of("[1]") == "f.json: expected an object { ... } at the top\n");
}

TEST_CASE("a key that appears twice is found, at any depth") {
  CHECK(problems_of(R"({"a": {"b": 1, "c": {"d": 1, "d": 2}, "b": 3}, "e": [{"x": 1}, {"x": 2}]})") ==
        "f.json: a.c: key \"d\" appears twice\n"
        "f.json: a: key \"b\" appears twice\n");
}

TEST_CASE("a file that is nested without end is told so, and one that is nested deeply is read") {
  const auto nested = [](unsigned levels) {
    std::string text = "1";
    for (unsigned i = 0; i < levels; ++i) text = i % 2 ? "[" + text + "]" : "{\"a\":" + text + "}";
    return text;
  };
  CHECK(problems_of(nested(99)).empty());
  CHECK(problems_of(nested(101)) == "f.json: is nested more than 100 deep\n");
  CHECK(problems_of(std::string(300'000, '[')) == "f.json: is nested more than 100 deep\n");
  std::string objects;
  for (unsigned i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(problems_of(objects) == "f.json: is nested more than 100 deep\n");
}

TEST_CASE("a missing file and a folder are told apart") {
  ProblemSink problems;
  CHECK_FALSE(load_json("/no/such.json", "such.json", problems));
  CHECK_FALSE(load_json("/tmp", "tmp", problems));
  CHECK(problems.text() == "such.json: no such file\ntmp: is a folder, not a file\n");
}

TEST_CASE("the nearest known name is suggested, far ones are not") {
  CHECK(nearest("entrys", {"ways", "entries"}) == "entries");
  CHECK(nearest("zzz", {"ways", "entries"}).empty());
  CHECK(unknown_name("key", "x", {}) == "unknown key \"x\" (there are none)");
}
