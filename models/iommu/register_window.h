// SPDX-License-Identifier: Apache-2.0
/// RegisterWindow -- the unit's registers as cores reach them: uncached accesses that take their time, in order.
///
/// Spec    VT-d 4.1 11.1 (registers are memory-mapped, accessed in 4 or 8 bytes, uncached).
/// Models  a posted write arrives after `register_latency`; a read takes it both ways and finds what writes before it did.
/// Use     addresses are offsets into the window.
#pragma once
#include "models/core/ring.h"
#include "models/iommu/iommu.h"
#include "models/protocol/mmio.h"

namespace iov::iommu {

class RegisterWindow : public sc_core::sc_module, public MmioBus {
 public:
  RegisterWindow(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, Iommu& unit)
      : sc_module(name), timeline_(timeline), latency_(params.register_latency), unit_(unit) {}

  void write(Hpa address, std::uint64_t value, unsigned bytes, JourneyRef) override {
    ++writes;
    send({timeline_.now() + latency_, static_cast<std::uint32_t>(address.value), bytes, value, false, {}});
  }
  void read(Hpa address, unsigned bytes, Delegate<void(std::uint64_t)> done) override {
    ++reads;
    send({timeline_.now() + latency_, static_cast<std::uint32_t>(address.value), bytes, 0, true, done});
  }

  Counter writes{"writes", "1", "register writes by cores"};
  Counter reads{"reads", "1", "register reads by cores"};

 private:
  struct Access {
    Time when;  ///< that it reaches the unit; of an answer, the core
    std::uint32_t offset = 0;
    unsigned bytes = 4;
    std::uint64_t value = 0;
    bool read = false;
    Delegate<void(std::uint64_t)> done;
  };
  void send(const Access& access) {
    under_way_.push(access);
    if (!arrival_.scheduled()) arrival_.at(under_way_.front().when);
  }
  void arrive() {
    Access access = under_way_.front();
    under_way_.pop();
    if (!under_way_.empty()) arrival_.at(under_way_.front().when);
    if (!access.read) return unit_.write_register(access.offset, access.value, access.bytes);
    access.value = unit_.read_register(access.offset, access.bytes);
    access.when = timeline_.now() + latency_;
    answers_.push(access);
    if (!answer_.scheduled()) answer_.at(answers_.front().when);
  }
  void answer() {
    const Access access = answers_.front();
    answers_.pop();
    if (!answers_.empty()) answer_.at(answers_.front().when);
    access.done(access.value);
  }
  Timeline& timeline_;
  const Time latency_;
  Iommu& unit_;
  Ring<Access> under_way_, answers_;
  Event arrival_{timeline_, bind<&RegisterWindow::arrive>(this)}, answer_{timeline_, bind<&RegisterWindow::answer>(this)};
};

}  // namespace iov::iommu
