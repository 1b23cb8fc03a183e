// SPDX-License-Identifier: Apache-2.0
/// Vcpu -- a virtual processor: a thread of the host whose strands are the guest's application, softirq and interrupt
/// handler, with its virtual interrupt controller.
///
/// Spec    Intel SDM vol. 3 29 (APIC virtualization, posted-interrupt processing 29.6); Linux KVM's order of
///         kick, sync of the posted descriptor and injection.
/// Models  injection by exit and entry (kick of a running vCPU), EOI exits; with APIC virtualization neither;
///         posted-interrupt descriptors in memory, notification in guest mode, synchronisation at entry.
#pragma once
#include <array>
#include <deque>

#include "models/core/stat.h"
#include "models/core/task.h"
#include "models/host/core.h"
#include "models/protocol/memory_port.h"
#include "models/protocol/vtd.h"
#include "models/software/costs.h"

namespace iov::software {

class Vcpu : public sc_core::sc_module, public host::Thread {
 public:
  struct Params {
    bool apic_virtualization = true;
    bool halt_exits = false;
    template <class V>
    void describe(V& v) {
      v.flag("apic_virtualization", apic_virtualization,
             "virtual interrupts and their EOI without exits (APICv); off for processors before 2013", "Intel SDM vol. 3 29");
      v.flag("halt_exits", halt_exits, "HLT leaves the guest; off: the pinned vCPU idles inside it (cpu-pm=on)", no_source);
    }
  };
  using Handler = Delegate<Task(host::Strand&)>;

  Vcpu(const sc_core::sc_module_name& name, host::Core& core, const Params& params, const SoftwareCosts& costs);

  host::Strand& application() { return application_; }
  host::Strand& softirq() { return softirq_; }
  /// Registers a guest interrupt handler; runs on the vCPU's interrupt strand, context guest.
  std::uint8_t allocate_vector(Handler handler);
  /// Host software makes a virtual interrupt pending (the caller has paid SoftwareCosts::interrupt_injection).
  void inject(std::uint8_t vector, JourneyRef journey);
  /// Interrupts of assigned devices arrive through the posted-interrupt descriptor at `descriptor`.
  /// @param notification  host vector that the descriptor's NV field names
  void use_posted_descriptor(MemoryPort& memory, Hpa descriptor, std::uint8_t notification);
  void posted_notification() override { take_posted(); }
  Time entering_guest() override;
  /// The notification came while the vCPU was not in guest mode: the host's handler calls this.
  void wake_for_posted() { take_posted(); }
  std::uint64_t injections() const { return injections_.value(); }
  std::uint64_t posted() const { return posted_.value(); }
  std::uint64_t interrupts() const { return taken_.value(); }

 private:
  struct Pending {
    std::uint8_t vector;
    bool posted;
    JourneyRef journey;
  };
  Task interrupt_loop();
  void make_pending(std::uint8_t vector, bool posted, JourneyRef journey);
  void kicked();
  void take_posted();

  const Params params_;
  const SoftwareCosts& costs_;
  host::Strand application_{core(), host::Level::thread_low, this, host::Context::guest};
  host::Strand softirq_{core(), host::Level::thread_middle, this, host::Context::guest};
  host::Strand interrupt_{core(), host::Level::thread_high, this, host::Context::guest};
  std::array<Handler, 256> handlers_{};
  std::array<bool, 256> requested_{};
  std::uint8_t next_vector_ = 0x30;
  std::deque<Pending> pending_, waiting_for_kick_;
  MemoryPort* memory_ = nullptr;
  Hpa descriptor_;
  Counter injections_{"injections", "1", "virtual interrupts injected by host software"};
  Counter posted_{"posted", "1", "virtual interrupts taken from the posted-interrupt descriptor"};
  Counter taken_{"interrupts", "1", "interrupts the guest handled"};
  Task interrupt_task_;
};

}  // namespace iov::software
