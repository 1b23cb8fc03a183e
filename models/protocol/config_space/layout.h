// SPDX-License-Identifier: Apache-2.0
/// Layout -- what all functions of one kind share: reset image, access masks, rules, capability chain.
/// Built once from rows; a ConfigSpace holds only the values that can differ.
///
/// Spec    PCIe Base 5.0 7.5.1 (header), 7.6 (capability list), 7.6.3 (extended capability list).
/// Models  masks per dword, one slot of state for each dword in which anything can change.
/// Units   offsets in bytes from the start of the function's 4 KiB.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/protocol/config_space/row.h"

namespace iov::config {

/// @throws SimError: a register table that no function can have
[[noreturn]] void refuse(const std::string& what);

class Layout {
 public:
  struct Slot {  ///< a dword with state
    std::uint16_t offset;
    std::uint32_t reset = 0, rw = 0, rw1c = 0, trigger = 0, hardware = 0, sticky = 0, flr_keeps = 0;
    bool ruled = false;
    std::uint32_t changeable() const { return rw | rw1c | hardware; }
  };
  struct Structure {  ///< the header or a capability
    std::string name;
    std::uint16_t id;  ///< capability ID; 0 for the header
    bool extended;
    std::uint16_t offset, bytes;
  };
  struct PlacedRow {
    Row row;
    std::uint16_t offset;     ///< of the register in config space
    std::uint16_t structure;  ///< index into structures()
  };
  static constexpr std::uint8_t no_slot = 0xff;

  Layout() { slot_of_.fill(no_slot); }
  void add_header(const std::vector<Row>& rows);
  /// Appends to the capability chain; returns the offset it was given.
  std::uint16_t add_capability(const char* name, std::uint8_t id, unsigned bytes,
                               const std::vector<Row>& rows);
  std::uint16_t add_extended(const char* name, std::uint16_t id, unsigned version, unsigned bytes,
                             const std::vector<Row>& rows);
  void add_rule(const Rule& rule);

  std::uint32_t reset_value(unsigned dword) const;
  std::uint8_t slot_of(unsigned dword) const { return slot_of_[dword / 4]; }
  std::span<const Slot> slots() const { return slots_; }
  std::span<const Rule> rules() const { return rules_; }
  std::span<const Structure> structures() const { return structures_; }
  std::span<const PlacedRow> rows() const { return rows_; }
  /// Offset of a capability, 0 when there is none.
  std::uint16_t capability(std::uint8_t id) const { return find(id, false); }
  std::uint16_t extended(std::uint16_t id) const { return find(id, true); }

 private:
  std::uint16_t find(std::uint16_t id, bool extended) const;
  void place(const Structure& structure, const std::vector<Row>& rows);
  void place_row(const Row& row, std::uint16_t offset);
  void set_image(unsigned offset, unsigned width, std::uint32_t value);
  Slot& slot_at(std::uint16_t dword);
  std::uint16_t allocate(std::uint16_t& next, unsigned bytes, unsigned end, const char* name);

  std::array<std::uint8_t, space_bytes> image_{};
  std::array<std::uint8_t, space_bytes / 4> slot_of_;
  std::vector<Slot> slots_;
  std::vector<Rule> rules_;
  std::vector<Structure> structures_;
  std::vector<PlacedRow> rows_;
  std::uint16_t next_ = 0x40, next_extended_ = 0x100;   ///< first free byte of each area
  std::uint16_t last_link_ = 0x34, last_extended_ = 0;  ///< where the chain's next pointer is written
};

}  // namespace iov::config
