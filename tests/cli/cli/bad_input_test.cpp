// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/cli/cli/shell.h"

namespace {

/// Runs an experiment that must be refused; nothing may have been run.
std::string refusal(const Place& place, const std::string& arguments = "run e.json") {
  const Outcome outcome = place.iovsim(arguments);
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK_FALSE(place.exists("results"));
  return outcome.err;
}

constexpr const char* one = "1 problem; nothing was run\n";

}  // namespace

TEST_CASE("a missing experiment, platform or used file is named") {
  const Place place;
  CHECK(refusal(place) == std::string("e.json: no such file\n") + one);
  place.write("e.json", R"({"platform": "platforms/q.json"})");
  CHECK(refusal(place) == "e.json: platform: no file \"platforms/q.json\" in " + place.folder.string() + "\n" + one);
  place.write("e.json", R"({"platform": {"nic0": {"kind": "nic", "use": "configs/none.json"}}})");
  CHECK(refusal(place) == "e.json: nic0.use: no file \"configs/none.json\" in " + place.folder.string() + "\n" + one);
}

TEST_CASE("bad JSON is named with line and column, a repeated key with its place") {
  const Place place;
  place.write("e.json", "{\n  \"platform\": \"platforms/p.json\"\n  \"seeds\": [1]\n}");
  CHECK(refusal(place) ==
        std::string("e.json: is not JSON: line 3, column 9: object - unexpected string literal; expected '}'\n") + one);
  place.experiment(R"("set": {"nic0.tags": 1, "nic0.tags": 2})");
  CHECK(refusal(place) == std::string("e.json: set: key \"nic0.tags\" appears twice\n") + one);
}

TEST_CASE("an unknown key, module or kind comes with a suggestion") {
  const Place place;
  place.experiment(R"("seed": [1])");
  CHECK(refusal(place) ==
        std::string("e.json: seed: unknown key \"seed\", did you mean \"seeds\"? (known: question, platform, set, script, sweep, "
                    "seeds, measure, collect, expect, plot or point)\n") + one);
  place.experiment(R"("set": {"nic0.tagz": 1, "nic.tags": 1, "workload.kind": "worklod"})");
  CHECK(refusal(place) ==
        "e.json set: nic0.tagz: unknown key \"tagz\", did you mean \"tags\"? (known: tags, rate, latency, buffer, clock, "
        "factor, ats, path or tlb)\n"
        "e.json set: workload.kind: unknown kind \"worklod\", did you mean \"workload\"? (known: nic or workload)\n"
        "e.json set: unknown module \"nic\", did you mean \"nic0\"? (known: nic0 or workload)\n"
        "3 problems; nothing was run\n");
}

TEST_CASE("wrong types, units, ranges, names and rules are all reported at once") {
  const Place place;
  place.experiment(R"("set": {"nic0.tags": 769, "nic0.latency": "20 GB", "nic0.rate": 10, "nic0.ats": "yes",
      "nic0.path": "srio", "nic0.factor": "1", "nic0.tlb.entries": 63, "workload.trace": 5})");
  CHECK(refusal(place) ==
        "e.json set: nic0.tags: 769 is out of range 1 .. 768\n"
        "e.json set: nic0.rate: 10 is not a rate: write a number and its unit, as in \"10 Gb/s\"\n"
        "e.json set: nic0.latency: \"20 GB\" is not a time: its unit must be s, ms, us, ns, ps or fs\n"
        "e.json set: nic0.factor: \"1\" is not a number\n"
        "e.json set: nic0.ats: \"yes\" is not true or false\n"
        "e.json set: nic0.path: \"srio\" is not native, virtio or sriov; did you mean \"sriov\"?\n"
        "e.json set: nic0.tlb: entries must be a multiple of ways\n"
        "e.json set: workload.trace: 5 is not a text in quotes\n"
        "8 problems; nothing was run\n");
}

TEST_CASE("the layer that wrote a bad value is named") {
  const Place place;
  place.write("configs/n.json", R"({"kind": "nic", "tags": 0})");
  place.write("platforms/p.json",
              R"({"nic0": {"kind": "nic", "use": "configs/n.json", "factor": 11}, "workload": {"kind": "workload"}})");
  place.experiment(R"("measure": {"duration": "2 s"}, "sweep": {"nic0.tlb.entries": [64, 2000]})");
  CHECK(refusal(place, "run e.json --set nic0.clock=5") ==
        "configs/n.json: nic0.tags: 0 is out of range 1 .. 768\n"
        "--set: nic0.clock: 5 is not a frequency: write a number and its unit, as in \"2.1 GHz\"\n"
        "platforms/p.json: nic0.factor: 11 is out of range 0.0 .. 10.0\n"
        "e.json: workload.measure.duration: \"2 s\" is out of range \"0 ns\" .. \"1 s\"\n"
        "e.json sweep nic0.tlb.entries=2000: nic0.tlb.entries: 2000 is out of range 0 .. 1024\n"
        "5 problems; nothing was run\n");
}

TEST_CASE("a bad --set is refused") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  CHECK(refusal(place, "run e.json --set nic0.tags") ==
        std::string("--set: \"nic0.tags\" is not key.path=value, as in nic0.dma_engine.tags=64\n") + one);
  CHECK(refusal(place, "run e.json --set nic0..tags=5") ==
        std::string("--set: \"nic0..tags=5\" is not key.path=value, as in nic0.dma_engine.tags=64\n") + one);
  CHECK(refusal(place, "run e.json --set nic0.tags=few") ==
        std::string("--set: nic0.tags: \"few\" is not a count: write a whole number, as in 64\n") + one);
}

TEST_CASE("a --set of a module as a whole says what can be set") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  CHECK(refusal(place, "run e.json --set nic0=5") ==
        std::string("--set: nic0: 5 is not a module; its parameters are named as in nic0.PARAMETER, and null leaves it out\n") + one);
  CHECK(refusal(place, "run e.json --set nic1.tags=5") ==
        std::string("--set: unknown module \"nic1\", did you mean \"nic0\"? (known: nic0 or workload)\n") + one);
}

TEST_CASE("a file that a parameter names is looked for before anything is run") {
  const Place place;
  place.experiment(R"("set": {"workload.trace": "lost.pcap"})");
  CHECK(refusal(place) == "e.json set: workload.trace: no file \"lost.pcap\" in " + place.folder.string() + "\n" + one);
}

TEST_CASE("a bad sweep is refused") {
  const Place place;
  place.experiment(R"("sweep": {"a": [], "b": 5, "c": {"key": "nic0.tags"}, "d": {"values": {"x": 5}},
      "e": {"key": 5, "values": [1]}, "nic0.tags": [1, 1], "f": {"keys": "x", "values": [1]}}, "seeds": [])");
  CHECK(refusal(place) ==
        "e.json: seeds: is empty: no point would be run\n"
        "e.json: sweep.a: is empty: no point would be run\n"
        "e.json: sweep.b: expected a list of values or an object with \"values\", got 5\n"
        "e.json: sweep.c: expected \"values\": a list, or an object of label: {key: value}\n"
        "e.json: sweep.d: \"x\": expected {key: value}, got 5\n"
        "e.json: sweep.e: 5 is not a key path such as \"nic0.dma_engine.tags\"\n"
        "e.json: sweep.nic0.tags: value 1 appears twice\n"
        "e.json: sweep.f: unknown key \"keys\", did you mean \"key\"? (known: key or values)\n"
        "8 problems; nothing was run\n");
}

TEST_CASE("too many points are refused before any is made") {
  const Place place;
  std::string numbers = "100";
  for (int i = 101; i <= 200; ++i) numbers += "," + std::to_string(i);
  place.experiment(R"("sweep": {"nic0.tags": [)" + numbers + R"(], "workload.packet_bytes": [)" + numbers + "]}");
  CHECK(refusal(place) == std::string("e.json: sweep: more than 10000 points: sweep less at once\n") + one);
}

TEST_CASE("bad claims and collected values are refused") {
  const Place place;
  place.experiment(R"("sweep": {"path": {"key": "nic0.path", "values": ["native", "sriov"]}},
      "collect": {"a": "1 +", "b": 5, "c": "x[path=native]"},
      "expect": ["throughput_gbps >", "thruput_gbps > 1", "throughput_gbps rises with size", 7,
                 "throughput_gbps[path=srio] > 1", "c > 1 where pth=native"])");
  CHECK(refusal(place) ==
        "e.json: collect.a: \"1 +\": expected a value at the end\n"
        "e.json: collect.b: expected an expression in quotes, got 5\n"
        "e.json: collect.c: x[path=native]: a collected value is of one point; name others in \"expect\"\n"
        "e.json: expect[0]: \"throughput_gbps >\": expected a value at the end\n"
        "e.json: expect[1]: unknown metric \"thruput_gbps\", did you mean \"throughput_gbps\"? (known: throughput_gbps, "
        "packet_rate_mpps, offered_mpps, dropped_packets, latency_p50_ns, latency_p90_ns, latency_p99_ns, "
        "latency_p999_ns, latency_max_ns, cpu_cycles_per_packet, host_cpu_utilization, exits_per_packet, "
        "interrupts_per_packet, copied_bytes_per_packet, interrupt_latency_p50_ns, interrupt_latency_p99_ns, "
        "interrupt_latency_max_ns, interrupt_rate_kps, interrupt_merge_ratio, iotlb_hit_ratio, device_tlb_hit_ratio, "
        "fairness, vm_throughput_min_gbps, vm_throughput_max_gbps, binding_resource, "
        "bandwidth_gbps, transactions_mps, latency_min_ns, latency_mean_ns, read_gbps, write_gbps, failed_transactions, "
        "walks_per_transaction, walk_reads_per_transaction, iotlb_misses_per_transaction, "
        "page_requests, page_requests_per_transaction, page_fault_p50_ns, page_fault_p99_ns, c or path)\n"
        "e.json: expect[2]: unknown axis \"size\" (known: path)\n"
        "e.json: expect[3]: expected a claim in quotes, got 7\n"
        "e.json: expect[4]: unknown value of path \"srio\", did you mean \"sriov\"? (known: native or sriov)\n"
        "e.json: expect[5]: unknown axis \"pth\", did you mean \"path\"? (known: path)\n"
        "9 problems; nothing was run\n");
}

TEST_CASE("a claim that no result can refute is refused") {
  const Place place;
  place.experiment(R"("sweep": {"nic0.tags": [1, 2]}, "expect": ["1 < 2", "nic0.tags > 0", "throughput_gbps > 0"])");
  CHECK(refusal(place) ==
        "e.json: expect[0]: \"1 < 2\": names no result, so no simulation can refute it\n"
        "e.json: expect[1]: \"nic0.tags > 0\": names no result, so no simulation can refute it\n"
        "2 problems; nothing was run\n");
}

TEST_CASE("a column that the table has already is refused") {
  const Place place;
  place.experiment(R"("sweep": {"throughput_gbps": {"key": "nic0.tags", "values": [1]}, "n": {"key": "nic0.tags", "values": [1]}},
      "collect": {"bandwidth_gbps": "1", "n": "1", "seed": "1", "good": "1"})");
  CHECK(refusal(place) ==
        "e.json: sweep.throughput_gbps: is a column of every table: choose another name\n"
        "e.json: collect.bandwidth_gbps: is a column of every table: choose another name\n"
        "e.json: collect.n: is the name of an axis already\n"
        "e.json: collect.seed: is a column of every table: choose another name\n"
        "4 problems; nothing was run\n");
}

TEST_CASE("a plot script that is not there is refused, by check and by run") {
  const Place place;
  place.experiment(R"("plot": ["nope.py throughput_gbps", ""])");
  const std::string folder = (place.folder / "experiments/plots/").string();
  const std::string told = "e.json: plot: no script " + folder + "nope.py\ne.json: plot: no script " + folder + "\n";
  CHECK(refusal(place) == told + "2 problems; nothing was run\n");
  CHECK(refusal(place, "check e.json") == told);
}

TEST_CASE("a machine that cannot be made is found before anything is run, and told once") {
  const Place place;
  place.experiment(R"("sweep": {"workload.fate": ["good", "refuse", "unbuildable"], "nic0.tags": [1, 2]}, "seeds": [1, 2])");
  CHECK(refusal(place) ==
        "e.json: point unbuildable_1_seed1 and 1 more: the machine cannot be made: signal 11\n"
        "e.json: point refuse_1_seed1 and 1 more: workload.trace: \"lost.pcap\" has no packets\n"
        "2 problems; nothing was run\n");
}

TEST_CASE("a time limit below zero, or none at all, is refused") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  for (const char* limit : {"-1", "nan", "soon"}) {
    const std::string said = refusal(place, std::string("run e.json --time-limit ") + limit);
    CHECK(said.find(std::string("--time-limit: ") + limit + " is not a number of seconds from 0 to 1e9") != std::string::npos);
  }
  CHECK(place.iovsim("run --help").out.find("seconds for one point, 0 or more; 0: none") != std::string::npos);
}

TEST_CASE("a folder that cannot be made is named as people name it") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  place.write("file", "");
  CHECK(place.iovsim("run e.json --out file").err == "iovsim: file: Not a directory\n");
  CHECK(place.iovsim("run e.json --out file/below").err == "iovsim: file/below/points: Not a directory\n");
  CHECK(place.iovsim("run e.json --out \"$(printf 'x%.0s' $(seq 300))\"").err.find(": File name too long\n") != std::string::npos);
}

TEST_CASE("output that cannot be written is no success") {
  const Place place;
  place.experiment(R"("seeds": [1])");
  for (const char* command : {"describe", "list", "--help", "run e.json", "check e.json"}) {
    const Outcome outcome = place.iovsim(std::string(command) + " > /dev/full");
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("iovsim: standard output cannot be written\n") != std::string::npos);
  }
}

TEST_CASE("members of the wrong type are refused") {
  const Place place;
  place.write("e.json", R"({"platform": "platforms/p.json", "question": 5, "set": [], "sweep": [], "seeds": [-1],
      "measure": 1, "expect": "x", "plot": [5]})");
  CHECK(refusal(place) ==
        "e.json: question: expected a text in quotes, got 5\n"
        "e.json: measure: expected an object { ... }, got 1\n"
        "e.json: set: expected an object { ... }, got []\n"
        "e.json: seeds: -1 is not a count\n"
        "e.json: sweep: expected an object { ... }, got []\n"
        "e.json: expect: expected a list [ ... ], got \"x\"\n"
        "e.json: plot: 5 is not the name of a script\n"
        "7 problems; nothing was run\n");
}

TEST_CASE("a measurement needs a workload") {
  const Place place;
  place.write("e.json", R"({"platform": {"nic0": {"kind": "nic"}}, "measure": {"duration": "1 us"}})");
  CHECK(refusal(place) == std::string("e.json: measure: the platform has no module of kind \"workload\"\n") + one);
}

TEST_CASE("a wrong command line is refused") {
  const Place place;
  CHECK(place.iovsim("").code == 2);
  CHECK(place.iovsim("runn e.json").code == 2);
  CHECK(place.iovsim("run").code == 2);
  CHECK(place.iovsim("run e.json --job 2").code == 2);
  CHECK(place.iovsim("describe nik").err == "unknown kind \"nik\", did you mean \"nic\"? (known: nic, workload or script)\n");
  CHECK(place.iovsim("plot nowhere").err == "nowhere: no results of an experiment in this folder\n");
}

TEST_CASE("check finds mistakes in experiments, platforms and configuration files alike") {
  const Place place;
  place.experiment(R"("sweep": {"nic0.tags": [1, 2, 3]})");
  place.write("configs/n.json", R"({"kind": "nic", "tlb": {"ways": 65}})");
  place.write("configs/m.json", R"({"tags": 1})");
  const Outcome good = place.iovsim("check e.json platforms/p.json");
  CHECK(good.code == 0);
  CHECK(good.out == "e.json: good, 3 points\nplatforms/p.json: good\n");
  const Outcome bad = place.iovsim("check e.json configs/n.json configs/m.json none.json");
  CHECK(bad.code == 2);
  CHECK(bad.err ==
        "configs/n.json: tlb.ways: 65 is out of range 1 .. 64\n"
        "configs/m.json: tags: a module is an object with a \"kind\": nic or workload\n"
        "none.json: no such file\n");
  CHECK_FALSE(place.exists("results"));
}

TEST_CASE("check makes the machine of every point: what only a whole platform can refuse is found without running") {
  const Place place;
  place.experiment(R"("sweep": {"workload.fate": ["good", "refuse", "unbuildable", "hang"], "nic0.tags": [1, 2]})");
  const Outcome outcome = place.iovsim("check e.json");
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.err ==
        "e.json: point unbuildable_1 and 1 more: the machine cannot be made: signal 11\n"
        "e.json: point refuse_1 and 1 more: workload.trace: \"lost.pcap\" has no packets\n");
  place.experiment(R"("set": {"workload.fate": "refuse"})");
  CHECK(place.iovsim("check e.json").err == "e.json: workload.trace: \"lost.pcap\" has no packets\n");
}
