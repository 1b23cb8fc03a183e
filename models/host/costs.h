// SPDX-License-Identifier: Apache-2.0
/// Costs of world switches: what a processor pays to change hands. A cost profile in configs/costs/
/// sets them together with software::SoftwareCosts.
///
/// Spec    sources per value; machines differ, see the two shipped profiles.
#pragma once
#include "models/core/params.h"
#include "models/core/units.h"

namespace iov::host {

struct WorldSwitchCosts {
  Time vm_exit = 600_ns, vm_entry = 600_ns;
  Time exit_to_user = 1000_ns, user_to_entry = 1000_ns;
  Time syscall_entry = 30_ns, syscall_exit = 30_ns;
  Time context_switch = 600_ns;
  Time interrupt_entry = 300_ns, interrupt_exit = 200_ns;
  Time guest_interrupt = 300_ns;
  Time inter_processor_interrupt = 500_ns;
  Time idle_exit = 2_us;
  Time posted_delivery = 300_ns;

  template <class V>
  void describe(V& v) {
    const Range<Time> range{{}, 100_us};
    v.field("vm_exit", vm_exit, range, "guest to host kernel", "half of exit and resume, 2565 cycles at 2.1 GHz (Dall 2017 Table 2)");
    v.field("vm_entry", vm_entry, range, "host kernel to guest", "half of exit and resume, 2565 cycles at 2.1 GHz (Dall 2017 Table 2)");
    v.field("exit_to_user", exit_to_user, range, "an exit is handed on to user space", "half of 6732 - 2565 cycles at 2.1 GHz (Dall 2017 Table 2)");
    v.field("user_to_entry", user_to_entry, range, "user space re-enters the hypervisor", "half of 6732 - 2565 cycles at 2.1 GHz (Dall 2017 Table 2)");
    v.field("syscall_entry", syscall_entry, range, "user to kernel of an ordinary thread", "half of a 55 ns null system call, lmbench (KVM/ARM ASPLOS 2014 artifact)");
    v.field("syscall_exit", syscall_exit, range, "kernel to user of an ordinary thread", "half of a 55 ns null system call, lmbench (KVM/ARM ASPLOS 2014 artifact)");
    v.field("context_switch", context_switch, range, "another thread takes the core", "lmbench lat_ctx on one core, 0.61 us (KVM/ARM ASPLOS 2014 artifact)");
    v.field("interrupt_entry", interrupt_entry, range, "interrupt gate, save, acknowledge in the host", no_source);
    v.field("interrupt_exit", interrupt_exit, range, "end of interrupt, restore in the host", no_source);
    v.field("guest_interrupt", guest_interrupt, range, "interrupt gate and return inside a guest", no_source);
    v.field("inter_processor_interrupt", inter_processor_interrupt, range, "from the sender's write to the target core", no_source);
    v.field("idle_exit", idle_exit, range, "an idle core starts to run again", "C1 exit latency of Sandy Bridge, Linux drivers/idle/intel_idle.c");
    v.field("posted_delivery", posted_delivery, range, "notification to a running vCPU until its handler starts", no_source);
  }
};

}  // namespace iov::host
