// SPDX-License-Identifier: Apache-2.0
/// RegisterIo -- a driver's view of its device's registers: the same driver source runs on a mapped BAR and on an
/// emulated device.
#pragma once
#include "models/core/task.h"
#include "models/protocol/mmio.h"
#include "models/software/costs.h"
#include "models/software/stalled_access.h"

namespace iov::software {

/// What a read of a function that does not answer returns: removed, in reset, its link down (PCIe Base 5.0 2.3.2).
constexpr std::uint64_t all_ones(unsigned bytes) { return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * bytes) - 1; }

class RegisterIo {
 public:
  virtual ~RegisterIo() = default;
  virtual Task write(host::Strand& strand, std::uint32_t offset, std::uint64_t value, unsigned bytes, JourneyRef journey) = 0;
  virtual Task read(host::Strand& strand, std::uint32_t offset, unsigned bytes, std::uint64_t& value) = 0;
};

/// A BAR mapped into the address space of the driver: no exit, a TLP per access.
class MappedRegisters : public RegisterIo {
 public:
  MappedRegisters(MmioBus& bus, host::Context context, const SoftwareCosts& costs)
      : bus_(bus), context_(context), costs_(costs) {}
  void map(Hpa bar) { bar_ = bar; }  ///< before the first access
  Task write(host::Strand& strand, std::uint32_t offset, std::uint64_t value, unsigned bytes, JourneyRef journey) override {
    co_await strand.spend(context_, host::Work::mmio, costs_.mmio_write);
    bus_.write(bar_ + offset, value, bytes, journey);
  }
  /// The store itself, its time spent before: nothing comes between it and what the core did last.
  void post(std::uint32_t offset, std::uint64_t value, unsigned bytes) { bus_.write(bar_ + offset, value, bytes, {}); }
  /// The core stalls for the round trip, as an uncached load does.
  Task read(host::Strand& strand, std::uint32_t offset, unsigned bytes, std::uint64_t& value) override {
    StalledAccess access{strand};
    bus_.read(bar_ + offset, bytes, bind<&StalledAccess::answered>(&access));
    co_await strand.stall(context_);
    value = access.value;
  }

 private:
  MmioBus& bus_;
  Hpa bar_;
  const host::Context context_;
  const SoftwareCosts& costs_;
};

}  // namespace iov::software
