// SPDX-License-Identifier: Apache-2.0
/// Two vCPUs on one core: one of them is always out of it.
#include "models/core/random.h"
#include "tests/timed/software/vcpu_bench.h"
using namespace iov;
using namespace iov::host;
using namespace iov::software;

namespace {
struct Two : VcpuBench {
  Two(const Vcpu::Params& a, const Vcpu::Params& b)
      : first("first", core, a, costs, posting, ledger), second("second", core, b, costs, posting, ledger) {
    first.vcpu.start();
    second.vcpu.start();
  }
  std::uint64_t control(const Guest& guest) { return guest.descriptor(port).control; }
  Guest first, second;
};
constexpr std::uint64_t on_core_0 = 0xf2 << 16;  // NV, NDST 0
}  // namespace

TEST_CASE("a preempted vCPU has SN set: its interrupts wait for its turn and interrupt nobody", "[F5]") {
  Two vm(computes, computes);
  // first enters at 0.4 and may run 100 us ahead; switch: exit 0.6, context 0.5, entry 0.4; second until it is 100 us ahead
  vm.run(50_us);
  CHECK(vm.control(vm.first) == on_core_0);
  vm.run(100'400_ns + 1_ps);
  CHECK(vm.control(vm.first) == (on_core_0 | vtd::posted_suppress));
  CHECK(vm.control(vm.second) == on_core_0);
  vm.run(150_us);
  vm.post(vm.first);
  vm.post(vm.first);  // merges with the one before
  CHECK(vm.notifications == 0);
  CHECK(vm.control(vm.first) == (on_core_0 | vtd::posted_suppress));
  CHECK(vm.core.interrupts() == 0);
  vm.run(301'900_ns);
  CHECK(vm.first.handled.empty());
  vm.run(400_us);
  // second began at 101.9 and leaves at 301.9; exit 0.6, switch 0.5, entry 0.4; delivery 0.1, gate 0.25
  REQUIRE(vm.first.handled == std::vector<std::uint64_t>{303'750'000});
  CHECK(vm.ledger.handled.value() == 1);
  CHECK(vm.ledger.merged.value() == 1);
  CHECK(vm.ledger.latency.max_ns() == 153'750);
  CHECK(vm.core.exits(ExitCause::preempted) == 2);
}

TEST_CASE("an urgent interrupt notifies in spite of SN, and still waits for its vCPU", "[F5]") {
  Two vm(computes, computes);
  vm.run(150_us);
  vm.post(vm.first, true);
  CHECK(vm.notifications == 1);
  vm.run(160_us);
  // the notification reached the other vCPU in guest mode, whose own descriptor is empty (SDM 29.6)
  CHECK(vm.exits() == 1);
  CHECK(vm.second.handled.empty());
  CHECK(vm.first.vcpu.posted_outstanding());
  vm.run(400_us);
  REQUIRE(vm.first.handled == std::vector<std::uint64_t>{303'750'000});
}

TEST_CASE("what software injects into a preempted vCPU waits in its descriptor", "[F4]") {
  Two vm(computes, computes);
  vm.run(150_us);
  vm.first.vcpu.inject(vm.first.vector, {});
  CHECK(vm.first.vcpu.posted_outstanding());
  vm.run(400_us);
  REQUIRE(vm.first.handled == std::vector<std::uint64_t>{303'750'000});
  CHECK(vm.core.interrupts() == 0);
}

TEST_CASE("without APIC virtualization what is injected into a preempted vCPU waits for its entry", "[F4]") {
  Two vm(computes_without_apicv, computes);
  vm.run(150_us);
  vm.first.vcpu.inject(vm.first.vector, {});
  vm.run(400_us);
  REQUIRE(vm.first.handled == std::vector<std::uint64_t>{303'650'000});  // no posted delivery
  CHECK(vm.core.exits(ExitCause::eoi) == 1);
}

TEST_CASE("a halted vCPU takes the core from a neighbour that computes, by the wake-up vector", "[F5]") {
  Two vm(halts, computes);
  vm.run(500_us);
  CHECK(vm.control(vm.first) == vtd::posted_control(PostedInterrupts::wakeup_vector, 0, true));
  vm.post(vm.first);
  vm.run(600_us);
  // exit of the neighbour 0.6; entry 0.3, wake 0.7, end 0.2; context switch 0.5, VM entry 0.4; 0.35
  REQUIRE(vm.first.handled == std::vector<std::uint64_t>{503'050'000});
  CHECK(vm.core.exits(ExitCause::external_interrupt) == 1);
  CHECK(vm.core.exits(ExitCause::halt) == 1);
  CHECK(vm.control(vm.second) == on_core_0);
}

TEST_CASE("an idle vCPU that gave its core away inside its guest is woken like a halted one", "[F5]") {
  Two vm(idles, computes);
  auto once = [](Strand& strand) -> Task { co_await strand.spend(Context::guest, Work::application, 1_us); };
  Task task = once(vm.first.vcpu.application());
  task.start();
  vm.run(500_us);
  CHECK(vm.control(vm.first) == vtd::posted_control(PostedInterrupts::wakeup_vector, 0, true));
  vm.post(vm.first);
  vm.run(600_us);
  REQUIRE(vm.first.handled == std::vector<std::uint64_t>{503'050'000});
}

TEST_CASE("only those of a core's sleeping vCPUs wake that have something outstanding", "[F5]") {
  Two vm(halts, halts);
  vm.run(10_us);
  vm.post(vm.second);
  vm.run(40_us);
  REQUIRE(vm.second.handled == std::vector<std::uint64_t>{11'950'000});
  CHECK(vm.first.handled.empty());
}

namespace {
/// Interrupts at times of no pattern, whatever both vCPUs do.
void storm(Two& vm, std::uint64_t seed) {
  Random random(seed, "storm");
  Time now;
  for (int i = 0; i < 20000; ++i) {
    now += Time(static_cast<double>(random.below(20'000)), sc_core::SC_NS);
    vm.run(now);
    Guest& guest = random.below(2) ? vm.first : vm.second;
    if (random.below(4) == 0)
      guest.vcpu.raise(guest.vector), guest.vcpu.inject(guest.vector, {});
    else
      vm.post(guest, random.below(8) == 0);
  }
  vm.first.vcpu.stop(), vm.second.vcpu.stop();
  vm.run(now + Time(5, sc_core::SC_MS));
  audit(Invariant::at_rest, vm.timeline.now());
  CHECK(vm.ledger.raised.value() == 20000);
  CHECK(vm.ledger.handled.value() + vm.ledger.merged.value() == 20000);
  CHECK(vm.ledger.handled.value() == vm.first.handled.size() + vm.second.handled.size());
  CHECK(vm.ledger.merged.value() > 0);
}
}  // namespace

TEST_CASE("no interrupt is lost between two vCPUs that preempt each other", "[F5]") {
  Two vm(computes, computes);
  storm(vm, 1);
}
TEST_CASE("no interrupt is lost between two vCPUs that halt", "[F5]") {
  Two vm(halts, halts);
  storm(vm, 2);
}
TEST_CASE("no interrupt is lost between a vCPU that halts and one that computes", "[F5]") {
  Two vm(halts, computes);
  storm(vm, 3);
}
TEST_CASE("no interrupt is lost between two vCPUs that idle inside their guests", "[F5]") {
  Two vm(idles, idles);
  storm(vm, 4);
}
TEST_CASE("no interrupt is lost between vCPUs of which one has no APIC virtualization", "[F4][F5]") {
  Two vm(computes_without_apicv, halts);
  storm(vm, 5);
}

TEST_CASE("the invariant notices a posted interrupt that nobody was told of") {
  Two vm(computes, halts);
  vm.run(10_us);
  auto d = vm.first.descriptor(vm.port);
  d.requests[1] = 1;
  vm.port.poke_value(vm.first.vcpu.descriptor(), d);
  CHECK_THROWS_WITH(audit(Invariant::always, vm.timeline.now()),
                    Catch::Contains("posted_interrupts_noticed") && Catch::Contains("nobody was told"));
}

TEST_CASE("the invariant notices a descriptor that names another processor") {
  Two vm(computes, halts);
  vm.run(10_us);
  auto d = vm.first.descriptor(vm.port);
  d.control |= std::uint64_t{1} << 32;
  vm.port.poke_value(vm.first.vcpu.descriptor(), d);
  CHECK_THROWS_WITH(audit(Invariant::always, vm.timeline.now()), Catch::Contains("notifications go elsewhere"));
}

TEST_CASE("the ledger notices an interrupt that never reaches its handler") {
  Two vm(halts, halts);
  vm.run(10_us);
  vm.first.line.raise(vm.timeline.now());
  CHECK_NOTHROW(audit(Invariant::always, vm.timeline.now()));
  CHECK_THROWS_WITH(audit(Invariant::at_rest, vm.timeline.now()), Catch::Contains("none_left") && Catch::Contains("1 waiting"));
}
