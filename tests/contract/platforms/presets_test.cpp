// SPDX-License-Identifier: Apache-2.0
// Every NIC preset carries traffic near its line rate; a fast one needs several VMs, each with a processor of its own.
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
struct Preset {
  const char* file;
  unsigned generation, width, vms;
};
/// Share of the wire's frame bits (1500 of 1520 byte times) that the VMs' VFs fill, and how evenly.
double share_of_wire(const Preset& p, double wire_gbps, const Settings& more = {}) {
  MachineBench m(more + Settings{{"nic0.use", "configs/endpoint/" + std::string(p.file) + ".json"},
                          {"link0.generation", p.generation},
                          {"link0.width", p.width},
                          {"vm0.count", p.vms},
                          {"host.cores", p.vms + 2},
                          {"workload.packet_bytes", 1500},
                          {"workload.measure.warm_up", std::to_string(2000 + 60 * p.vms) + " us"},
                          {"workload.measure.duration", wire_gbps < 2 ? "2 ms" : "200 us"},
                          {"workload.measure.drain_limit", "50 ms"}});
  m.measure();
  for (const VmRow& vm : m.result.vms) CHECK(vm.throughput_gbps == Approx(wire_gbps * 1500 / 1520 / p.vms).epsilon(0.1));
  return m.result.summary["throughput_gbps"].get<double>() / (wire_gbps * 1500 / 1520);
}
}  // namespace

TEST_CASE("1 GbE, as the 82576: line rate from one VF", "[G13][G15]") { CHECK(share_of_wire({"intel_82576", 2, 4, 1}, 1) > 0.99); }
TEST_CASE("10 GbE, as the 82599: line rate from one VF", "[G13][G15]") { CHECK(share_of_wire({"intel_82599", 2, 8, 1}, 10) > 0.99); }
TEST_CASE("25 GbE, as the E810: line rate from four VFs", "[G13][G15]") { CHECK(share_of_wire({"intel_e810_25g", 3, 8, 4}, 25) > 0.99); }
TEST_CASE("100 GbE, as the E810: line rate from 16 VFs", "[G13][G15]") { CHECK(share_of_wire({"intel_e810_100g", 3, 16, 16}, 100) > 0.98); }
TEST_CASE("200 GbE, as the ConnectX-6: line rate from 32 VFs", "[G13][G15]") { CHECK(share_of_wire({"connectx6_200g", 4, 16, 32}, 200) > 0.98); }
/// The default root port has the buffers of a Gen3 Xeon's (72 reads, 164 lines), which end at 230 Gb/s.
TEST_CASE("400 GbE, as the ConnectX-7: line rate from 48 VFs at a root port with buffers for it", "[G13][G15]") {
  CHECK(share_of_wire({"connectx7_400g", 5, 16, 48}, 400,
                      {{"link0.receive.non_posted_headers", 512}, {"link0.receive.non_posted_data", 0}, {"root_complex.read_lines", 2048}}) > 0.98);
}
