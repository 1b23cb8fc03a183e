// SPDX-License-Identifier: Apache-2.0
/// SriovDeviceParams -- an SR-IOV device in the numbers a platform file gives; with what its type has
/// (SriovDeviceResources) they make each PF's FunctionDescription.
///
/// Spec    PCIe Base 5.0 9.2.1.2 (VF discovery), 9.3.3.
/// Models  1 to 8 PFs as functions 0 to 7 of one device, each with the same number of VFs. Unless given,
///         First VF Offset and VF Stride let the VFs of all PFs take turns right behind the PFs (with ARI)
///         or from the next bus number on (without ARI, where only functions 0 to 7 of the PFs' bus are
///         reachable).
#pragma once
#include "models/core/params.h"
#include "models/core/units.h"
#include "models/protocol/config_space/vf_routing.h"

namespace iov::config {

struct SriovDeviceParams {
  unsigned vendor_id = 0x8086, device_id = 0x10fb, vf_device_id = 0x10ed, subsystem_id = 0x7a11, revision = 1;
  unsigned physical_functions = 1;
  unsigned total_vfs = 64;
  unsigned first_vf_offset = 0, vf_stride = 0, first_vf_offset_without_ari = 0, vf_stride_without_ari = 0;
  bool intx = false;
  Time vf_start_up{100, sc_core::SC_MS}, reset_time{100, sc_core::SC_MS};

  template <class V>
  void describe(V& v) {
    constexpr const char* ids = "pci.ids: 82599ES 10FBh, 82599 Virtual Function 10EDh";
    v.field("vendor_id", vendor_id, Range<unsigned>{0, 0xfffe}, "vendor ID", ids);
    v.field("device_id", device_id, Range<unsigned>{0, 0xfffe}, "device ID of the PFs", ids);
    v.field("vf_device_id", vf_device_id, Range<unsigned>{0, 0xfffe}, "VF Device ID", ids);
    v.field("subsystem_id", subsystem_id, Range<unsigned>{0, 0xffff}, "subsystem ID", ids);
    v.field("revision", revision, Range<unsigned>{0, 0xff}, "revision ID", no_source);
    v.field("physical_functions", physical_functions, Range<unsigned>{1, 8}, "PFs of the device", no_source);
    v.field("total_vfs", total_vfs, Range<unsigned>{0, 64000}, "TotalVFs of each PF", "Intel 82599 datasheet 9.4.4: 64");
    v.flag("intx", intx, "the PFs have an interrupt pin (INTA to INTD in turn), for software that leaves MSI-X off",
           "PCIe Base 5.0 6.1.2: optional");
    constexpr const char* routing = "0: VFs of all PFs take turns behind the PFs";
    const Range<unsigned> any{0, 0xffff};
    v.field("first_vf_offset", first_vf_offset, any, "First VF Offset in an ARI hierarchy", routing);
    v.field("vf_stride", vf_stride, any, "VF Stride in an ARI hierarchy", routing);
    v.field("first_vf_offset_without_ari", first_vf_offset_without_ari, any, "First VF Offset without ARI", routing);
    v.field("vf_stride_without_ari", vf_stride_without_ari, any, "VF Stride without ARI", routing);
    const Range<Time> second{Time(), Time(1, sc_core::SC_SEC)};
    v.field("vf_start_up", vf_start_up, second, "from VF Enable until the VFs answer; before, they ask for a retry",
            "PCIe Base 5.0 9.3.3.3.1: software waits 100 ms, a VF may take 1 s");
    v.field("reset_time", reset_time, second, "from a function level reset until the function answers again",
            "PCIe Base 5.0 6.6.2: 100 ms at most");
    v.require((first_vf_offset == 0) == (vf_stride == 0) &&
                  (first_vf_offset_without_ari == 0) == (vf_stride_without_ari == 0),
              "VF offset and stride are given together");
    v.require(ids_disjoint(true) && ids_disjoint(false), "two functions of the device would share a requester ID");
  }

  VfRouting routing(bool ari) const {
    const unsigned offset = ari ? first_vf_offset : first_vf_offset_without_ari;
    const unsigned stride = ari ? vf_stride : vf_stride_without_ari;
    if (offset != 0) return {static_cast<std::uint16_t>(offset), static_cast<std::uint16_t>(stride)};
    return interleaved(ari ? physical_functions : 0x100, physical_functions);
  }
  /// PFs at 0..pfs-1, the VFs of PF p from p + offset on: no two have one ID.
  bool ids_disjoint(bool ari) const;
};

/// What the type of a device has: registers, vectors, translation services. What is not here is not advertised.
struct SriovDeviceResources {
  std::uint32_t class_code = 0x020000;
  std::uint64_t bar_bytes = 0x10000, vf_bar_bytes = 0x10000;  ///< registers of a PF, of a VF: powers of two
  unsigned vectors = 1, vf_vectors = 1;                       ///< of MSI-X
  std::optional<AtsCapability> ats;                           ///< of the PFs; then the VFs have it too
  std::optional<AcsCapability> acs;                           ///< of every function
  std::optional<PriCapability> pri;
  std::optional<PasidCapability> pasid;
};

inline constexpr unsigned msix_bar = 2;

/// PF number `pf` of the device; link and payload are those of its port.
/// MSI-X table and pending bits share a second 64-bit BAR (msix_bar), which is as large as they need.
FunctionDescription physical_function(const SriovDeviceParams& params, const SriovDeviceResources& resources,
                                      unsigned pf, const PciExpressCapability& express);

}  // namespace iov::config
