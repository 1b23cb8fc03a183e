// SPDX-License-Identifier: Apache-2.0
/// FunctionReset -- the host's kernel resets a function under whoever uses it: what software set in its configuration space
/// is read, the reset written, and all of it written back when the function answers again.
///
/// Spec    PCIe Base 5.0 6.6.2; Linux drivers/pci/pci.c: pci_reset_function() (save, no bus master, FLR, wait, restore in
///         the order PCIe, ATS, BARs, command, MSI-X).
/// Models  header and the capabilities PCIe, MSI-X, ATS; the MSI-X table is its owner's to write back (`table`).
/// Omits   the wait for transactions under way before the reset, other capabilities.
#pragma once
#include <vector>

#include "models/core/timeline.h"
#include "models/software/config_io.h"
#include "models/software/pci_functions.h"

namespace iov::software {

struct ResetTarget {
  RequesterId id;
  unsigned express = 0, msix = 0, ats = 0;  ///< offsets of its capabilities; 0: none, but for `express`
};

class FunctionReset {
 public:
  FunctionReset(Timeline& timeline, ConfigIo& io, const PciPolicy& policy) : timeline_(timeline), io_(io), policy_(policy) {}

  /// @param answers  whether the function answers after it
  Task run(host::Strand& strand, const ResetTarget& target, bool& answers);
  /// What run() read before it; `table` writes the MSI-X table, before MSI-X is enabled.
  Task restore(host::Strand& strand, Delegate<void()> table);

 private:
  struct Saved {
    unsigned offset, bytes;
    std::uint32_t value = 0;
  };
  static std::vector<Saved> kept(const ResetTarget& target);

  Timeline& timeline_;
  ConfigIo& io_;
  const PciPolicy& policy_;
  RequesterId id_;
  std::vector<Saved> saved_;  ///< in the order in which it goes back
};

}  // namespace iov::software
