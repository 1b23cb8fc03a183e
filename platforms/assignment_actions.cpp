// SPDX-License-Identifier: Apache-2.0
// Actions of the host on the function of a VM, a container or a process, with what that does about it.
#include "models/io_path/recovery.h"
#include "platforms/machine.h"
#include "platforms/script_targets.h"

namespace iov::platform {

namespace {

/// An operation of a path on its function, until it is over.
template <class Operation>
class Doing {
 public:
  Doing(Operation operation, Outcome outcome) : operation_(std::move(operation)), outcome_(std::move(outcome)) {}
  void start() {
    task_ = run();
    task_.start();
  }
  void stop() {}  ///< it ends by itself

 private:
  Task run() {
    co_await operation_(refusal_);
    outcome_(refusal_.empty() ? "done" : refusal_);
  }
  const Operation operation_;
  const Outcome outcome_;
  std::string refusal_;
  Task task_;
};

template <class Operation>
void begin(Machine& machine, Operation operation, Outcome outcome) {
  machine.script->keep(std::make_unique<Doing<Operation>>(std::move(operation), std::move(outcome)));
}

io_path::VmPath& path_of(const VmTarget& target, Machine& machine) { return *machine.vms[target.index(machine)].path; }

struct VfArgs : FunctionTarget {
  /// @throws BadInput
  void check(const Machine& machine) const {
    if (machine.nic->functions().physical(function(machine))) throw BadInput("vm: " + vm + " has no virtual function: that needs path sriov, container or process");
  }
};

void assign(const VfArgs& args, Machine& machine, Outcome outcome) {
  begin(machine, [&path = path_of(args, machine)](std::string& refusal) { return path.plug(refusal); }, std::move(outcome));
}

void unassign(const VfArgs& args, Machine& machine, Outcome outcome) {
  begin(machine, [&path = path_of(args, machine)](std::string& refusal) { return path.unplug(refusal); }, std::move(outcome));
}

struct ResetArgs : FunctionTarget {
  bool notice = true;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.flag("notice", notice, "the PF's driver tells the VF before, and lets it come up again after", no_source);
  }
  void check(const Machine& machine) const { function(machine); }
};

struct PfArgs {
  unsigned pf = 0;
  template <class V>
  void describe(V& v) {
    v.field("pf", pf, Range<unsigned>{0, 7}, "which physical function", no_source);
  }
  /// @throws BadInput
  void check(const Machine& machine) const {
    if (!machine.has_pf_driver(pf))
      throw BadInput("pf: the host has no driver of PF " + std::to_string(pf) + ": that needs a VM of path sriov, or a host that has the PF");
  }
};

void reset_pf(const PfArgs& args, Machine& machine, Outcome outcome) {
  begin(machine, [&recovery = machine.recovery(), pf = args.pf](std::string& refusal) { return recovery.reset(pf, refusal); },
        std::move(outcome));
}

void reset_function(const ResetArgs& args, Machine& machine, Outcome outcome) {
  begin(machine, [&path = path_of(args, machine), notice = args.notice](std::string& refusal) { return path.reset_function(notice, refusal); },
        std::move(outcome));
}

}  // namespace

std::vector<ScriptAction> assignment_actions() {
  const char* by = "hypervisor, or administrator";
  return {make_action<VfArgs>("assign", "gives a running VM, container or process its VF; over when it is enabled", by, assign),
          make_action<VfArgs>("unassign", "takes the VF from a running VM, container or process, which lets go of it first", by, unassign),
          make_action<ResetArgs>("flr", "function level reset of its function; over when it is set up as it was", by, reset_function),
          make_action<PfArgs>("reset_pf", "function level reset of a PF, whose driver is told before; its VFs vanish and are enabled again",
                              "host", reset_pf)};
}

}  // namespace iov::platform
