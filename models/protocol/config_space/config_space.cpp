// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/config_space.h"

#include <bit>
#include <string>

#include "models/core/sim_error.h"

namespace iov::config {

namespace {
constexpr bool one_dword(unsigned offset, unsigned width) {
  return (width == 1 || width == 2 || width == 4) && (offset & 3) + width <= 4 && offset < space_bytes;
}
bool legal(const Rule& rule, std::uint32_t value) {
  switch (rule.kind) {
    case RuleKind::at_most: return value <= rule.operand;
    case RuleKind::value_in: return value < 32 && (rule.operand >> value & 1) != 0;
    case RuleKind::one_bit_of: return std::has_single_bit(value) && (value & rule.operand) != 0;
    case RuleKind::locked_while: break;
  }
  return true;
}
}  // namespace

std::uint32_t ConfigSpace::dword(unsigned offset) const {
  const std::uint8_t slot = layout_->slot_of(offset);
  return values_ && slot != Layout::no_slot ? values_[slot] : layout_->reset_value(offset);
}

void ConfigSpace::add_to(WorkingSet& set, unsigned offset) const {
  set.add_object(*this);
  const std::uint8_t slot = layout_->slot_of(offset & ~3u);
  if (values_ && slot != Layout::no_slot) set.add_object(values_[slot]);
}

std::uint32_t ConfigSpace::read(unsigned offset, unsigned width) const {
  if (!one_dword(offset, width)) return ones(width);
  return dword(offset & ~3u) >> (offset & 3) * 8 & ones(width);
}

Change ConfigSpace::write(unsigned offset, unsigned width, std::uint32_t value) {
  if (!one_dword(offset, width)) return {};
  const unsigned shift = (offset & 3) * 8;
  return write_bits(offset & ~3u, value << shift, ones(width) << shift);
}

Change ConfigSpace::write_bits(unsigned offset, std::uint32_t value, std::uint32_t lanes) {
  Change change{
      .offset = static_cast<std::uint16_t>(offset), .before = dword(offset), .after = dword(offset)};
  const std::uint8_t index = layout_->slot_of(offset);
  if (index == Layout::no_slot) return change;
  const Layout::Slot& slot = layout_->slots()[index];
  const std::uint32_t written = value & lanes;
  const std::uint32_t wanted =
      ((change.before & ~(slot.rw & lanes)) | (written & slot.rw)) & ~(written & slot.rw1c);
  change.after = slot.ruled ? obey_rules(change, wanted) : wanted;
  change.refused = wanted ^ change.after;
  change.triggered = written & slot.trigger;
  if (change.after != change.before) store(index, change.after);
  return change;
}

std::uint32_t ConfigSpace::obey_rules(const Change& change, std::uint32_t wanted) const {
  for (const Rule& rule : layout_->rules()) {
    if (rule.offset != change.offset || ((wanted ^ change.before) & rule.mask) == 0) continue;
    const bool locked = rule.kind == RuleKind::locked_while && (dword(rule.other) & rule.operand) != 0;
    if (locked || !legal(rule, (wanted & rule.mask) >> std::countr_zero(rule.mask)))
      wanted = (wanted & ~rule.mask) | (change.before & rule.mask);
  }
  return wanted;
}

void ConfigSpace::assign(unsigned offset, unsigned width, std::uint32_t value, std::uint32_t bits) {
  const unsigned shift = (offset & 3) * 8;
  const std::uint32_t lanes = (bits & ones(width)) << shift;
  const std::uint8_t index = layout_->slot_of(offset & ~3u);
  const std::uint32_t old = dword(offset & ~3u);
  const std::uint32_t wanted = (old & ~lanes) | (value << shift & lanes);
  const std::uint32_t changeable = index == Layout::no_slot ? 0 : layout_->slots()[index].changeable();
  if (((wanted ^ old) & ~changeable) != 0)
    throw SimError(sc_core::SC_ZERO_TIME, "config space",
                   "hardware set a constant bit at " + std::to_string(offset));
  if (wanted != old) store(index, wanted);
}

void ConfigSpace::store(std::uint8_t slot, std::uint32_t value) {
  if (!values_) {
    const auto slots = layout_->slots();
    values_ = std::make_unique_for_overwrite<std::uint32_t[]>(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) values_[i] = slots[i].reset;
  }
  values_[slot] = value;
}

void ConfigSpace::reset(Reset kind) {
  if (!values_) return;
  bool differs = false;
  const auto slots = layout_->slots();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::uint32_t keep = kind == Reset::cold  ? 0
                               : kind == Reset::hot ? slots[i].sticky
                                                    : slots[i].sticky | slots[i].flr_keeps;
    values_[i] = (values_[i] & keep) | (slots[i].reset & ~keep);
    differs |= values_[i] != slots[i].reset;
  }
  if (!differs) values_.reset();
}

}  // namespace iov::config
