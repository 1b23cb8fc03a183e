// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/sriov_device.h"

#include <algorithm>

namespace iov::config {

namespace {
constexpr unsigned table_bar = 2;

/// Table of 16 bytes a vector, then pending bits in whole pages, so that guests may map one without the
/// other.
MsixCapability msix(unsigned vectors) {
  const unsigned table = (vectors * PCI_MSIX_ENTRY_SIZE + 0xfff) & ~0xfffu;
  return {.vectors = vectors, .table_bar = table_bar, .pending_bar = table_bar, .pending_offset = table};
}
Bar msix_bar(const MsixCapability& m) {
  return {.bytes = std::bit_ceil(m.pending_offset + 0x1000u), .wide = true, .prefetchable = true};
}
}  // namespace

FunctionDescription physical_function(const SriovDeviceParams& p, unsigned pf,
                                      const PciExpressCapability& express) {
  FunctionDescription d;
  d.vendor_id = d.subsystem_vendor_id = static_cast<std::uint16_t>(p.vendor_id);
  d.device_id = static_cast<std::uint16_t>(p.device_id);
  d.subsystem_id = static_cast<std::uint16_t>(p.subsystem_id);
  d.multi_function = p.physical_functions > 1;
  d.express = express;
  d.express.controls_link = pf == 0;
  d.bars[0] = {.bytes = p.bar_bytes, .wide = true, .prefetchable = true};
  d.msix = msix(p.vectors);
  d.bars[table_bar] = msix_bar(*d.msix);
  d.ari =
      AriCapability{.next_function = static_cast<std::uint8_t>(pf + 1 < p.physical_functions ? pf + 1 : 0)};
  if (p.ats) d.ats = AtsCapability{.queue_depth = p.ats_queue_depth};
  if (p.page_requests != 0) d.pri = PriCapability{.max_requests = p.page_requests};
  if (p.pasid_width != 0) d.pasid = PasidCapability{.width = p.pasid_width};
  if (p.virtual_functions == 0) return d;
  SriovCapability s;
  s.total_vfs = static_cast<std::uint16_t>(p.virtual_functions);
  s.vf_device_id = static_cast<std::uint16_t>(p.vf_device_id);
  s.with_ari = p.routing(true), s.without_ari = p.routing(false);
  s.lowest_pf = pf == 0;
  s.function_dependency = static_cast<std::uint8_t>(pf);
  s.vf_bars[0] = {.bytes = p.vf_bar_bytes, .wide = true, .prefetchable = true};
  s.vf_msix = msix(p.vf_vectors);
  s.vf_bars[table_bar] = msix_bar(*s.vf_msix);
  s.vf_ats = p.ats;
  d.sriov = s;
  return d;
}

}  // namespace iov::config
