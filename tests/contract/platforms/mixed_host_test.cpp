// SPDX-License-Identifier: Apache-2.0
// One host with VMs of different paths, and devices that nobody shipped a profile for.
#include "tests/contract/platforms/machine_bench.h"

namespace mixed_host_test {
using namespace iov;
using namespace iov::platform;
using Json = nlohmann::ordered_json;

namespace {
Json vm(const char* path, unsigned core) {
  return {{"kind", "vm"}, {"path", path}, {"vcpu_core", core}, {"interrupt_core", core}, {"backend_core", 1}};
}
const Settings one_of_each{{"host.cores", 8},       {"vm0", vm("sriov", 2)},     {"vm1", vm("virtio", 3)}, {"vm2", vm("emulation", 4)},
                           {"vm3", vm("vmdq", 5)},  {"vm4", vm("vhost", 6)},     {"vm5", vm("container", 7)},
                           {"workload.arrivals", "constant"}, {"workload.packet_rate", 20000}, {"workload.carry_payload", true}};

/// What the datasheet of a card of one's own would say.
const Settings proprietary{{"nic0.functions.vendor_id", 0x1924},
                           {"nic0.functions.device_id", 0x0803},
                           {"nic0.functions.total_vfs", 12},
                           {"nic0.vf_queues", 1},
                           {"nic0.wire_rate", "10 Gb/s"},
                           {"nic0.dma_engine.outstanding_reads", 48},
                           {"nic0.transmitter.buffer", "96 KiB"}};
}  // namespace

TEST_CASE("VFs of a VM and a container, virtio, vhost, VMDq and an emulated NIC in one host: each gets and sends its packets whole", "[N7][A15]") {
  MachineBench m(short_run + one_of_each + Settings{{"workload.direction", "bidirectional"}, {"workload.measure.warm_up", "2 ms"},
                                                    {"workload.measure.duration", "5 ms"}});
  m.measure();
  CHECK(m.result.summary["dropped_packets"] == 0);
  REQUIRE(m.result.vms.size() == 6);
  for (const VmRow& row : m.result.vms) {
    CAPTURE(row.vm, row.path);
    CHECK(row.packet_rate_mpps == Approx(2 * 0.02).epsilon(0.03));
  }
  CHECK(m.exits(host::ExitCause::mmio_write) > 0);  // of the emulated NIC's VM
  CHECK(m.exits(host::ExitCause::kick) > 0);        // of the paravirtual ones
}

TEST_CASE("a device described by its user, with numbers of its own, serves VFs and queue pools", "[A15]") {
  MachineBench m(short_run + proprietary + Settings{{"host.cores", 4}, {"vm0", vm("sriov", 2)}, {"vm1", vm("vmdq", 3)}});
  m.measure();
  CHECK(m.nic->functions().config(0).read(0, 4) == 0x08031924);
  REQUIRE(m.result.vms.size() == 2);
  for (const VmRow& row : m.result.vms) {
    CAPTURE(row.vm);
    CHECK(row.throughput_gbps > 3);
  }
}

// The packets wait in their sender until the driver has set up its queue: at rest none may be under way.
TEST_CASE("a host whose application gets the core before the driver has set up its queue loses no packet") {
  MachineBench m(short_run + Settings{{"vm0.path", "native"}, {"workload.direction", "transmit"}, {"host.core.time_slice", "1 us"}});
  m.measure();
  CHECK(m.workload->in_flight() == 0);
}
TEST_CASE("guests that send while the back end they share still sets up their pools lose no packet") {
  MachineBench m(short_run + more_vms(13, "vmdq") +
                 Settings{{"workload.packet_bytes", 64}, {"workload.arrivals", "poisson"}, {"workload.bit_rate", "10 Mb/s"}});
  m.measure();
  CHECK(m.workload->in_flight() == 0);
}

// The limit ends the run while the last pools are still being set up: their coroutines go on where they are.
TEST_CASE("a host's interface that still comes up when it is to go down does so once it is up") {
  MachineBench m(short_run + Settings{{"host.cores", 8},
                                      {"vm0.path", "vmdq"},
                                      {"vm0.count", 30},
                                      {"host.pf_driver.pause_high", "100 KiB"},
                                      {"workload.packet_bytes", 64},
                                      {"workload.measure.drain_limit", "2 ms"},
                                      {"script", Json::array()}});
  m.measure();
  CHECK(m.result.vms.size() == 30);
}

TEST_CASE("a device has one PF unless it is said otherwise", "[B3]") {
  const auto config = effective({});
  CHECK(config["nic0"]["functions"]["physical_functions"] == 1);
}

}  // namespace mixed_host_test
