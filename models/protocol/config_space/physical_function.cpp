// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/physical_function.h"

#include <bit>

namespace iov::config {

namespace {
Layout vf_layout_of(const FunctionDescription& d) {
  return d.sriov ? build_layout(virtual_function(d)) : Layout();
}
}  // namespace

PhysicalFunction::PhysicalFunction(const FunctionDescription& description, RequesterId id)
    : description_(description),
      id_(id),
      layout_(build_layout(description)),
      vf_layout_(vf_layout_of(description)),
      config_(layout_),
      sriov_(layout_.extended(PCI_EXT_CAP_ID_SRIOV)),
      express_(layout_.capability(PCI_CAP_ID_EXP)) {}

VfRouting PhysicalFunction::routing() const {
  const std::uint32_t both = sriov_field(PCI_SRIOV_VF_OFFSET);
  return {static_cast<std::uint16_t>(both), static_cast<std::uint16_t>(both >> 16)};
}

Change PhysicalFunction::write(unsigned offset, unsigned width, std::uint32_t value) {
  Change change = config_.write(offset, width, value);
  if (change.changed() == 0) return change;
  if (sriov_ != 0 && change.offset == sriov_ + sriov_control_dword) {
    if ((change.changed() & PCI_SRIOV_CTRL_ARI) != 0)
      set_ari_hierarchy((change.after & PCI_SRIOV_CTRL_ARI) != 0);
    if ((change.changed() & PCI_SRIOV_CTRL_VFE) != 0) follow_vf_enable();
  } else if (sriov_ != 0 && change.offset > sriov_ + sriov_control_dword) {
    align_vf_bars();
    change.after = config_.dword(change.offset);
  }
  place_windows();
  return change;
}

void PhysicalFunction::reset(Reset kind) {
  config_.reset(kind);
  if (sriov_ == 0) return place_windows();
  if (description_.sriov->lowest_pf)
    set_ari_hierarchy((sriov_field(PCI_SRIOV_CTRL) & PCI_SRIOV_CTRL_ARI) != 0);
  else if (kind != Reset::function_level)
    set_ari_hierarchy(false);
  follow_vf_enable();
  place_windows();
}

void PhysicalFunction::follow_vf_enable() {
  const bool enabled = (sriov_field(PCI_SRIOV_CTRL) & PCI_SRIOV_CTRL_VFE) != 0;
  vfs_.clear();
  if (!enabled) {
    vfs_.shrink_to_fit();
    return;
  }
  const unsigned wanted = config_.read(sriov_ + PCI_SRIOV_NUM_VF, 2);
  const unsigned exist = vfs_with_ids(id_, routing(), wanted);
  vfs_.reserve(exist);
  for (unsigned i = 0; i < exist; ++i) vfs_.emplace_back(vf_layout_);
}

void PhysicalFunction::set_ari_hierarchy(bool on) {
  ari_ = on;
  if (sriov_ == 0) return;
  const VfRouting& r = on ? description_.sriov->with_ari : description_.sriov->without_ari;
  config_.set(sriov_ + PCI_SRIOV_VF_OFFSET, 4, r.offset | std::uint32_t{r.stride} << 16);
}

std::uint32_t PhysicalFunction::read_vf(unsigned n, unsigned offset, unsigned width) const {
  if (n == 0 || n > vfs()) return width >= 4 ? ~0u : (1u << 8 * width) - 1;  // nobody answers: all ones
  return vf(n).read(offset, width);
}

Change PhysicalFunction::write_vf(unsigned n, unsigned offset, unsigned width, std::uint32_t value) {
  return n == 0 || n > vfs() ? Change{} : vf(n).write(offset, width, value);
}

std::uint64_t PhysicalFunction::address_at(unsigned offset, const Bar& bar) const {
  if (bar.bytes == 0) return 0;
  const std::uint64_t high = bar.wide ? std::uint64_t{config_.dword(offset + 4)} << 32 : 0;
  return (high | config_.dword(offset)) & ~(bar.bytes - 1);
}

std::uint64_t PhysicalFunction::bar_address(unsigned bar) const {
  return address_at(PCI_BASE_ADDRESS_0 + 4 * bar, description_.bars.at(bar));
}

std::uint64_t PhysicalFunction::vf_aperture(unsigned bar) const {
  if (sriov_ == 0) return 0;
  return config::vf_aperture(description_.sriov->vf_bars.at(bar).bytes, sriov_field(PCI_SRIOV_SYS_PGSIZE));
}

std::uint64_t PhysicalFunction::vf_bar_address(unsigned n, unsigned bar) const {
  const Bar& b = description_.sriov->vf_bars.at(bar);
  return config::vf_bar_address(address_at(sriov_ + PCI_SRIOV_BAR + 4 * bar, b), vf_aperture(bar), n);
}

/// Address bits below the aperture are hardwired to 0: a System Page larger than the BAR adds some.
void PhysicalFunction::align_vf_bars() {
  for (unsigned i = 0; i < PCI_SRIOV_NUM_BARS; ++i) {
    const Bar& bar = description_.sriov->vf_bars[i];
    if (bar.bytes == 0) continue;
    const unsigned at = sriov_ + PCI_SRIOV_BAR + 4 * i;
    const std::uint64_t low = vf_aperture(i) - 1;
    config_.clear_bits(at, 4, static_cast<std::uint32_t>(low) & ~0xfu);
    if (bar.wide) config_.clear_bits(at + 4, 4, static_cast<std::uint32_t>(low >> 32));
  }
}

/// What decode() looks at: only a configuration write or a reset changes it.
void PhysicalFunction::place_windows() {
  windows_.clear();
  if ((config_.dword(PCI_COMMAND) & PCI_COMMAND_MEMORY) != 0)
    for (unsigned i = 0; i < PCI_STD_NUM_BARS; ++i)
      if (const Bar& bar = description_.bars[i]; bar.bytes != 0 && !bar.io)
        windows_.push_back({bar_address(i), bar.bytes, bar.bytes,
                            static_cast<unsigned>(std::countr_zero(bar.bytes)), i, false});
  if (vfs_.empty() || !vf_memory_space()) return;
  for (unsigned i = 0; i < PCI_SRIOV_NUM_BARS; ++i)
    if (const std::uint64_t aperture = vf_aperture(i); aperture != 0)
      windows_.push_back({vf_bar_address(1, i), aperture * vfs(), description_.sriov->vf_bars[i].bytes,
                          static_cast<unsigned>(std::countr_zero(aperture)), i, true});
}

std::optional<PhysicalFunction::BarHit> PhysicalFunction::decode(Hpa address) const {
  for (const Window& w : windows_) {
    const std::uint64_t at = address.value - w.first;
    if (at >= w.bytes) continue;
    const std::uint64_t n = at >> w.log2_aperture, offset = at - (n << w.log2_aperture);
    if (offset >= w.decoded) return std::nullopt;
    return BarHit{w.vf ? static_cast<unsigned>(n) + 1 : 0, w.bar, offset};
  }
  return std::nullopt;
}

unsigned PhysicalFunction::max_payload() const {
  return 128u << ((config_.read(express_ + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_PAYLOAD) >> 5);
}

unsigned PhysicalFunction::max_read_request() const {
  return 128u << ((config_.read(express_ + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_READRQ) >> 12);
}

}  // namespace iov::config
