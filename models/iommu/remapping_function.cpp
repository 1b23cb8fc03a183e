// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/remapping_function.h"

#include "models/protocol/vtd_registers.h"

namespace iov::iommu {

TableRoot table_root(std::uint64_t rtaddr, bool enabled) {
  return {enabled, static_cast<TableRoot::Mode>(rtaddr >> 10 & 3), rtaddr & vtd::page_mask};
}

InterruptRoot interrupt_root(const Features& f, std::uint64_t irta, bool enabled, bool compatibility_format) {
  return {enabled, compatibility_format, (irta & vtd::irta_x2apic) != 0 && f.x2apic, irta & vtd::page_mask,
          2u << (irta & 15)};
}

RemappingFunction::RemappingFunction(const Features& features, const RemappingRegisters& r, const TableMemory& memory)
    : features_(features),
      root_(table_root(r.root_table, r.translation)),
      interrupts_(
          interrupt_root(features, r.interrupt_table, r.interrupt_remapping, r.compatibility_format)),
      memory_(memory) {}

bool RemappingFunction::read(std::uint64_t address, std::span<std::uint64_t> words) {
  return !features_.beyond_host(address) && memory_.read(address, words);
}

bool RemappingFunction::read_entry(TableKind kind, std::uint64_t address, std::span<std::uint64_t> words) {
  TableRead entry;
  entry.kind = kind;
  entry.address = address;
  entry.readable = read(address, words);
  entry.words = words;
  if (memory_.observe) memory_.observe(entry);
  return entry.readable;
}

RemappingFunction::Translation RemappingFunction::translate(const TranslationRequest& request) {
  const TableMemory memory{bind<&RemappingFunction::read>(this), memory_.write, memory_.observe};
  Walk walk;
  Translation t;
  t.reply = resolve(features_, root_, request, memory, walk);
  const auto reason = static_cast<FaultReason>(t.reply.fault_reason);
  t.recorded = reason != FaultReason::none && root_.enabled && !(walk.suppress_faults() && qualified(reason));
  t.reads = walk.reads();
  return t;
}

InterruptReply RemappingFunction::interrupt(RequesterId source, std::uint64_t address, std::uint32_t data) {
  const auto low = static_cast<std::uint32_t>(address);
  InterruptReply reply;
  if (!is_interrupt_address(address)) {  // an ordinary write, not an interrupt
    reply.fault = FaultReason::interrupt_reserved;
    reply.recorded = false;
    return reply;
  }
  const InterruptRequest request = decode_message(interrupts_, low, data);
  reply.index = request.index;
  switch (request.route) {
    case InterruptRequest::Route::direct:
      reply.outcome = InterruptReply::Outcome::delivered;
      reply.interrupt = direct_interrupt(low, data);
      reply.logical = low >> 2 & 1;
      reply.delivery_mode = data >> 8 & 7;
      return reply;
    case InterruptRequest::Route::blocked: reply.fault = request.fault; return reply;
    case InterruptRequest::Route::remap: break;
  }
  return remap(source, request);
}

InterruptReply RemappingFunction::remap(RequesterId source, const InterruptRequest& request) {
  InterruptReply reply;
  reply.remapped = true;
  reply.index = request.index;
  std::uint64_t words[2] = {};
  InterruptEntry entry;
  const std::uint64_t at = interrupts_.table + request.index * 16u;
  if (features_.beyond_host(at))
    reply.fault = FaultReason::interrupt_index;
  else if (!read_entry(TableKind::interrupt_entry, at, words))
    reply.fault = FaultReason::irte_access;
  else
    reply.fault = decode_irte(features_, interrupts_, {words[0], words[1]}, entry);
  if (reply.fault == FaultReason::none && !source_allowed(entry, source))
    reply.fault = FaultReason::source_mismatch;
  if (reply.fault != FaultReason::none) {
    reply.recorded = !(entry.suppress_faults && qualified(reply.fault));
    return reply;
  }
  if (entry.posted) return post_to(entry, reply);
  reply.outcome = InterruptReply::Outcome::delivered;
  reply.interrupt = {.destination = entry.destination, .vector = entry.vector, .level = entry.level};
  reply.logical = entry.logical;
  reply.delivery_mode = entry.delivery;
  return reply;
}

InterruptReply RemappingFunction::post_to(const InterruptEntry& entry, InterruptReply reply) {
  vtd::PostedDescriptor d;
  const std::span<std::uint64_t> words(reinterpret_cast<std::uint64_t*>(&d), sizeof d / 8);
  reply.descriptor = entry.descriptor;
  reply.virtual_vector = entry.vector;
  reply.urgent = entry.urgent;
  if (!read_entry(TableKind::posted_descriptor, entry.descriptor, words)) reply.fault = FaultReason::descriptor_access;
  if (reply.fault == FaultReason::none && !well_formed(d)) reply.fault = FaultReason::descriptor_reserved;
  if (reply.fault != FaultReason::none) {
    reply.recorded = !entry.suppress_faults;
    return reply;
  }
  reply.outcome = InterruptReply::Outcome::posted;
  reply.notified = post(d, entry.vector, entry.urgent);
  if (reply.notified) reply.interrupt = notification(d, interrupts_.x2apic);
  if (memory_.write)
    for (std::size_t i = 0; i < words.size(); ++i) memory_.write(entry.descriptor + 8 * i, words[i]);
  return reply;
}

}  // namespace iov::iommu
