// SPDX-License-Identifier: Apache-2.0
#include "models/software/vf_manager.h"

#include "models/software/pci_scan.h"
#include "models/software/register_io.h"

namespace iov::software {

using host::Strand;

namespace {
/// SR-IOV Control of a function that answers, with VF Enable set.
bool vfs_enabled(std::uint32_t control) { return control != all_ones(2) && (control & PCI_SRIOV_CTRL_VFE) != 0; }
}  // namespace

unsigned VfManager::pfs() const {
  unsigned n = 0;
  for (const PciFunction& f : tree_.functions) n += !f.bridge;
  return n;
}

unsigned VfManager::index_of(unsigned pf) const {
  unsigned n = 0;
  for (unsigned i = 0; i < tree_.functions.size(); ++i)
    if (!tree_.functions[i].bridge && n++ == pf) return i;
  throw SimError(timeline_.now(), name(), "the scan found no PF number " + std::to_string(pf));
}

RequesterId VfManager::id(const FunctionName& function) const {
  const PciFunction& f = pf(function.pf);
  if (function.vf == 0) return f.id;
  return RequesterId{static_cast<std::uint16_t>(f.id.value + f.vf_offset + (function.vf - 1) * f.vf_stride)};
}

Hpa VfManager::bar(const FunctionName& function, unsigned bar) const {
  const PciFunction& f = pf(function.pf);
  if (function.vf == 0) return Hpa(f.bars.at(bar).address);
  return Hpa(f.vf_bars.at(bar).address + (function.vf - 1) * f.vf_aperture(bar, policy_.system_page.count));
}

/// Asked before anything is written: bus numbers, IDs and addresses are the host's to give.
std::string VfManager::shortage(const PciFunction& f, unsigned vfs) const {
  for (const PciBar& bar : f.vf_bars)
    if (bar.bytes != 0 && bar.address == 0) return "not enough MMIO space for the BARs of the VFs";
  const unsigned last = f.id.value + f.vf_offset + (vfs - 1) * f.vf_stride;
  if (last > 0xffff) return "the last VF lies beyond the 16-bit requester ID space";
  for (unsigned i = f.parent; i != PciFunction::no_parent; i = tree_.functions[i].parent)
    if (last >> 8 > tree_.functions[i].subordinate)
      return "not enough bus numbers: the last VF is on bus " + std::to_string(last >> 8) +
             ", the port above forwards up to bus " + std::to_string(tree_.functions[i].subordinate);
  return {};
}

Task VfManager::enable(Strand& strand, unsigned pf, unsigned vfs, std::string& refusal) {
  refusal.clear();
  if (this->pf(pf).sriov == 0)
    refusal = "the function has no SR-IOV capability";
  else if (this->pf(pf).num_vfs != 0)
    refusal = "VFs are enabled already: their number changes only when all are disabled";
  if (refusal.empty() && vfs != 0) co_await start(strand, pf, vfs, refusal);
  if (!refusal.empty()) ++refusals;
}

/// NumVFs is locked while VF Enable is set (9.3.3.7): whoever set it without this manager, before or meanwhile, set it in vain.
/// @param control  the register as it was read last
Task VfManager::number(Strand& strand, const PciFunction& f, unsigned vfs, std::uint32_t& control, std::string& refusal) {
  std::uint32_t taken = 0;
  co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_CTRL, 2, control);
  do {
    while (vfs_enabled(control)) {
      co_await clear_enable(strand, f, control);
      co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_CTRL, 2, control);
    }
    co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_NUM_VF, 2, vfs);
    co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_NUM_VF, 2, taken);
    if (taken == vfs) co_return;
    co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_CTRL, 2, control);
  } while (vfs_enabled(control));
  refusal = "the device does not take NumVFs " + std::to_string(vfs) + ": TotalVFs is " + std::to_string(f.total_vfs);
}

/// The order of 9.2.1: page size, NumVFs, then VF Enable and MSE together, then the wait.
Task VfManager::start(Strand& strand, unsigned pf, unsigned vfs, std::string& refusal) {
  PciFunction& f = tree_.functions[index_of(pf)];
  std::uint32_t routing = 0, control = 0;
  co_await number(strand, f, vfs, control, refusal);
  if (!refusal.empty()) co_return;
  co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_VF_OFFSET, 4, routing);
  f.vf_offset = static_cast<std::uint16_t>(routing), f.vf_stride = static_cast<std::uint16_t>(routing >> 16);
  refusal = shortage(f, vfs);
  if (!refusal.empty()) {
    co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_NUM_VF, 2, 0);
    co_return;
  }
  co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_CTRL, 2, control | PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
  co_await timeline_.until(timeline_.now() + policy_.vf_wait);
  f.num_vfs = vfs;
  co_await hot_add(strand, pf, vfs, refusal);
}

/// What is alike in all VFs of a PF is read from the first one (Linux pci_read_vf_config_common()).
Task VfManager::hot_add(Strand& strand, unsigned pf, unsigned vfs, std::string& refusal) {
  for (unsigned vf = 1; vf <= vfs; ++vf) {
    std::uint32_t header = 0;
    co_await io_.read(strand, id({pf, vf}), PCI_HEADER_TYPE, 1, header);
    if (header == 0xff) {
      refusal = "VF " + std::to_string(vf) + " does not answer";
      co_return;
    }
    if (vf == 1) {
      PciFunction first = this->pf(pf);
      first.id = id({pf, 1});
      first.sriov = first.msi = first.msix = first.aer = first.ats = first.express = 0;
      co_await read_capabilities(io_, strand, first);
      vf_of_pf_[pf] = first;
    }
    ++hot_adds;
  }
}

Task VfManager::disable(Strand& strand, unsigned pf, std::string& refusal) {
  refusal.clear();
  if (const unsigned vf = owners_.vf_in_use(pf)) {
    refusal = "VF " + std::to_string(vf) + " belongs to " + owners_.owner_of({pf, vf})->text();
    ++refusals;
    co_return;
  }
  PciFunction& f = tree_.functions[index_of(pf)];
  if (f.num_vfs == 0) co_return;
  std::uint32_t control = 0;
  co_await io_.read(strand, f.id, f.sriov + PCI_SRIOV_CTRL, 2, control);
  co_await clear_enable(strand, f, control);
  co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_NUM_VF, 2, 0);
  hot_removes += f.num_vfs;
  f.num_vfs = 0;
}

/// After it no register of the capability may be read for a second (9.3.3.3.1).
Task VfManager::clear_enable(Strand& strand, const PciFunction& f, std::uint32_t control) {
  co_await io_.write(strand, f.id, f.sriov + PCI_SRIOV_CTRL, 2,
                     control & ~std::uint32_t{PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE});
  co_await timeline_.until(timeline_.now() + policy_.vf_disable_wait);
}

unsigned VfManager::lose(unsigned pf) {
  const unsigned lost = std::exchange(tree_.functions[index_of(pf)].num_vfs, 0u);
  hot_removes += lost;
  return lost;
}

Task VfManager::change(Strand& strand, unsigned pf, unsigned vfs, std::string& refusal) {
  co_await disable(strand, pf, refusal);
  if (refusal.empty()) co_await enable(strand, pf, vfs, refusal);
}

std::string VfManager::assign(const FunctionName& function, const Owner& owner) {
  const std::string refusal =
      function.vf > vfs(function.pf) ? "there is no such VF" : owners_.claim(function, owner);
  ++(refusal.empty() ? assigns : refusals);
  return refusal;
}

void VfManager::unassign(const FunctionName& function) {
  if (owners_.release(function)) ++unassigns;
}

}  // namespace iov::software
