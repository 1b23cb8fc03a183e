// SPDX-License-Identifier: Apache-2.0
/// HotPlugDriver -- the host's driver of slots: learns by interrupt that the link below a port went or came, tells those who
/// have drivers for what was there, and has it configured anew when it is back.
///
/// Spec    PCIe Base 5.0 6.7.3 (hot-plug events), 6.6.1 (wait after link up); Linux drivers/pci/hotplug/pciehp_hpc.c (handler
///         and thread), pciehp_ctrl.c (pciehp_handle_presence_or_link_change()), pciehp_pci.c.
/// Models  Slot Control, Slot Status and Link Status by configuration requests; a thread that first removes, then brings back,
///         while nobody else configures functions (pci_lock_rescan_remove()).
/// Omits   power controllers, buttons, indicators, latches: the slots have none.
#pragma once
#include <deque>

#include "models/core/stat.h"
#include "models/software/pci_scan.h"
#include "models/software/queue_lock.h"

namespace iov::software {

class HotPlugDriver : public sc_core::sc_module {
 public:
  /// Called on the driver's thread, with the port's index in the tree.
  struct Notices {
    Delegate<Task(host::Strand&, unsigned)> removed, returned;
  };
  struct Pci {
    ConfigIo& io;
    PciTree& tree;
    PciScan& scan;
    const PciPolicy& policy;
    QueueLock& lock;  ///< of whoever configures functions
  };
  HotPlugDriver(const sc_core::sc_module_name& name, Timeline& timeline, const Pci& pci, const SoftwareCosts& costs,
                const Notices& notices, host::Strand& worker)
      : sc_module(name), timeline_(timeline), pci_(pci), costs_(costs), notices_(notices), worker_(worker) {}

  /// Events of the slot below a port interrupt from now on.
  Task enable(host::Strand& strand, unsigned port);
  Task handle(host::Strand& strand, unsigned port);  ///< the port's interrupt
  void start();

 private:
  struct Slot {
    unsigned port;
    bool occupied, changed = false;
  };
  Task serve();
  Task follow(Slot& slot);
  Task link_active(const PciFunction& port, bool& active);
  bool occupied(unsigned port) const;
  void set_present(unsigned port, bool present);

  Timeline& timeline_;
  const Pci pci_;
  const SoftwareCosts& costs_;
  const Notices notices_;
  host::Strand& worker_;
  std::deque<Slot> slots_;
  Task task_;
  Counter interrupts_{"interrupts", "1", "interrupts of ports that had hot-plug events"};
  Counter removals_{"removals", "1", "times what is in a slot was gone"};
  Counter returns_{"returns", "1", "times it was back and configured anew"};
};

}  // namespace iov::software
