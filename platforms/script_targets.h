// SPDX-License-Identifier: Apache-2.0
/// What the actions of a script are done to. Each is a params struct that finds its target in a machine.
#pragma once
#include <string>

#include "models/core/params.h"
#include "platforms/script_action.h"

namespace iov::platform {

class Machine;

/// A VM by its name.
struct VmTarget {
  std::string vm;
  template <class V>
  void describe(V& v) {
    v.text("vm", vm, "name of the VM; of a module with a count: vm0_3", no_source);
  }
  /// @throws BadInput
  unsigned index(const Machine& machine) const;
};

/// A VM that has a PCIe function of its own: path sriov or passthrough.
struct FunctionTarget : VmTarget {
  /// @throws BadInput
  unsigned function(const Machine& machine) const;
  /// Whether it exists now; if not, that is the action's outcome.
  bool exists(const Machine& machine, const Outcome& outcome) const;
};

/// A VM whose guest writes registers of a NIC.
struct RegisterTarget : VmTarget {
  /// @throws BadInput
  void require(const Machine& machine) const;
};

}  // namespace iov::platform
