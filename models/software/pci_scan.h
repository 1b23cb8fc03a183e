// SPDX-License-Identifier: Apache-2.0
/// PciScan -- the host finds what is below its root ports: bus numbers, sizes and addresses of BARs, payload sizes.
///
/// Spec    PCIe Base 5.0 7.5.1.2.1 (sizing), 7.5.1.3 (bridges), 6.13 (ARI), 9.2.1.2 (bus numbers of VFs); Linux
///         drivers/pci/probe.c, setup-bus.c, iov.c for the order.
/// Models  depth-first numbering; a link leads to device 0 only, an ARI device names its next function; bus numbers for
///         all VFs of a PF are set aside behind the bus of the PF; a VF answers no scan, because it is not enabled. What comes
///         back below a port gets again what was set aside for it.
/// Omits   another device than before in a slot, expansion ROMs, 32-bit and I/O windows.
#pragma once
#include "models/software/config_io.h"
#include "models/software/pci_functions.h"

namespace iov::software {

/// Where a function's capabilities are.
Task read_capabilities(ConfigIo& io, host::Strand& strand, PciFunction& f);

/// What a driver does first: bus master, then MSI-X.
Task enable_function(ConfigIo& io, host::Strand& strand, const PciFunction& f);

/// What a driver does whose function was reset under it: bus master, then MSI-X anew, so that whoever keeps its table writes it
/// (Linux pci_set_master(), pci_restore_msi_state()).
Task restore_function(ConfigIo& io, host::Strand& strand, const PciFunction& f);

/// What the kernel does after a driver has let go: MSI-X off, no bus master.
Task disable_function(ConfigIo& io, host::Strand& strand, const PciFunction& f);

class PciScan {
 public:
  /// @param max_read_request  what functions are told to ask for at most
  PciScan(ConfigIo& io, const PciPolicy& policy, std::uint64_t mmio_base, unsigned max_read_request)
      : io_(io), policy_(policy), mmio_base_(mmio_base), max_read_request_(max_read_request) {}

  Task run(host::Strand& strand, PciTree& tree);
  /// What is below a port after its link came up: each function that is the one the first scan found is configured anew, the
  /// others are not present.
  Task find_again(host::Strand& strand, PciTree& tree, unsigned port);
  /// Bus numbers, addresses, sizes and access control of a function that is as after power-on.
  Task configure_again(host::Strand& strand, PciTree& tree, unsigned index);

 private:
  Task scan_bus(host::Strand& strand, PciTree& tree, unsigned bus, unsigned parent);
  Task scan_device(host::Strand& strand, PciTree& tree, unsigned bus, unsigned device, unsigned parent, bool& found);
  Task probe(host::Strand& strand, PciFunction& f, bool& found);
  Task size_bars(host::Strand& strand, RequesterId id, unsigned offset, PciBars& bars);
  Task enter_bridge(host::Strand& strand, PciTree& tree, unsigned index);
  Task write_numbers(host::Strand& strand, const PciFunction& bridge, unsigned last_bus);
  Task forward_ari(host::Strand& strand, PciFunction& bridge);
  Task keep_access_control(host::Strand& strand, PciFunction& bridge);
  Task restore_access_control(host::Strand& strand, const PciFunction& bridge);
  Task choose_vf_ids(host::Strand& strand, const PciTree& tree, const PciFunction& f);
  Task set_aside_vf_buses(host::Strand& strand, PciTree& tree, unsigned index);
  Task configure(host::Strand& strand, const PciTree& tree, unsigned index);
  Task write_bars(host::Strand& strand, RequesterId id, unsigned offset, const PciBars& bars);
  Task write_window(host::Strand& strand, const PciFunction& bridge);
  unsigned payload_of_path(const PciTree& tree, unsigned index) const;

  ConfigIo& io_;
  const PciPolicy policy_;
  const std::uint64_t mmio_base_;
  const unsigned max_read_request_;
  unsigned last_bus_ = 0;  ///< given out
};

}  // namespace iov::software
