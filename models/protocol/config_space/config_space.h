// SPDX-License-Identifier: Apache-2.0
/// ConfigSpace -- the 4 KiB configuration space of one function: values that obey its Layout.
///
/// Spec    PCIe Base 5.0 7.2 (access), 7.4 (attributes), 6.6 (resets).
/// Models  accesses of 1, 2 and 4 bytes inside one dword, reset by kind, what a write changed.
/// Omits   time: the owner answers the request, waits, and reacts to the Change.
/// Units   16 bytes per untouched function; 4 bytes per changeable dword once something differs from reset.
#pragma once
#include <cstdint>
#include <memory>

#include "models/core/prefetch.h"
#include "models/protocol/config_space/layout.h"

namespace iov::config {

enum class Reset : std::uint8_t { cold, hot, function_level };

/// What a write did to its dword; the owner of the function reacts to it (see effects.h).
struct Change {
  std::uint16_t offset = 0;  ///< of the dword
  std::uint32_t before = 0, after = 0;
  std::uint32_t triggered = 0;  ///< "write 1 to start" bits that were written with 1
  std::uint32_t refused = 0;    ///< bits a rule kept from changing
  std::uint32_t changed() const { return before ^ after; }
  std::uint32_t rose() const { return after & ~before; }
  std::uint32_t fell() const { return before & ~after; }
};

class ConfigSpace {
 public:
  /// @param layout must live longer than this
  explicit ConfigSpace(const Layout& layout) : layout_(&layout) {}

  /// An access that leaves its dword is no configuration request: reads all ones, writes nothing.
  std::uint32_t read(unsigned offset, unsigned width) const;
  Change write(unsigned offset, unsigned width, std::uint32_t value);
  /// A write of the bits of `lanes` only: a byte enable for every bit.
  Change write_bits(unsigned dword, std::uint32_t value, std::uint32_t lanes);

  /// The device's own side: bits that are RW, RW1C or marked as changed by hardware; no rule applies.
  void set(unsigned offset, unsigned width, std::uint32_t value) { assign(offset, width, value, ~0u); }
  void set_bits(unsigned offset, unsigned width, std::uint32_t bits) { assign(offset, width, bits, bits); }
  void clear_bits(unsigned offset, unsigned width, std::uint32_t bits) { assign(offset, width, 0, bits); }
  void reset(Reset kind);

  const Layout& layout() const { return *layout_; }
  std::uint32_t dword(unsigned offset) const;
  void add_to(WorkingSet& set, unsigned offset) const;  ///< of a read there
  /// Heap bytes held now.
  std::size_t heap_bytes() const { return values_ ? layout_->slots().size() * sizeof(std::uint32_t) : 0; }

 private:
  void assign(unsigned offset, unsigned width, std::uint32_t value, std::uint32_t bits);
  void store(std::uint8_t slot, std::uint32_t value);
  std::uint32_t obey_rules(const Change& change, std::uint32_t wanted) const;

  const Layout* layout_;
  std::unique_ptr<std::uint32_t[]> values_;  ///< one per slot; null while everything is as after reset
};

}  // namespace iov::config
