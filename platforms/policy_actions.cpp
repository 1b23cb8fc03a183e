// SPDX-License-Identifier: Apache-2.0
// Actions of the PF's driver: what an administrator sets for a VF, and what happens to the whole device. The driver
// carries them out by register writes, on its own core, in the order in which they were asked.
#include "models/software/pf_driver.h"
#include "platforms/machine.h"
#include "platforms/script_targets.h"

namespace iov::platform {

namespace {

using software::PfDriver;

/// A VM on a VF whose PF has a driver.
struct VfTarget : FunctionTarget {
  /// @throws BadInput
  void check(const Machine& machine) const {
    if (machine.nic->functions().physical(function(machine)))
      throw BadInput("vm: " + vm + " has a physical function, which no other driver governs: that needs path sriov");
  }
  unsigned vf(const Machine& machine) const { return machine.nic->functions().vf_of(function(machine)); }
  PfDriver& driver(Machine& machine) const { return *machine.pf_driver(machine.nic->functions().pf_of(function(machine))); }
};

struct RateArgs : VfTarget {
  Bandwidth rate{0};
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("rate", rate, Range<Bandwidth>{{0}, {1e12}}, "frame bits; 0: none", no_source);
  }
};
struct CountArgs : VfTarget {
  unsigned frames_per_second = 0;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("frames_per_second", frames_per_second, Range<unsigned>{0, 1'000'000'000}, "broadcasts and multicasts; 0: no limit",
            no_source);
  }
};
struct IntervalArgs : VfTarget {
  Time interval = 100_us;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("interval", interval, Range<Time>{{}, Time(1, sc_core::SC_SEC)},
            "least time between interrupts of each of its vectors, whatever its own registers say; 0: no limit", no_source);
  }
};
struct CheckArgs : VfTarget {
  bool on = true;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.flag("on", on, "whether source addresses that are not the VF's are dropped", "Linux ip-link(8): spoofchk");
  }
};
struct MacArgs : VfTarget {
  std::uint64_t mac = 0x02'00'00'00'10'00;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("mac", mac, Range<std::uint64_t>{1, 0xfeff'ffff'ffff}, "48 bits, first byte on the wire uppermost", no_source);
  }
};
struct LinkArgs {
  bool up = false;
  template <class V>
  void describe(V& v) {
    v.flag("up", up, "of the Ethernet link", no_source);
  }
  void check(const Machine& machine) const {
    if (!machine.has_pf_driver()) throw BadInput("do: no driver governs the device: that needs a VM of path sriov, or a host that has the PF");
  }
};
struct DeviceArgs {
  template <class V>
  void describe(V&) {}
  void check(const Machine& machine) const { LinkArgs{}.check(machine); }
};

void limit_sending(const RateArgs& a, Machine& m, Outcome outcome) {
  a.driver(m).set_max_transmit_rate(a.vf(m), a.rate);
  outcome("asked");
}
void share_sending(const RateArgs& a, Machine& m, Outcome outcome) {
  a.driver(m).set_min_transmit_rate(a.vf(m), a.rate);
  outcome("asked");
}
void limit_receiving(const RateArgs& a, Machine& m, Outcome outcome) {
  a.driver(m).set_max_receive_rate(a.vf(m), a.rate);
  outcome("asked");
}
void limit_storms(const CountArgs& a, Machine& m, Outcome outcome) {
  a.driver(m).set_storm_rate(a.vf(m), a.frames_per_second);
  outcome("asked");
}
void limit_interrupts(const IntervalArgs& a, Machine& m, Outcome outcome) {
  a.driver(m).set_interrupt_interval(a.vf(m), a.interval);
  outcome("asked");
}
void check_spoofing(const CheckArgs& a, Machine& m, Outcome outcome) {
  a.driver(m).set_spoof_check(a.vf(m), a.on);
  outcome("asked");
}
void set_mac(const MacArgs& a, Machine& m, Outcome outcome) {
  a.driver(m).set_mac(a.vf(m), MacAddress{a.mac});
  outcome("asked");
}
void stop_vf(const VfTarget& a, Machine& m, Outcome outcome) {
  a.driver(m).stop_vf(a.vf(m));
  outcome("asked");
}
void allow_vf(const VfTarget& a, Machine& m, Outcome outcome) {
  a.driver(m).allow_vf(a.vf(m));
  outcome("asked");
}
void set_link(const LinkArgs& a, Machine& m, Outcome outcome) {
  m.pf_driver(0)->set_link(a.up);
  outcome("asked");
}
void reset_device(const DeviceArgs&, Machine& m, Outcome outcome) {
  m.pf_driver(0)->reset_device();
  outcome("asked");
}
void remove_driver(const DeviceArgs&, Machine& m, Outcome outcome) {
  m.pf_driver(0)->announce_removal();
  outcome("asked");
}

}  // namespace

std::vector<ScriptAction> policy_actions() {
  const char* actor = "PF driver";
  return {make_action<RateArgs>("rate_limit", "most that a VM's VF may send", actor, limit_sending),
          make_action<RateArgs>("minimum_rate", "what a VM's VF may send whatever the others do", actor, share_sending),
          make_action<RateArgs>("receive_limit", "most that a VM's VF may receive", actor, limit_receiving),
          make_action<CountArgs>("storm_limit", "broadcasts and multicasts that a VM's VF may send", actor, limit_storms),
          make_action<IntervalArgs>("interrupt_limit", "the PF's limit on the interrupts of a VM's VF", actor, limit_interrupts),
          make_action<CheckArgs>("spoof_check", "whether forged source addresses of a VM are dropped", actor, check_spoofing),
          make_action<MacArgs>("set_mac", "gives a VM's VF another address", actor, set_mac),
          make_action<VfTarget>("stop_vf", "a VM's VF neither sends nor receives", actor, stop_vf),
          make_action<VfTarget>("allow_vf", "it does again", actor, allow_vf),
          make_action<LinkArgs>("link", "the Ethernet link goes down or comes up; the VFs are told", actor, set_link),
          make_action<DeviceArgs>("reset_device", "reset of the whole device, with notice to the VFs", actor, reset_device),
          make_action<DeviceArgs>("remove_driver", "the PF's driver announces that it goes", actor, remove_driver)};
}

}  // namespace iov::platform
