// SPDX-License-Identifier: Apache-2.0
/// Msix -- the interrupts of one function: MSI-X table and pending bits, the device's own cause and mask
/// registers, and moderation. A plain object inside its endpoint.
///
/// Spec    PCIe Base 5.0 7.7.2 (MSI-X); Intel 82599 datasheet 8.2.3.5 (EICR, EIMS, EIMC, EIAM, EITR).
/// Models  a vector fires when it was raised, its mask register bit is set, its table entry is not masked and
///         its throttle interval has passed, MSI-X is enabled and the function not masked; until then it waits.
///         Reading the causes takes back what waits. Without MSI-X Enable, a function that has INTx asserts it as long
///         as an enabled cause is set.
/// Omits   moderation of INTx; Interrupt Status in the Status register.
/// Units   throttle in ns
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "models/core/journey.h"
#include "models/core/prefetch.h"
#include "models/core/timeline.h"
#include "models/endpoint/fifo.h"

namespace iov::endpoint {

class MsixSender {
 public:
  virtual void send_message(unsigned function, std::uint64_t address, std::uint32_t data, JourneyRef journey) = 0;
  virtual void send_intx(unsigned function, bool asserted) = 0;

 protected:
  ~MsixSender() = default;
};

class Msix {
 public:
  static constexpr unsigned max_vectors = 64;  ///< bits of the cause register
  static constexpr std::uint32_t entry_bytes = 16;
  Msix(Timeline& timeline, MsixSender& sender, unsigned function, unsigned vectors);

  void raise(unsigned vector);
  /// This I/O waits for the vector's next message.
  void join(unsigned vector, JourneyRef journey);

  std::uint64_t take_causes();  ///< read to clear
  std::uint64_t mask() const { return enabled_; }
  void enable(std::uint64_t vectors);
  void disable(std::uint64_t vectors) {
    enabled_ &= ~vectors;
    drive_line();
  }
  std::uint64_t auto_mask() const { return auto_mask_; }
  void set_auto_mask(std::uint64_t vectors) { auto_mask_ = vectors; }
  void set_throttle(unsigned vector, std::uint32_t ns);
  std::uint32_t throttle(unsigned vector) const;
  /// The PF's limit on this function: no vector fires more often, whatever its throttle register says.
  /// Message Control: MSI-X Enable and Function Mask; after reset disabled (7.7.2.2).
  /// @param intx  whether the function may assert its INTx while MSI-X is disabled
  void set_control(bool enable, bool function_mask, bool intx);
  void set_least_interval(const Time& interval) { least_interval_ = interval; }
  std::uint32_t read_table(std::uint32_t offset) const;
  void write_table(std::uint32_t offset, std::uint32_t dw);
  std::uint64_t pending() const;  ///< PBA: raised while the entry or the function is masked
  /// Reset of the device's registers; the MSI-X table is the capability's and stays.
  void reset();
  /// Reset of the function: the table too, every entry masked (7.7.2.9).
  void reset_table();
  std::uint64_t sent() const { return sent_; }
  void add_to(WorkingSet& set) const;  ///< with the first vector

 private:
  static constexpr std::size_t journeys_kept = 64;  ///< of one message; older ones are not stamped
  static constexpr std::array<std::uint32_t, 4> reset_entry{0, 0, 0, 1};  ///< masked (7.7.2.9)
  struct Joined {
    JourneyRef journey;
    Time when;
  };
  struct Vector {
    Vector(Timeline& timeline, Msix* owner, unsigned n);
    void expired() { msix->attempt(number); }
    Msix* msix;
    unsigned number;
    std::array<std::uint32_t, 4> entry = reset_entry;
    Time throttle, next_allowed;
    Fifo<Joined> joined;
    Event timer;
  };
  void attempt(unsigned vector);
  void attempt_all(std::uint64_t vectors);
  void fire(Vector& vector);
  void drive_line();
  JourneyRef stamp(Vector& vector);

  Timeline& timeline_;
  MsixSender& sender_;
  const unsigned function_;
  std::vector<std::unique_ptr<Vector>> vectors_;
  Time least_interval_;
  bool msix_enable_ = false, function_mask_ = false, intx_ = false, asserted_ = false;
  std::uint64_t causes_ = 0, raised_ = 0, enabled_ = 0, auto_mask_ = 0, sent_ = 0;
};

}  // namespace iov::endpoint
