// SPDX-License-Identifier: Apache-2.0
/// Interrupts of assigned functions through a whole machine: three ways of delivery, three states of the vCPU.
#include "tests/contract/platforms/machine_bench.h"
using namespace iov;
using namespace iov::platform;

namespace {
Settings one_at_a_time(const std::string& interrupts) {
  return isolated("receive", 20) + Settings{{"vm0.assigned_interrupts", interrupts}, {"vm0.driver.throttle", "0 ns"}};
}
const Settings running{{"vm0.vcpu.computes", true}}, halted{{"vm0.vcpu.halt_exits", true}};
const Settings preempted{{"vm0.vcpu.computes", true},
                         {"vm1", {{"kind", "vm"}, {"path", "sriov"}, {"vcpu_core", 2}, {"vcpu", {{"computes", true}}}}},
                         {"workload.measure.warm_up", "10 ms"},  // both have booted, in turns
                         {"workload.measure.duration", "20 ms"},
                         {"workload.measure.drain_limit", "50 ms"}};

struct Delivered : MachineBench {
  explicit Delivered(const Settings& settings) : MachineBench(settings) {
    measure();
    CHECK(result.summary["dropped_packets"] == 0);
  }
  double metric(const char* name) { return result.summary.at(name).get<double>(); }
  std::uint64_t handled() { return interrupts->handled.value(); }
  /// What was raised before the window and handled in it, at most one of each vCPU, is on one side only.
  bool all_accounted() { return accounted() >= interrupts->raised.value() && accounted() <= interrupts->raised.value() + vms.size(); }
  std::uint64_t accounted() { return interrupts->handled.value() + interrupts->merged.value(); }
};
}  // namespace

TEST_CASE("a running vCPU takes posted interrupts without an exit", "[F5]") {
  Delivered m(one_at_a_time("posted") + running);
  CHECK(exits_of(m) == "");
  CHECK(m.accounted() == 20);
  CHECK(m.interrupts->raised.value() == 20);
}

TEST_CASE("a running vCPU leaves its guest once for each interrupt that the host injects", "[F4]") {
  Delivered m(one_at_a_time("vmm_inject") + running);
  CHECK(exits_of(m) == "external_interrupt 20");
  CHECK(m.accounted() == 20);
}

TEST_CASE("a halted vCPU is woken by the wake-up vector for each posted interrupt", "[F5]") {
  Delivered m(one_at_a_time("posted") + halted);
  CHECK(exits_of(m) == "halt 20");
  CHECK(m.counter("posted_interrupts.wakeups") == 20);
  CHECK(m.handled() == 20);
}

TEST_CASE("a halted vCPU is woken by the host's handler for each injected interrupt", "[F4]") {
  Delivered m(one_at_a_time("vmm_inject") + halted);
  CHECK(exits_of(m) == "halt 20");
  CHECK(m.counter("posted_interrupts.wakeups") == 0);
  CHECK(m.handled() == 20);
}

TEST_CASE("a posted interrupt is faster than an injected one while the vCPU runs", "[F5][F6]") {
  const double posted = Delivered(one_at_a_time("posted") + running).metric("interrupt_latency_p50_ns");
  // exit and entry, gate and return of the host, its handler: all of them left out
  const host::WorldSwitchCosts world;
  CHECK(posted < 1500);
  CHECK(posted > to_ns(world.guest_interrupt + world.posted_delivery));
}

TEST_CASE("of two vCPUs that share a core, the one that is out takes its posted interrupts at its turn", "[F5]") {
  Delivered m(one_at_a_time("posted") + preempted);
  CHECK(m.all_accounted());
  CHECK(m.metric("interrupt_latency_max_ns") > 500'000);  // a neighbour's time slice is a millisecond
  CHECK(m.counter("posted_interrupts.wakeups") == 0);
  CHECK(m.exits(host::ExitCause::external_interrupt) == 0);
}

TEST_CASE("of two vCPUs that share a core, the one that is out takes its injected interrupts at its turn", "[F4]") {
  Delivered m(one_at_a_time("vmm_inject") + preempted);
  CHECK(m.all_accounted());
  CHECK(m.exits(host::ExitCause::external_interrupt) > 0);
}

TEST_CASE("a polling guest takes no interrupt and leaves its guest for nothing", "[F6]") {
  Delivered m(one_at_a_time("none"));
  CHECK(exits_of(m) == "");
  CHECK(m.interrupts->raised.value() == 0);
  CHECK(m.counter("nic0.interrupt_messages") == 0);
  CHECK(m.metric("interrupts_per_packet") == 0);
  CHECK(m.result.summary["interrupt_latency_p50_ns"].is_null());
  CHECK(m.metric("host_cpu_utilization") == 0);
}

TEST_CASE("a polling guest that shares its core still gets all its packets", "[F6]") {
  Delivered m(one_at_a_time("none") + preempted);
  CHECK(m.counter("vm0.driver.interrupts") == 0);
}

TEST_CASE("a polling guest sends as well, its loop takes turns with the application") {
  Delivered m(isolated("transmit", 20) + Settings{{"vm0.assigned_interrupts", "none"}});
  CHECK(m.metric("packet_rate_mpps") > 0.0045);
}

TEST_CASE("posted and remapped interrupts reach processors that only x2APIC can name", "[F3]") {
  const Settings far{{"host.cores", 301}, {"vm0.vcpu_core", 300}, {"vm0.interrupt_core", 299}};
  Delivered m(one_at_a_time("posted") + running + far);
  CHECK(m.handled() == 20);
  CHECK((m.iommu->read_register(vtd::reg_interrupt_table, 8) & vtd::irta_x2apic) != 0);
}

TEST_CASE("remapped interrupts reach processors that only x2APIC can name", "[F3]") {
  const Settings far{{"host.cores", 301}, {"vm0.vcpu_core", 300}, {"vm0.interrupt_core", 299}};
  Delivered m(one_at_a_time("vmm_inject") + running + far);
  CHECK(m.handled() == 20);
  CHECK(m.processors->core(299).interrupts() > 0);
}

TEST_CASE("moderation trades interrupts for latency", "[F6][F7]") {
  const Settings flood{{"workload.direction", "receive"}, {"workload.arrivals", "constant"}, {"workload.packet_rate", 200000}};
  Delivered m(flood + Settings{{"vm0.driver.throttle", "100 us"}});
  CHECK(m.metric("interrupt_rate_kps") <= 10.5);
  CHECK(m.metric("interrupts_per_packet") < 0.06);  // one handler run for twenty packets
  CHECK(m.metric("latency_p50_ns") > 40'000);
}
