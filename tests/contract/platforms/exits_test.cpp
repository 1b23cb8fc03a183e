// SPDX-License-Identifier: Apache-2.0
// How often each path leaves the guest, exactly: 32 packets, one at a time.
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
constexpr unsigned packets = 32;
const Settings no_apicv{{"vm0.vcpu.apic_virtualization", false}}, injected{{"vm0.assigned_interrupts", "vmm_inject"}};

struct Isolated : MachineBench {
  Isolated(const std::string& path, const std::string& direction, const Settings& others = {})
      : MachineBench(isolated(direction, packets) + Settings{{"vm0.path", path}} + others) {
    measure();
    CHECK(workload->results().delivered == packets);
  }
};
}  // namespace

TEST_CASE("emulation, transmit: tail write, cause read, mask and unmask exit, once each per packet", "[A1][A2]") {
  const Isolated m("emulation", "transmit");
  CHECK(exits_of(m) == "mmio_read 32, mmio_write 96");
  CHECK(m.counter("vm0.nic.register_accesses") == packets * 4);
}

TEST_CASE("emulation, transmit, without APIC virtualization: the end of each interrupt exits too", "[A2]") {
  CHECK(exits_of(Isolated("emulation", "transmit", no_apicv)) == "mmio_read 32, mmio_write 96, eoi 32");
}

TEST_CASE("emulation, receive: cause read, mask and unmask exit per packet, one tail write per 16 buffers", "[A1][A2]") {
  const Isolated m("emulation", "receive");
  CHECK(exits_of(m) == "mmio_read 32, mmio_write 66");  // 2 * 32 + 2
  CHECK(m.counter("vm0.driver.register_writes") == 66);
}

TEST_CASE("emulation, receive, without APIC virtualization: register exits unchanged, an EOI per interrupt", "[A2]") {
  const Isolated m("emulation", "receive", no_apicv);
  CHECK(m.exits(host::ExitCause::mmio_read) == 32);
  CHECK(m.exits(host::ExitCause::mmio_write) == 66);
  CHECK(m.exits(host::ExitCause::eoi) == 32);
}

TEST_CASE("emulation in user space spends time there", "[A3]") {
  const Isolated m("emulation", "transmit");
  CHECK(m.spent(host::Context::host_user) > 0_ns);
}

TEST_CASE("emulation in the kernel: the same exits, no user time, half the copies", "[A3][A4]") {
  const Isolated m("emulation", "transmit", {{"vm0.emulation_location", "kernel"}});
  CHECK(exits_of(m) == "mmio_read 32, mmio_write 96");
  CHECK(m.spent(host::Context::host_user) == Time());
  CHECK(m.vms[0].path->copied().copies == packets);
}

TEST_CASE("virtio, transmit: one kick per packet, nothing else") {
  CHECK(exits_of(Isolated("virtio", "transmit")) == "kick 32");
}
TEST_CASE("virtio, transmit, without ioeventfd: the same kicks, served by the vCPU's thread in user space", "[A2]") {
  const Isolated m("virtio", "transmit", {{"vm0.backend.ioeventfd", false}});
  CHECK(exits_of(m) == "kick 32");
  CHECK(m.counter("vm0.backend.main_loop.mutex.overtaken") == 0);
  CHECK(m.processors->core(m.vms[0].params.vcpu_core).spent(host::Context::host_user) > 0_ns);
}
TEST_CASE("vhost, transmit: one kick per packet, nothing else") {
  CHECK(exits_of(Isolated("vhost", "transmit")) == "kick 32");
}
TEST_CASE("vmdq, transmit: one kick per packet, nothing else") {
  CHECK(exits_of(Isolated("vmdq", "transmit")) == "kick 32");
}
TEST_CASE("virtio, receive: no exit with APIC virtualization") { CHECK(exits_of(Isolated("virtio", "receive")).empty()); }
TEST_CASE("vhost, receive: no exit with APIC virtualization") { CHECK(exits_of(Isolated("vhost", "receive")).empty()); }
TEST_CASE("vmdq, receive: no exit with APIC virtualization") { CHECK(exits_of(Isolated("vmdq", "receive")).empty()); }

TEST_CASE("virtio, receive, without APIC virtualization: a kick out of the guest and an EOI per interrupt", "[F4]") {
  CHECK(exits_of(Isolated("virtio", "receive", no_apicv)) == "eoi 32, external_interrupt 32");
}
TEST_CASE("vhost, receive, without APIC virtualization: a kick out of the guest and an EOI per interrupt", "[F4]") {
  CHECK(exits_of(Isolated("vhost", "receive", no_apicv)) == "eoi 32, external_interrupt 32");
}
TEST_CASE("vmdq, receive, without APIC virtualization: a kick out of the guest and an EOI per interrupt", "[F4]") {
  CHECK(exits_of(Isolated("vmdq", "receive", no_apicv)) == "eoi 32, external_interrupt 32");
}

TEST_CASE("sriov with posted interrupts, receive: an interrupt per packet and no exit", "[A17][A23][F5]") {
  const Isolated m("sriov", "receive");
  CHECK(exits_of(m).empty());
  CHECK(m.counter("vm0.vcpu0.posted") == packets);
}
TEST_CASE("sriov with posted interrupts, transmit: no exit", "[A17][A23]") {
  CHECK(exits_of(Isolated("sriov", "transmit")).empty());
}
TEST_CASE("sriov with device TLB, both ways at saturation: no exit", "[A17]") {
  MachineBench m(short_run + Settings{{"nic0.device_tlb.enabled", true}, {"workload.direction", "bidirectional"}});
  CHECK(m.measure()["throughput_gbps"] > 10);
  CHECK(exits_of(m).empty());
}
TEST_CASE("passthrough with posted interrupts, receive: an interrupt per packet and no exit", "[A13][A23]") {
  const Isolated m("passthrough", "receive");
  CHECK(exits_of(m).empty());
  CHECK(m.counter("vm0.vcpu0.posted") == packets);
}
TEST_CASE("passthrough, interrupts injected: an exit per interrupt, no EOI exit with APIC virtualization", "[A13][F4]") {
  CHECK(exits_of(Isolated("passthrough", "receive", injected)) == "external_interrupt 32");
}
TEST_CASE("sriov, interrupts injected, no APIC virtualization: two exits per interrupt", "[F4]") {
  CHECK(exits_of(Isolated("sriov", "receive", injected + no_apicv)) == "eoi 32, external_interrupt 32");
}
TEST_CASE("sriov, interrupts injected, transmit: exits follow the driver's write-backs, one in 32 packets", "[F4]") {
  CHECK(exits_of(Isolated("sriov", "transmit", injected + no_apicv)) == "eoi 1, external_interrupt 1");
}
TEST_CASE("native never leaves a guest, it has none") {
  MachineBench m(short_run + Settings{{"vm0.path", "native"}, {"workload.direction", "bidirectional"}});
  CHECK(m.measure()["interrupts_per_packet"] > 0);
  CHECK(exits_of(m).empty());
}
