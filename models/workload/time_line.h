// SPDX-License-Identifier: Apache-2.0
/// TimeLine -- what became of each VM's packets, interval by interval from the start of the traffic: what happened
/// around an event can be seen. Counts where the ledger closes a packet, costs no event.
///
/// Memory  one cell per VM and interval.
/// Units   bytes: frames with FCS; latency as the ledger measures it: one way, of responses round trip.
#pragma once
#include <cstdint>
#include <vector>

#include "models/core/units.h"

namespace iov::workload {

class TimeLine {
 public:
  struct Cell {
    std::uint64_t delivered = 0, bytes = 0, dropped = 0;
    Time latency;  ///< sum over the delivered ones
  };

  /// @param interval  more than 0
  explicit TimeLine(const Time& interval) : interval_(interval), end_(interval) {}
  /// Traffic starts: the first interval begins.
  void start(const Time& now) { origin_ = now, end_ = now + interval_; }

  void add_vm() { ++vms_; }
  void delivered(unsigned vm, std::uint64_t bytes, const Time& latency, const Time& now) {
    Cell& cell = at(vm, now);
    ++cell.delivered;
    cell.bytes += bytes;
    cell.latency += latency;
  }
  void dropped(unsigned vm, const Time& now) { ++at(vm, now).dropped; }
  /// Nothing counts from here on; the last interval ends now.
  void close(const Time& now);

  std::size_t intervals() const { return cells_.size() / (vms_ ? vms_ : 1); }
  const Cell& cell(std::size_t interval, unsigned vm) const { return cells_[interval * vms_ + vm]; }
  /// Since the start.
  Time begin(std::size_t interval) const { return interval_ * static_cast<double>(interval); }
  Time end(std::size_t interval) const { return interval + 1 == intervals() ? last_end_ : begin(interval + 1); }

 private:
  Cell& at(unsigned vm, const Time& now) {
    if (now >= end_ || cells_.empty()) reach(now);
    return closed_ ? ignored_ : cells_[cells_.size() - vms_ + vm];
  }
  void reach(const Time& now);

  const Time interval_;
  Time origin_, end_, last_end_;
  std::size_t vms_ = 0;
  std::vector<Cell> cells_;  ///< interval by interval
  Cell ignored_;
  bool closed_ = false;
};

}  // namespace iov::workload
