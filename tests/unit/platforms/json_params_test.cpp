// SPDX-License-Identifier: Apache-2.0
#include "platforms/json_params.h"

#include <catch2/catch.hpp>

#include "platforms/kind.h"

using namespace iov;
using namespace iov::platform;
using nlohmann::json;

namespace {

struct Cache {
  unsigned entries = 64, ways = 4;
  template <class V>
  void describe(V& v) {
    v.field("entries", entries, Range<unsigned>{0, 1024}, "cached entries", "a book");
    v.field("ways", ways, Range<unsigned>{1, 64}, "associativity", no_source);
    v.require(ways > 0 && entries % ways == 0, "entries must be a multiple of ways");
  }
};
enum class Colour : std::uint8_t { red, green, blue };
struct Params {
  std::uint16_t tags = 32;
  std::int32_t offset = -3;
  double factor = 1.0 / 3.0;
  Time latency = 300_ns;
  Bandwidth rate{1.25e9};
  bool enabled = false;
  Colour colour = Colour::green;
  std::string note = "n";
  Cache cache;
  template <class V>
  void describe(V& v) {
    v.field("tags", tags, Range<std::uint16_t>{1, 768}, "outstanding reads", "PCIe 5.0, 2.2.6.2");
    v.field("offset", offset, {-8, 8}, "some offset", no_source);
    v.field("factor", factor, {0, 10}, "some factor", no_source);
    v.field("latency", latency, Range<Time>{{}, 1_us}, "of one access", no_source);
    v.field("rate", rate, {{1e6}, {1e12}}, "of the wire", no_source);
    v.flag("enabled", enabled, "whether", no_source);
    v.choice("colour", colour, Names<3>{"red", "green", "blue"}, "which", no_source);
    v.text("note", note, "free text", no_source);
    v.group("cache", cache, "a cache");
  }
};

std::string problems_of(const json& given) {
  ProblemSink problems;
  Params params;
  JsonReader(given, problems).read(params);
  return problems.text();
}

}  // namespace

TEST_CASE("every kind of parameter is read, what is not given keeps its default") {
  ProblemSink problems;
  Params p;
  JsonReader({{"tags", 256}, {"latency", "20 ns"}, {"colour", "blue"}, {"enabled", true}, {"cache", {{"entries", 128}}}}, problems)
      .read(p);
  CHECK(problems.text().empty());
  CHECK(p.tags == 256);
  CHECK(p.latency == 20_ns);
  CHECK(p.colour == Colour::blue);
  CHECK(p.enabled);
  CHECK(p.cache.entries == 128);
  CHECK(p.cache.ways == 4);
  CHECK(p.factor == 1.0 / 3.0);
}

TEST_CASE("a value may carry its source") {
  ProblemSink problems;
  Params p;
  JsonReader({{"tags", {{"value", 64}, {"source", "data sheet"}}}, {"source", "a book"}, {"description", "d"}}, problems).read(p);
  CHECK(problems.text().empty());
  CHECK(p.tags == 64);
}

TEST_CASE("all problems are reported at once, each with its path") {
  CHECK(problems_of({{"tags", 0}, {"latency", 5}, {"colour", "gren"}, {"cache", {{"entrys", 1}, {"ways", 65}}}, {"zzz", 1}}) ==
        "tags: 0 is out of range 1 .. 768\n"
        "latency: 5 is not a time: write a number and its unit, as in \"20 ns\"\n"
        "colour: \"gren\" is not red, green or blue; did you mean \"green\"?\n"
        "cache.ways: 65 is out of range 1 .. 64\n"
        "cache.entrys: unknown key \"entrys\", did you mean \"entries\"? (known: entries or ways)\n"
        "zzz: unknown key \"zzz\" (known: tags, offset, factor, latency, rate, enabled, colour, note or cache)\n");
}

TEST_CASE("a range holds at both ends and no further") {
  CHECK(problems_of({{"latency", "1 us"}, {"offset", -8}}).empty());
  CHECK(problems_of({{"latency", "1000.000001 ns"}}) == "latency: \"1000.000001 ns\" is out of range \"0 ns\" .. \"1 us\"\n");
  CHECK(problems_of({{"offset", 9}}) == "offset: 9 is out of range -8 .. 8\n");
  CHECK(problems_of({{"tags", 65536 + 32}}) == "tags: 65568 is out of range 1 .. 768\n");  // not cut to 16 bits first
}

TEST_CASE("a rule between fields is reported where it belongs, once its fields are readable") {
  CHECK(problems_of({{"cache", {{"entries", 63}}}}) == "cache: entries must be a multiple of ways\n");
  CHECK(problems_of({{"cache", {{"entries", 63}, {"ways", "4"}}}}) ==
        "cache.ways: \"4\" is not a count: write a whole number, as in 64\n");
}

TEST_CASE("an object where a value belongs, and the other way round, is a problem") {
  CHECK(problems_of({{"cache", 5}}) == "cache: expected an object of parameters, got 5\n");
  CHECK(problems_of({{"tags", {{"x", 1}}}}) == "tags: {\"x\":1} is not a count: write a whole number, as in 64\n");
  CHECK(problems_of(json::array()) == "expected an object of parameters, got []\n");
}

TEST_CASE("the effective configuration has every default and reads back as the same bits") {
  Params odd;
  odd.rate = {1e12 / 7};
  odd.latency = Time::from_value(123'456'789);
  odd.colour = Colour::red;
  const json written = JsonWriter::write(odd);
  CHECK(written.size() == 9);
  const Params back = params_of<Params>(written);
  CHECK(back.rate == odd.rate);
  CHECK(back.latency == odd.latency);
  CHECK(back.factor == odd.factor);
  CHECK(JsonWriter::write(back) == written);
}

TEST_CASE("documentation names every parameter once, nested ones by their path") {
  const auto rows = ParamsDoc::of(Params{});
  REQUIRE(rows.size() == 10);
  CHECK(rows[0].name == "tags");
  CHECK(rows[0].range == "1 .. 768");
  CHECK(rows[0].source == "PCIe 5.0, 2.2.6.2");
  CHECK(rows[3].units == "fs ps ns us ms s");
  CHECK(rows[3].default_value == "300 ns");
  CHECK(rows[6].range == "red, green or blue");
  CHECK(rows[8].name == "cache.entries");
  CHECK(rows[8].default_value == "64");
}

TEST_CASE("params_of refuses what was not checked") {
  CHECK_THROWS_WITH(params_of<Params>({{"kind", "x"}, {"tags", 0}}), "tags: 0 is out of range 1 .. 768\n");
}
