// SPDX-License-Identifier: Apache-2.0
// Actions on the PCIe fabric: links that fail, access control services.
#include "platforms/machine.h"
#include "platforms/script_action.h"

namespace iov::platform {

namespace {

struct LinkTarget {
  std::string link = "link0";
  template <class V>
  void describe(V& v) {
    v.text("link", link, "name of the module of kind link", no_source);
  }
  /// @throws BadInput
  void check(const Machine& machine) const { machine.tree->link(link); }
};

struct PcieLinkArgs : LinkTarget {
  bool up = false;
  template <class V>
  void describe(V& v) {
    LinkTarget::describe(v);
    v.flag("up", up, "trained again; what is below it is as after a reset", "PCIe Base 5.0 6.6.1");
  }
};

void set_pcie_link(const PcieLinkArgs& args, Machine& machine, Outcome outcome) {
  pcie::Port& port = machine.tree->link(args.link).root;
  args.up ? port.link_up() : port.link_down();
  outcome("done");
}

struct AcsArgs : LinkTarget {
  AcsParams acs;
  void check(const Machine& machine) const {
    LinkTarget::check(machine);
    machine.tree->check_acs(link, acs);
  }
  template <class V>
  void describe(V& v) {
    LinkTarget::describe(v);
    acs.describe(v);
  }
};

void set_acs(const AcsArgs& args, Machine& machine, Outcome outcome) {
  machine.tree->set_acs(args.link, args.acs);
  outcome("done");
}

}  // namespace

std::vector<ScriptAction> fabric_actions() {
  return {make_action<PcieLinkArgs>("pcie_link", "a PCIe link goes down by surprise, or comes up", "cable", set_pcie_link),
          make_action<AcsArgs>("acs", "the access control services of the port above a link; all that is not named is off", "host", set_acs)};
}

}  // namespace iov::platform
