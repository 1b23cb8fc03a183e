// SPDX-License-Identifier: Apache-2.0
/// PfHost -- the host's PF driver, on a thread of its own. HostNic and Uplink --
/// the host's own use of a queue pair of the PF: driver in the host kernel, softirq on the core that takes the interrupt; the
/// uplink has the bridge above.
#pragma once
#include "models/io_path/vm_path.h"
#include "models/software/representor.h"

namespace iov::io_path {

/// Writes one MSI-X table entry through the bus.
void write_msix(HostSystem& host, unsigned function, unsigned vector, std::uint32_t address, std::uint32_t data);
/// The message by which a function reaches a handler on a core, through interrupt remapping if there is an IOMMU.
InterruptMessage message_to_host(HostSystem& host, RequesterId function, host::Core& core, host::Core::IrqHandler handler);
/// A line of the host's ledger that follows such messages.
InterruptLine& follow(HostSystem& host, const InterruptMessage& message);

/// What a driver, or the hypervisor on behalf of a guest, enables in a function's configuration space.
Task enable_bus_master(HostSystem& host, host::Strand& strand, unsigned function);
Task enable_msix(HostSystem& host, host::Strand& strand, unsigned function);
Task enable_ats(HostSystem& host, host::Strand& strand, unsigned function);
/// Whether the function has it, and an IOMMU answers translation requests.
bool has_ats(const HostSystem& host, unsigned function);

/// The MSI-X vector of a PF that no queue has.
unsigned event_vector(const HostSystem& host, unsigned pf);

class PfHost : public sc_core::sc_module {
 public:
  PfHost(const sc_core::sc_module_name& name, HostSystem& host, unsigned pf);
  Task set_up();  ///< maps and enables the PF, then its driver serves
  Task recover(host::Strand& strand);  ///< of a PF that is as after power-on: enabled again, its driver begins anew
  software::PfDriver& driver() { return driver_; }

 private:
  Task enable(host::Strand& strand);
  HostSystem& host_;
  const unsigned pf_;
  host::Thread thread_;
  host::Strand strand_;
  software::MappedRegisters registers_;
  software::PfDriver driver_;
  InterruptMessage message_;  ///< of events
};

class HostNic : public sc_core::sc_module {
 public:
  HostNic(const sc_core::sc_module_name& name, HostSystem& host, const software::NicDriver::Params& driver,
          software::MemoryView& memory, unsigned queue, host::Core& core, software::DmaApi* dma = nullptr);
  Task set_up();  ///< maps and enables the PF, binds the queue's vector
  Task enable(host::Strand& strand);  ///< the PF, once it is set up: also after it was reset
  void follow_interrupts();  ///< those of a bare-metal application's NIC, once it is set up
  void start();
  void shut_down();  ///< the interface goes down: what lies in its rings is lost, and booked so
  software::NicDriver& driver() { return driver_; }
  const software::NicDriver& driver() const { return driver_; }

 private:
  Task initialise();
  Task interrupt(host::Strand& strand);
  HostSystem& host_;
  const unsigned queue_;
  host::Strand softirq_;
  host::Thread setup_thread_;
  host::Strand setup_;
  software::MappedRegisters registers_;
  software::NicDriver driver_;
  InterruptMessage message_;  ///< that it sends, once it is set up
  InterruptLine* line_ = nullptr;
  bool leaving_ = false;
  Task task_;
};

/// The host's software switch between VFs, on a queue pair of the PF of its own.
class RepresentorHost : public sc_core::sc_module {
 public:
  RepresentorHost(const sc_core::sc_module_name& name, HostSystem& host, unsigned pool);
  HostNic nic;
  software::Representor representor;
};

class Uplink : public sc_core::sc_module {
 public:
  Uplink(const sc_core::sc_module_name& name, HostSystem& host);
  Task set_up();
  HostNic nic;
  software::HostNetwork network;
};

/// The host's driver of a PF, made at the first call.
software::PfDriver& pf_of(HostSystem& host, unsigned pf = 0);
/// Makes it when the switch mode asks for it and it is not there.
void need_representor(HostSystem& host);
/// The uplink of this host, made at the first call.
Uplink& uplink_of(HostSystem& host);

}  // namespace iov::io_path
