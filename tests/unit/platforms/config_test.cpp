// SPDX-License-Identifier: Apache-2.0
#include "platforms/config.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

using namespace iov;
using namespace iov::platform;
using Json = Config::Json;

namespace {

struct NicParams {
  unsigned tags = 32, queues = 1;
  Time latency = 300_ns;
  template <class V>
  void describe(V& v) {
    v.field("tags", tags, Range<unsigned>{1, 768}, "tags", no_source);
    v.field("queues", queues, Range<unsigned>{1, 64}, "queues", no_source);
    v.field("latency", latency, Range<Time>{{}, 1_us}, "latency", no_source);
  }
};
struct HostParams {
  NicParams costs;
  template <class V>
  void describe(V& v) {
    v.group("costs", costs, "costs");
  }
};

struct Pair {
  unsigned low = 1, high = 2;
  template <class V>
  void describe(V& v) {
    v.field("low", low, Range<unsigned>{0, 9}, "low", no_source);
    v.field("high", high, Range<unsigned>{0, 9}, "high", no_source);
    v.require(low < high, "low must be below high");
  }
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> both{make_kind<NicParams>("nic", "a card"), make_kind<HostParams>("host", "a host")};
  return both;
}

/// A folder that is gone after the test.
struct Folder {
  std::filesystem::path path;
  Folder() {
    char name[] = "/tmp/iovsim_test_XXXXXX";
    path = ::mkdtemp(name);
    std::filesystem::create_directories(path / "configs");
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
};

struct Built {
  nlohmann::json config;
  std::string problems;
};
Built built(const Config& config) {
  ProblemSink problems;
  auto effective = config.effective(problems);
  return {effective, problems.text()};
}

}  // namespace

TEST_CASE("each layer beats the one before: default, file, inline, set, sweep, --set") {
  const Folder home;
  home.write("configs/n.json", R"({"kind": "nic", "tags": 64, "queues": 2, "latency": "1 ns"})");
  Config config(home.path, kinds());
  const auto tags = [&] { return built(config).config["nic0"]["tags"]; };
  config.merge("", Json::parse(R"({"nic0": {"kind": "nic"}})"), "p.json");
  CHECK(tags() == 32);
  config.merge("", Json::parse(R"({"nic0": {"use": "configs/n.json", "queues": 4}})"), "p.json");
  CHECK(tags() == 64);
  CHECK(built(config).config["nic0"]["queues"] == 4);
  config.merge("nic0.tags", 65, "e.json set");
  CHECK(tags() == 65);
  config.merge("nic0.tags", 66, "e.json sweep");
  CHECK(tags() == 66);
  config.merge("nic0.tags", 67, "--set");
  CHECK(tags() == 67);
  CHECK(built(config).config["nic0"]["latency"] == "1 ns");
  CHECK(built(config).problems.empty());
}

TEST_CASE("a file may be used in any object, by a later layer, and may use another") {
  const Folder home;
  home.write("configs/slow.json", R"({"kind": "host", "latency": "900 ns", "tags": 3})");
  home.write("configs/slower.json", R"({"use": "configs/slow.json", "latency": "950 ns"})");
  Config config(home.path, kinds());
  config.merge("", Json::parse(R"({"host": {"kind": "host", "costs": {"queues": 9}}})"), "p.json");
  config.merge("host.costs.use", "configs/slower.json", "--set");
  const auto [effective, problems] = built(config);
  CHECK(problems.empty());
  CHECK(effective["host"]["costs"] == nlohmann::json::parse(R"({"latency": "950 ns", "queues": 9, "tags": 3})"));
}

TEST_CASE("a problem names the file that wrote the value") {
  const Folder home;
  home.write("configs/n.json", R"({"tags": 0, "color": 1})");
  Config config(home.path, kinds());
  config.merge("", Json::parse(R"({"nic0": {"kind": "nic", "use": "configs/n.json", "queues": 65}})"), "p.json");
  config.merge("nic0.latency", "2 us", "--set");
  CHECK(built(config).problems ==
        "configs/n.json: nic0.tags: 0 is out of range 1 .. 768\n"
        "p.json: nic0.queues: 65 is out of range 1 .. 64\n"
        "--set: nic0.latency: \"2 us\" is out of range \"0 ns\" .. \"1 us\"\n"
        "configs/n.json: nic0.color: unknown key \"color\" (known: tags, queues or latency)\n");
}

TEST_CASE("a broken rule between fields is blamed on the last layer that touched one of them") {
  const std::vector<Kind> pairs{make_kind<Pair>("pair", "two numbers")};
  Config config("/nowhere", pairs);
  config.merge("", Json::parse(R"({"p": {"kind": "pair", "high": 5}, "q": {"kind": "pair", "high": 0}})"), "p.json");
  config.merge("p.low", 7, "--set");
  CHECK(built(config).problems == "--set: p: low must be below high\np.json: q: low must be below high\n");
}

TEST_CASE("wrong modules and kinds are told with what is known") {
  Config config("/nowhere", kinds());
  config.merge("", Json::parse(R"({"description": "d", "nic0": {"kind": "nik"}, "Nic1": {"kind": "nic"}, "x": 5})"), "p.json");
  config.merge("nic.tags", 5, "--set");
  CHECK(built(config).problems ==
        "p.json: nic0.kind: unknown kind \"nik\", did you mean \"nic\"? (known: nic or host)\n"
        "p.json: Nic1: a module's name has small letters, digits and _, and starts with a letter\n"
        "p.json: x: a module is an object with a \"kind\": nic or host\n"
        "--set: unknown module \"nic\", did you mean \"nic0\"? (known: nic0 or Nic1)\n");
}

TEST_CASE("a missing, wrong or circular file to use is a problem of who names it") {
  const Folder home;
  home.write("configs/a.json", R"({"use": "configs/a.json"})");
  home.write("configs/h.json", R"({"kind": "host"})");
  Config config(home.path, kinds());
  config.merge("", Json::parse(R"({"a": {"kind": "nic", "use": "configs/none.json"}, "b": {"kind": "nic", "use": 5},
      "c": {"kind": "nic", "use": "configs/h.json"}, "d": {"kind": "nic", "use": "configs/a.json"}})"), "p.json");
  CHECK(built(config).problems == "p.json: a.use: no file \"configs/none.json\" in " + home.path.string() +
                                      "\n"
                                      "p.json: b.use: 5 is not the name of a file\n"
                                      "p.json: c.use: \"configs/h.json\" configures kind \"host\", not \"nic\"\n"
                                      "configs/a.json: d.use: files use each other in a circle\n");
}

TEST_CASE("null takes away what the layers before said") {
  Config config("/nowhere", kinds());
  config.merge("", Json::parse(R"({"nic0": {"kind": "nic", "tags": 5}, "nic1": {"kind": "nic"}})"), "p.json");
  config.merge("nic1", nullptr, "--set");
  config.merge("nic0", Json::parse(R"({"tags": null})"), "e.json set");
  const auto [effective, problems] = built(config);
  CHECK(problems.empty());
  CHECK(effective["nic0"]["tags"] == 32);
  CHECK_FALSE(effective.contains("nic1"));
}

TEST_CASE("every mistake of a script is told with its place and what would be allowed") {
  Config config("/none", kinds());
  config.merge("", Json::parse(R"({ "nic0": { "kind": "nic" }, "script": [
    { "at": "1 ms", "do": "lode", "vm": "vm0" },
    { "do": "storm", "vm": "vm0", "packet_bytes": 20 },
    { "at": "soon", "do": "behave", "vn": "vm0" },
    "reset" ] })"), "p.json");
  const Built result = built(config);
  CHECK(result.problems.find("p.json: script[0].do: unknown action \"lode\", did you mean \"load\"?") != std::string::npos);
  CHECK(result.problems.find("p.json: script[1].at: is missing") != std::string::npos);
  CHECK(result.problems.find("p.json: script[1].packet_bytes: 20 is out of range 64 .. 1518") != std::string::npos);
  CHECK(result.problems.find("p.json: script[2].at: \"soon\"") != std::string::npos);
  CHECK(result.problems.find("p.json: script[2].vn: unknown key \"vn\", did you mean \"vm\"?") != std::string::npos);
  CHECK(result.problems.find("p.json: script[3]: an action is an object") != std::string::npos);
}

TEST_CASE("a later layer replaces the whole script, and is blamed for it") {
  Config config("/none", kinds());
  config.merge("", Json::parse(R"({ "script": [ { "at": "1 ms", "do": "behave", "vm": "a" } ] })"), "p.json");
  config.merge("script", Json::parse(R"([ { "at": "2 ms", "do": "behave", "vm": "b" }, { "at": "1 ms", "do": "no" } ])"), "e.json set");
  const Built result = built(config);
  CHECK(result.problems.find("e.json set: script[1].do: unknown action") != std::string::npos);
  CHECK(result.config["script"][0]["vm"] == "b");
}
