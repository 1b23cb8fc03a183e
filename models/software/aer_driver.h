// SPDX-License-Identifier: Apache-2.0
/// AerDriver -- the host's driver of Advanced Error Reporting: lets every function report, and on a root port's interrupt
/// reads who reported what, counts it by name, and clears it.
///
/// Spec    PCIe Base 5.0 6.2.4 (error logging), 7.8.4.9 to 7.8.4.11 (root error registers); Linux drivers/pci/pcie/aer.c.
/// Models  Root Error Command, Status and Source; Correctable and Uncorrectable Error Status of the source, if the scan found
///         it (a VF's are left to its owner); the handler's register accesses and time.
/// Omits   recovery (resets, callbacks to drivers), a search for further sources when several errors came at once.
#pragma once
#include "models/core/stat.h"
#include "models/protocol/config_space/aer.h"
#include "models/software/config_io.h"
#include "models/software/pci_functions.h"

namespace iov::software {

class AerDriver : public sc_core::sc_module {
 public:
  enum class Severity : std::uint8_t { correctable, nonfatal, fatal };
  AerDriver(const sc_core::sc_module_name& name, ConfigIo& io, const PciTree& tree, const SoftwareCosts& costs);

  /// After the scan, before any driver: the function or bridge reports from now on, a root port interrupts.
  Task enable(host::Strand& strand, const PciFunction& f);
  Task handle(host::Strand& strand, const PciFunction& root_port);  ///< its interrupt

  std::uint64_t interrupts() const { return interrupts_.value(); }
  std::uint64_t reported(Severity severity) { return reported_.at(static_cast<std::size_t>(severity), 0); }
  std::uint64_t errors(config::PcieError error) { return errors_.at(static_cast<std::size_t>(error), 0); }

 private:
  Task look_at(host::Strand& strand, RequesterId source, bool correctable);
  Task take(host::Strand& strand, const PciFunction& f, bool correctable, std::uint32_t& status);

  ConfigIo& io_;
  const PciTree& tree_;
  const SoftwareCosts& costs_;
  Counter interrupts_{"interrupts", "1", "error interrupts of root ports handled"};
  TableStat reported_{"reported", "error messages that root ports had received, by severity; several between two looks count once", {{"count", "1"}}};
  TableStat errors_{"errors", "errors found in the sources' status registers", {{"count", "1"}}};
};

}  // namespace iov::software
