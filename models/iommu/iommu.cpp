// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/iommu.h"

#include "models/iommu/remapping_function.h"

namespace iov::iommu {

using namespace vtd;

Iommu::Iommu(const sc_core::sc_module_name& name, Timeline& timeline, const Params& p, InterruptBus& bus)
    : sc_module(name),
      features_(p.features),
      registers_(p.features),
      faults_(registers_, p.features, bus),
      memory("memory", timeline),
      translation(timeline, p, memory, faults_),
      interrupts(timeline, p, memory, faults_, bus),
      page_requests(timeline, p, memory, registers_, faults_, bus),
      invalidation(timeline, p, memory, registers_, faults_, translation, interrupts, page_requests, bus),
      register_invalidation(timeline, p, registers_, translation) {
  translation.on_drained(bind<&Iommu::drained>(this));
  interrupts.on_drained(bind<&Iommu::drained>(this));
  page_requests.on_written(bind<&Iommu::drained>(this));
  page_requests.set_admission(bind<&TranslationUnit::admit_page_request>(&translation));
}

void Iommu::set_ats_fabric(AtsFabric* fabric) {
  invalidation.set_fabric(fabric);
  page_requests.set_fabric(fabric);
}

std::uint64_t Iommu::read_register(std::uint32_t offset, unsigned bytes) {
  return registers_.read(offset, bytes);
}

void Iommu::write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  if (!register_invalidation.accepts(offset)) return;
  registers_.write(offset, value, bytes);
  const auto touches = [&](std::uint32_t reg) { return offset <= reg && reg < offset + bytes; };
  if (touches(reg_global_command)) global_command();
  if (touches(reg_queue_tail)) invalidation.tail_written();
  register_invalidation.written(offset, bytes, status_ & gcmd_queue_enable);
  if (touches(reg_fault_status) || offset >= reg_fault_records) {
    faults_.status_changed();
    invalidation.status_cleared();
  }
  if (touches(reg_fault_event_control)) faults_.event.unmasked();
  if (touches(reg_completion_status) && !(registers_.get32(reg_completion_status) & ics_wait_completed))
    invalidation.event.settle();
  if (touches(reg_completion_event_control)) invalidation.event.unmasked();
  page_requests.registers_written(offset, bytes);
}

/// GCMD holds the wanted state; one-shot commands act and show in GSTS (11.4.4).
void Iommu::global_command() {
  const std::uint32_t command = registers_.get32(reg_global_command);
  registers_.set32(reg_global_command, 0);
  if (command & gcmd_set_root_table) latch_root_table();
  if (command & gcmd_set_interrupt_table) latch_interrupt_table();
  constexpr std::uint32_t switches =
      gcmd_translation_enable | gcmd_queue_enable | gcmd_interrupt_remapping | gcmd_compatibility_format;
  const std::uint32_t before = status_;
  status_ = (status_ & ~switches) | (command & (switches | gcmd_set_root_table | gcmd_set_interrupt_table));
  status_ |= before & (gcmd_set_root_table | gcmd_set_interrupt_table);
  registers_.set32(reg_global_status, status_);

  TableRoot root = translation.root();
  root.enabled = status_ & gcmd_translation_enable;
  translation.set_root(root);
  InterruptRoot table = interrupts.root();
  table.enabled = status_ & gcmd_interrupt_remapping;
  table.compatibility = status_ & gcmd_compatibility_format;
  interrupts.set_root(table);
  if ((status_ ^ before) & gcmd_queue_enable) invalidation.enable(status_ & gcmd_queue_enable);
}

/// Caches keep what they hold: software must invalidate them globally after SRTP and SIRTP (6.6).
void Iommu::latch_root_table() {
  translation.set_root(table_root(registers_.get64(reg_root_table), translation.root().enabled));
}

void Iommu::latch_interrupt_table() {
  const InterruptRoot& now = interrupts.root();
  interrupts.set_root(
      interrupt_root(features_, registers_.get64(reg_interrupt_table), now.enabled, now.compatibility));
}

/// Both ways of invalidating wait for the same drain.
void Iommu::drained() {
  invalidation.drained();
  register_invalidation.drained();
}

void Iommu::page_requested(RequesterId function, Pasid pasid, std::uint64_t body) {
  page_requests.request(function, pasid, body);
}

std::string Iommu::at_rest() const {
  if (translation.pending() > 0) return std::to_string(translation.pending()) + " translations pending";
  if (!interrupts.idle()) return "an interrupt is being remapped";
  if (!invalidation.idle() || !register_invalidation.idle()) return "an invalidation is not finished";
  return {};
}

}  // namespace iov::iommu
