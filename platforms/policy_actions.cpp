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
      throw BadInput("vm: " + vm + " has a physical function, which no other driver governs: that needs a VF");
  }
  unsigned vf(const Machine& machine) const { return machine.nic->functions().vf_of(function(machine)); }
  PfDriver& driver(Machine& machine) const { return *machine.pf_driver(machine.nic->functions().pf_of(function(machine))); }
};

struct RateArgs : VfTarget {
  Bandwidth rate{0};
  Bandwidth value() const { return rate; }
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("rate", rate, Range<Bandwidth>{{0}, {1e12}}, "frame bits; 0: none", no_source);
  }
};
struct CountArgs : VfTarget {
  unsigned frames_per_second = 0;
  unsigned value() const { return frames_per_second; }
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("frames_per_second", frames_per_second, Range<unsigned>{0, 1'000'000'000, "1/s"}, "broadcasts and multicasts; 0: no limit",
            no_source);
  }
};
struct IntervalArgs : VfTarget {
  Time interval = 100_us;
  Time value() const { return interval; }
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("interval", interval, Range<Time>{{}, Time(1, sc_core::SC_SEC)},
            "least time between interrupts of each of its vectors, whatever its own registers say; 0: no limit", no_source);
  }
};
struct CheckArgs : VfTarget {
  bool on = true;
  bool value() const { return on; }
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.flag("on", on, "whether source addresses that are not the VF's are dropped", "Linux ip-link(8): spoofchk");
  }
};
struct MacArgs : VfTarget {
  std::uint64_t mac = 0x02'00'00'00'10'00;
  MacAddress value() const { return {mac}; }
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.field("mac", mac, Range<std::uint64_t>{1, 0xfeff'ffff'ffff}, "48 bits, first byte on the wire uppermost", no_source);
  }
};
enum class Wish : std::uint8_t { vlan, mac, multicast, promiscuous };
struct AskArgs : VfTarget {
  Wish wish = Wish::vlan;
  std::uint64_t value = 1;
  template <class V>
  void describe(V& v) {
    VmTarget::describe(v);
    v.choice("for", wish, Names<4>{"vlan", "mac", "multicast", "promiscuous"}, "what the guest wants for its VF", no_source);
    v.field("value", value, Range<std::uint64_t>{0, 0xffff'ffff'ffff},
            "VLAN to join; MAC address; group; mode: 0 none, 1 all multicast, 2 all", no_source);
  }
  void check(const Machine& machine) const {
    VfTarget::check(machine);
    if (wish == Wish::vlan && value > 4095) throw BadInput("value: " + std::to_string(value) + " is no VLAN, they are 0 .. 4095");
    if (wish == Wish::promiscuous && value > 2) throw BadInput("value: " + std::to_string(value) + " is no mode, they are 0 .. 2");
  }
};
struct DeviceArgs {
  template <class V>
  void describe(V&) {}
  void check(const Machine& machine) const {
    if (!machine.has_pf_driver()) throw BadInput("do: no driver governs the device: that needs a VM of path sriov, or a host that has the PF");
  }
};
struct LinkArgs : DeviceArgs {
  bool up = false;
  template <class V>
  void describe(V& v) {
    v.flag("up", up, "of the Ethernet link", no_source);
  }
};

/// One setting of a VF, one command to it, one to the device: whatever the driver's operation is.
template <class Args, auto operation>
void set(const Args& a, Machine& m, Outcome outcome) {
  (a.driver(m).*operation)(a.vf(m), a.value());
  outcome("asked");
}
template <auto operation>
void command(const VfTarget& a, Machine& m, Outcome outcome) {
  (a.driver(m).*operation)(a.vf(m));
  outcome("asked");
}
template <auto operation>
void command_device(const DeviceArgs&, Machine& m, Outcome outcome) {
  (m.pf_driver()->*operation)();
  outcome("asked");
}
void ask(const AskArgs& a, Machine& m, Outcome outcome) {
  software::VfDriver& driver = *m.vms[a.index(m)].path->vf_driver();
  switch (a.wish) {
    case Wish::vlan: driver.ask_vlan(static_cast<std::uint16_t>(a.value), true); break;
    case Wish::mac: driver.ask_mac({a.value}); break;
    case Wish::multicast: driver.ask_multicast({MacAddress{a.value}}); break;
    case Wish::promiscuous: driver.ask_promiscuous(static_cast<unsigned>(a.value)); break;
  }
  outcome("asked");
}
void set_link(const LinkArgs& a, Machine& m, Outcome outcome) {
  m.pf_driver()->set_link(a.up);
  outcome("asked");
}

}  // namespace

std::vector<ScriptAction> policy_actions() {
  const char* by = "PF driver";
  using D = PfDriver;
  return {
      make_action<RateArgs>("rate_limit", "most that a VM's VF may send", by, set<RateArgs, &D::set_max_transmit_rate>),
      make_action<RateArgs>("minimum_rate", "what a VM's VF may send whatever the others do", by, set<RateArgs, &D::set_min_transmit_rate>),
      make_action<RateArgs>("receive_limit", "most that a VM's VF may receive", by, set<RateArgs, &D::set_max_receive_rate>),
      make_action<CountArgs>("storm_limit", "broadcasts and multicasts that a VM's VF may send", by, set<CountArgs, &D::set_storm_rate>),
      make_action<IntervalArgs>("interrupt_limit", "the PF's limit on the interrupts of a VM's VF", by, set<IntervalArgs, &D::set_interrupt_interval>),
      make_action<CheckArgs>("spoof_check", "whether forged source addresses of a VM are dropped", by, set<CheckArgs, &D::set_spoof_check>),
      make_action<MacArgs>("set_mac", "gives a VM's VF another address", by, set<MacArgs, &D::set_mac>),
      make_action<AskArgs>("ask", "a guest asks the PF for something, which may refuse it", "guest, through the mailbox", ask),
      make_action<VfTarget>("stop_vf", "a VM's VF neither sends nor receives", by, command<&D::stop_vf>),
      make_action<VfTarget>("allow_vf", "it does again", by, command<&D::allow_vf>),
      make_action<LinkArgs>("link", "the Ethernet link goes down or comes up; the VFs are told", by, set_link),
      make_action<DeviceArgs>("reset_device", "reset of the whole device, with notice to the VFs", by, command_device<&D::reset_device>),
      make_action<DeviceArgs>("remove_driver", "the PF's driver announces that it goes", by, command_device<&D::announce_removal>)};
}

}  // namespace iov::platform
