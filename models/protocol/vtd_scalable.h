// SPDX-License-Identifier: Apache-2.0
/// Entries of scalable mode as they lie in memory: context, PASID directory, PASID table.
///
/// Spec    Intel VT-d 4.1: 9.2 scalable-mode root, 9.4 scalable-mode context, 9.5 PASID directory, 9.6 PASID table.
#pragma once
#include <array>
#include <cstdint>

#include "models/core/address.h"

namespace iov::vtd {

inline constexpr unsigned log2_smallest_directory = 7;  ///< PDTS = 0: 128 directory entries
inline constexpr unsigned log2_pasids_per_table = 6;

struct ScalableContext {
  Hpa pasid_directory;
  unsigned log2_directory = log2_smallest_directory;  ///< entries
  std::uint32_t rid_pasid = 0;  ///< for requests without PASID
  bool device_tlb = false, pasids = false, page_requests = false;  ///< DTE, PASIDE, PRE

  std::array<std::uint64_t, 4> entry() const {
    return {pasid_directory.value | std::uint64_t{log2_directory - log2_smallest_directory} << 9 |
                std::uint64_t{page_requests} << 4 | std::uint64_t{pasids} << 3 | std::uint64_t{device_tlb} << 2 | 1,
            rid_pasid, 0, 0};
  }
};

inline std::uint64_t pasid_directory_entry(Hpa pasid_table) { return pasid_table.value | 1; }

enum class PasidTranslation : std::uint8_t { first_stage = 1, second_stage = 2, nested = 3, pass_through = 4 };

/// What a stage that the translation does not have is, does not matter.
struct PasidEntry {
  PasidTranslation type = PasidTranslation::second_stage;
  DomainId domain;
  Hpa second_stage;
  unsigned second_levels = 4;  ///< 3, 4 or 5
  std::uint64_t first_stage = 0;  ///< host-physical, guest-physical when nested
  unsigned first_levels = 4;  ///< 4 or 5
  bool snoop = false;  ///< PGSNP: pages of the first stage are snooped

  std::array<std::uint64_t, 8> entry() const {
    const bool second = type != PasidTranslation::first_stage;
    return {(second ? second_stage.value | std::uint64_t{second_levels - 2} << 2 : 0) | static_cast<std::uint64_t>(type) << 6 | 1,
            domain.value | std::uint64_t{snoop} << 24, first_stage | std::uint64_t{first_levels - 4} << 2, 0, 0, 0, 0, 0};
  }
};

}  // namespace iov::vtd
