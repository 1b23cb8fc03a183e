// SPDX-License-Identifier: Apache-2.0
/// Arithmetic of SR-IOV: requester IDs, bus numbers and BAR addresses of VFs. VF n counts from 1.
///
/// Spec    PCIe Base 5.0 9.2.1.2 (VF discovery), 9.3.3.9 (First VF Offset), 9.3.3.10 (VF Stride),
///         9.3.3.14 (VF BARs), 9.2.1.1.1 (VF BAR aperture).
/// Units   bytes, requester IDs.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>

#include "models/core/address.h"
#include "models/protocol/config_space/function_description.h"

namespace iov::config {

inline constexpr unsigned requester_ids = 0x10000;

/// The ID of VF n; nothing when it would not fit in 16 bits.
constexpr std::optional<RequesterId> vf_requester_id(RequesterId pf, VfRouting r, unsigned n) {
  const std::uint64_t id = pf.value + r.offset + std::uint64_t{n - 1} * r.stride;
  if (n == 0 || id >= requester_ids) return std::nullopt;
  return RequesterId{static_cast<std::uint16_t>(id)};
}

/// Which VF, 1..num_vfs, has the ID.
constexpr std::optional<unsigned> vf_with_id(RequesterId pf, VfRouting r, unsigned num_vfs, RequesterId id) {
  const unsigned first = pf.value + r.offset;
  if (num_vfs == 0 || id.value < first) return std::nullopt;
  const unsigned distance = id.value - first;
  if (r.stride == 0) return distance == 0 ? std::optional<unsigned>(1) : std::nullopt;
  if (distance % r.stride != 0 || distance / r.stride >= num_vfs) return std::nullopt;
  return distance / r.stride + 1;
}

/// How many of VFs 1..num_vfs have an ID: those behind the end of the ID space do not exist.
constexpr unsigned vfs_with_ids(RequesterId pf, VfRouting r, unsigned num_vfs) {
  const unsigned first = pf.value + r.offset;
  if (first >= requester_ids) return 0;
  if (r.stride == 0) return std::min(num_vfs, 1u);
  return std::min(num_vfs, (requester_ids - 1 - first) / r.stride + 1);
}

/// The bus numbers a PF and its VFs occupy: what the port above must forward.
struct BusRange {
  unsigned first, last;
  constexpr unsigned count() const { return last - first + 1; }
};
constexpr BusRange buses_used(RequesterId pf, VfRouting r, unsigned num_vfs) {
  const std::uint64_t last =
      num_vfs == 0 ? pf.value : pf.value + r.offset + std::uint64_t{num_vfs - 1} * r.stride;
  return {pf.bus(), static_cast<unsigned>(last >> 8)};  // last > 255: does not fit
}

/// Why VFs cannot be enabled this way; nullptr when they can.
constexpr const char* refusal(RequesterId pf, const SriovCapability& s, VfRouting r, unsigned num_vfs,
                              unsigned last_bus, bool ari_forwarding) {
  if (num_vfs > s.total_vfs) return "NumVFs exceeds TotalVFs";
  if (num_vfs == 0) return nullptr;
  if (vfs_with_ids(pf, r, num_vfs) < num_vfs) return "the last VF lies beyond the 16-bit requester ID space";
  if (buses_used(pf, r, num_vfs).last > last_bus)
    return "the VFs need more bus numbers than the port forwards";
  // Without ARI forwarding the port takes only device 0 of its secondary bus, functions 0 to 7.
  if (ari_forwarding) return nullptr;
  for (unsigned n = 1; n <= num_vfs; ++n) {
    const RequesterId id = *vf_requester_id(pf, r, n);
    if (id.bus() != pf.bus()) break;
    if (id.devfn() > 7) return "without ARI forwarding a VF on the PF's bus must be function 1 to 7";
  }
  return nullptr;
}

/// VFs of `pfs` PFs (functions 0..pfs-1) take turns: PF p's VFs start at `first` + p, `pfs` apart.
constexpr VfRouting interleaved(unsigned first, unsigned pfs) {
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(pfs)};
}

/// What one VF takes of a VF BAR: its size, at least one System Page.
constexpr std::uint64_t vf_aperture(std::uint64_t bar_bytes, std::uint32_t system_page_size) {
  return bar_bytes == 0 ? 0 : std::max(bar_bytes, std::uint64_t{system_page_size} << 12);
}
constexpr std::uint64_t vf_bar_address(std::uint64_t base, std::uint64_t aperture, unsigned n) {
  return base + (n - 1) * aperture;
}

}  // namespace iov::config
