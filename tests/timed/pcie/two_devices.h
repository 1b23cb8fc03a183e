// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tests/timed/pcie/root_bench.h"

namespace iov::pcie {

/// Two devices, each below its own root port.
struct TwoDevices {
  static constexpr std::uint64_t bar_a = 0x8'0000'0000, bar_b = 0x8'0010'0000;
  Timeline timeline{"timeline"};
  RootComplex rc{"rc", timeline, {}};
  Port a, root_a, b, root_b;
  FixedMemory memory{"memory", timeline, 50_ns, 30_ns};
  DeviceEnd at_a{a, timeline}, at_b{b, timeline};
  explicit TwoDevices(const LinkParams& b_params = {})
      : a("a", timeline, {}), root_a("root_a", timeline, {}), b("b", timeline, b_params), root_b("root_b", timeline, {}) {
    a.connect(root_a);
    b.connect(root_b);
    const unsigned port_a = rc.add_root_port(root_a), port_b = rc.add_root_port(root_b);
    open_port(rc, port_a, 1, 1, bar_a, 0x10'0000);
    open_port(rc, port_b, 2, 2, bar_b, 0x10'0000);
    rc.memory.socket.bind(memory.socket);
    timeline.run(1_ns);
  }
  void run(Time more) { timeline.run(timeline.now() + more); }
};

}  // namespace iov::pcie
