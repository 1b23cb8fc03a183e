// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/composed_config.h"

#include <algorithm>

#include "models/protocol/config_space/build_layout.h"

namespace iov::config {

namespace {
enum class Chain : std::uint8_t { header, capability, extended };

struct PartRow {
  Chain chain;
  std::uint16_t id;
  std::uint16_t offset;  ///< of the register, from the start of its structure
  std::uint32_t mask;    ///< in the register
  RegisterClass kind;
  bool from_pf = false;
};

constexpr auto rw = RegisterClass::hardware_rw;
constexpr auto ro = RegisterClass::hardware_ro;
constexpr std::uint32_t all = ~0u, word = 0xffff;
constexpr bool pf = true;  ///< the PF's value applies to its VFs (PCIe 9.3.5)

/// What is not in this part_rows is emulated: vendor and device ID, BARs, memory space enable, interrupt line,
/// power management, MSI-X enable and mask (the hypervisor programs the real ones with host vectors).
constexpr PartRow part_rows[] = {
    {Chain::header, 0, PCI_COMMAND, PCI_COMMAND_MASTER, rw},
    {Chain::header, 0, PCI_STATUS, 0xf900, rw},
    {Chain::header, 0, PCI_CLASS_REVISION, all, ro},
    {Chain::header, 0, PCI_SUBSYSTEM_VENDOR_ID, all, ro},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCAP, all, ro},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, word & ~PCI_EXP_DEVCTL_BCR_FLR, ro, pf},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, rw},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVSTA, word, rw},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_LNKCAP, all, ro},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_LNKCTL, word, ro, pf},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_LNKSTA, word, ro, pf},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCAP2, all, ro},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL2, word, ro, pf},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_LNKCAP2, all, ro},
    {Chain::capability, PCI_CAP_ID_EXP, PCI_EXP_LNKCTL2, word, ro, pf},
    {Chain::capability, PCI_CAP_ID_MSIX, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_QSIZE, ro},
    {Chain::capability, PCI_CAP_ID_MSIX, PCI_MSIX_TABLE, all, ro},
    {Chain::capability, PCI_CAP_ID_MSIX, PCI_MSIX_PBA, all, ro},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_UNCOR_STATUS, all, rw},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_UNCOR_MASK, all, ro, pf},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_UNCOR_SEVER, all, ro, pf},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_COR_STATUS, all, rw},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_COR_MASK, all, ro, pf},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_CAP, all, ro},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG + 0, all, ro},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG + 4, all, ro},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG + 8, all, ro},
    {Chain::extended, PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG + 12, all, ro},
};

int base_of(const Layout& layout, const PartRow& row) {
  if (row.chain == Chain::header) return 0;
  const int at = row.chain == Chain::extended ? layout.extended(row.id)
                                              : layout.capability(static_cast<std::uint8_t>(row.id));
  return at != 0 ? at : -1;
}

std::uint32_t writable(const ConfigSpace& space, unsigned dword) {
  const std::uint8_t slot = space.layout().slot_of(dword);
  if (slot == Layout::no_slot) return 0;
  const Layout::Slot& s = space.layout().slots()[slot];
  return s.rw | s.rw1c | s.trigger;
}
}  // namespace

namespace {
/// Fabric and translation services stay with the host.
FunctionDescription host_services_removed(FunctionDescription guest) {
  guest.ari.reset(), guest.acs.reset(), guest.ats.reset(), guest.pri.reset(), guest.pasid.reset(),
      guest.sriov.reset();
  return guest;
}
}  // namespace

FunctionDescription guest_function(const FunctionDescription& pf_description) {
  FunctionDescription guest = pf_description;
  const SriovCapability& s = pf_description.sriov.value();
  guest.device_id = s.vf_device_id;
  guest.multi_function = false;
  guest.interrupt_pin = 0;
  guest.bars = s.vf_bars;
  guest.msix = s.vf_msix;
  guest.aer = s.vf_aer && pf_description.aer;
  guest.power_management = true;
  return host_services_removed(guest);
}

FunctionDescription guest_whole_function(const FunctionDescription& pf_description) {
  FunctionDescription guest = pf_description;
  guest.multi_function = false;
  guest.interrupt_pin = 0;
  return host_services_removed(guest);
}

Composition::Composition(const FunctionDescription& guest_description, const Layout& own, const Layout& pf_layout,
                         Assigned what)
    : guest_(build_layout(guest_description)) {
  for (const PartRow& row : part_rows) {
    const bool from_pf = row.from_pf && what == Assigned::virtual_function;
    const int guest = base_of(guest_, row), raw = base_of(from_pf ? pf_layout : own, row);
    if (guest < 0 || raw < 0) continue;
    const auto at = [&](int base) { return static_cast<std::uint16_t>((base + row.offset) & ~3); };
    parts_.push_back({at(guest), row.mask << (row.offset & 3) * 8, row.kind, from_pf, at(raw)});
  }
  std::stable_sort(parts_.begin(), parts_.end(),
                   [](const Part& a, const Part& b) { return a.dword < b.dword; });
  std::uint16_t next = 0;
  for (unsigned i = 0; i < first_part_.size(); ++i) {
    while (next < parts_.size() && parts_[next].dword < 4 * i) ++next;
    first_part_[i] = next;
  }
}

std::span<const Composition::Part> Composition::parts_of(unsigned dword) const {
  const std::size_t first = first_part_[dword / 4], last = first_part_[dword / 4 + 1];
  return std::span(parts_).subspan(first, last - first);
}

RegisterClass Composition::class_of(unsigned dword, unsigned bit) const {
  for (const Part& part : parts_of(dword))
    if (part.mask >> bit & 1) return part.kind;
  return RegisterClass::emulated;
}

std::uint32_t ComposedConfig::dword(unsigned offset) const {
  std::uint32_t value = guest_.dword(offset);
  for (const Composition::Part& part : composition_->parts_of(offset))
    value = (value & ~part.mask) | (source(part).dword(part.source) & part.mask);
  return value;
}

std::uint32_t ComposedConfig::read(unsigned offset, unsigned width) {
  ++accesses_;
  if ((offset & 3) + width > 4 || offset >= space_bytes) return ones(width);
  return dword(offset & ~3u) >> (offset & 3) * 8 & ones(width);
}

ComposedConfig::Written ComposedConfig::write(unsigned offset, unsigned width, std::uint32_t value) {
  ++accesses_;
  Written written;
  if ((offset & 3) + width > 4 || offset >= space_bytes) return written;
  const unsigned at = offset & ~3u, shift = (offset & 3) * 8;
  const std::uint32_t lanes = ones(width) << shift, bits = value << shift;
  const std::uint32_t differs = (bits ^ dword(at)) & lanes;  // before anything is written
  std::uint32_t emulated = lanes;
  std::array<std::uint32_t, register_classes> wanted{}, can{};
  for (const Composition::Part& part : composition_->parts_of(at)) {
    emulated &= ~part.mask;
    const auto kind = static_cast<std::size_t>(part.kind);
    wanted[kind] |= differs & part.mask;
    if (part.kind != RegisterClass::hardware_rw) continue;
    can[kind] |= writable(*vf_, part.source) & lanes & part.mask;
    const Change change = vf_->write_bits(part.source, bits, lanes & part.mask);
    written.lanes |= lanes & part.mask, written.value = bits & written.lanes;
    written.hardware.triggered |= change.triggered;
    if (written.hardware.offset == 0) written.hardware.before = change.before;
    written.hardware.offset = change.offset, written.hardware.after = change.after;
  }
  written.emulated = guest_.write_bits(at, bits, emulated);
  wanted[2] = differs & emulated;
  can[2] = written.emulated.refused != 0 ? 0 : writable(guest_, at) & emulated;
  for (std::size_t c = 0; c < register_classes; ++c)
    count_blocked(static_cast<RegisterClass>(c), wanted[c], can[c]);
  return written;
}

void ComposedConfig::count_blocked(RegisterClass kind, std::uint32_t wanted, std::uint32_t writable_bits) {
  if (wanted != 0 && writable_bits == 0) ++blocked_[static_cast<std::size_t>(kind)];
}

}  // namespace iov::config
