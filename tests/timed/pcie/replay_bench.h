// SPDX-License-Identifier: Apache-2.0
/// Links whose bit errors are where a test wants them. For tests.
#pragma once
#include "tests/timed/pcie/link_bench.h"

namespace iov::pcie {

struct PortProbe {  ///< reaches into a port to see or break it
  static Replay& replay(Port& port) { return *port.replay_; }
  static void age_queue(Port& port, std::uint64_t order) { port.lane(FcClass::posted).queue.front().order = order; }
};
struct ReplayProbe {
  /// The next error is in the bit that is sent after so many others.
  static void place_error(Replay& replay, double bits) { replay.bits_to_error_ = bits; }
};

/// Errors are modelled, yet too rare to happen by themselves.
inline LinkParams error_free_so_far() {
  LinkParams p;
  p.bit_error_rate = 1e-18;
  return p;
}

}  // namespace iov::pcie
