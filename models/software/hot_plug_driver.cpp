// SPDX-License-Identifier: Apache-2.0
#include "models/software/hot_plug_driver.h"

#include <algorithm>

namespace iov::software {

using host::Context;
using host::Strand;
using host::Work;

namespace {
constexpr std::uint32_t slot_events = PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC;
constexpr std::uint32_t slot_interrupts = PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE | PCI_EXP_SLTCTL_HPIE;
}  // namespace

Task HotPlugDriver::enable(Strand& strand, unsigned port) {
  const PciFunction& f = pci_.tree.functions[port];
  const auto known = [port](const Slot& slot) { return slot.port == port; };
  if (std::none_of(slots_.begin(), slots_.end(), known)) slots_.push_back({port, occupied(port)});
  co_await pci_.io.write(strand, f.id, f.express + PCI_EXP_SLTSTA, 2, slot_events);  // from before
  co_await pci_.io.write(strand, f.id, f.express + PCI_EXP_SLTCTL, 2, slot_interrupts);
}

void HotPlugDriver::start() {
  task_ = serve();
  task_.start();
}

/// The events are cleared before anybody looks: what comes meanwhile interrupts again. All ones: the port itself is gone.
Task HotPlugDriver::handle(Strand& strand, unsigned port) {
  const PciFunction& f = pci_.tree.functions[port];
  std::uint32_t status = 0;
  co_await pci_.io.read(strand, f.id, f.express + PCI_EXP_SLTSTA, 2, status);
  if (status == 0xffff || (status & slot_events) == 0) co_return;
  co_await pci_.io.write(strand, f.id, f.express + PCI_EXP_SLTSTA, 2, status & slot_events);
  co_await strand.spend(Context::irq, Work::driver, costs_.driver_interrupt);
  ++interrupts_;
  for (Slot& slot : slots_) slot.changed |= slot.port == port;
  worker_.wake();
}

Task HotPlugDriver::serve() {
  for (;;) {
    const auto next = std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.changed; });
    if (next == slots_.end()) {
      co_await worker_.wait();
      continue;
    }
    if (!pci_.lock.try_acquire(worker_)) co_await pci_.lock.acquire(worker_);
    next->changed = false;
    co_await follow(*next);
    pci_.lock.release();
  }
}

Task HotPlugDriver::follow(Slot& slot) {
  if (slot.occupied) {
    ++removals_;
    slot.occupied = false;
    set_present(slot.port, false);
    co_await notices_.removed(worker_, slot.port);
  }
  bool active = false;
  co_await link_active(pci_.tree.functions[slot.port], active);
  if (!active) co_return;
  co_await timeline_.until(timeline_.now() + pci_.policy.link_wait);
  co_await pci_.scan.find_again(worker_, pci_.tree, slot.port);
  slot.occupied = occupied(slot.port);
  if (!slot.occupied) co_return;
  ++returns_;
  co_await notices_.returned(worker_, slot.port);
}

Task HotPlugDriver::link_active(const PciFunction& port, bool& active) {
  std::uint32_t status = 0;
  co_await pci_.io.read(worker_, port.id, port.express + PCI_EXP_LNKSTA, 2, status);
  active = status != 0xffff && (status & PCI_EXP_LNKSTA_DLLLA) != 0;
}

bool HotPlugDriver::occupied(unsigned port) const {
  for (unsigned i = 0; i < pci_.tree.functions.size(); ++i)
    if (pci_.tree.functions[i].present && pci_.tree.below(i, port)) return true;
  return false;
}

void HotPlugDriver::set_present(unsigned port, bool present) {
  for (unsigned i = 0; i < pci_.tree.functions.size(); ++i)
    if (pci_.tree.below(i, port)) pci_.tree.functions[i].present = present;
}

}  // namespace iov::software
