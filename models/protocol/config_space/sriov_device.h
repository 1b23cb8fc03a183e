// SPDX-License-Identifier: Apache-2.0
/// SriovDeviceParams -- an SR-IOV device in the numbers a platform file gives; each PF's FunctionDescription
/// follows from them.
///
/// Spec    PCIe Base 5.0 9.2.1.2 (VF discovery), 9.3.3.
/// Models  1 to 8 PFs as functions 0 to 7 of one device, each with the same number of VFs. Unless given,
/// First
///         VF Offset and VF Stride let the VFs of all PFs take turns right behind the PFs (with ARI) or from
///         the next bus number on (without ARI, where only functions 0 to 7 of the PFs' bus are reachable).
#pragma once
#include <bit>

#include "models/core/params.h"
#include "models/protocol/config_space/vf_routing.h"

namespace iov::config {

struct SriovDeviceParams {
  unsigned vendor_id = 0x8086, device_id = 0x10c9, vf_device_id = 0x10ca, subsystem_id = 0xa03c;
  unsigned physical_functions = 1;
  unsigned virtual_functions = 8;
  unsigned vf_offset_ari = 0, vf_stride_ari = 0, vf_offset = 0, vf_stride = 0;
  unsigned bar_bytes = 0x10000, vf_bar_bytes = 0x4000;
  unsigned vectors = 10, vf_vectors = 3;
  unsigned ats_queue_depth = 32, page_requests = 0, pasid_width = 0;
  bool ats = true;

  template <class V>
  void describe(V& v) {
    constexpr const char* ids = "pci.ids: 82576 Gigabit Network Connection 10C9h, its VF 10CAh";
    v.field("vendor_id", vendor_id, Range<unsigned>{0, 0xfffe}, "vendor ID", ids);
    v.field("device_id", device_id, Range<unsigned>{0, 0xfffe}, "device ID of the PFs", ids);
    v.field("vf_device_id", vf_device_id, Range<unsigned>{0, 0xfffe}, "VF Device ID", ids);
    v.field("subsystem_id", subsystem_id, Range<unsigned>{0, 0xffff}, "subsystem ID", no_source);
    v.field("physical_functions", physical_functions, Range<unsigned>{1, 8}, "PFs of the device", no_source);
    v.field("virtual_functions", virtual_functions, Range<unsigned>{0, 64000}, "TotalVFs of each PF",
            "QEMU hw/net/igb.c, model of the 82576: 8");
    constexpr const char* routing = "0: VFs of all PFs take turns behind the PFs";
    v.field("vf_offset_ari", vf_offset_ari, Range<unsigned>{0, 0xffff}, "First VF Offset with ARI", routing);
    v.field("vf_stride_ari", vf_stride_ari, Range<unsigned>{0, 0xffff}, "VF Stride with ARI", routing);
    v.field("vf_offset", vf_offset, Range<unsigned>{0, 0xffff}, "First VF Offset without ARI", routing);
    v.field("vf_stride", vf_stride, Range<unsigned>{0, 0xffff}, "VF Stride without ARI", routing);
    v.field("bar_bytes", bar_bytes, Range<unsigned>{16, 1u << 31}, "registers of a PF", no_source);
    v.field("vf_bar_bytes", vf_bar_bytes, Range<unsigned>{16, 1u << 31}, "registers of a VF",
            "QEMU hw/net/igbvf.c, model of the 82576 VF: 16 KiB");
    v.field("vectors", vectors, Range<unsigned>{1, 2048}, "MSI-X vectors of a PF",
            "QEMU hw/net/igb_core.h, model of the 82576");
    v.field("vf_vectors", vf_vectors, Range<unsigned>{1, 2048}, "MSI-X vectors of a VF",
            "QEMU hw/net/igb_core.h, model of the 82576");
    v.flag("ats", ats, "PFs and VFs can translate addresses themselves", no_source);
    v.field("ats_queue_depth", ats_queue_depth, Range<unsigned>{1, 32}, "Invalidate Queue Depth", no_source);
    v.field("page_requests", page_requests, Range<unsigned>{0, 0xffff}, "page requests at a time, 0: no PRI",
            no_source);
    v.field("pasid_width", pasid_width, Range<unsigned>{0, 20}, "bits of a PASID, 0: no PASID", no_source);
    v.require(std::has_single_bit(bar_bytes) && std::has_single_bit(vf_bar_bytes),
              "BAR sizes are powers of two");
    v.require((vf_offset_ari == 0) == (vf_stride_ari == 0) && (vf_offset == 0) == (vf_stride == 0),
              "VF offset and stride are given together");
  }

  VfRouting routing(bool ari) const {
    const unsigned offset = ari ? vf_offset_ari : vf_offset, stride = ari ? vf_stride_ari : vf_stride;
    if (offset != 0) return {static_cast<std::uint16_t>(offset), static_cast<std::uint16_t>(stride)};
    return interleaved(ari ? physical_functions : 0x100, physical_functions);
  }
};

/// PF number `pf` of the device; link and payload are those of its port.
/// MSI-X table and pending bits share a second 64-bit BAR (BAR 2), which is as large as they need.
FunctionDescription physical_function(const SriovDeviceParams& params, unsigned pf,
                                      const PciExpressCapability& express);

}  // namespace iov::config
