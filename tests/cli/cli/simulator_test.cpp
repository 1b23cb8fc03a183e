// SPDX-License-Identifier: Apache-2.0
/// The command line in front of the real simulator, with what the repository ships.
#include <catch2/catch.hpp>

#include "tests/cli/cli/shell.h"

namespace {

Outcome iovsim(const Place& place, const std::string& arguments, const std::string& program = IOVSIM_BINARY) {
  return place.shell("export IOVSIM_HOME='" IOVSIM_SOURCE_DIR "'; '" + program + "' " + arguments);
}

/// Every path for a short window, from rest; `rest` are further members.
void every_path(const Place& place, const std::string& rest) {
  place.write("e.json", R"({"platform": "platforms/server_10g.json", "measure": {"warm_up": "1500 us", "duration": "1 ms"},
    "sweep": {"path": {"key": "vm0.path",
              "values": ["native", "emulation", "virtio", "vhost", "vmdq", "passthrough", "sriov"]},
              "workload.direction": ["transmit", "receive", "request_response"]})" + rest + "}");
}

}  // namespace

TEST_CASE("every JSON file that is shipped is good") {
  const Place place;
  const Outcome outcome = place.shell("cd '" IOVSIM_SOURCE_DIR "' && '" IOVSIM_BINARY
                                      "' check experiments/*.json platforms/*.json configs/*/*.json");
  CHECK(outcome.err.empty());
  CHECK(outcome.code == 0);
}

TEST_CASE("the simulator's results are byte-equal for any number of jobs, and the second time") {
  const Place place;
  every_path(place, "");
  REQUIRE(iovsim(place, "run e.json -j 1 --out a").code == 0);
  REQUIRE(iovsim(place, "run e.json -j 2 --out b").code == 0);
  CHECK(place.shell("diff -r -x host.json a b").code == 0);
  REQUIRE(iovsim(place, "run e.json -j 2 --out b --fresh").code == 0);
  CHECK(place.shell("diff -r -x host.json a b").out.empty());
}

TEST_CASE("a point's config.json reproduces its statistics") {
  const Place place;
  every_path(place, R"(, "seeds": [3])");
  REQUIRE(iovsim(place, "run e.json --set 'nic0.dma_engine.read_setup=81.5 ns' --out a").code == 0);
  REQUIRE(iovsim(place, "run a/points/sriov_receive/config.json --out b").code == 0);
  for (const char* file : {"stats.csv", "latency.csv", "journeys.csv"}) {
    CHECK(place.read(std::string("a/points/sriov_receive/") + file).size() > 40);
    CHECK(place.read(std::string("a/points/sriov_receive/") + file) == place.read(std::string("b/points/point/") + file));
  }
}

// The throughput may pass 10 Gb/s by what waited when the window began. A histogram's samples are whole picoseconds.
TEST_CASE("every metric of the contract is in the table of every path, and the stages add up to the latency") {
  const Place place;
  every_path(place, R"(, "collect": {"stages": "stage_application_ns + stage_guest_driver_ns + stage_vm_exit_ns + stage_emulator_mutex_ns +
      stage_backend_ns + stage_copy_ns + stage_host_stack_ns + stage_doorbell_ns + stage_descriptor_fetch_ns +
      stage_device_ns + stage_link_ns + stage_translation_ns + stage_memory_ns + stage_wire_ns + stage_completion_ns +
      stage_interrupt_ns + stage_injection_ns + stage_guest_handler_ns", "one_way": "workload.ledger.one_way.mean",
      "round_trip": "workload.ledger.round_trip.mean"},
      "expect": ["throughput_gbps > 0", "throughput_gbps <= 10.1", "packet_rate_mpps > 0", "offered_mpps > 0",
                 "dropped_packets >= 0", "latency_p50_ns > 0", "latency_p90_ns >= latency_p50_ns",
                 "latency_p99_ns >= latency_p90_ns", "latency_p999_ns >= latency_p99_ns",
                 "latency_max_ns >= latency_p999_ns", "cpu_cycles_per_packet > 0", "host_cpu_utilization >= 0",
                 "exits_per_packet >= 0", "interrupts_per_packet >= 0", "copied_bytes_per_packet >= 0",
                 "abs(stages - one_way) < 0.001 where workload.direction=transmit|receive",
                 "abs(stages - round_trip) < 0.001 where workload.direction=request_response"])");
  std::string text = place.read("e.json");  // the expression above goes over several lines, JSON texts do not
  for (char& c : text) c = c == '\n' ? ' ' : c;
  place.write("e.json", text);
  const Outcome outcome = iovsim(place, "run e.json --out a");
  CHECK(outcome.err.find("problem") == std::string::npos);
  CHECK(outcome.out.find("not so") == std::string::npos);
  CHECK(outcome.code == 0);
  if (outcome.code != 0) WARN(outcome.out << outcome.err);
}

TEST_CASE("a machine that loses frames breaks an invariant: named, with its time, and exit code 3") {
  const Place place;
  place.write("e.json", R"({"platform": "platforms/server_10g.json", "measure": {"warm_up": "1 ms", "duration": "100 us"},
    "set": {"workload.direction": "transmit", "workload.packet_rate": 100000, "workload.arrivals": "constant"}})");
  REQUIRE(iovsim(place, "run e.json --out good").code == 0);
  const Outcome outcome = iovsim(place, "run e.json --out lossy", IOVSIM_LOSSY);
  CHECK(outcome.code == 3);
  CHECK(outcome.out.find("s workload.ledger.drained: invariant broken: no packet is under way once traffic has drained (") !=
        std::string::npos);
  CHECK_FALSE(place.exists("lossy/points/point/summary.json"));
}

TEST_CASE("parameters that would say nothing are refused") {
  const Place place;
  const auto refusal = [&](const std::string& set) {
    place.write("e.json", R"({"platform": "platforms/server_10g.json", "set": {)" + set + "}}");
    const Outcome outcome = iovsim(place, "check e.json");
    CHECK(outcome.code == 2);
    return outcome.err;
  };
  const std::string loop = "request_response is a closed loop";
  for (const char* arrivals : {"constant", "poisson"})
    CHECK(refusal(R"("workload.direction": "request_response", "workload.arrivals": ")" + std::string(arrivals) + "\"") ==
          "e.json set: workload: " + loop + ", in which an answer makes the next request: arrivals must be saturate; outstanding "
          "and think_time say how often\n");
  for (const char* key : {"request_bytes", "response_bytes"})
    CHECK(refusal("\"workload." + std::string(key) + "\": 10") == "e.json set: workload: " + std::string(key) + " must be 0 or at least 64\n");
  const std::string loop_of_vm = "e.json: vm0.load: " + loop + ": arrivals, packet_rate and bit_rate say nothing there\n";
  CHECK(refusal(R"("workload.direction": "request_response", "vm0.load.arrivals": "poisson")") == loop_of_vm);
  CHECK(refusal(R"("vm0.load": {"direction": "request_response", "bit_rate": "1 Mb/s"})") == loop_of_vm);
  CHECK(refusal(R"("vm0.load": {"packet_rate": 1000})") ==
        "e.json: vm0.load: packet_rate and bit_rate need arrivals that are constant or poisson\n");
  CHECK(refusal(R"("script": [{"at": "1 ms", "do": "load", "vm": "vm0", "direction": "request_response", "arrivals": "poisson"}])") ==
        "e.json: script[0].arrivals: " + loop + ": arrivals, packet_rate and bit_rate say nothing there\n");
}

TEST_CASE("a rate or a size that says nothing is refused, with the key that makes it so and both their places") {
  const Place place;
  const auto refusal = [&](const std::string& rest, const std::string& sets = "") {
    place.write("e.json", R"({"platform": "platforms/server_10g.json", )" + rest + "}");
    const Outcome outcome = iovsim(place, "check e.json " + sets);
    CHECK(outcome.code == 2);
    return outcome.err;
  };
  CHECK(refusal(R"("set": {"workload.packet_rate": 1000})") ==
        "e.json set: workload.packet_rate: says nothing beside workload.arrivals = \"saturate\" (its default)\n");
  CHECK(refusal(R"("set": {"workload": {"bit_rate": "1 Gb/s", "arrivals": "saturate"}})") ==
        "e.json set: workload.bit_rate: says nothing beside workload.arrivals = \"saturate\" (e.json set)\n");
  CHECK(refusal(R"("set": {"workload.arrivals": "poisson", "workload.bit_rate": "1 Gb/s"})", "--set workload.arrivals=saturate") ==
        "e.json set: workload.bit_rate: says nothing beside workload.arrivals = \"saturate\" (--set)\n");
  CHECK(refusal(R"("sweep": {"workload.packet_bytes": [64, 1500]})", "--set workload.sizes=imix") ==
        "e.json sweep workload.packet_bytes=64: workload.packet_bytes: says nothing beside workload.sizes = \"imix\" (--set)\n"
        "e.json sweep workload.packet_bytes=1500: workload.packet_bytes: says nothing beside workload.sizes = \"imix\" (--set)\n");
  CHECK(refusal(R"("set": {"workload.arrivals": "constant", "workload.bit_rate": "1 b/s"})") ==
        "e.json set: workload: bit_rate must be 0 or at least 1 kb/s\n");
}

TEST_CASE("of the main experiment --set of the capture's sizes leaves the rows of the capture") {
  const Place place;
  const Outcome outcome = iovsim(place, "check '" IOVSIM_SOURCE_DIR "/experiments/path_comparison.json' --set workload.sizes=trace");
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("good, 24 points") != std::string::npos);
}

TEST_CASE("a point's configuration with all its defaults says nothing too much, whatever its arrivals and sizes") {
  const Place place;
  place.write("e.json", R"({"platform": "platforms/server_10g.json", "set": {"workload.sizes": "imix", "workload.measure.duration": "20 us",
      "workload.measure.warm_up": "10 us"}})");
  CHECK(iovsim(place, "run e.json --out a").code == 0);
  CHECK(iovsim(place, "check a/points/point/config.json").code == 0);
}

TEST_CASE("a bad capture is refused with the file and what is wrong with it") {
  const Place place;
  place.write("bad.pcap", "this is no capture");
  place.write("e.json", R"({"platform": "platforms/server_10g.json", "set": {"workload.sizes": "trace", "workload.trace": ")" +
                            (place.folder / "bad.pcap").string() + R"("}})");
  const Outcome outcome = iovsim(place, "run e.json --out a");
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find("bad.pcap") != std::string::npos);
  CHECK(outcome.err.ends_with("1 problem; nothing was run\n"));
  CHECK_FALSE(place.exists("a"));
}
