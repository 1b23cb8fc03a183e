// SPDX-License-Identifier: Apache-2.0
/// PortHost -- the host's driver of root and switch ports with its services: error reporting, and slots. What was below a port
/// is lost, and brought back when it is there again, by Recovery.
///
/// Spec    Linux drivers/pci/pcie/portdrv_core.c (one MSI for all services of a port).
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

  HostSystem& host_;
  host::Thread thread_;
  host::Strand strand_;
  software::AerDriver errors_;
  software::HotPlugDriver slots_;
  std::deque<Port> ports_;
  std::map<unsigned, InterruptMessage> messages_;  ///< by port
};

}  // namespace iov::io_path
