// SPDX-License-Identifier: Apache-2.0
/// Processors -- all cores and the bus on which interrupt messages reach their local controllers.
///
/// Spec    Intel SDM vol. 3 10.6, 10.11 (destination by physical APIC ID; message address and data).
/// Models  messages of a machine without interrupt remapping: whoever sends one picks processor and vector.
/// Omits   logical destinations, redirection to the least busy processor, delivery modes other than fixed.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "models/host/core.h"

namespace iov::host {

class Processors : public sc_core::sc_module, public InterruptBus, public InterruptRemapper {
 public:
  struct Params {
    unsigned cores = 4;
    Time interrupt_latency = 50_ns;
    Core::Params core;
    template <class V>
    void describe(V& v) {
      v.field("cores", cores, Range<unsigned>{1, 1024}, "processor cores", no_source);
      v.field("interrupt_latency", interrupt_latency, Range<Time>{{}, 10_us},
              "from the IOMMU to a core's local interrupt controller", no_source);
      v.group("core", core, "each core");
    }
  };
  Processors(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params);
  Core& core(std::size_t index) { return *cores_.at(index); }
  std::size_t size() const { return cores_.size(); }
  void settle();  ///< brings all accounts of time up to date
  void set_interrupt_pins(InterruptPins& pins);  ///< who is told the end of level-triggered interrupts
  void deliver(const ProcessorInterrupt& interrupt) override;
  void posted(Hpa descriptor) override {
    if (posted_) posted_(descriptor);
  }
  void on_posted(Delegate<void(Hpa)> handler) { posted_ = handler; }
  void interrupt(const InterruptMessage& message) override;  ///< straight from the root complex: no IOMMU

 private:
  void arrive();
  Timeline& timeline_;
  const Params params_;
  AwakeCores awake_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::deque<std::pair<Time, ProcessorInterrupt>> in_flight_;
  Event arrival_{timeline_, bind<&Processors::arrive>(this)};
  Delegate<void(Hpa)> posted_;
  Counter lost_{"unclaimed_interrupts", "1", "interrupt messages to an APIC ID that does not exist"};
};

}  // namespace iov::host
