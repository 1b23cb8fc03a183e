// SPDX-License-Identifier: Apache-2.0
/// RegisterInvalidation -- invalidation by CCMD and IOTLB registers, for software that does not use the queue. Each
/// register carries one command at a time: ICC or IVT stays set until it was carried out and what is older has drained.
///
/// Spec    VT-d 4.1 6.5.1, 11.4.5.1 (CCMD), 11.4.6.1 (IOTLB), 11.4.6.2 (IVA).
/// Models  granularity done (CAIG, IAIG), 0 for a command that cannot be meant; both registers at the same time.
/// Omits   commands while the queue is on, which are illegal: refused at once, granularity done 0.
#pragma once
#include <array>
#include <cstdint>

#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/iommu/register_file.h"
#include "models/iommu/translation_unit.h"

namespace iov::iommu {

class RegisterInvalidation {
 public:
  RegisterInvalidation(Timeline& timeline, const Params& params, RegisterFile& registers, TranslationUnit& translation);
  /// Whether a write may reach the register file: a command that is being carried out is not overwritten.
  bool accepts(std::uint32_t offset) const;
  /// The register file has been written there.
  void written(std::uint32_t offset, unsigned bytes, bool queue_enabled);
  void drained();  ///< the translation unit has nothing older than the last invalidation
  bool idle() const { return !context_.busy && !iotlb_.busy; }

  Counter commands{"register_invalidations", "1", "invalidations commanded by register and carried out"};

 private:
  struct Command {  ///< one register
    Command(RegisterInvalidation& u, std::uint32_t r) : unit(u), reg(r) {}
    void due() { unit.finish(*this); }
    RegisterInvalidation& unit;
    const std::uint32_t reg;
    bool busy = false, executed = false;
    std::uint64_t done_bits = 0;  ///< granularity carried out, at its place in the register
    Event event{unit.timeline_, bind<&Command::due>(this)};
  };
  std::uint64_t context(std::uint64_t command);
  std::uint64_t iotlb(std::uint64_t command);
  void start(Command& command, std::uint64_t done_bits, std::uint64_t done_mask);
  void finish(Command& command);
  Timeline& timeline_;
  RegisterFile& registers_;
  TranslationUnit& translation_;
  const Time duration_;
  Command context_{*this, vtd::reg_context_command}, iotlb_{*this, vtd::reg_iotlb_invalidate};
};

}  // namespace iov::iommu
