// SPDX-License-Identifier: Apache-2.0
/// vCPUs on two cores with round costs, their descriptors in real memory, and a device that posts interrupts into them.
#pragma once
#include <catch2/catch.hpp>

#include "models/host/memory.h"
#include "models/host/processors.h"
#include "models/software/vcpu.h"

namespace iov::software {

inline host::Processors::Params round_costs() {
  host::Processors::Params p;
  p.cores = 2;
  p.core.time_slice = 100_us;
  p.core.world = {.vm_exit = 600_ns, .vm_entry = 400_ns, .exit_to_user = 900_ns, .user_to_entry = 700_ns,
                  .syscall_entry = 30_ns, .syscall_exit = 20_ns, .context_switch = 500_ns, .interrupt_entry = 300_ns,
                  .interrupt_exit = 200_ns, .guest_interrupt = 250_ns, .inter_processor_interrupt = 1_us,
                  .idle_exit = 0_ns, .posted_delivery = 100_ns};
  return p;
}

/// A vCPU with one handler that notes when it runs.
struct Guest {
  Guest(const char* name, host::Core& core, const Vcpu::Params& params, const SoftwareCosts& costs, PostedInterrupts& posting,
        InterruptLedger& ledger)
      : vcpu(name, core, params, costs, posting), line(ledger.open()), vector(vcpu.allocate_vector(bind<&Guest::handle>(this), &line)) {}
  Task handle(host::Strand&) {
    handled.push_back(to_ps(vcpu.core().timeline().now()));
    co_return;
  }
  vtd::PostedDescriptor descriptor(MemoryPort& memory) const { return memory.peek<vtd::PostedDescriptor>(vcpu.descriptor()); }
  Vcpu vcpu;
  InterruptLine& line;
  const std::uint8_t vector;
  std::vector<std::uint64_t> handled;  ///< ps
};

struct VcpuBench {
  Timeline timeline{"timeline"};
  host::Memory memory{"memory", timeline, {}};
  MemoryPort port{"port", timeline};
  bool bound = (port.socket.bind(memory.socket), true);
  MemoryView host_memory{port, Hpa(0x40000), 0x10000, 0};
  host::Processors processors{"cpu", timeline, round_costs()};
  host::Core& core = processors.core(0);
  SoftwareCosts costs = round_software();
  InterruptLedger ledger{"interrupts", timeline};
  PostedInterrupts posting{"posting", processors, host_memory, costs, true};

  static SoftwareCosts round_software() {
    SoftwareCosts c;
    c.eoi_emulation = 150_ns;
    c.thread_wakeup = 700_ns;
    return c;
  }
  void run(const Time& until) {
    timeline.run(until);
    core.settle();
    audit(Invariant::always, timeline.now());
  }
  /// What an IOMMU does with an interrupt for this vector (VT-d 5.2.3), its notification at once.
  void post(Guest& guest, bool urgent = false) {
    guest.line.raise(timeline.now());
    auto d = guest.descriptor(port);
    d.requests[guest.vector / 64] |= std::uint64_t{1} << guest.vector % 64;
    guest.line.arrive(InterruptStage::posted);
    const bool notify = !(d.control & vtd::posted_outstanding) && (urgent || !(d.control & vtd::posted_suppress));
    if (notify) d.control |= vtd::posted_outstanding;
    port.poke_value(guest.vcpu.descriptor(), d);
    notifications += notify;
    if (notify) processors.posted(guest.vcpu.descriptor());
    if (notify) processors.core(d.control >> 32).interrupt({.destination = 0, .vector = vector_of(d), .notification = true});
  }
  static std::uint8_t vector_of(const vtd::PostedDescriptor& d) { return static_cast<std::uint8_t>(d.control >> 16); }
  std::uint64_t exits() const {
    std::uint64_t sum = 0;
    for (std::size_t c = 0; c < host::exit_causes; ++c) sum += core.exits(static_cast<host::ExitCause>(c));
    return sum;
  }
  unsigned notifications = 0;
};

inline const Vcpu::Params idles{.apic_virtualization = true, .halt_exits = false, .computes = false};
inline const Vcpu::Params halts{.apic_virtualization = true, .halt_exits = true, .computes = false};
inline const Vcpu::Params computes{.apic_virtualization = true, .halt_exits = true, .computes = true};
inline const Vcpu::Params computes_without_apicv{.apic_virtualization = false, .halt_exits = true, .computes = true};

}  // namespace iov::software
