// SPDX-License-Identifier: Apache-2.0
/// Function -- a PF or VF as far as every endpoint type has one: who it is on the bus, and its interrupts.
/// A plain object, made when the function is enabled; thousands of them cost no sc_module.
///
/// Spec    PCIe Base 5.0 9.2.1.2 (VF routing IDs), 9.3.3.11 (VF BARs: equal slices).
#pragma once
#include <optional>

#include "models/endpoint/msix.h"
#include "models/protocol/tlp.h"

namespace iov::endpoint {

struct FunctionParams {
  unsigned total_vfs = 64;
  unsigned first_vf_offset = 128;
  unsigned vf_stride = 2;

  template <class V>
  void describe(V& v) {
    const char* source = "Intel 82599 datasheet 9.4.4: 64 VFs, offset 128, stride 2";
    v.field("total_vfs", total_vfs, Range<unsigned>{0, 65535}, "virtual functions at most (TotalVFs)", source);
    v.field("first_vf_offset", first_vf_offset, Range<unsigned>{1, 65535}, "routing ID of VF 1 less the PF's", source);
    v.field("vf_stride", vf_stride, Range<unsigned>{1, 65535}, "routing ID from one VF to the next", source);
  }
  /// PF_RID + first_vf_offset + (n - 1) * vf_stride; function 0 is the PF. Unchecked: see fits().
  constexpr std::uint32_t routing_id(RequesterId pf, unsigned function) const {
    return function == 0 ? pf.value : pf.value + first_vf_offset + (function - 1) * vf_stride;
  }
  constexpr bool fits(RequesterId pf, unsigned vfs) const {
    return vfs <= total_vfs && routing_id(pf, vfs) <= 0xffff;
  }
};

struct Function {
  unsigned index = 0;  ///< 0: PF, n: VF n
  RequesterId requester;
  unsigned interrupt_channel = 0;  ///< of the DMA engine
  std::optional<Msix> msix;        ///< made in place: it holds events
};

/// Which function and offset a memory address means.
struct BarSpace {
  struct Target {
    unsigned function;
    std::uint32_t offset;
  };
  Hpa pf, vf;
  std::uint32_t bytes = 0x10000;  ///< of each function's BAR 0
  unsigned vfs = 0;               ///< enabled ones; the others claim nothing

  std::optional<Target> decode(std::uint64_t address) const {
    if (address - pf.value < bytes) return Target{0, static_cast<std::uint32_t>(address - pf.value)};
    const std::uint64_t offset = address - vf.value;
    if (offset >= std::uint64_t{vfs} * bytes) return std::nullopt;
    return Target{static_cast<unsigned>(offset / bytes) + 1, static_cast<std::uint32_t>(offset % bytes)};
  }
};

}  // namespace iov::endpoint
