// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/sriov_device.h"

#include <algorithm>
#include <bit>
#include <bitset>
#include <memory>

namespace iov::config {

namespace {
/// Table of 16 bytes a vector, then pending bits in whole pages, so that guests may map one without the
/// other.
MsixCapability msix(unsigned vectors) {
  const unsigned table = (vectors * PCI_MSIX_ENTRY_SIZE + 0xfff) & ~0xfffu;
  return {.vectors = vectors, .table_bar = msix_bar, .pending_bar = msix_bar, .pending_offset = table};
}
Bar bar_of(const MsixCapability& m) {
  return {.bytes = std::bit_ceil(m.pending_offset + 0x1000u), .wide = true, .prefetchable = true};
}
}  // namespace

bool SriovDeviceParams::ids_disjoint(bool ari) const {
  const VfRouting r = routing(ari);
  if (physical_functions == 1) return true;  // stride and offset are not 0
  const auto taken = std::make_unique<std::bitset<2 * requester_ids>>();
  for (unsigned pf = 0; pf < physical_functions; ++pf) taken->set(pf);
  for (unsigned pf = 0; pf < physical_functions; ++pf)
    for (unsigned n = 0; n < total_vfs; ++n) {
      const std::uint64_t id = pf + r.offset + std::uint64_t{n} * r.stride;
      if (id >= taken->size()) break;
      if (taken->test(id)) return false;
      taken->set(id);
    }
  return true;
}

FunctionDescription physical_function(const SriovDeviceParams& p, const SriovDeviceResources& has, unsigned pf,
                                      const PciExpressCapability& express) {
  FunctionDescription d;
  d.interrupt_pin = p.intx ? static_cast<std::uint8_t>(1 + pf % 4) : std::uint8_t{0};
  d.vendor_id = d.subsystem_vendor_id = static_cast<std::uint16_t>(p.vendor_id);
  d.device_id = static_cast<std::uint16_t>(p.device_id);
  d.subsystem_id = static_cast<std::uint16_t>(p.subsystem_id);
  d.revision = static_cast<std::uint8_t>(p.revision);
  d.class_code = has.class_code;
  d.multi_function = p.physical_functions > 1;
  d.express = express;
  d.express.controls_link = pf == 0;
  d.bars[0] = {.bytes = has.bar_bytes, .wide = true, .prefetchable = true};
  d.msix = msix(has.vectors);
  d.bars[msix_bar] = bar_of(*d.msix);
  d.ari =
      AriCapability{.next_function = static_cast<std::uint8_t>(pf + 1 < p.physical_functions ? pf + 1 : 0)};
  d.ats = has.ats, d.acs = has.acs, d.pri = has.pri, d.pasid = has.pasid;
  if (p.total_vfs == 0) return d;
  SriovCapability s;
  s.total_vfs = static_cast<std::uint16_t>(p.total_vfs);
  s.vf_device_id = static_cast<std::uint16_t>(p.vf_device_id);
  s.with_ari = p.routing(true), s.without_ari = p.routing(false);
  s.lowest_pf = pf == 0;
  s.function_dependency = static_cast<std::uint8_t>(pf);
  s.vf_bars[0] = {.bytes = has.vf_bar_bytes, .wide = true, .prefetchable = true};
  s.vf_msix = msix(has.vf_vectors);
  s.vf_bars[msix_bar] = bar_of(*s.vf_msix);
  s.vf_ats = has.ats.has_value();
  s.vf_acs = has.acs;
  d.sriov = s;
  return d;
}

}  // namespace iov::config
