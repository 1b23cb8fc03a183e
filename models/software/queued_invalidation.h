// SPDX-License-Identifier: Apache-2.0
/// QueuedInvalidation -- the driver's end of the invalidation queue, one for all cores: descriptors and a wait descriptor
/// as bytes in the ring, the tail by register write; then the core spins until the unit has written the wait's status.
///
/// Spec    VT-d 4.1 6.5.2; Linux drivers/iommu/intel/dmar.c, qi_submit_sync and qi_check_fault: 256 descriptors, of 256
///         bits in scalable mode, a read of FSTS in every round of the spin, resubmission after a device-TLB timeout.
/// Models  submissions of several cores under way at once; a full ring is waited for in the same spin.
/// Simplified  interrupts are served between two rounds of the spin, Linux has them off; taking its lock costs nothing.
#pragma once
#include <array>
#include <span>

#include "models/core/stat.h"
#include "models/protocol/vtd.h"
#include "models/software/memory_view.h"
#include "models/software/register_io.h"

namespace iov::software {

class QueuedInvalidation : public sc_core::sc_module {
 public:
  static constexpr unsigned ring_entries = 256, largest_batch = 64;
  QueuedInvalidation(const sc_core::sc_module_name& name, MemoryView& memory, const SoftwareCosts& costs);
  /// Descriptors of 256 bits from now on, as scalable mode needs them; before the unit is told of the ring.
  void use_wide_descriptors() { descriptor_bytes_ = 2 * sizeof(vtd::Pair); }
  std::uint64_t ring() const;  ///< what belongs into IQA

  enum class Drain : std::uint8_t { translations, page_requests };
  /// Done when the unit has carried out all of them; and, draining page requests, when all that it has taken lie in their
  /// queue (VT-d 7.10).
  /// @param registers  the unit's, as this core reaches them
  /// @param batch      at most largest_batch descriptors, alive until the task is done
  Task submit(host::Strand& strand, host::Context context, MappedRegisters& registers, std::span<const vtd::Pair> batch,
              Drain drain = Drain::translations);

  Counter submissions{"submissions", "1", "batches of descriptors handed to the unit"};
  Counter descriptors{"descriptors", "1", "descriptors in them, waits included"};
  Counter spins{"spins", "1", "rounds of waiting, a register read each"};
  Counter errors{"queue_errors", "1", "descriptors that the unit refused, replaced by their wait"};
  Counter retries{"retries", "1", "submissions repeated because a device did not answer"};

 private:
  enum class Status : std::uint32_t { free, in_use, done, aborted };
  struct Slots {
    unsigned first, wait;
  };
  Slots place(std::span<const vtd::Pair> batch, Drain drain);
  void release(const Slots& slots);
  Task spin(host::Strand& strand, RegisterIo& registers);
  Task recover_timeout(host::Strand& strand, RegisterIo& registers);
  Task recover_error(host::Strand& strand, RegisterIo& registers);
  Status status(unsigned slot) const { return memory_.load<Status>(status_ + slot * 4u); }
  void set_status(unsigned slot, Status s) const { memory_.store(status_ + slot * 4u, s); }

  MemoryView& memory_;
  const SoftwareCosts& costs_;
  const Gpa ring_, status_;
  unsigned descriptor_bytes_ = sizeof(vtd::Pair);
  std::array<bool, ring_entries> used_{}, waits_{};
  unsigned oldest_ = 0, next_ = 0, free_ = ring_entries;
};

}  // namespace iov::software
