// SPDX-License-Identifier: Apache-2.0
/// StalledAccess -- an uncached access for which a core stands still until it is answered: its strand, and the answer.
///
/// Lives in the coroutine that makes the access: several may be under way, as a handler may come between a thread's access and
/// its stall, and several cores have one each.
#pragma once
#include <cstdint>

#include "models/host/core.h"

namespace iov::software {

struct StalledAccess {
  host::Strand& strand;
  std::uint64_t value = 0;
  void answered(std::uint64_t answer) {
    value = answer;
    strand.stall_done();
  }
};

}  // namespace iov::software
