// SPDX-License-Identifier: Apache-2.0
/// Addresses and identities. Each space is its own type: passing an Iova where an Hpa is expected
/// does not compile, so "forgot to translate" is a build error, not a wrong plot.
///
/// Spec    PCIe Base 5.0 2.2.6.2 (requester ID), 6.20 (PASID); VT-d 4.1 3.4 (domain).
#pragma once
#include <compare>
#include <cstdint>

namespace iov {

template <class Space>
struct Address {
  std::uint64_t value = 0;
  constexpr Address() = default;
  constexpr explicit Address(std::uint64_t v) : value(v) {}
  constexpr std::uint64_t page(unsigned log2_size) const { return value >> log2_size; }
  constexpr std::uint64_t offset(unsigned log2_size) const {
    return value & ((std::uint64_t{1} << log2_size) - 1);
  }
  constexpr Address operator+(std::uint64_t bytes) const { return Address(value + bytes); }
  friend constexpr auto operator<=>(Address, Address) = default;
};

using Gva = Address<struct GvaSpace>;    ///< guest virtual, before the guest's own page tables
using Gpa = Address<struct GpaSpace>;    ///< guest physical: what a guest driver calls "physical"
using Iova = Address<struct IovaSpace>;  ///< what a function puts in an untranslated TLP
using Hpa = Address<struct HpaSpace>;    ///< what host memory and MMIO are indexed by

/// PCIe requester ID: bus 15:8, device 7:3, function 2:0 (with ARI: function 7:0).
struct RequesterId {
  std::uint16_t value = 0;
  constexpr std::uint8_t bus() const { return static_cast<std::uint8_t>(value >> 8); }
  constexpr std::uint8_t devfn() const { return static_cast<std::uint8_t>(value & 0xff); }
  friend constexpr auto operator<=>(RequesterId, RequesterId) = default;
};

/// Process address space ID, 20 bits; `none` when the TLP carries no PASID prefix.
struct Pasid {
  static constexpr std::uint32_t none = 0xffff'ffff;
  std::uint32_t value = none;
  constexpr bool present() const { return value != none; }
  friend constexpr auto operator<=>(Pasid, Pasid) = default;
};

/// Which set of page tables: VT-d domain ID, 16 bits.
struct DomainId {
  std::uint16_t value = 0;
  friend constexpr auto operator<=>(DomainId, DomainId) = default;
};

}  // namespace iov
