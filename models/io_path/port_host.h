// SPDX-License-Identifier: Apache-2.0
/// PortHost -- the host's driver of root and switch ports with its services: error reporting, and slots. When what is below a
/// port is back, it gives PFs, VFs and their users back what they had.
///
/// Spec    Linux drivers/pci/pcie/portdrv_core.c (one MSI for all services of a port); for what stays with its owner,
///         drivers/pci/pcie/err.c: pcie_do_recovery(), pci_restore_state() with its VFs.
/// Models  the VFs that there were are enabled again, and belong to whom they belonged; PF drivers begin anew.
/// Omits   a whole device in a VM: its guest has no host to bring it back.
#pragma once
#include <deque>
#include <map>

#include "models/io_path/vm_path.h"
#include "models/software/aer_driver.h"
#include "models/software/hot_plug_driver.h"

namespace iov::io_path {

class PortHost : public sc_core::sc_module {
 public:
  PortHost(const sc_core::sc_module_name& name, HostSystem& host);
  Task set_up();  ///< all that the scan found reports, ports interrupt

 private:
  struct Port {
    PortHost& owner;
    unsigned index;  ///< in the tree
    Task interrupt(host::Strand& strand) { return owner.interrupt(strand, index); }
  };
  void connect(unsigned index);
  Task enable_services(host::Strand& strand, unsigned index);
  Task interrupt(host::Strand& strand, unsigned index);
  Task removed(host::Strand& strand, unsigned port);
  Task returned(host::Strand& strand, unsigned port);
  Task bring_back(host::Strand& strand, unsigned pf);

  HostSystem& host_;
  host::Thread thread_;
  host::Strand strand_;
  software::AerDriver errors_;
  software::HotPlugDriver slots_;
  std::deque<Port> ports_;
  std::map<unsigned, InterruptMessage> messages_;  ///< by port
  std::map<unsigned, unsigned> lost_vfs_;          ///< by PF
  Counter refusals_{"refusals", "1", "PFs whose VFs could not be enabled again"};
};

}  // namespace iov::io_path
