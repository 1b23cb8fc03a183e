// SPDX-License-Identifier: Apache-2.0
/// What the host's software knows of the functions below its root ports, as it read it from configuration space.
///
/// Units   bytes; BAR sizes of VFs are those of one VF
#pragma once
#include <linux/pci_regs.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/core/address.h"
#include "models/core/params.h"
#include "models/core/units.h"
#include "models/protocol/config_space/bridge_window.h"

namespace iov::software {

/// What firmware and kernel decide about the PCI hierarchy.
struct PciPolicy {
  unsigned last_bus = 255;
  Bytes mmio_window{1ull << 40};
  Bytes system_page{4096};
  Time vf_wait{100, sc_core::SC_MS}, vf_disable_wait{1, sc_core::SC_SEC}, reset_wait{100, sc_core::SC_MS};
  Time link_wait{100, sc_core::SC_MS};

  template <class V>
  void describe(V& v) {
    v.field("last_bus", last_bus, Range<unsigned>{1, 255}, "highest bus number", "PCIe Base 5.0 7.2.2: 256 buses");
    v.field("mmio_window", mmio_window, Range<Bytes>{1_MiB, Bytes{1ull << 46}},
            "addresses for 64-bit prefetchable BARs, above all memory", "a root bridge's 64-bit window of 1 TiB");
    v.field("system_page", system_page, Range<Bytes>{4096_B, 4_MiB},
            "System Page Size: least distance of the BARs of neighbouring VFs", "x86: 4 KiB");
    const Range<Time> range{Time(), Time(10, sc_core::SC_SEC)};
    v.field("vf_wait", vf_wait, range, "from VF Enable to the first access to a VF", "PCIe Base 5.0 9.3.3.3.1: 100 ms");
    v.field("vf_disable_wait", vf_disable_wait, range, "after VF Enable was cleared", "Linux drivers/pci/iov.c: 1 s");
    v.field("reset_wait", reset_wait, range, "from a function level reset to the first access", "PCIe Base 5.0 6.6.2: 100 ms");
    v.field("link_wait", link_wait, range, "from a link that came up to the first configuration request below it",
            "PCIe Base 5.0 6.6.1: 100 ms; Linux pciehp");
    v.require(system_page.count != 0 && (system_page.count & (system_page.count - 1)) == 0,
              "system_page must be a power of two");
  }
};

struct PciBar {
  std::uint64_t bytes = 0;    ///< 0: none
  std::uint64_t address = 0;  ///< 0: no place for it
  bool wide = false, prefetchable = false, io = false;
};
using PciBars = std::array<PciBar, PCI_STD_NUM_BARS>;

struct PciFunction {
  static constexpr unsigned no_parent = ~0u;
  RequesterId id;
  unsigned parent = no_parent;  ///< index of the bridge above
  std::uint16_t vendor = 0, device = 0;
  std::uint32_t class_code = 0;
  bool bridge = false, multi_function = false;
  bool present = true;  ///< until its link goes down
  bool slot = false;    ///< a port with a hot-plug capable slot below
  std::uint8_t port_type = 0;  ///< PCI_EXP_TYPE_*
  PciBars bars;
  /// Offsets of capabilities, 0 when absent.
  unsigned express = 0, msi = 0, msix = 0, aer = 0, ari = 0, acs = 0, ats = 0, sriov = 0;
  std::uint32_t access_control = 0, egress_control = 0;  ///< of a bridge: ACS as it was when the scan came by
  unsigned max_payload = 128;  ///< supported
  // Of a bridge
  std::uint8_t secondary = 0, subordinate = 0;
  bool ari_forwarding = false;
  config::BridgeWindow window;
  // Of a PF
  unsigned total_vfs = 0, num_vfs = 0;
  std::uint16_t vf_device = 0, vf_offset = 0, vf_stride = 0;  ///< as with TotalVFs
  PciBars vf_bars;
  std::uint64_t vf_aperture(unsigned bar, std::uint64_t page) const {
    return vf_bars[bar].bytes == 0 ? 0 : std::max(vf_bars[bar].bytes, page);
  }
};

struct PciTree {
  std::vector<PciFunction> functions;  ///< in the order of the scan: a bridge before what is behind it
  std::vector<std::string> problems;   ///< what the scan could not place

  const PciFunction* with_id(RequesterId id) const {
    for (const PciFunction& f : functions)
      if (f.id == id) return &f;
    return nullptr;
  }
  bool below(unsigned function, unsigned bridge) const {
    for (unsigned i = functions[function].parent; i != PciFunction::no_parent; i = functions[i].parent)
      if (i == bridge) return true;
    return false;
  }
};

}  // namespace iov::software
