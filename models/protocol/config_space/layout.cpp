// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/layout.h"

#include <linux/pci_regs.h>

#include "models/core/sim_error.h"

namespace iov::config {

void refuse(const std::string& what) { throw SimError(sc_core::SC_ZERO_TIME, "config space", what); }

void Layout::add_header(const std::vector<Row>& rows) {
  place({"header", 0, false, 0, PCI_STD_HEADER_SIZEOF}, rows);
}

std::uint16_t Layout::add_capability(const char* name, std::uint8_t id, unsigned bytes,
                                     const std::vector<Row>& rows) {
  const std::uint16_t at = allocate(next_, bytes, PCI_CFG_SPACE_SIZE, name);
  set_image(last_link_, 1, at);
  last_link_ = static_cast<std::uint16_t>(at + PCI_CAP_LIST_NEXT);
  set_image(at, 1, id);
  place({name, id, false, at, static_cast<std::uint16_t>(bytes)}, rows);
  return at;
}

std::uint16_t Layout::add_extended(const char* name, std::uint16_t id, unsigned version, unsigned bytes,
                                   const std::vector<Row>& rows) {
  const std::uint16_t at = allocate(next_extended_, bytes, space_bytes, name);
  if (last_extended_ != 0)
    set_image(last_extended_, 4, reset_value(last_extended_) | std::uint32_t{at} << 20);
  last_extended_ = at;
  set_image(at, 4, id | version << 16);
  place({name, id, true, at, static_cast<std::uint16_t>(bytes)}, rows);
  return at;
}

void Layout::add_rule(const Rule& rule) {
  if (slot_of(rule.offset) == no_slot) refuse("a rule for a register that cannot change");
  slots_[slot_of(rule.offset)].ruled = true;
  rules_.push_back(rule);
}

std::uint32_t Layout::reset_value(unsigned dword) const {
  const std::uint8_t* b = &image_[dword];
  return b[0] | std::uint32_t{b[1]} << 8 | std::uint32_t{b[2]} << 16 | std::uint32_t{b[3]} << 24;
}

std::uint16_t Layout::find(std::uint16_t id, bool extended) const {
  for (const Structure& s : structures_)
    if (s.offset != 0 && s.id == id && s.extended == extended) return s.offset;
  return 0;
}

void Layout::place(const Structure& structure, const std::vector<Row>& rows) {
  structures_.push_back(structure);
  for (const Row& row : rows) {
    if (row.offset + row.width > structure.bytes)
      refuse(std::string(row.name) + " lies outside " + structure.name);
    const auto offset = static_cast<std::uint16_t>(structure.offset + row.offset);
    rows_.push_back({row, offset, static_cast<std::uint16_t>(structures_.size() - 1)});
    place_row(row, offset);
  }
}

void Layout::place_row(const Row& row, std::uint16_t offset) {
  if (offset % row.width != 0) refuse(std::string(row.name) + " is not aligned");
  if ((row.rw & row.rw1c) | ((row.rw | row.rw1c) & row.trigger) | ((row.rw | row.rw1c) & row.hwinit))
    refuse(std::string(row.name) + " gives a bit two access classes");
  set_image(offset, row.width, row.reset);
  if ((row.rw | row.rw1c | row.trigger | row.hardware) == 0) return;
  const auto dword = static_cast<std::uint16_t>(offset & ~3);
  const unsigned shift = (offset & 3) * 8;
  Slot& slot = slot_at(dword);
  slot.rw |= row.rw << shift;
  slot.rw1c |= row.rw1c << shift;
  slot.trigger |= row.trigger << shift;
  slot.hardware |= row.hardware << shift;
  slot.sticky |= row.sticky << shift;
  slot.flr_keeps |= row.flr_keeps << shift;
}

void Layout::set_image(unsigned offset, unsigned width, std::uint32_t value) {
  for (unsigned i = 0; i < width; ++i) image_[offset + i] = static_cast<std::uint8_t>(value >> 8 * i);
  // A slot's reset value follows its dword, whichever register of the dword comes later.
  const unsigned dword = offset & ~3u;
  if (slot_of(dword) != no_slot) slots_[slot_of(dword)].reset = reset_value(dword);
}

Layout::Slot& Layout::slot_at(std::uint16_t dword) {
  std::uint8_t& index = slot_of_[dword / 4];
  if (index == no_slot) {
    if (slots_.size() == no_slot) refuse("too many registers with state");
    index = static_cast<std::uint8_t>(slots_.size());
    slots_.push_back({.offset = dword, .reset = reset_value(dword)});
  }
  return slots_[index];
}

std::uint16_t Layout::allocate(std::uint16_t& next, unsigned bytes, unsigned end, const char* name) {
  const std::uint16_t at = next;
  if (at + bytes > end) refuse(std::string(name) + " finds no room");
  next = static_cast<std::uint16_t>((at + bytes + 15) & ~15u);  // 16-byte aligned: readable dumps
  return at;
}

}  // namespace iov::config
