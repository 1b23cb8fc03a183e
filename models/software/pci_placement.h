// SPDX-License-Identifier: Apache-2.0
/// Placement of BARs and bridge windows in the address map: pure arithmetic over what a scan found.
///
/// Models  one 64-bit prefetchable window per bridge, which holds the BARs behind it, largest first, and the apertures of
///         all TotalVFs; when these do not fit, the PFs keep their BARs and the VFs go without, as in Linux.
/// Omits   32-bit, non-prefetchable and I/O space: such BARs stay without an address.
#pragma once
#include "models/software/pci_functions.h"

namespace iov::software {

/// Sets the addresses of BARs, VF BARs and windows in `tree`; says in tree.problems what found no place.
void place_bars(PciTree& tree, std::uint64_t first, const PciPolicy& policy);

}  // namespace iov::software
