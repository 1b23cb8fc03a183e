// SPDX-License-Identifier: Apache-2.0
/// FunctionWatch -- a driver's look at its function from time to time, on a strand of the driver's: whether it is still as the
/// driver left it. Nobody announces a reset by somebody else, all VFs' end, a link that goes down; the function's own
/// registers show it. A part of its driver.
///
/// Spec    Linux iavf_watchdog_task(), iavf_reset_task(), ixgbevf_service_timer(), ixgbe_service_timer().
/// Models  a function that was reset, that does not answer, whose transmit queue stands still; the wait until it answers; then
///         what a reset takes from its configuration space is there again.
#pragma once
#include "models/core/stat.h"
#include "models/software/nic_driver.h"

namespace iov::software {

class FunctionWatch {
 public:
  struct Times {
    Time interval;          ///< 0: it never looks
    Time transmit_timeout;  ///< how long senders may wait
    Time retry;             ///< between two questions to a function that does not answer
  };
  struct Place {
    RegisterIo& registers;
    NicDriver& data;
    host::Strand& strand;  ///< is woken when a look is due
    /// Makes the function usable again after a reset: bus master, MSI-X.
    Delegate<Task(host::Strand&)> restore;
  };
  using Health = NicDriver::Health;
  FunctionWatch(Timeline& timeline, const Times& times, const Place& place);

  void start();
  void stop();
  bool due() const { return due_; }
  Task look(bool& lost);
  /// Until it answers, or its driver is to leave it.
  Task find_again(const bool& leaving);
  /// Looks that said so.
  std::uint64_t found(Health health) const { return found_.at(static_cast<std::size_t>(health), 0); }

 private:
  void time_to_look();
  void ask_again() { place_.strand.wake(); }
  Timeline& timeline_;
  const Times times_;
  const Place place_;
  bool due_ = false;
  Event look_{timeline_, bind<&FunctionWatch::time_to_look>(this)};
  Event again_{timeline_, bind<&FunctionWatch::ask_again>(this)};
  TableStat found_{"found", "what the service task's looks said of the function", {{"count", "1"}}};
};

}  // namespace iov::software
