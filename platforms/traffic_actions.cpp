// SPDX-License-Identifier: Apache-2.0
// Actions on what the applications of a VM and their peer send.
#include "platforms/machine.h"
#include "platforms/script_action.h"
#include "platforms/script_targets.h"

namespace iov::platform {

namespace {

struct LoadArgs : VmTarget {
  workload::VmLoad load;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    load.describe(v);
  }
  void check(const Machine& machine) const {
    index(machine);
    if (const std::string ignored = load.ignored(machine.workload->params()); !ignored.empty()) throw BadInput("arrivals: " + ignored);
  }
};

void change_load(const LoadArgs& args, Machine& machine, Outcome outcome) {
  machine.workload->set_load(args.index(machine), args.load);
  outcome("done");
}

struct SpoofArgs : VmTarget {
  std::string of;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.text("of", of, "name of the VM whose source MAC address it uses; empty: one that nobody has", no_source);
  }
  MacAddress mac(const Machine& machine) const {
    constexpr MacAddress nobody{0x02'00'00'ba'd0'00ull};  // locally administered
    return of.empty() ? nobody : machine.mac_of(VmTarget{of}.index(machine));
  }
  void check(const Machine& machine) const {
    index(machine);
    mac(machine);
  }
};

void spoof(const SpoofArgs& args, Machine& machine, Outcome outcome) {
  machine.workload->forge(args.index(machine), args.mac(machine), std::nullopt);
  outcome("done");
}

struct StormArgs : VmTarget {
  double packet_rate = 0;
  unsigned packet_bytes = 64;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("packet_rate", packet_rate, Range<double>{0, 1e9, "1/s"}, "broadcasts per second; 0: as fast as it can", no_source);
    v.field("packet_bytes", packet_bytes, Range<unsigned>{workload::min_packet_bytes, workload::max_packet_bytes, "B"},
            "Ethernet frame, destination address to FCS", no_source);
  }
  void check(const Machine& machine) const { index(machine); }
};

void storm(const StormArgs& args, Machine& machine, Outcome outcome) {
  using Load = workload::VmLoad;
  Load load;
  load.direction = Load::Way::transmit;
  load.arrivals = args.packet_rate > 0 ? Load::Source::constant : Load::Source::saturate;
  load.packet_rate = args.packet_rate;
  load.packet_bytes = args.packet_bytes;
  const unsigned vm = args.index(machine);
  machine.workload->forge(vm, std::nullopt, MacAddress{0xffff'ffff'ffffull});
  machine.workload->set_load(vm, load);
  outcome("done");
}

struct BehaveArgs : VmTarget {
  void check(const Machine& machine) const { index(machine); }
};

void behave(const BehaveArgs& args, Machine& machine, Outcome outcome) {
  const unsigned vm = args.index(machine);
  machine.workload->forge(vm, std::nullopt, std::nullopt);
  machine.workload->set_load(vm, machine.vms[vm].load);
  outcome("done");
}

}  // namespace

std::vector<ScriptAction> traffic_actions() {
  return {make_action<LoadArgs>("load", "another load for a VM, or none (arrivals off)", "applications of the VM and their peer",
                                change_load),
          make_action<SpoofArgs>("spoof", "what the VM sends has a source MAC address that is not its own", "guest", spoof),
          make_action<StormArgs>("storm", "the VM sends broadcasts instead of its load", "guest", storm),
          make_action<BehaveArgs>("behave", "the VM's own addresses and the load that the platform gives it", "guest", behave)};
}

}  // namespace iov::platform
