// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/table.h"

#include <catch2/catch.hpp>

using namespace iov::experiment;

namespace {

Experiment two_axes() {
  Experiment experiment;
  experiment.sweep = {{"path", {{"native", {}}, {"sriov", {}}}}, {"size", {{"64", {}}, {"1500", {}}}}};
  return experiment;
}

/// throughput: native 5, 9; sriov 4.8, 8
Table filled(const Experiment& experiment) {
  Table table(experiment);
  const double throughput[] = {5, 9, 4.8, 8};
  int i = 0;
  for (const char* path : {"native", "sriov"})
    for (const char* size : {"64", "1500"}) {
      Point point;
      point.axes = {{"path", path}, {"size", size}};
      table.add(point, {{"throughput_gbps", cell_of(throughput[i++])}, {"binding_resource", cell_of(Json("wire"))},
                        {"exits_mmio", cell_of(0.0)}});
    }
  return table;
}

std::string verdict(const std::string& claim) {
  const Experiment experiment = two_axes();
  return refute(Claim::parse(claim), filled(experiment)).value_or("holds");
}

}  // namespace

TEST_CASE("the table has axes, contract metrics in order, then the rest") {
  const Experiment experiment = two_axes();
  const std::string csv = filled(experiment).csv();
  CHECK(csv.substr(0, csv.find('\n')) ==
        "path,size,throughput_gbps,packet_rate_mpps,offered_mpps,dropped_packets,latency_p50_ns,latency_p90_ns,"
        "latency_p99_ns,latency_p999_ns,latency_max_ns,cpu_cycles_per_packet,host_cpu_utilization,exits_per_packet,"
        "interrupts_per_packet,copied_bytes_per_packet,interrupt_latency_p50_ns,interrupt_latency_p99_ns,interrupt_latency_max_ns,"
        "interrupt_rate_kps,interrupt_merge_ratio,iotlb_hit_ratio,device_tlb_hit_ratio,fairness,vm_throughput_min_gbps,"
        "vm_throughput_max_gbps,binding_resource,exits_mmio");
  CHECK(csv.find("sriov,64,4.8,,,,,,,,,,,,,,,,,,,,,,,,wire,0\n") != std::string::npos);
}

TEST_CASE("a claim holds at every point or names the points where it does not") {
  CHECK(verdict("throughput_gbps <= 9") == "holds");
  CHECK(verdict("throughput_gbps >= 5") == "\n    at path=sriov, size=64: not 4.8 >= 5");
  CHECK(verdict("throughput_gbps < 1") ==
        "\n    at path=native, size=64: not 5 < 1\n    at path=native, size=1500: not 9 < 1"
        "\n    at path=sriov, size=64: not 4.8 < 1\n    and at 1 more");
}

TEST_CASE("a claim across points is checked once per combination of the other axes") {
  CHECK(verdict("throughput_gbps[path=sriov] >= 0.88 * throughput_gbps[path=native]") == "holds");
  CHECK(verdict("throughput_gbps[path=sriov] >= 0.9 * throughput_gbps[path=native]") ==
        "\n    at size=1500: not 8 >= 8.1");
  CHECK(verdict("throughput_gbps[path=sriov, size=64] == 4.8") == "holds");
  CHECK(verdict("throughput_gbps[path=sriov] within 5 % of throughput_gbps[path=native] where size=64") == "holds");
  CHECK(verdict("throughput_gbps within 11 % of throughput_gbps[path=native]") ==
        "\n    at path=sriov, size=1500: not 8 within tolerance of 9");
}

TEST_CASE("a trend is checked along its axis, in the order of the sweep") {
  CHECK(verdict("throughput_gbps rises with size") == "holds");
  CHECK(verdict("throughput_gbps falls with size where path=native") == "\n    at path=native: 5 at 64, then 9 at 1500");
  CHECK(verdict("exits_mmio rises with size where path=sriov") == "\n    at path=sriov: stays 0");
  CHECK(verdict("throughput_gbps falls with path") == "holds");
}

TEST_CASE("an axis counts as a number, a missing value never holds") {
  CHECK(verdict("throughput_gbps <= size") == "holds");
  CHECK(verdict("exits_kick == 0 where path=native, size=64") == "\n    at path=native, size=64: not (no value) == 0");
  CHECK(verdict("exits_kick != 0 where path=native, size=64") == "\n    at path=native, size=64: not (no value) != 0");
  CHECK(refute(Claim::parse("throughput_gbps > 0"), Table(two_axes())) == std::string("\n    speaks of no point"));
}

TEST_CASE("what is not finite never holds") {
  CHECK(verdict("throughput_gbps / 0 > 1 where path=native, size=64") == "\n    at path=native, size=64: not inf > 1");
  CHECK(verdict("0 - throughput_gbps / 0 < 1 where path=native, size=64") == "\n    at path=native, size=64: not -inf < 1");
  CHECK(verdict("throughput_gbps / exits_mmio rises with size where path=native") == "\n    at path=native, size=64: inf");
}

TEST_CASE("a text is compared as it is printed") {
  CHECK(verdict("binding_resource == 'wire'") == "holds");
  CHECK(verdict("binding_resource starts with 'wi'") == "holds");
  CHECK(verdict("binding_resource[path=native] != 'wire' where size=64") == "\n    at size=64: not 'wire' != 'wire'");
  CHECK(verdict("binding_resource starts with 'core' where path=sriov, size=64") ==
        "\n    at path=sriov, size=64: not 'wire' starts with 'core'");
  CHECK(verdict("nowhere != 'wire' where path=sriov, size=64") == "\n    at path=sriov, size=64: not (no value) != 'wire'");
}

TEST_CASE("the aligned table leaves out what nobody measured") {
  const Experiment experiment = two_axes();
  CHECK(filled(experiment).aligned() ==
        "path    size  throughput_gbps  binding_resource\n"
        "native    64                5  wire\n"
        "native  1500                9  wire\n"
        "sriov     64              4.8  wire\n"
        "sriov   1500                8  wire\n");
}

TEST_CASE("breakdowns become one column per part") {
  const auto columns = columns_of(Json::parse(R"json({"stage_ns": {"wire": 1.5}, "binding_resource": "wire", "throughput_gbps": 10,
      "exits_per_packet_by_cause": {"mmio": 2}, "cycles_per_packet_by_context": {"guest": 3}, "provenance": {"x": 1},
      "utilization": {"core0 (vm0.vcpu)": 1}, "cycles_per_packet_by_work": {"copy": 7}, "dropped_by_reason": {"reset": 4}, "extra": 5})json"));
  std::string names;
  for (const auto& [name, cell] : columns) names += name + "=" + cell.text + " ";
  CHECK(names == "throughput_gbps=10 binding_resource=wire stage_wire_ns=1.5 exits_mmio=2 cycles_guest=3 "
                 "utilization_core0=1 work_copy_cycles=7 dropped_reset=4 extra=5 ");
}
