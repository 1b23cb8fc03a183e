// SPDX-License-Identifier: Apache-2.0
/// Row -- one register of a header or of a capability: where it is, what it holds after reset and what
/// software may do to each of its bits. Rule -- a restriction between fields. Both are data.
///
/// Spec    PCIe Base 5.0 7.4 (register attributes), 6.6.2 (what a function level reset leaves alone).
/// Models  RO, RW, RW1C, HwInit, sticky, "write 1 to start" (always reads 0), bits the device itself changes.
/// Omits   RW1CS/ROS through auxiliary power: sticky bits survive a hot reset and an FLR, not a cold reset.
#pragma once
#include <cstdint>

namespace iov::config {

inline constexpr unsigned space_bytes = 4096;
/// All bits of a register of `width` bytes.
constexpr std::uint32_t ones(unsigned width) { return width >= 4 ? ~0u : (1u << 8 * width) - 1; }

/// Bits of no mask are read-only; a reset value of 0 and no mask at all is a reserved bit.
struct Row {
  const char* name;
  std::uint16_t offset;  ///< from the start of its header or capability
  std::uint8_t width;    ///< 1, 2 or 4 bytes, naturally aligned
  std::uint32_t reset = 0;
  std::uint32_t rw = 0;
  std::uint32_t rw1c = 0;
  std::uint32_t trigger = 0;    ///< write 1 to start something (FLR, retrain); reads 0
  std::uint32_t hardware = 0;   ///< read-only for software, changed by the device
  std::uint32_t hwinit = 0;     ///< read-only, chosen by the description
  std::uint32_t sticky = 0;     ///< survives hot reset and FLR
  std::uint32_t flr_keeps = 0;  ///< survives FLR, though not sticky
};

enum class RuleKind : std::uint8_t {
  locked_while,  ///< writes are discarded while any bit of `operand` is set at `other`
  at_most,       ///< values above `operand` are discarded
  value_in,      ///< only values v with bit v of `operand` set are taken
  one_bit_of,    ///< only values that are exactly one of the bits of `operand` are taken
};

/// A field keeps its value when a write breaks its rule, the rest of the write goes through. Where the
/// specification says "undefined" for such a write, discarding it is our (safe) choice.
struct Rule {
  RuleKind kind;
  std::uint16_t offset;  ///< dword that holds the field, from the start of config space
  std::uint32_t mask;    ///< the field in that dword
  std::uint32_t operand;
  std::uint16_t other = 0;  ///< locked_while: dword of the locking bits
};

}  // namespace iov::config
