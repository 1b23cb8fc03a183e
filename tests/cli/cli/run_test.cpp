// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/cli/cli/shell.h"

namespace {

const std::string three_paths = R"("sweep": {"path": {"key": "nic0.path", "values": ["native", "virtio", "sriov"]}})";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an experiment writes a table, a report and a folder per point") {
  const Place place;
  place.experiment(R"("question": "which?", "collect": {"hits": "nic0.tlb.hits / nic0.reads"}, )" + three_paths);
  const Outcome outcome = place.iovsim("run e.json");
  CHECK(outcome.code == 0);
  const std::string table = place.read("results/e/table.csv");
  CHECK(table.starts_with("path,throughput_gbps,packet_rate_mpps,"));
  CHECK(has(table, "binding_resource,hits,exits_mmio\n"));
  CHECK(has(table, "\nvirtio,2.18181918181818"));
  CHECK(has(table, ",core0,0.75,0.5\n"));
  CHECK(outcome.out.starts_with("which?\n\npath    throughput_gbps  latency_p50_ns"));
  CHECK(outcome.out.ends_with("results: " + (place.folder / "results/e").string() + "\n"));
  CHECK(place.read("results/e/points/virtio/stats.csv") ==
        "path,field,unit,value\nnic0.reads,count,1,40\nnic0.tlb,hits,1,30\n");
  CHECK(place.read("results/e/points/virtio/latency.csv") == "histogram,low_ns,high_ns,count\none_way,100,110,7\n");
  CHECK(place.read("results/e/points/virtio/journeys.csv") == "stage,mean_ns,share\nwire,67.2,1\n");
  CHECK_FALSE(place.exists("results/e/points/.virtio.new"));
}

TEST_CASE("results are byte-equal for any number of jobs, and the second time") {
  const Place place;
  place.experiment(R"("seeds": [1, 2], )" + three_paths);
  CHECK(place.iovsim("run e.json -j 1 --out a").code == 0);
  CHECK(place.iovsim("run e.json -j 2 --out b").code == 0);
  CHECK(place.shell("diff -r -x host.json a b").code == 0);
  CHECK(place.iovsim("run e.json -j 2 --out b --fresh").code == 0);
  CHECK(place.shell("diff -r -x host.json a b").out.empty());
  CHECK(place.read("a/table.csv").starts_with("path,seed,throughput_gbps"));
  CHECK(place.exists("a/points/sriov_seed2/summary.json"));
}

TEST_CASE("points that are done are not run again, unless their configuration changed or --fresh") {
  const Place place;
  place.experiment(three_paths);
  CHECK(has(place.iovsim("run e.json").err, "[3/3]"));
  CHECK(place.iovsim("run e.json").err == "3 of 3 points are done already (--fresh runs them again)\n");
  CHECK(has(place.iovsim("run e.json --fresh").err, "[3/3]"));
  place.experiment(R"("sweep": {"path": {"values": {"native": {"nic0.path": "native"},
      "virtio": {"nic0.path": "virtio", "nic0.tags": 33}, "sriov": {"nic0.path": "sriov"}}}})");
  const Outcome changed = place.iovsim("run e.json");
  CHECK(changed.err.starts_with("2 of 3 points are done already"));
  CHECK(has(changed.err, "[1/1] virtio"));
}

TEST_CASE("a file that a parameter names belongs to the configuration") {
  const Place place;
  place.write("t.pcap", "one");
  place.experiment(R"("set": {"workload.trace": "t.pcap"})");
  CHECK(place.iovsim("run e.json").code == 0);
  CHECK(place.iovsim("run e.json").err.starts_with("1 of 1 points are done"));
  place.write("t.pcap", "two");
  CHECK(place.iovsim("run e.json").err.starts_with("[1/1]"));
}

TEST_CASE("a point that dies is reported with its message and the others go on") {
  const Place place;
  place.experiment(R"("sweep": {"workload.fate": ["good", "crash", "fault"]})");
  const Outcome outcome = place.iovsim("run e.json -j 2");
  CHECK(outcome.code == 3);
  CHECK(has(outcome.out, "FAILED  crash: died of signal 11 (Segmentation fault)"));
  CHECK(has(outcome.err, "] FAILED crash\n"));  // why is said once, by the report
  CHECK(has(outcome.out, "FAILED  fault: the simulation failed: 5 ns nic0: completion without request\n"));
  CHECK(has(place.read("results/e/table.csv"), "\ngood,7.27"));
  CHECK(has(place.read("results/e/table.csv"), "\ncrash,,,"));
  CHECK(place.exists("results/e/points/good/summary.json"));
  CHECK_FALSE(place.exists("results/e/points/crash"));
  CHECK(place.iovsim("run e.json").err.starts_with("1 of 3 points are done already"));  // the dead are tried again
}

TEST_CASE("a broken invariant names itself and gives exit code 3") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  const Outcome outcome = place.iovsim("run e.json --set workload.fate=invariant");
  CHECK(outcome.code == 3);
  CHECK(has(outcome.out, "FAILED  point: 5 ns nic0.books: invariant broken: packets are conserved (1 != 2)\n"));
}

TEST_CASE("input that only a whole machine can refuse gives exit code 2, and what was there stays") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  REQUIRE(place.iovsim("run e.json").code == 0);
  const std::string table = place.read("results/e/table.csv");
  const Outcome outcome = place.iovsim("run e.json --set workload.fate=refuse");
  CHECK(outcome.code == 2);
  CHECK(outcome.err == "e.json: workload.trace: \"lost.pcap\" has no packets\n1 problem; nothing was run\n");
  CHECK(place.read("results/e/table.csv") == table);
}

TEST_CASE("a point over its time limit is stopped") {
  const Place place;
  place.experiment(R"("sweep": {"workload.fate": ["hang", "good"]})");
  const Outcome outcome = place.iovsim("run e.json -j 2 --time-limit 0.5");
  CHECK(outcome.code == 3);
  CHECK(has(outcome.out, "FAILED  hang: stopped after "));
  CHECK(place.exists("results/e/points/good/summary.json"));
}

TEST_CASE("an interrupt leaves what is done, the next run goes on") {
  const Place place;
  place.experiment(R"("sweep": {"workload.fate": ["good", "hang"]})");
  // timeout sends its signal to the whole process group, as a terminal does for Ctrl-C
  const Outcome outcome = place.shell("timeout --preserve-status -s INT 2 '" IOVSIM_FAKE "' run e.json -j 1");
  CHECK(outcome.code == 130);
  CHECK(has(outcome.err, "interrupted; run it again to go on from here\n"));
  CHECK_FALSE(has(outcome.err, "FAILED"));
  CHECK(place.exists("results/e/points/good/summary.json"));
  CHECK_FALSE(place.exists("results/e/points/.hang.new"));
  CHECK_FALSE(place.exists("results/e/table.csv"));
}

TEST_CASE("claims are checked over the table, one that fails gives exit code 1") {
  const Place place;
  place.experiment(R"("expect": ["throughput_gbps[path=sriov] >= 0.9 * throughput_gbps[path=native]",
      "exits_mmio == 0 where path=native|sriov", "throughput_gbps > 4"], )" + three_paths);
  const Outcome outcome = place.iovsim("run e.json");
  CHECK(outcome.code == 1);
  const std::string verdicts =
      "as expected:  throughput_gbps[path=sriov] >= 0.9 * throughput_gbps[path=native]\n"
      "as expected:  exits_mmio == 0 where path=native|sriov\n"
      "expected, but not so:  throughput_gbps > 4\n"
      "    at path=virtio: not 2.18182 > 4\n";
  CHECK(has(outcome.out, verdicts));
  CHECK(has(place.read("results/e/report.txt"), verdicts));
}

TEST_CASE("texts are compared by ==, != and starts with") {
  const Place place;
  place.experiment(R"("expect": ["binding_resource starts with 'core' where path=virtio",
      "binding_resource == \"wire\" where path=native|sriov", "binding_resource[path=native] != 'wire'"], )" + three_paths);
  const Outcome outcome = place.iovsim("run e.json");
  CHECK(outcome.code == 1);
  CHECK(has(outcome.out, "as expected:  binding_resource starts with 'core' where path=virtio\n"
                         "as expected:  binding_resource == \"wire\" where path=native|sriov\n"
                         "expected, but not so:  binding_resource[path=native] != 'wire'\n"
                         "    at the only point: not 'wire' != 'wire'\n"));
}

TEST_CASE("a collected value or an axis with the name of a result gives exit code 2") {
  const Place place;
  place.experiment(R"("sweep": {"exits_mmio": {"key": "nic0.tags", "values": [1, 2]}})");
  const Outcome axis = place.iovsim("run e.json");
  CHECK(axis.code == 2);
  CHECK(axis.err.ends_with("e.json: exits_mmio: is a result of the simulation already: choose another name for what you sweep or collect\n"));
  place.experiment(R"("collect": {"exits_mmio": "1"})");
  CHECK(place.iovsim("run e.json").code == 2);
}

TEST_CASE("a collected value that nothing provides gives exit code 2 and a suggestion") {
  const Place place;
  place.experiment(R"("collect": {"r": "nic0.tlb.hit / 2"})");
  const Outcome outcome = place.iovsim("run e.json");
  CHECK(outcome.code == 2);
  CHECK(has(outcome.err, "e.json: collect.r: no metric or statistic \"nic0.tlb.hit\", did you mean \"nic0.tlb.hits\"? "
                         "(stats.csv and vms.csv of a point list all), at point point\n"));
}

TEST_CASE("a point's own config.json and a platform file can be run") {
  const Place place;
  place.experiment(R"("set": {"nic0.tlb.entries": 8}, "seeds": [7], )" + three_paths);
  CHECK(place.iovsim("run e.json --set 'nic0.latency=20 ns'").code == 0);
  CHECK(place.iovsim("run results/e/points/sriov/config.json --out again").code == 0);
  CHECK(place.read("again/points/point/stats.csv") == place.read("results/e/points/sriov/stats.csv"));
  const auto metrics = [&](const std::string& file) {
    const std::string text = place.read(file);
    return text.substr(0, text.find("\"provenance\""));
  };
  CHECK(has(metrics("again/points/point/summary.json"), "throughput_gbps"));
  CHECK(metrics("again/points/point/summary.json") == metrics("results/e/points/sriov/summary.json"));
  CHECK(place.iovsim("run platforms/p.json").code == 0);
  CHECK(place.exists("results/p/points/point/summary.json"));
}

TEST_CASE("two runs do not write to the same folder at once") {
  const Place place;
  place.experiment(R"("set": {"workload.fate": "hang"})");
  const Outcome outcome = place.shell("'" IOVSIM_FAKE "' run e.json --time-limit 2 & "
                                      "while [ ! -e results/e/points/.point.new ]; do sleep 0.05; done; '" IOVSIM_FAKE
                                      "' run e.json; c=$?; wait; exit $c");
  CHECK(outcome.code == 2);
  CHECK(has(outcome.err, "iovsim: another run is writing to "));
}

TEST_CASE("describe shows name, type, unit, range, default, meaning and source") {
  const Place place;
  const Outcome outcome = place.iovsim("describe nic");
  CHECK(outcome.code == 0);
  CHECK(outcome.out.starts_with("nic -- a network card\n  tags = 32   (count, 1 .. 768)\n      outstanding read requests\n"
                                "      source: PCIe 5.0, 2.2.6.2\n"));
  CHECK(has(outcome.out, "  latency = 300 ns   (time, 0 ns .. 1 us)\n      of one access\n      units: fs ps ns us ms s\n"));
  CHECK(has(outcome.out, "  tlb.entries = 64   (count, 0 .. 1024)\n      cached entries\n      source: no published source"));
  // a name or a switch is no number that could have a source or be swept for lack of one
  CHECK(has(outcome.out, "  ats = false   (flag, false or true)\n      address translation services\n  path = native"));
  CHECK(has(place.iovsim("describe workload").out,
            "  packet_bytes = 64   (count, 64 .. 9000)\n      length of a frame\n      unit: B, as a plain number\n"));
  CHECK(has(place.iovsim("describe workload").out, "  trace = \"\"   (file)\n      capture to replay\n  measure.duration"));
  CHECK(has(place.iovsim("describe").out, "workload -- packets\n"));
}

TEST_CASE("list, help and version answer") {
  const Place place;
  place.write("platforms/p.json", R"({"description": "one card", "nic0": {"kind": "nic"}})");
  CHECK(has(place.iovsim("list").out, "platforms\n  platforms/p.json  one card\n"));
  CHECK(place.iovsim("--version").out == "iovsim test\n");
  CHECK(has(place.iovsim("--help").out, "Examples:\n"));
  CHECK_FALSE(has(place.iovsim("--help").out, "\n  point "));
}

TEST_CASE("a collected statistic that only some points have is empty at the others, one that none has is a mistake") {
  const Place place;
  place.experiment(R"("sweep": {"nic0.ats": [false, true]}, "collect": {"hits": "nic0.device_tlb.hits"})");
  const Outcome some = place.iovsim("run e.json");
  CHECK(some.code == 0);
  CHECK(some.err.find("no metric") == std::string::npos);
  const std::string table = place.read("results/e/table.csv");
  CHECK(table.find("true") != std::string::npos);
  CHECK(table.find(",20,") != std::string::npos);
  place.experiment(R"("set": {"nic0.ats": false}, "collect": {"hits": "nic0.device_tlb.hits"})");
  CHECK(place.iovsim("run e.json").code == 2);
}
