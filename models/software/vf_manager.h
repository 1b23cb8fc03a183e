// SPDX-License-Identifier: Apache-2.0
/// VfManager -- the host's manager of virtual functions (SR-PCIM): enables and disables the VFs of a PF, adds them to the
/// host's functions and hands them to owners. It reaches the device by configuration requests only.
///
/// Spec    PCIe Base 5.0 9.1.2 (SR-PCIM), 9.2.1 (initialization), 9.3.3; Linux drivers/pci/iov.c for order and waits.
/// Models  VFs that somebody else left enabled, NumVFs, VF Enable and VF MSE, the wait before VFs may be used, hot-add and
///         hot-remove of every VF, exclusive ownership by a VM, a container or a process; refusals with their reason: more
///         VFs than the device has, bus numbers, BAR space, VFs in use.
/// Omits   rebalancing of bus numbers and windows: what the scan has not set aside is not there.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/software/config_io.h"
#include "models/software/ownership.h"
#include "models/software/pci_functions.h"

namespace iov::software {

class VfManager : public sc_core::sc_module {
 public:
  VfManager(const sc_core::sc_module_name& name, Timeline& timeline, ConfigIo& io, PciTree& tree, Ownership& owners,
            const PciPolicy& policy)
      : sc_module(name), timeline_(timeline), io_(io), tree_(tree), owners_(owners), policy_(policy) {}

  /// Endpoint functions that the scan found.
  unsigned pfs() const;
  /// Whether the PF is below a bridge of the tree.
  bool below(unsigned pf, unsigned bridge) const { return tree_.below(index_of(pf), bridge); }
  const PciFunction& pf(unsigned n) const { return tree_.functions[index_of(n)]; }
  unsigned vfs(unsigned pf_number) const { return pf(pf_number).num_vfs; }

  /// VFs that somebody else left enabled go first, as in Linux' sriov_init().
  /// @param refusal  empty when it worked; else why not. Then no VF is enabled, unless one does not answer: they are
  Task enable(host::Strand& strand, unsigned pf, unsigned vfs, std::string& refusal);
  Task disable(host::Strand& strand, unsigned pf, std::string& refusal);
  /// All VFs of a PF are gone with the PF; they belong to whom they belonged. @returns how many there were
  unsigned lose(unsigned pf);
  /// There is no way to add a VF to those that are enabled: all go and come back, so nobody may own one (9.3.3.7).
  Task change(host::Strand& strand, unsigned pf, unsigned vfs, std::string& refusal);

  /// @returns why not; empty when the function is the owner's now
  std::string assign(const FunctionName& function, const Owner& owner);
  void unassign(const FunctionName& function);
  const Ownership& owners() const { return owners_; }

  RequesterId id(const FunctionName& function) const;
  Hpa bar(const FunctionName& function, unsigned bar) const;
  /// Offset of a capability of this function.
  unsigned msix(const FunctionName& function) const { return described(function).msix; }
  unsigned ats(const FunctionName& function) const { return described(function).ats; }
  unsigned express(const FunctionName& function) const { return described(function).express; }
  const PciPolicy& policy() const { return policy_; }

  Counter hot_adds{"vf_hot_adds", "1", "VFs added to the host's functions"};
  Counter hot_removes{"vf_hot_removes", "1", "VFs taken away from the host's functions"};
  Counter assigns{"assigns", "1", "functions given to an owner"};
  Counter unassigns{"unassigns", "1", "functions taken from an owner"};
  Counter refusals{"refusals", "1", "requests that were refused"};

 private:
  unsigned index_of(unsigned pf) const;
  const PciFunction& described(const FunctionName& function) const {
    return function.vf == 0 ? pf(function.pf) : vf_of_pf_.at(function.pf);
  }
  Task start(host::Strand& strand, unsigned pf, unsigned vfs, std::string& refusal);
  Task number(host::Strand& strand, const PciFunction& f, unsigned vfs, std::uint32_t& control, std::string& refusal);
  Task clear_enable(host::Strand& strand, const PciFunction& f, std::uint32_t control);
  Task hot_add(host::Strand& strand, unsigned pf, unsigned vfs, std::string& refusal);
  std::string shortage(const PciFunction& f, unsigned vfs) const;

  Timeline& timeline_;
  ConfigIo& io_;
  PciTree& tree_;
  Ownership& owners_;
  const PciPolicy policy_;
  std::map<unsigned, PciFunction> vf_of_pf_;  ///< what the first VF of a PF says of all
};

}  // namespace iov::software
