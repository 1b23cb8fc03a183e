// SPDX-License-Identifier: Apache-2.0
/// --set on what an experiment sweeps: no row may say what its point did not have.
#include <catch2/catch.hpp>

#include "tests/cli/cli/shell.h"

namespace {

const std::string labelled = R"("sweep": {"path": {"values": {
    "native": {"nic0.path": "native"}, "virtio": {"nic0.path": "virtio"},
    "sriov": {"nic0.path": "sriov"}, "sriov_ats": {"nic0.path": "sriov", "nic0.ats": true}}}})";

/// Labels of the rows of table.csv, and what was said about them.
std::string rows(const Place& place, const std::string& sets) {
  const Outcome outcome = place.iovsim("run e.json --fresh " + sets);
  std::string text = place.shell("tail -n +2 results/e/table.csv | cut -d, -f1 | tr '\\n' ' '").out;
  if (outcome.code != 0) text += std::to_string(outcome.code);
  return text + "| " + (outcome.err.starts_with("--set") ? outcome.err.substr(0, outcome.err.find('\n')) : "");
}

}  // namespace

TEST_CASE("a --set on an axis over one key takes the place of its values") {
  const Place place;
  place.experiment(R"("sweep": {"workload.packet_bytes": [64, 1500]})");
  CHECK(rows(place, "--set workload.packet_bytes=256") == "256 | --set leaves of sweep.workload.packet_bytes: 256");
  CHECK(place.exists("results/e/points/256/summary.json"));
  CHECK_FALSE(place.exists("results/e/points/64"));
  CHECK(rows(place, "--set workload.packet_bytes=1500") == "1500 | --set leaves of sweep.workload.packet_bytes: 1500");
  CHECK(rows(place, "--set 'workload={\"packet_bytes\": 72}'") == "72 | --set leaves of sweep.workload.packet_bytes: 72");
  CHECK(rows(place, "--set nic0.tags=5") == "64 1500 | ");
  CHECK(place.iovsim("check e.json --set workload.packet_bytes=256").out == "e.json: good, 1 points\n");
}

TEST_CASE("a --set on an axis with labels leaves those that agree with it") {
  const Place place;
  place.experiment(labelled);
  CHECK(rows(place, "--set nic0.path=virtio") == "virtio | --set leaves of sweep.path: virtio");
  CHECK(rows(place, "--set nic0.path=sriov") == "sriov sriov_ats | --set leaves of sweep.path: sriov, sriov_ats");
  CHECK(rows(place, "--set nic0.path=sriov --set nic0.ats=true") == "sriov_ats | --set leaves of sweep.path: sriov_ats");
  // sriov_ats would be sriov by another name
  CHECK(rows(place, "--set nic0.ats=false") == "native virtio sriov | --set leaves of sweep.path: native, virtio, sriov");
}

TEST_CASE("a --set that says all that one label says picks its row, though the others say nothing of that key") {
  const Place place;
  place.experiment(R"("sweep": {"size": {"values": {"64": {"workload.packet_bytes": 64}, "256": {"workload.packet_bytes": 256},
      "tags": {"nic0.tags": 7}, "both": {"nic0.tags": 7, "workload.packet_bytes": 128}}}})");
  CHECK(rows(place, "--set nic0.tags=7") == "tags both | --set leaves of sweep.size: tags, both");
  CHECK(rows(place, "--set nic0.tags=8") == "64 256 both | --set leaves of sweep.size: 64, 256, both");
}

TEST_CASE("a label that --set changes only in part keeps its row") {
  const Place place;
  place.experiment(R"("sweep": {"mode": {"values": {"short": {"nic0.tags": 1}, "long": {"nic0.tags": 2, "workload.measure.duration": "5 us"}}}})");
  CHECK(rows(place, "--set 'workload.measure.duration=2 us'") == "short long | ");
}

TEST_CASE("a --set that contradicts every value of an axis is refused") {
  const Place place;
  place.experiment(R"("sweep": {"burst": {"key": ["nic0.tags", "nic0.tlb.entries"], "values": [8, 16]}})");
  const Outcome outcome = place.iovsim("run e.json --set nic0.tags=4");
  CHECK(outcome.code == 2);
  CHECK(outcome.err == "--set: contradicts every value of sweep.burst (8, 16): set a key to what one of them has, to run that one "
                       "alone\n1 problem; nothing was run\n");
  CHECK(place.iovsim("run e.json --set nic0.tags=8").code == 0);
  place.experiment(labelled);
  CHECK(place.iovsim("run e.json --set 'nic0={\"path\": null}'").code == 2);
  place.experiment(R"("sweep": {"nic0.path": ["native", "sriov"]})");
  CHECK(place.iovsim("run e.json --set 'nic0.path=a,b'").code == 2);
}

TEST_CASE("a file name of --set means what it means where the user stands, one in a file is from the repository") {
  const Place place;
  std::filesystem::create_directories(place.folder / "here/below");
  place.write("t.pcap", "");
  place.write("here/t.pcap", "");
  place.write("here/below/only.pcap", "");
  const auto trace = [&](const std::string& from, const std::string& arguments) {
    const Outcome outcome = place.shell("cd '" + from + "' && '" IOVSIM_FAKE "' run " + arguments + " --out \"" + place.folder.string() + "/d\"");
    CHECK(outcome.code == 0);
    return place.shell("sed -n 's/.*\"trace\": \"\\(.*\\)\".*/\\1/p' d/points/point/config.json | tr -d '\\n'").out;
  };
  place.experiment(R"("set": {"workload.trace": "t.pcap"})");
  CHECK(trace("here", "../e.json") == "t.pcap");
  CHECK(trace("here", "../e.json --set workload.trace=t.pcap") == "here/t.pcap");
  CHECK(trace("here/below", "../../e.json --set workload.trace=only.pcap") == "here/below/only.pcap");
  CHECK(trace("here/below", "../../e.json --set workload.trace=here/t.pcap") == "here/t.pcap");
  CHECK(trace("/", "\"" + (place.folder / "d/points/point/config.json").string() + "\"") == "here/t.pcap");
  const std::string absolute = (place.folder / "here/t.pcap").string();
  CHECK(trace("/", "\"" + (place.folder / "e.json").string() + "\" --set \"workload.trace=" + absolute + "\"") == "here/t.pcap");
}

TEST_CASE("claims about what --set left out are not checked, and say so") {
  const Place place;
  place.experiment(R"("expect": ["throughput_gbps[path=sriov] > throughput_gbps[path=virtio]", "throughput_gbps > 1",
      "throughput_gbps > 100 where path=native|sriov", "throughput_gbps falls with path", "throughput_gbps > 1 where path=virtio|sriov"], )" + labelled);
  const Outcome outcome = place.iovsim("run e.json --set nic0.path=virtio");
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("not checked:  throughput_gbps[path=sriov] > throughput_gbps[path=virtio]\n    path=sriov is left out by --set\n"
                         "as expected:  throughput_gbps > 1\n"
                         "not checked:  throughput_gbps > 100 where path=native|sriov\n    path=native is left out by --set\n"
                         "not checked:  throughput_gbps falls with path\n    path=native is left out by --set\n"
                         "as expected:  throughput_gbps > 1 where path=virtio|sriov\n") != std::string::npos);
}
