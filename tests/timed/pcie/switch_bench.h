// SPDX-License-Identifier: Apache-2.0
/// A switch, whatever is above it and some devices below: ends that log what arrives. For tests.
#pragma once
#include <deque>
#include <memory>

#include "models/core/invariant.h"
#include "models/pcie/switch.h"
#include "tests/timed/pcie/root_bench.h"

namespace iov::pcie {

struct SwitchBench {
  static constexpr std::uint64_t bar_bytes = 1u << 20;
  struct Branch {  ///< a link of the switch: `inner` at the switch, `outer` with a logging end
    Branch(const std::string& name, Timeline& t, const LinkParams& inner_params, const LinkParams& outer_params)
        : inner((name + "_inner").c_str(), t, inner_params), outer(name.c_str(), t, outer_params), end(outer, t) {
      outer.connect(inner);
    }
    Port inner, outer;
    DeviceEnd end;
  };
  Timeline timeline{"timeline"};
  Switch fabric;
  std::deque<Branch> branches;  ///< 0: upstream

  /// @param outer  what the devices and the root advertise, by branch; the last one goes on
  explicit SwitchBench(unsigned devices, const SwitchParams& params = {}, std::vector<LinkParams> outer = {{}},
                       const std::vector<unsigned>& weights = {})
      : fabric("switch", timeline, params) {
    for (unsigned n = 0; n <= devices; ++n) {
      const LinkParams& link = outer[std::min<std::size_t>(n, outer.size() - 1)];
      LinkParams inner = link;
      inner.receive = CreditParams{};
      branches.emplace_back(n == 0 ? "root" : "device" + std::to_string(n), timeline, inner, link);
      fabric.add_port(branches[n].inner, n < weights.size() ? weights[n] : 1);
    }
    open(0, 2, bus(devices), {bar(1), bar(devices + 1) - 1});
    for (unsigned n = 1; n <= devices; ++n) open(n, bus(n), bus(n), {bar(n), bar(n + 1) - 1});
    timeline.run(1_ns);
  }
  /// What enumeration would write to a port: bus numbers, a prefetchable window.
  void open(unsigned port, unsigned first_bus, unsigned last_bus, const config::BridgeWindow& window) {
    fabric.write_port(port, PCI_PRIMARY_BUS, 4, first_bus << 8 | last_bus << 16);
    fabric.write_port(port, PCI_MEMORY_BASE, 4, config::BridgeWindow{}.base_limit());
    fabric.write_port(port, PCI_PREF_MEMORY_BASE, 4, window.base_limit());
    fabric.write_port(port, PCI_PREF_BASE_UPPER32, 4, window.base_upper());
    fabric.write_port(port, PCI_PREF_LIMIT_UPPER32, 4, window.limit_upper());
    fabric.write_port(port, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  }
  static std::uint64_t bar(unsigned device) { return 0x8'0000'0000 + device * bar_bytes; }
  static std::uint8_t bus(unsigned device) { return static_cast<std::uint8_t>(0x10 + device); }
  static RequesterId id(unsigned device) { return RequesterId{static_cast<std::uint16_t>(bus(device) << 8)}; }

  Port& root() { return branches[0].outer; }
  Port& device(unsigned n) { return branches[n].outer; }
  DeviceEnd& at(unsigned n) { return branches[n].end; }  ///< 0: above the switch
  void send(unsigned from, Tlp tlp) {
    if (tlp.requester.value == 0 && from != 0 && tlp.fc() != FcClass::completion) tlp.requester = id(from);
    branches[from].outer.send(std::move(tlp));
  }
  void acs(unsigned device, unsigned services, std::uint32_t vector = 0) {
    const unsigned at = fabric.port(device).config().layout().extended(PCI_EXT_CAP_ID_ACS);
    fabric.write_port(device, at + PCI_ACS_CTRL, 2, services);
    fabric.write_port(device, at + PCI_ACS_EGRESS_CTL_V, 4, vector);
  }
  void run(const Time& more) { timeline.run(timeline.now() + more); }
  Time flight(const Tlp& tlp) { return root().wire_time(tlp) + root().params().propagation; }
};

/// A completion for a request of `device`; 0: of the root complex.
inline Tlp completion_for(unsigned device, std::uint32_t bytes, std::uint16_t tag) {
  Tlp tlp = completion(bytes, tag);
  if (device != 0) tlp.requester = SwitchBench::id(device);
  tlp.completer = RequesterId{1};
  return tlp;
}

}  // namespace iov::pcie
