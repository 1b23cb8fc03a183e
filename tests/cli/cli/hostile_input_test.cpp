// SPDX-License-Identifier: Apache-2.0
/// Input made to break a program: it is refused in one line, at once.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/cli/cli/shell.h"

namespace {

std::string repeated(const std::string& part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

/// What is said of e.json; it must be said within seconds and by exit code 2.
std::string said_of(const Place& place, const std::string& contents) {
  place.write("e.json", contents);
  const Outcome outcome = place.shell("timeout 20 '" IOVSIM_FAKE "' check e.json");
  CHECK(outcome.code == 2);
  return outcome.err;
}

Outcome drawn(const Place& place, const std::string& script, const std::string& folder) {
  return place.shell("/usr/bin/python3 '" IOVSIM_SOURCE_DIR "/experiments/plots/" + script + "' " + folder);
}

}  // namespace

TEST_CASE("JSON of any depth is refused, not followed until the stack is full") {
  const Place place;
  const std::string too_deep = "e.json: is nested more than 100 deep\n";
  CHECK(said_of(place, repeated("{\"platform\":", 100000) + "1" + repeated("}", 100000)) == too_deep);
  CHECK(said_of(place, "{\"sweep\":" + repeated("[", 100000) + repeated("]", 100000) + "}") == too_deep);
}

TEST_CASE("an expression of any length or depth is refused, in few words") {
  const Place place;
  for (const std::string& expression : {repeated("(", 100000) + "1" + repeated(")", 100000), repeated("-", 100000) + "1",
                                        "1" + repeated("+1", 100000), repeated("abs(", 50000) + "1" + repeated(")", 50000)}) {
    const std::string said = said_of(place, R"({"platform": "platforms/p.json", "collect": {"a": ")" + expression + "\"}}");
    CHECK(said.find("has more than 1000 terms") != std::string::npos);
    CHECK(said.size() < 600);
  }
}

TEST_CASE("a number that no double holds is named with its file") {
  const Place place;
  CHECK(said_of(place, R"({"platform": "platforms/p.json", "set": {"nic0.factor": 1e999}})") ==
        "e.json: has a number that is too large: number overflow parsing '1e999'\n");
}

TEST_CASE("a pipe in place of a file is refused, not waited for") {
  const Place place;
  place.shell("mkfifo pipe.json");
  const Outcome outcome = place.shell("timeout 20 '" IOVSIM_FAKE "' check pipe.json");
  CHECK(outcome.code == 2);
  CHECK(outcome.err == "pipe.json: cannot be read\n");
}

TEST_CASE("a command that is none is named, with the one that was meant") {
  const Place place;
  const Outcome outcome = place.iovsim("rnu e.json");
  CHECK(outcome.code == 2);
  CHECK(outcome.err.starts_with("unknown command \"rnu\", did you mean \"run\"? (known: run, "));
}

TEST_CASE("a plot script says in one line what is wrong with its table") {
  const Place place;
  place.shell("mkdir empty binary other short infinite taken");
  place.write("empty/table.csv", "");
  place.write("binary/table.csv", std::string("\xff\xfe\x00\x80", 4));
  place.write("other/table.csv", "a,b\n1,2\n");
  place.write("short/table.csv", "size,throughput_gbps\n1\n");
  place.write("infinite/table.csv", "size,throughput_gbps\n1,inf\n2,nan\n");
  place.write("taken/table.csv", "size,throughput_gbps\n1,1\n2,2\n");
  place.write("taken/plots", "a file");
  const auto line_about = [&](const std::string& script, const std::string& folder) {
    const Outcome outcome = drawn(place, script, folder);
    CAPTURE(script, folder, outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("Traceback") == std::string::npos);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    return outcome.err;
  };
  CHECK(line_about("lines.py", "") == "lines.py: name the folder with the results of an experiment\n");
  CHECK(line_about("lines.py", "empty") == "empty/table.csv: no rows\n");
  CHECK(line_about("lines.py", "binary").starts_with("binary/table.csv: is not a table: "));
  CHECK(line_about("lines.py", "other") == "other/table.csv has neither throughput_gbps nor bandwidth_gbps: not a table of iovsim\n");
  CHECK(line_about("lines.py", "short") == "short/table.csv: line 2 has not as many cells as the first\n");
  CHECK(line_about("lines.py", "infinite") == "infinite/table.csv has no number in throughput_gbps\n");
  CHECK(line_about("lines.py", "taken") == "taken/plots: File exists\n");
  CHECK(line_about("lines.py", "nowhere") == "nowhere/table.csv: No such file or directory\n");
  for (const char* script : {"ats_benefit.py", "ats_prefetch.py", "demand_paging.py", "interrupt_delivery.py", "invalidation_cost.py", "iotlb_reach.py",
                             "link_errors.py", "pcie_bench.py", "peer_to_peer.py"})
    CHECK(line_about(script, "taken").find(": not the table that this figure is for") != std::string::npos);
}
