// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/software/vcpu_bench.h"
using namespace iov;
using namespace iov::host;
using namespace iov::software;

namespace {
struct One : VcpuBench {
  explicit One(const Vcpu::Params& params) : guest("vcpu", core, params, costs, posting, ledger) {}
  Guest guest;
};
}  // namespace

TEST_CASE("without APIC virtualization an injected interrupt costs a kick, an exit, and an EOI exit", "[F4]") {
  One vm(computes_without_apicv);
  vm.guest.vcpu.start();
  vm.run(10_us);
  vm.guest.vcpu.inject(vm.guest.vector, {});
  vm.run(40_us);
  // IPI 1.0; exit 0.6, irq entry 0.3, irq exit 0.2; VM entry 0.4; guest gate 0.25
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{12'750'000});
  CHECK(vm.core.exits(ExitCause::external_interrupt) == 1);
  CHECK(vm.core.exits(ExitCause::eoi) == 1);
}

TEST_CASE("with APIC virtualization the same injection is a notification, without an exit", "[F5]") {
  One vm(computes);
  vm.guest.vcpu.start();
  vm.run(10_us);
  vm.guest.vcpu.inject(vm.guest.vector, {});
  CHECK(vm.guest.vcpu.posted_outstanding());
  vm.run(11_us - 1_ps);
  CHECK(vm.guest.vcpu.posted_outstanding());
  vm.run(40_us);
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{11'350'000});  // IPI 1.0, delivery 0.1, gate 0.25
  CHECK(vm.exits() == 0);
}

TEST_CASE("a posted descriptor is emptied by the notification, without an exit", "[F5][A17]") {
  One vm(computes);
  vm.guest.vcpu.start();
  vm.run(10_us);
  vm.post(vm.guest);
  vm.run(40_us);
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{10'350'000});
  const auto descriptor = vm.guest.descriptor(vm.port);
  CHECK((descriptor.control & vtd::posted_outstanding) == 0);
  CHECK(descriptor.requests[vm.guest.vector / 64] == 0);
  CHECK(vm.exits() == 0);
  CHECK(vm.ledger.latency.min_ns() == 350);
}

TEST_CASE("an interrupt posted while the vCPU handles an exit is taken at the next entry", "[F5]") {
  One vm(computes);
  auto leaves = [](Strand& strand) -> Task {
    co_await strand.spend(Context::guest, Work::application, 5_us);
    co_await strand.vm_exit(ExitCause::mmio_write);
    co_await strand.spend(Context::host_kernel, Work::emulation, 4_us);
    co_await strand.resume_guest();
  };
  Task task = leaves(vm.guest.vcpu.application());
  task.start();
  vm.run(7_us);  // entered at 0.4, left at 5.4, out at 6.0
  vm.post(vm.guest);
  CHECK(vm.notifications == 1);
  vm.run(100_us);
  // the notification finds no guest: entry 0.3, nothing, end 0.2; the rest of the 4 us; VM entry 0.4, delivery 0.35
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{11'250'000});
  CHECK(vm.exits() == 2);  // the access, and HLT when all is done
}

// --- halted ---------------------------------------------------------------------------------------------------

TEST_CASE("a vCPU that halts has the wake-up vector in its descriptor, and wakes by it", "[F5]") {
  One vm(halts);
  auto once = [](Strand& strand) -> Task { co_await strand.spend(Context::guest, Work::application, 1_us); };
  Task task = once(vm.guest.vcpu.application());
  task.start();
  vm.run(1_us);
  CHECK(VcpuBench::vector_of(vm.guest.descriptor(vm.port)) == PostedInterrupts::notification_vector);
  vm.run(10_us);
  CHECK(vm.core.exits(ExitCause::halt) == 1);
  CHECK(vm.guest.descriptor(vm.port).control == vtd::posted_control(PostedInterrupts::wakeup_vector, 0, true));
  vm.post(vm.guest);
  vm.run(10_us + 1_us);
  CHECK(vm.guest.vcpu.posted_outstanding());
  vm.run(40_us);
  // host: entry 0.3, wakes the thread 0.7, end 0.2; VM entry 0.4; delivery 0.1, gate 0.25
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{11'950'000});
  CHECK(vm.core.exits(ExitCause::halt) == 2);
  CHECK(vm.core.exits(ExitCause::external_interrupt) == 0);
}

TEST_CASE("a notification under way when the vCPU halts still wakes it", "[F5]") {
  One vm(halts);
  auto once = [](Strand& strand) -> Task { co_await strand.spend(Context::guest, Work::application, 1_us); };
  Task task = once(vm.guest.vcpu.application());
  task.start();
  vm.run(1_us);
  vm.guest.vcpu.inject(vm.guest.vector, {});  // its IPI arrives at 2 us, HLT is at 1.4
  vm.run(1900_ns);
  CHECK(vm.core.exits(ExitCause::halt) == 1);
  vm.run(40_us);
  // the vCPU's own wake-up interrupt when the exit is over at 2.0: entry 0.3, wake 0.7, end 0.2;
  // then the notification, which finds no guest: 0.5; VM entry 0.4; 0.35
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{4'450'000});
}

TEST_CASE("software that injects into a halted vCPU wakes its thread, nobody is interrupted", "[F4]") {
  One vm(halts);
  vm.run(10_us);
  vm.guest.vcpu.inject(vm.guest.vector, {});
  vm.run(40_us);
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{10'750'000});  // VM entry 0.4, delivery 0.1, gate 0.25
  CHECK(vm.core.interrupts() == 0);
}

TEST_CASE("a vCPU that idles inside its guest takes a notification there", "[F5]") {
  One vm(idles);
  auto once = [](Strand& strand) -> Task { co_await strand.spend(Context::guest, Work::application, 1_us); };
  Task task = once(vm.guest.vcpu.application());
  task.start();
  vm.run(10_us);
  vm.post(vm.guest);
  vm.run(40_us);
  REQUIRE(vm.guest.handled == std::vector<std::uint64_t>{10'350'000});
  CHECK(vm.exits() == 0);
}
