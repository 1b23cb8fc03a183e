// SPDX-License-Identifier: Apache-2.0
/// RegisterFile -- the bytes behind the IOMMU's register window: which bits software can write, which a
/// written 1 clears, what is fixed. What a write causes is decided by Iommu. Mechanism: knows no time.
///
/// Spec    VT-d 4.1 ch. 11.
#pragma once
#include <cstdint>
#include <vector>

#include "models/iommu/features.h"
#include "models/protocol/vtd_registers.h"

namespace iov::iommu {

class RegisterFile {
 public:
  explicit RegisterFile(const Features& features);
  /// @param bytes  4 or 8; anything outside the window, unaligned or of other size reads 0
  std::uint64_t read(std::uint32_t offset, unsigned bytes) const;
  /// Stores what software may change; writes elsewhere are ignored.
  void write(std::uint32_t offset, std::uint64_t value, unsigned bytes);

  std::uint32_t get32(std::uint32_t offset) const { return words_[offset / 4]; }
  std::uint64_t get64(std::uint32_t offset) const {
    return words_[offset / 4] | std::uint64_t{words_[offset / 4 + 1]} << 32;
  }
  void set32(std::uint32_t offset, std::uint32_t value) { words_[offset / 4] = value; }
  void set64(std::uint32_t offset, std::uint64_t value) {
    set32(offset, static_cast<std::uint32_t>(value));
    set32(offset + 4, static_cast<std::uint32_t>(value >> 32));
  }
  vtd::FaultRecord fault_record(unsigned index) const {
    const std::uint32_t at = vtd::reg_fault_records + index * vtd::fault_record_bytes;
    return {get64(at), get64(at + 8)};
  }

 private:
  void allow(std::uint32_t offset, std::uint64_t writable, std::uint64_t write_one_to_clear = 0);
  static bool addressable(std::uint32_t offset, unsigned bytes) {
    return (bytes == 4 || bytes == 8) && offset % bytes == 0 && offset + bytes <= vtd::register_bytes;
  }
  std::vector<std::uint32_t> words_, writable_, clear_;
};

}  // namespace iov::iommu
