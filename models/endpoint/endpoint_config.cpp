// SPDX-License-Identifier: Apache-2.0
/// The endpoint's configuration space: who answers, and what follows from what software writes.
#include <linux/pci_regs.h>

#include <algorithm>

#include "models/endpoint/endpoint.h"

namespace iov::endpoint {

using config::Effect;

namespace {
bool is_set(const config::ConfigSpace& space, unsigned capability, unsigned offset, std::uint32_t bits) {
  return capability != 0 && (space.read(capability + offset, 2) & bits) != 0;
}
}  // namespace

/// On its own bus the device is told its bus number by every type 0 write (2.2.6.2).
void Endpoint::config_request(const Tlp& tlp) {
  ++config_requests_;
  const bool write = tlp.type == TlpType::config_write;
  if (!tlp.type1 && write) capture_bus(tlp.completer.bus());
  // What is addressed as type 0 is on the device's bus, whether it knows its number yet or not.
  const RequesterId id = tlp.type1 ? tlp.completer
                                   : RequesterId{static_cast<std::uint16_t>(functions_.bus() << 8 | tlp.completer.devfn())};
  const auto f = functions_.with_id(id);
  if (!f) return unclaimed(tlp);
  if (!ready(*f)) return complete(tlp, id, CompletionStatus::retry, 0);
  const auto offset = static_cast<unsigned>(tlp.address);
  if (!write) return complete(tlp, id, CompletionStatus::success, functions_.config(*f).read(offset, tlp.length));
  std::uint32_t value = 0;
  std::memcpy(&value, tlp.data.data(), std::min<std::size_t>(tlp.data.size(), sizeof value));
  complete(tlp, id, CompletionStatus::success, 0);
  write_config(id, offset, tlp.length, value);
}

void Endpoint::capture_bus(std::uint8_t bus) {
  if (functions_.bus() == bus) return;
  functions_.capture_bus(bus);
  requesters_changed();
}

bool Endpoint::write_config(RequesterId id, unsigned offset, unsigned bytes, std::uint32_t value) {
  const auto f = functions_.with_id(id);
  if (!f) return false;
  const config::Layout& layout = functions_.config(*f).layout();
  follow(*f, config::effects_of(layout, functions_.write(*f, offset, bytes, value)));
  return true;
}

void Endpoint::follow(unsigned f, const config::Effects& effects) {
  if (effects.none()) return;
  if (effects.has(Effect::function_level_reset)) return reset_function(f);
  if (effects.has(Effect::vf_enable_set)) follow_vf_enable(f, true);
  if (effects.has(Effect::vf_enable_cleared)) follow_vf_enable(f, false);
  if (effects.has(Effect::max_payload) || effects.has(Effect::max_read_request)) apply_sizes();
  if (effects.has(Effect::bus_master) || effects.has(Effect::ats) || effects.has(Effect::msix) ||
      effects.has(Effect::intx_disable))
    apply_controls(f);
  if (effects.has(Effect::pri) || effects.has(Effect::pri_reset)) apply_page_requests(f, effects.has(Effect::pri_reset));
  if (effects.has(Effect::pasid) || effects.has(Effect::ordering)) apply_all_controls(f);
}

void Endpoint::follow_vf_enable(unsigned pf, bool enabled) {
  end_vfs(pf);
  if (!enabled) return;
  const unsigned first = functions_.number(pf, 1);
  std::fill_n(ready_at_.begin() + first, functions_.pf(pf).vfs(), timeline_.now() + params_.functions.vf_start_up);
}

/// 6.6.2: what the function had under way is over, its configuration space is as after power-on; a PF loses its VFs.
void Endpoint::reset_function(unsigned f) {
  ++resets_;
  if (physical(f)) return reset_pf(f, config::Reset::function_level);
  end(f);
  device_tlb_.forget(requester(f));  // also of a function whose registers software never touched
  functions_.pf(functions_.pf_of(f)).reset_vf(functions_.vf_of(f));
  ready_at_[f] = timeline_.now() + params_.functions.reset_time;
  apply_controls(f);
}

void Endpoint::reset_pf(unsigned pf, config::Reset kind) {
  end(pf);
  device_tlb_.forget(requester(pf));
  functions_.pf(pf).reset(kind);
  end_vfs(pf);
  pf_reset(pf, kind != config::Reset::function_level);
  apply_page_requests(pf, true);
  apply_sizes();
  ready_at_[pf] = timeline_.now() + params_.functions.reset_time;
  apply_controls(pf);
}

void Endpoint::hot_reset() {
  for (unsigned n = 0; n < functions_.pfs(); ++n) reset_pf(n, config::Reset::hot);
}

void Endpoint::end_vfs(unsigned pf) {
  for (unsigned n = 1; n <= functions_.total_vfs(); ++n) end(functions_.number(pf, n));
}

void Endpoint::end(unsigned f) {
  if (!made_[f] || !made_[f]->live) return;
  Function& ended = *made_[f];
  function_disabled(f);
  dma_engine_.cancel(ended.interrupt_channel);
  if (watch_) watch_->cancelled(ended.requester);
  ended.msix->reset();
  ended.msix->reset_table();
  ended.msix->set_control(false, false, false);
  device_tlb_.forget(ended.requester);
  ended.live = false;
}

Function& Endpoint::function(unsigned index) {
  Function* const f = made_[index].get();
  return f && f->live ? *f : enliven(index);
}

Function& Endpoint::enliven(unsigned index) {
  if (!made_[index]) make(index);
  Function& f = *made_[index];
  f.live = true;
  if (f.requester != requester(index)) {
    f.requester = requester(index);
    dma_engine_.set_requester(f.interrupt_channel, f.requester);
    requester_changed(index);
  }
  function_enabled(index);
  apply_controls(index);
  return f;
}

void Endpoint::make(unsigned index) {
  made_[index] = std::make_unique<Function>();
  Function& f = *made_[index];
  const config::PhysicalFunction& pf = functions_.pf(functions_.pf_of(index));
  f.index = index;
  f.requester = requester(index);
  f.interrupt_channel = dma_engine_.add_channel(f.requester, *this);
  const auto& msix = physical(index) ? pf.description().msix : pf.description().sriov->vf_msix;
  f.msix.emplace(timeline_, static_cast<MsixSender&>(*this), index, msix->vectors);
}

void Endpoint::requesters_changed() {
  for (const auto& f : made_) {
    if (!f || !f->live) continue;  // the others learn it when they are used again
    f->requester = requester(f->index);
    dma_engine_.set_requester(f->interrupt_channel, f->requester);
    requester_changed(f->index);
  }
}

void Endpoint::apply_controls(unsigned f) {
  if (!functions_.exists(f)) return;
  const config::ConfigSpace& space = functions_.config(f);
  const config::Layout& layout = space.layout();
  const config::ConfigSpace& owner = functions_.config(functions_.pf_of(f));  // of PASIDs (7.8.8) and Device Control
  dma_engine_.allow(requester(f), {(space.read(PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0,
                                   is_set(space, layout.extended(PCI_EXT_CAP_ID_ATS), PCI_ATS_CTRL, PCI_ATS_CTRL_ENABLE),
                                   is_set(owner, owner.layout().extended(PCI_EXT_CAP_ID_PASID), PCI_PASID_CTRL, PCI_PASID_CTRL_ENABLE),
                                   is_set(owner, owner.layout().capability(PCI_CAP_ID_EXP), PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_NOSNOOP_EN)});
  if (!made_[f]) return;
  const unsigned msix = layout.capability(PCI_CAP_ID_MSIX);
  made_[f]->msix->set_control(is_set(space, msix, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE),
                              is_set(space, msix, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_MASKALL),
                              space.read(PCI_INTERRUPT_PIN, 1) != 0 && !(space.read(PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE));
}

/// What of a PF holds for its VFs, too.
void Endpoint::apply_all_controls(unsigned pf) {
  for (unsigned n = 0; n <= functions_.pf(pf).vfs(); ++n) apply_controls(functions_.number(pf, n));
}

/// A PF's page request registers, which serve its VFs as well (10.5.2).
void Endpoint::apply_page_requests(unsigned pf, bool reset) {
  const config::ConfigSpace& space = functions_.config(pf);
  const unsigned pri = space.layout().extended(PCI_EXT_CAP_ID_PRI);
  if (pri == 0) return;
  PageRequestInterface& interface = device_tlb_.page_requests();
  interface.control(pf, is_set(space, pri, PCI_PRI_CTRL, PCI_PRI_CTRL_ENABLE), space.read(pri + PCI_PRI_ALLOC_REQ, 4));
  if (reset) interface.reset(pf);
}

unsigned Endpoint::pf_of(RequesterId id) const { return functions_.pf_of(functions_.with_id(id).value_or(0)); }

void Endpoint::pri_status(unsigned pf, std::uint16_t bits, bool set) {
  config::ConfigSpace& space = functions_.config(pf);
  const unsigned at = space.layout().extended(PCI_EXT_CAP_ID_PRI) + PCI_PRI_STATUS;
  set ? space.set_bits(at, 2, bits) : space.clear_bits(at, 2, bits);
}

/// For all functions those of function 0 (7.5.3.4: of an ARI device it decides the payload).
void Endpoint::apply_sizes() {
  const config::PhysicalFunction& zero = functions_.pf(0);
  const LinkLimits& link = port_.limits();
  dma_engine_.set_sizes(std::min<std::uint32_t>(zero.max_payload(), link.max_payload),
                        std::min<std::uint32_t>(zero.max_read_request(), link.max_read_request));
}

}  // namespace iov::endpoint
