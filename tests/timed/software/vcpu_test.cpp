// SPDX-License-Identifier: Apache-2.0
#include "models/software/vcpu.h"

#include <catch2/catch.hpp>

#include "models/host/memory.h"
#include "models/host/processors.h"
using namespace iov;
using namespace iov::host;
using namespace iov::software;

namespace {
Processors::Params round_costs() {
  Processors::Params p;
  p.cores = 2;
  p.core.world = {.vm_exit = 600_ns, .vm_entry = 400_ns, .exit_to_user = 900_ns, .user_to_entry = 700_ns,
                  .syscall_entry = 30_ns, .syscall_exit = 20_ns, .context_switch = 500_ns, .interrupt_entry = 300_ns,
                  .interrupt_exit = 200_ns, .guest_interrupt = 250_ns, .inter_processor_interrupt = 1_us,
                  .idle_exit = 0_ns, .posted_delivery = 100_ns};
  return p;
}
struct Vm {
  Timeline timeline{"timeline"};
  Memory memory{"memory", timeline, {}};
  MemoryPort port{"port", timeline};
  bool bound = (port.socket.bind(memory.socket), true);
  Processors processors{"cpu", timeline, round_costs()};
  SoftwareCosts costs;
  Vcpu vcpu;
  Core& core = processors.core(0);
  std::vector<std::uint64_t> handled;  ///< ps
  Task busy;
  explicit Vm(const Vcpu::Params& params) : vcpu("vcpu", processors.core(0), params, costs) {
    costs.eoi_emulation = 150_ns;
  }
  Task handle(Strand&) {
    handled.push_back(to_ps(timeline.now()));
    co_return;
  }
  Task compute() {
    for (;;) co_await vcpu.application().spend(Context::guest, Work::application, 50_us);
  }
  void run_guest(Time until) {
    busy = compute();
    busy.start();
    timeline.run(until);
  }
};
}  // namespace

TEST_CASE("without APIC virtualization an injected interrupt costs a kick, an exit, and an EOI exit", "[F4]") {
  Vm vm({.apic_virtualization = false, .halt_exits = false});
  const auto vector = vm.vcpu.allocate_vector(bind<&Vm::handle>(&vm));
  vm.run_guest(10_us);
  vm.vcpu.inject(vector, {});
  vm.timeline.run(40_us);
  // IPI 1.0; exit 0.6, irq entry 0.3, irq exit 0.2; VM entry 0.4; guest gate 0.25
  REQUIRE(vm.handled == std::vector<std::uint64_t>{12'750'000});
  CHECK(vm.core.exits(ExitCause::external_interrupt) == 1);
  CHECK(vm.core.exits(ExitCause::eoi) == 1);
}

TEST_CASE("with APIC virtualization the same injection costs no exit", "[F5]") {
  Vm vm({.apic_virtualization = true, .halt_exits = false});
  const auto vector = vm.vcpu.allocate_vector(bind<&Vm::handle>(&vm));
  vm.run_guest(10_us);
  vm.vcpu.inject(vector, {});
  vm.timeline.run(40_us);
  REQUIRE(vm.handled == std::vector<std::uint64_t>{10'350'000});
  for (std::size_t c = 0; c < exit_causes; ++c) CHECK(vm.core.exits(static_cast<ExitCause>(c)) == 0);
}

TEST_CASE("a posted descriptor is emptied by the notification, without an exit", "[F5][A17]") {
  Vm vm({.apic_virtualization = true, .halt_exits = false});
  const auto vector = vm.vcpu.allocate_vector(bind<&Vm::handle>(&vm));
  const Hpa at(0x40000);
  vm.vcpu.use_posted_descriptor(vm.port, at, 0x77);
  vm.run_guest(10_us);
  auto descriptor = vm.port.peek<vtd::PostedDescriptor>(at);
  descriptor.requests[vector / 64] |= std::uint64_t{1} << vector % 64;
  descriptor.control |= vtd::posted_outstanding;
  vm.port.poke_value(at, descriptor);
  vm.core.interrupt({.destination = 0, .vector = 0x77, .notification = true, .journey = {}});
  vm.timeline.run(40_us);
  REQUIRE(vm.handled == std::vector<std::uint64_t>{10'350'000});
  descriptor = vm.port.peek<vtd::PostedDescriptor>(at);
  CHECK((descriptor.control & vtd::posted_outstanding) == 0);
  CHECK(descriptor.requests[vector / 64] == 0);
  for (std::size_t c = 0; c < exit_causes; ++c) CHECK(vm.core.exits(static_cast<ExitCause>(c)) == 0);
}

TEST_CASE("an interrupt posted while the vCPU is out of the guest is taken at the next entry", "[F5]") {
  Vm vm({.apic_virtualization = true, .halt_exits = false});
  const auto vector = vm.vcpu.allocate_vector(bind<&Vm::handle>(&vm));
  const Hpa at(0x40000);
  vm.vcpu.use_posted_descriptor(vm.port, at, 0x77);
  auto descriptor = vm.port.peek<vtd::PostedDescriptor>(at);
  descriptor.requests[vector / 64] |= std::uint64_t{1} << vector % 64;
  descriptor.control |= vtd::posted_outstanding;
  vm.port.poke_value(at, descriptor);
  vm.run_guest(40_us);
  REQUIRE(vm.handled.size() == 1);
  CHECK(vm.handled[0] == 750'000);  // entry 0.4, gate and delivery 0.35
}
