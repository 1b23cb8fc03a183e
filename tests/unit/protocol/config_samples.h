// SPDX-License-Identifier: Apache-2.0
// Functions to test with, and a walk of the capability chains by the bytes alone.
#pragma once
#include "models/protocol/config_space/physical_function.h"

namespace iov::config::samples {

/// A PF with every capability; IDs and VF numbers after the 82576.
inline FunctionDescription physical_function() {
  FunctionDescription d;
  d.vendor_id = 0x8086, d.device_id = 0x10c9, d.subsystem_vendor_id = 0x8086, d.subsystem_id = 0xa03c,
  d.revision = 1;
  d.multi_function = true, d.interrupt_pin = 1;
  d.bars[0] = {.bytes = 0x20000, .wide = true, .prefetchable = true};
  d.bars[2] = {.bytes = 32, .io = true};
  d.bars[3] = {.bytes = 0x4000};
  d.express.max_payload = 512, d.express.link_speed = 4, d.express.link_width = 8;
  d.msix = MsixCapability{.vectors = 25, .table_bar = 3, .pending_bar = 3, .pending_offset = 0x2000};
  d.ari = AriCapability{.next_function = 1};
  d.acs = AcsCapability{.features = 0x7d, .egress_ports = 8};
  d.ats = AtsCapability{.queue_depth = 24};
  d.pri = PriCapability{.max_requests = 64};
  d.pasid = PasidCapability{.width = 20, .execute = true, .privileged = true};
  SriovCapability s;
  s.total_vfs = 8, s.vf_device_id = 0x10ca;
  s.with_ari = {.offset = 0x80, .stride = 2}, s.without_ari = {.offset = 0x180, .stride = 2};
  s.vf_bars[0] = {.bytes = 0x4000, .wide = true, .prefetchable = true};
  s.vf_bars[3] = {.bytes = 0x4000, .wide = true, .prefetchable = true};
  s.vf_msix = MsixCapability{.vectors = 3, .table_bar = 3, .pending_bar = 3, .pending_offset = 0x2000};
  s.vf_acs = AcsCapability{};
  s.vf_ats = true;
  d.sriov = s;
  return d;
}

inline FunctionDescription bridge(PortType type) {
  FunctionDescription d;
  d.vendor_id = 0x1b36, d.device_id = 0x000c, d.class_code = 0x060400;
  d.express.type = type, d.express.link_speed = 4, d.express.link_width = 16, d.express.port_number = 5;
  d.msi = type == PortType::root_port;
  if (type == PortType::downstream_port) d.express.slot = SlotCapability{.number = 77};
  if (type != PortType::upstream_port) d.acs = AcsCapability{.features = 0x5f};
  return d;
}

inline constexpr RequesterId pf_id{0x0100};

/// Offset of a capability found by following the pointers, 0 when it is not in the chain.
template <class Space>
unsigned walk(Space& space, unsigned id) {
  for (unsigned at = space.read(0x34, 1), hops = 0; at != 0 && hops < 48; at = space.read(at + 1, 1), ++hops)
    if (space.read(at, 1) == id) return at;
  return 0;
}
template <class Space>
unsigned walk_extended(Space& space, unsigned id) {
  for (unsigned at = 0x100, hops = 0; at != 0 && hops < 96; at = space.read(at, 4) >> 20, ++hops)
    if ((space.read(at, 4) & 0xffff) == id) return at;
  return 0;
}
template <class Space>
unsigned sriov_at(Space& space) {
  return walk_extended(space, 0x10);
}

}  // namespace iov::config::samples
