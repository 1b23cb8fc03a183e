// SPDX-License-Identifier: Apache-2.0
/// VfSettings -- what the administrator of a host sets for one VF, as `ip link set dev PF vf N ...` does. The PF driver
/// keeps and enforces it.
///
/// Units   rates count frames with FCS; 0: no limit
#pragma once
#include "models/core/params.h"
#include "models/core/units.h"
#include "models/protocol/frame.h"

namespace iov::software {

struct VfSettings {
  MacAddress mac;  ///< given to the VF; 0: it may take its own
  Bandwidth max_transmit_rate{0}, min_transmit_rate{0}, max_receive_rate{0};
  unsigned storm_rate = 0;
  Time interrupt_interval;
  bool spoof_check = true, trust = false;

  template <class V>
  void describe(V& v) {
    const Range<Bandwidth> rate{{0}, {1.6e12 / 8}};
    const char* ip_link = "Linux ip-link(8): vf";
    v.field("max_transmit_rate", max_transmit_rate, rate, "most it may send, in steps of 1 Mb/s; 0: no limit", ip_link);
    v.field("min_transmit_rate", min_transmit_rate, rate, "least it gets while it has frames to send; 0: none", ip_link);
    v.field("max_receive_rate", max_receive_rate, rate, "most it receives, in steps of 1 Mb/s; 0: no limit",
            "82599 has none; ConnectX ingress policing");
    v.field("storm_rate", storm_rate, Range<unsigned>{0, 100'000'000, "1/s"},
            "broadcast and multicast frames per second, each way; 0: no limit", "Intel 82576 datasheet 8.10.17 (SCCRL)");
    v.field("interrupt_interval", interrupt_interval, Range<Time>{{}, 10000_us}, "least time between its interrupts", no_source);
    v.flag("spoof_check", spoof_check, "its frames must carry its own MAC address and VLANs", ip_link);
    v.flag("trust", trust, "may change its MAC address and ask for promiscuous modes", ip_link);
  }
};

}  // namespace iov::software
