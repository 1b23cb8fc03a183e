// SPDX-License-Identifier: Apache-2.0
/// Vcpu -- a virtual processor: a thread of the host whose strands are the guest's application, softirq and interrupt
/// handler, with its virtual interrupt controller and its posted-interrupt descriptor.
///
/// Spec    Intel SDM vol. 3 29 (APIC virtualization, posted-interrupt processing 29.6); VT-d 4.1 9.12 (descriptor);
///         Linux KVM: arch/x86/kvm/vmx/posted_intr.c, vmx.c (order of kick, sync of the descriptor and injection).
/// Models  without APIC virtualization: injection by kick, exit and entry, EOI exits. With it, injection through the
///         posted-interrupt descriptor, as devices use it: bits and ON as real bytes, a notification to a vCPU in guest
///         mode, synchronisation at entry. SN while preempted, wake-up vector while asleep, NDST of the core it runs on.
/// Omits   priorities among virtual vectors, halt polling, moves between cores.
#pragma once
#include <boost/container/small_vector.hpp>
#include <vector>

#include "models/core/stat.h"
#include "models/core/task.h"
#include "models/host/core.h"
#include "models/protocol/interrupt_ledger.h"
#include "models/protocol/vtd.h"
#include "models/software/costs.h"
#include "models/software/posted_interrupts.h"

namespace iov::software {

class Vcpu : public sc_core::sc_module, public host::Thread {
 public:
  struct Params {
    bool apic_virtualization = true;
    bool halt_exits = false, computes = false;
    template <class V>
    void describe(V& v) {
      v.flag("apic_virtualization", apic_virtualization,
             "virtual interrupts and their EOI without exits (APICv); off for processors before 2013", "Intel SDM vol. 3 29");
      v.flag("halt_exits", halt_exits, "HLT leaves the guest; off: the pinned vCPU idles inside it (cpu-pm=on)", no_source);
      v.flag("computes", computes, "a process of the guest computes whenever nothing else is to do: the vCPU never idles", no_source);
    }
  };
  using Handler = Delegate<Task(host::Strand&)>;

  Vcpu(const sc_core::sc_module_name& name, host::Core& core, const Params& params, const SoftwareCosts& costs,
       PostedInterrupts& posting);

  void start();                       ///< the computing process, if there is one
  void stop() { stopped_ = true; }    ///< and its end

  host::Strand& application() { return application_; }
  host::Strand& softirq() { return softirq_; }
  /// Registers a guest interrupt handler; runs on the vCPU's interrupt strand, context guest.
  /// @param line  follows the interrupts of this vector, if anybody does
  std::uint8_t allocate_vector(Handler handler, InterruptLine* line = nullptr);
  /// Host software has decided on a virtual interrupt: what follows until the guest's handler runs is its latency.
  void raise(std::uint8_t vector);
  /// What whoever injects pays first: a thread that sleeps has to be woken.
  Time injection_cost() const {
    return whereabouts_ == Whereabouts::asleep ? costs_.interrupt_injection + costs_.thread_wakeup : costs_.interrupt_injection;
  }
  /// Host software makes a virtual interrupt pending (the caller has paid injection_cost()).
  void inject(std::uint8_t vector, JourneyRef journey);
  /// Where devices post interrupts for this vCPU.
  Hpa descriptor() const { return descriptor_; }
  bool posted_outstanding() const { return read_descriptor().control & vtd::posted_outstanding; }
  /// Its thread gets to run, and looks for interrupts when it enters its guest.
  void wake() { interrupt_.wake(); }
  std::uint64_t injections() const { return injections_.value(); }
  std::uint64_t posted() const { return posted_.value(); }
  std::uint64_t interrupts() const { return taken_.value(); }

  void posted_notification() override { take_posted(); }
  Time entering_guest() override;
  void scheduled_in() override;
  void preempted() override;
  void blocked() override;
  void add_to(WorkingSet& set) const;
  void prefetch() const override;

 private:
  enum class Whereabouts : std::uint8_t { asleep, core, preempted };
  struct Vector {
    Handler handler;
    InterruptLine* line = nullptr;
    bool requested = false;  ///< virtual IRR
    JourneyRef journey;      ///< of what is requested
  };
  struct Pending {
    std::uint8_t vector;
    bool exits_at_end;  ///< its EOI
  };
  static constexpr std::uint8_t first_vector = 0x30;
  Vector* find(std::uint8_t vector);
  Task interrupt_loop();
  Task compute();
  void make_pending(std::uint8_t vector, bool exits_at_end);
  void kicked();
  void post(std::uint8_t vector);
  void take_posted();
  vtd::PostedDescriptor read_descriptor() const { return posting_.memory().peek<vtd::PostedDescriptor>(descriptor_); }
  void write_descriptor(const vtd::PostedDescriptor& d) { posting_.memory().poke_value(descriptor_, d); }
  std::string descriptor_finding() const;

  const Params params_;
  const SoftwareCosts& costs_;
  PostedInterrupts& posting_;
  PostedInterrupts::Sleeper sleeper_{*this};
  const Hpa descriptor_;
  host::Strand softirq_{core(), host::Level::thread_middle, this, host::Context::guest};
  host::Strand interrupt_{core(), host::Level::thread_high, this, host::Context::guest};
  boost::container::small_vector<Vector, 2> vectors_;  ///< from first_vector on
  boost::container::small_vector<Pending, 8> pending_;  ///< in the order of request
  Whereabouts whereabouts_ = Whereabouts::asleep;
  Task interrupt_task_;
  Counter injections_{"injections", "1", "virtual interrupts injected by host software"};
  Counter posted_{"posted", "1", "virtual interrupts taken from the posted-interrupt descriptor"};
  Counter taken_{"interrupts", "1", "interrupts the guest handled"};
  // What follows a posted interrupt does not need.
  host::Strand application_{core(), host::Level::thread_low, this, host::Context::guest};
  host::Strand background_{core(), host::Level::thread_background, this, host::Context::guest};
  std::vector<std::uint8_t> waiting_for_kick_;
  bool stopped_ = false;
  Task compute_task_;
  Counter spurious_{"spurious", "1", "requested vectors that the guest has no handler for"};
  Invariant noticed_{"posted_interrupts_noticed", Invariant::always,
                     "what is posted is outstanding or suppressed, and the descriptor says where the vCPU is",
                     [this] { return descriptor_finding(); }};
};

}  // namespace iov::software
