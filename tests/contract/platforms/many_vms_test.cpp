// SPDX-License-Identifier: Apache-2.0
// Many VMs from one module: who they are, where they run, and how they share one device.
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
/// VFs come up one after the other through their mailboxes: the PF's driver serves them on one core.
Settings up_after(const char* time) { return {{"workload.measure.warm_up", time}}; }

/// So many VMs with small rings on VFs of a device that has 4096; vCPUs on 14 of 16 cores.
Settings vms(unsigned count, const std::string& path = "sriov") {
  return {{"vm0.count", count},
          {"vm0.path", path},
          {"host.cores", 16},
          {"memory.size", "1 TiB"},
          {"vm0.memory", "8 MiB"},
          {"vm0.driver.tx_descriptors", 64},
          {"vm0.driver.rx_descriptors", 64},
          {"nic0.functions.total_vfs", 4096},
          {"nic0.embedded_switch.filters", 8192}};
}
double least(const MachineBench& m) { return m.result.summary["vm_throughput_min_gbps"]; }
double most(const MachineBench& m) { return m.result.summary["vm_throughput_max_gbps"]; }

}  // namespace

TEST_CASE("a module with a count is so many VMs, numbered, in one row of cores that begins again") {
  MachineBench m(vms(16) + silent);
  REQUIRE(m.vms.size() == 16);
  CHECK(m.vms[0].name == "vm0_0");
  CHECK(m.vms[15].name == "vm0_15");
  CHECK(m.vms[0].params.vcpu_core == 2);
  CHECK(m.vms[13].params.vcpu_core == 15);
  CHECK(m.vms[14].params.vcpu_core == 2);
  CHECK(m.vms[14].params.interrupt_core == 2);
  CHECK(m.vms[15].params.backend_core == 1);
  CHECK(m.vms[1].memory->base().value == (std::uint64_t{1} << 30) + (8u << 20));
}

TEST_CASE("vCPUs and back ends take turns on as many cores as they are given") {
  io_path::VmParams params;
  params.vcpu_cores = 2, params.backend_cores = 3;
  CHECK(params.instance(3, 16).vcpu_core == 3);
  CHECK(params.instance(4, 16).vcpu_core == 2);
  CHECK(params.instance(2, 16).backend_core == 3);
  CHECK(params.instance(3, 16).backend_core == 1);
  CHECK(params.instance(3, 16).interrupt_core == 3);
}

TEST_CASE("a single VM keeps its module's name and its cores") {
  MachineBench m(silent);
  REQUIRE(m.vms.size() == 1);
  CHECK(m.vms[0].name == "vm0");
  CHECK(m.vms[0].params.vcpu_core == 2);
}

TEST_CASE("64 VMs on VFs share a receiving wire evenly, and their results add up to the whole", "[G13][A17]") {
  MachineBench m(vms(64) + Settings{{"workload.direction", "receive"}} + short_run + up_after("20 ms"));
  m.measure();
  double sum = 0;
  std::uint64_t dropped = 0;
  for (const VmRow& vm : m.result.vms) sum += vm.throughput_gbps, dropped += vm.dropped_packets;
  CHECK(m.result.vms.size() == 64);
  CHECK(sum == Approx(m.result.summary["throughput_gbps"].get<double>()));
  CHECK(dropped == m.result.summary["dropped_packets"].get<std::uint64_t>());
  CHECK(sum > 9.8);
  CHECK(m.result.summary["fairness"] > 0.99);
  CHECK(most(m) <= 10.0 / 64 * 1.25);  // at most one packet of the five or six per VM apart
}

TEST_CASE("VMs that all send as fast as they can get equal shares of the wire", "[G13][G9]") {
  MachineBench m(vms(12) + short_run + up_after("5 ms"));
  const auto& summary = m.measure();
  CHECK(summary["throughput_gbps"] > 9.8);
  CHECK(summary["fairness"] > 0.99);
  CHECK(least(m) > 0.9 * most(m));
}

TEST_CASE("256 VMs on VFs of one device all get their packets", "[B12]") {
  MachineBench m(vms(256) + Settings{{"workload.direction", "receive"}, {"workload.packet_bytes", 64}} + short_run +
                 Settings{{"workload.arrivals", "constant"}, {"workload.packet_rate", 500}, {"workload.measure.duration", "20 ms"}} +
                 up_after("100 ms"));
  m.measure();
  CHECK(least(m) > 0);
  CHECK(m.result.summary["dropped_by_reason"]["no_filter_match"] == 0);
}

TEST_CASE("the one VM of a platform has what the whole platform has, and is perfectly fair to itself") {
  MachineBench m(short_run);
  const auto& summary = m.measure();
  REQUIRE(m.result.vms.size() == 1);
  CHECK(m.result.vms[0].throughput_gbps == summary["throughput_gbps"].get<double>());
  CHECK(m.result.vms[0].latency_p99_ns == summary["latency_p99_ns"].get<double>());
  CHECK(summary["fairness"] == 1.0);
}

TEST_CASE("of a closed loop a VM's latency is its round trips'") {
  MachineBench m(isolated("request_response", 4) + Settings{{"workload.arrivals", "saturate"}, {"workload.packet_rate", nullptr}});
  const auto& summary = m.measure();
  REQUIRE(m.result.vms.size() == 1);
  CHECK(m.result.vms[0].latency_p50_ns == summary["latency_p50_ns"].get<double>());
}

TEST_CASE("the time line of a run adds up to what was delivered, warm-up included, and changes no result") {
  MachineBench m(vms(2) + short_run + Settings{{"workload.measure.interval", "100 us"}});
  m.measure();
  REQUIRE(m.result.time_line.size() == 2 * 5);
  std::uint64_t window = 0;
  for (const TimeLineRow& row : m.result.time_line)
    if (row.begin_us >= 100) window += row.delivered;
  CHECK(window == m.workload->results().delivered);
  CHECK(m.result.time_line.back().end_us == 500);
  CHECK(m.result.time_line.back().vm == "vm0_1");
}

TEST_CASE("back ends that share a transmit queue of the host do not ring for what another one has yet to write", "[A5]") {
  MachineBench m({{"vm0.count", 2},
                  {"vm0.path", "vhost"},
                  {"vm0.backend_core", 0},
                  {"workload.direction", "transmit"},
                  {"workload.packet_bytes", 1500},
                  {"workload.measure.warm_up", "5 ms"},
                  {"workload.measure.duration", "22 ms"},
                  {"workload.measure.drain_limit", "200 ms"}});
  CHECK(m.measure()["throughput_gbps"] > 1);  // and at rest nothing is under way
}
