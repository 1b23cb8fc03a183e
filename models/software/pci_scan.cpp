// SPDX-License-Identifier: Apache-2.0
#include "models/software/pci_scan.h"

#include <algorithm>
#include <bit>

#include "models/software/pci_placement.h"

namespace iov::software {

using host::Strand;

namespace {
RequesterId id_of(unsigned bus, unsigned devfn) { return RequesterId{static_cast<std::uint16_t>(bus << 8 | devfn)}; }
std::uint32_t size_code(unsigned bytes) { return static_cast<std::uint32_t>(std::countr_zero(bytes / 128)); }
}  // namespace

Task PciScan::run(Strand& strand, PciTree& tree) {
  last_bus_ = 0;
  co_await scan_bus(strand, tree, 0, PciFunction::no_parent);
  place_bars(tree, mmio_base_, policy_);
  for (unsigned i = 0; i < tree.functions.size(); ++i) co_await configure(strand, tree, i);
}

/// Behind a root port or a switch's downstream port there is a link, so only device 0.
Task PciScan::scan_bus(Strand& strand, PciTree& tree, unsigned bus, unsigned parent) {
  const bool link = parent != PciFunction::no_parent && tree.functions[parent].port_type != PCI_EXP_TYPE_UPSTREAM;
  for (unsigned device = 0; device < (link ? 1u : 32u); ++device) {
    bool found = false;
    co_await scan_device(strand, tree, bus, device, parent, found);
  }
}

/// Function 0, then those that an ARI capability names, or all eight of a multi-function device.
Task PciScan::scan_device(Strand& strand, PciTree& tree, unsigned bus, unsigned device, unsigned parent, bool& found) {
  unsigned function = 0;
  do {
    PciFunction f;
    f.id = id_of(bus, device << 3 | function);
    f.parent = parent;
    co_await probe(strand, f, found);
    if (!found && function == 0) co_return;
    unsigned next = f.multi_function && function < 7 ? function + 1 : 0;
    if (found) {
      std::uint32_t ari = 0;
      if (f.ari != 0) co_await io_.read(strand, f.id, f.ari + PCI_ARI_CAP, 2, ari);
      if (f.ari != 0) next = PCI_ARI_CAP_NFN(ari);
      const auto index = static_cast<unsigned>(tree.functions.size());
      tree.functions.push_back(f);
      if (f.bridge) co_await enter_bridge(strand, tree, index);
      if (f.sriov != 0) co_await set_aside_vf_buses(strand, tree, index);
    }
    if (next <= function) break;
    function = next;
  } while (true);
}

Task PciScan::probe(Strand& strand, PciFunction& f, bool& found) {
  std::uint32_t ids = 0, kind = 0, header = 0;
  co_await io_.read(strand, f.id, PCI_VENDOR_ID, 4, ids);
  found = (ids & 0xffff) != 0xffff;
  if (!found) co_return;
  co_await io_.read(strand, f.id, PCI_CLASS_REVISION, 4, kind);
  co_await io_.read(strand, f.id, PCI_HEADER_TYPE, 1, header);
  f.vendor = static_cast<std::uint16_t>(ids), f.device = static_cast<std::uint16_t>(ids >> 16);
  f.class_code = kind >> 8;
  f.multi_function = (header & 0x80) != 0;
  f.bridge = (header & PCI_HEADER_TYPE_MASK) == PCI_HEADER_TYPE_BRIDGE;
  co_await read_capabilities(io_, strand, f);
  if (f.bridge) co_await keep_access_control(strand, f);
  if (!f.bridge) co_await size_bars(strand, f.id, PCI_BASE_ADDRESS_0, f.bars);
}

Task read_capabilities(ConfigIo& io, Strand& strand, PciFunction& f) {
  std::uint32_t at = 0, word = 0;
  co_await io.read(strand, f.id, PCI_CAPABILITY_LIST, 1, at);
  for (unsigned hops = 0; at >= 0x40 && hops < 48; at = word >> 8, ++hops) {
    co_await io.read(strand, f.id, at & ~3u, 2, word);
    if ((word & 0xff) == PCI_CAP_ID_EXP) f.express = at & ~3u;
    if ((word & 0xff) == PCI_CAP_ID_MSI) f.msi = at & ~3u;
    if ((word & 0xff) == PCI_CAP_ID_MSIX) f.msix = at & ~3u;
  }
  if (f.express == 0) co_return;
  std::uint32_t flags = 0, capabilities = 0;
  co_await io.read(strand, f.id, f.express + PCI_EXP_FLAGS, 2, flags);
  co_await io.read(strand, f.id, f.express + PCI_EXP_DEVCAP, 4, capabilities);
  f.port_type = static_cast<std::uint8_t>((flags & PCI_EXP_FLAGS_TYPE) >> 4);
  f.max_payload = 128u << (capabilities & PCI_EXP_DEVCAP_PAYLOAD);
  if ((flags & PCI_EXP_FLAGS_SLOT) != 0) co_await io.read(strand, f.id, f.express + PCI_EXP_SLTCAP, 4, capabilities);
  f.slot = (flags & PCI_EXP_FLAGS_SLOT) != 0 && (capabilities & PCI_EXP_SLTCAP_HPC) != 0;
  std::uint32_t header = 0;
  unsigned hops = 0;
  for (at = 0x100; at >= 0x100 && hops < 96; at = PCI_EXT_CAP_NEXT(header), ++hops) {
    co_await io.read(strand, f.id, at, 4, header);
    switch (PCI_EXT_CAP_ID(header)) {
      case PCI_EXT_CAP_ID_ERR: f.aer = at; break;
      case PCI_EXT_CAP_ID_ARI: f.ari = at; break;
      case PCI_EXT_CAP_ID_ACS: f.acs = at; break;
      case PCI_EXT_CAP_ID_ATS: f.ats = at; break;
      case PCI_EXT_CAP_ID_SRIOV: f.sriov = at; break;
      default: break;
    }
  }
}

/// What firmware or an administrator has switched on; a reset from above takes it.
Task PciScan::keep_access_control(Strand& strand, PciFunction& f) {
  std::uint32_t control = 0;
  if (f.acs == 0) co_return;
  co_await io_.read(strand, f.id, f.acs + PCI_ACS_CTRL, 2, control);
  f.access_control = control;
  if ((control & PCI_ACS_EC) != 0) co_await io_.read(strand, f.id, f.acs + PCI_ACS_EGRESS_CTL_V, 4, f.egress_control);
}

Task PciScan::restore_access_control(Strand& strand, const PciFunction& f) {
  if ((f.access_control & PCI_ACS_EC) != 0) co_await io_.write(strand, f.id, f.acs + PCI_ACS_EGRESS_CTL_V, 4, f.egress_control);
  if (f.access_control != 0) co_await io_.write(strand, f.id, f.acs + PCI_ACS_CTRL, 2, f.access_control);
}

Task enable_function(ConfigIo& io, Strand& strand, const PciFunction& f) {
  std::uint32_t command = 0;
  co_await io.read(strand, f.id, PCI_COMMAND, 2, command);
  co_await io.write(strand, f.id, PCI_COMMAND, 2, command | PCI_COMMAND_MASTER);
  if (f.msix != 0) co_await io.write(strand, f.id, f.msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

Task restore_function(ConfigIo& io, Strand& strand, const PciFunction& f) {
  if (f.msix != 0) co_await io.write(strand, f.id, f.msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
  co_await enable_function(io, strand, f);
}

Task disable_function(ConfigIo& io, Strand& strand, const PciFunction& f) {
  std::uint32_t command = 0;
  if (f.msix != 0) co_await io.write(strand, f.id, f.msix + PCI_MSIX_FLAGS, 2, 0);
  co_await io.read(strand, f.id, PCI_COMMAND, 2, command);
  co_await io.write(strand, f.id, PCI_COMMAND, 2, command & ~std::uint32_t{PCI_COMMAND_MASTER});
}

/// All ones are written, the bits that stay 0 are the size (7.5.1.2.1).
Task PciScan::size_bars(Strand& strand, RequesterId id, unsigned offset, PciBars& bars) {
  for (unsigned i = 0; i < bars.size(); ++i) {
    const unsigned at = offset + 4 * i;
    std::uint32_t low = 0, high = ~0u;
    co_await io_.write(strand, id, at, 4, ~0u);
    co_await io_.read(strand, id, at, 4, low);
    if (low == 0) continue;
    PciBar& bar = bars[i];
    bar.io = (low & PCI_BASE_ADDRESS_SPACE_IO) != 0;
    bar.wide = !bar.io && (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
    bar.prefetchable = !bar.io && (low & PCI_BASE_ADDRESS_MEM_PREFETCH) != 0;
    if (bar.wide) {
      co_await io_.write(strand, id, at + 4, 4, ~0u);
      co_await io_.read(strand, id, at + 4, 4, high);
      ++i;
    }
    const std::uint32_t flags = bar.io ? 3u : 0xfu;
    bar.bytes = ~(std::uint64_t{high} << 32 | (low & ~flags)) + 1;
  }
}

/// The bridge forwards all remaining buses while what is behind it is not known.
Task PciScan::enter_bridge(Strand& strand, PciTree& tree, unsigned index) {
  PciFunction f = tree.functions[index];
  if (last_bus_ >= policy_.last_bus) {
    tree.problems.emplace_back("no bus number is left for a bridge");
    co_return;
  }
  f.secondary = static_cast<std::uint8_t>(++last_bus_);
  co_await write_numbers(strand, f, policy_.last_bus);
  co_await forward_ari(strand, f);
  tree.functions[index] = f;
  co_await scan_bus(strand, tree, f.secondary, index);
  tree.functions[index].subordinate = static_cast<std::uint8_t>(last_bus_);
  co_await write_numbers(strand, f, last_bus_);
}

Task PciScan::write_numbers(Strand& strand, const PciFunction& f, unsigned last_bus) {
  co_await io_.write(strand, f.id, PCI_PRIMARY_BUS, 4, f.id.bus() | unsigned{f.secondary} << 8 | last_bus << 16);
}

Task PciScan::forward_ari(Strand& strand, PciFunction& f) {
  std::uint32_t capabilities = 0, control = 0;
  co_await io_.read(strand, f.id, f.express + PCI_EXP_DEVCAP2, 4, capabilities);
  f.ari_forwarding = (capabilities & PCI_EXP_DEVCAP2_ARI) != 0;
  if (!f.ari_forwarding) co_return;
  co_await io_.read(strand, f.id, f.express + PCI_EXP_DEVCTL2, 2, control);
  co_await io_.write(strand, f.id, f.express + PCI_EXP_DEVCTL2, 2, control | PCI_EXP_DEVCTL2_ARI);
}

/// In the order of the scan: a bridge before what is behind it.
Task PciScan::find_again(Strand& strand, PciTree& tree, unsigned port) {
  for (unsigned i = port + 1; i < tree.functions.size(); ++i) {
    if (!tree.below(i, port)) continue;
    PciFunction& known = tree.functions[i];
    PciFunction now;
    now.id = known.id;
    bool found = false;
    if (tree.functions[known.parent].present) co_await probe(strand, now, found);
    known.present = found && now.vendor == known.vendor && now.device == known.device;
    if (known.present) co_await configure_again(strand, tree, i);
  }
}

Task PciScan::configure_again(Strand& strand, PciTree& tree, unsigned index) {
  PciFunction& known = tree.functions[index];
  if (known.bridge) co_await write_numbers(strand, known, known.subordinate);
  if (known.bridge) co_await forward_ari(strand, known);
  if (known.sriov != 0) co_await choose_vf_ids(strand, tree, known);
  co_await configure(strand, tree, index);
  co_await restore_access_control(strand, known);
}

Task PciScan::choose_vf_ids(Strand& strand, const PciTree& tree, const PciFunction& f) {
  const bool ari = f.parent != PciFunction::no_parent && tree.functions[f.parent].ari_forwarding && f.ari != 0;
  co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_CTRL, 2, ari ? PCI_SRIOV_CTRL_ARI : 0);
  co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_SYS_PGSIZE, 4,
                     static_cast<std::uint32_t>(policy_.system_page.count >> 12));
}

/// First VF Offset and VF Stride may depend on NumVFs and on the ARI bit; both are asked with all VFs.
Task PciScan::set_aside_vf_buses(Strand& strand, PciTree& tree, unsigned index) {
  PciFunction f = tree.functions[index];
  std::uint32_t total = 0, routing = 0, device = 0;
  co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_TOTAL_VF, 2, total);
  f.total_vfs = total;
  co_await choose_vf_ids(strand, tree, f);
  co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_NUM_VF, 2, total);
  co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_VF_OFFSET, 4, routing);
  co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_VF_DID, 2, device);
  co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_NUM_VF, 2, 0);
  f.vf_offset = static_cast<std::uint16_t>(routing), f.vf_stride = static_cast<std::uint16_t>(routing >> 16);
  f.vf_device = static_cast<std::uint16_t>(device);
  co_await size_bars(strand, f.id, f.sriov + PCI_SRIOV_BAR, f.vf_bars);
  tree.functions[index] = f;
  if (total == 0) co_return;
  const unsigned last = (f.id.value + f.vf_offset + (total - 1) * f.vf_stride) >> 8;
  last_bus_ = std::max(last_bus_, std::min(last, policy_.last_bus));
  if (last > policy_.last_bus) tree.problems.emplace_back("not enough bus numbers for all VFs of a PF");
}

unsigned PciScan::payload_of_path(const PciTree& tree, unsigned index) const {
  unsigned least = tree.functions[index].max_payload;
  for (unsigned i = tree.functions[index].parent; i != PciFunction::no_parent; i = tree.functions[i].parent)
    least = std::min(least, tree.functions[i].max_payload);
  return least;
}

Task PciScan::configure(Strand& strand, const PciTree& tree, unsigned index) {
  const PciFunction& f = tree.functions[index];
  if (f.bridge) {
    co_await write_window(strand, f);
  } else {
    co_await write_bars(strand, f.id, PCI_BASE_ADDRESS_0, f.bars);
    if (f.sriov != 0) co_await write_bars(strand, f.id, f.sriov + PCI_SRIOV_BAR, f.vf_bars);
  }
  if (f.express != 0) {
    std::uint32_t control = 0;
    co_await io_.read(strand, f.id, f.express + PCI_EXP_DEVCTL, 2, control);
    control = (control & ~std::uint32_t{PCI_EXP_DEVCTL_PAYLOAD}) | size_code(payload_of_path(tree, index)) << 5;
    if (!f.bridge)
      control = (control & ~std::uint32_t{PCI_EXP_DEVCTL_READRQ}) | size_code(max_read_request_) << 12;
    co_await io_.write(strand, f.id, f.express + PCI_EXP_DEVCTL, 2, control);
  }
  // A bridge forwards requests of its devices; a function is made bus master by its driver.
  const bool placed = std::all_of(f.bars.begin(), f.bars.end(),
                                  [](const PciBar& bar) { return bar.bytes == 0 || bar.address != 0; });
  co_await io_.write(strand, f.id, PCI_COMMAND, 2,
                     (placed ? PCI_COMMAND_MEMORY : 0) | (f.bridge ? PCI_COMMAND_MASTER : 0));
}

Task PciScan::write_bars(Strand& strand, RequesterId id, unsigned offset, const PciBars& bars) {
  for (unsigned i = 0; i < bars.size(); ++i) {
    if (bars[i].bytes == 0) continue;
    co_await io_.write(strand, id, offset + 4 * i, 4, static_cast<std::uint32_t>(bars[i].address));
    if (bars[i].wide)
      co_await io_.write(strand, id, offset + 4 * i + 4, 4, static_cast<std::uint32_t>(bars[i].address >> 32));
  }
}

Task PciScan::write_window(Strand& strand, const PciFunction& bridge) {
  const config::BridgeWindow closed, window = bridge.window;
  co_await io_.write(strand, bridge.id, PCI_MEMORY_BASE, 4, closed.base_limit());
  co_await io_.write(strand, bridge.id, PCI_PREF_MEMORY_BASE, 4, window.base_limit());
  co_await io_.write(strand, bridge.id, PCI_PREF_BASE_UPPER32, 4, window.base_upper());
  co_await io_.write(strand, bridge.id, PCI_PREF_LIMIT_UPPER32, 4, window.limit_upper());
}

}  // namespace iov::software
