// SPDX-License-Identifier: Apache-2.0
/// RemappingFunction -- the whole function of the unit without time, caches or SystemC: register values
/// and a memory image in, answers out. "Why does my DMA fault?" for a dump of real tables.
///
/// Spec    VT-d 4.1 ch. 3, 5, 7; PCIe Base 5.0 10.2.3 (translation completion).
/// Use     registers as software left them, memory with its tables (MemoryImage, or a running machine's), then
///         translate() and interrupt().
#pragma once
#include <cstdint>
#include <span>

#include "models/iommu/interrupt_remap.h"
#include "models/iommu/resolve.h"

namespace iov::iommu {

/// What software would read back from RTADDR, IRTA and GSTS.
struct RemappingRegisters {
  std::uint64_t root_table = 0;       ///< RTADDR, mode in bits 11:10
  std::uint64_t interrupt_table = 0;  ///< IRTA
  bool translation = true;            ///< GSTS.TES
  bool interrupt_remapping = true;    ///< GSTS.IRES
  bool compatibility_format = false;  ///< GSTS.CFIS
};
TableRoot table_root(std::uint64_t rtaddr, bool enabled);
InterruptRoot interrupt_root(const Features& features, std::uint64_t irta, bool enabled,
                             bool compatibility_format);

struct InterruptReply {
  enum class Outcome : std::uint8_t { delivered, posted, blocked };
  Outcome outcome = Outcome::blocked;
  bool remapped = false;            ///< went through the table
  std::uint16_t index = 0;          ///< when remapped or blocked by it
  ProcessorInterrupt interrupt;     ///< delivered: where to; posted with `notified`: the notification
  bool logical = false;             ///< destination mode
  std::uint8_t delivery_mode = 0;   ///< 0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 7 ExtINT
  std::uint64_t descriptor = 0;     ///< posted: address of the descriptor
  std::uint8_t virtual_vector = 0;  ///< posted
  bool urgent = false, notified = false;
  FaultReason fault = FaultReason::none;
  bool recorded = true;  ///< false when FPD suppressed the record
};

class RemappingFunction {
 public:
  RemappingFunction(const Features& features, const RemappingRegisters& registers, const TableMemory& memory);

  /// `recorded` tells whether a fault would appear in a fault record.
  struct Translation {
    TranslationReply reply;
    bool recorded = false;
    unsigned reads = 0;  ///< table reads without any cache
  };
  Translation translate(const TranslationRequest& request);
  InterruptReply interrupt(RequesterId source, std::uint64_t address, std::uint32_t data);

 private:
  InterruptReply remap(RequesterId source, const InterruptRequest& request);
  InterruptReply post_to(const InterruptEntry& entry, InterruptReply reply);
  bool read(std::uint64_t address, std::span<std::uint64_t> words);
  bool read_entry(TableKind kind, std::uint64_t address, std::span<std::uint64_t> words);
  const Features features_;
  const TableRoot root_;
  const InterruptRoot interrupts_;
  const TableMemory memory_;
};

}  // namespace iov::iommu
