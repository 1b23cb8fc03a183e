// SPDX-License-Identifier: Apache-2.0
// The cost profiles that are shipped, and what says how much hangs on those of their values that have no source.
#include <map>

#include "platforms/quantity.h"
#include "tests/contract/platforms/machine_bench.h"

namespace costs_test {
using namespace iov;
using namespace iov::platform;
using Json = nlohmann::ordered_json;

namespace {
constexpr const char* unsourced = "no_source";

Json shipped(const std::string& name) {
  ProblemSink problems;
  const Json file = load_json(std::filesystem::path(IOVSIM_SOURCE_DIR) / name, name, problems).value();
  INFO(problems.text());
  REQUIRE(problems.empty());
  return file;
}

struct Cost {
  std::string value, source;
};
void collect(const Json& object, const std::string& path, std::map<std::string, Cost>& costs) {
  for (const auto& [key, value] : object.items()) {
    const std::string at = joined_path(path, key);
    if (value.is_object() && value.contains("value")) {
      REQUIRE(value.contains("source"));
      costs[at] = {value["value"], value["source"]};
    } else if (value.is_object()) {
      collect(value, at, costs);
    } else {
      CHECK(at == "host.kind");  // nothing else stands there without its source
    }
  }
}
std::map<std::string, Cost> costs_of(const std::string& name) {
  std::map<std::string, Cost> costs;
  collect(shipped(name), "host", costs);
  return costs;
}

Time time_of(const std::string& text) {
  Time time;
  REQUIRE(read_value(nlohmann::json(text), time).empty());
  return time;
}
}  // namespace

TEST_CASE("every value of the cost profiles says where it is from, or that it has no source") {
  for (const char* name : {"configs/costs/server_2010.json", "configs/costs/server_current.json"}) {
    const auto costs = costs_of(name);
    CHECK(costs.size() >= 50);
    for (const auto& [path, cost] : costs) {
      CAPTURE(name, path);
      CHECK(cost.source.size() >= std::string(unsourced).size());
    }
  }
}

TEST_CASE("the cost profiles set every cost of software and of world switches") {
  for (const char* name : {"configs/costs/server_2010.json", "configs/costs/server_current.json"}) {
    const auto given = costs_of(name);
    for (const Kind& kind : catalog()) {
      if (kind.name != "host") continue;
      for (const ParamDoc& parameter : kind.parameters())
        if (parameter.name.starts_with("costs.") || parameter.name.starts_with("core.world.")) {
          CAPTURE(name, parameter.name);
          CHECK(given.count("host." + parameter.name) == 1);
        }
    }
  }
}

TEST_CASE("the experiment on costs without a source halves and doubles all of them and no other", "[A20][A21]") {
  const Json experiment = shipped("experiments/unsourced_costs.json");
  const Json& scales = experiment["sweep"]["unsourced"]["values"];
  REQUIRE(experiment["platform"] == "platforms/server_2010_10g.json");
  CHECK(scales["1"].empty());
  for (const auto& [label, factor] : {std::pair("0.5", 0.5), std::pair("2", 2.0)}) {
    const Json& scaled = scales[label];
    std::size_t without = 0;
    for (const auto& [path, cost] : costs_of("configs/costs/server_2010.json")) {
      CAPTURE(label, path);
      const bool sourced = !cost.source.starts_with(unsourced);
      CHECK(scaled.contains(path) != sourced);
      if (sourced || !scaled.contains(path)) continue;
      ++without;
      CHECK(time_of(scaled[path]) == time_of(cost.value) * factor);
    }
    CHECK(scaled.size() == without);
  }
}

}  // namespace costs_test
