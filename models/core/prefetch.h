// SPDX-License-Identifier: Apache-2.0
/// prefetch -- tells the host's caches what will be touched within the next few events. A large simulated machine (thousands
/// of tenants) does not fit into them, and an event that waits for a line of its own waits longer than it computes.
/// Without effect on results: of any address, also one that is not there.
#pragma once

namespace iov {

inline void prefetch(const void* address) {
  __builtin_prefetch(address);
  asm volatile("" : : "r"(address));  // GCC drops calls of functions that do nothing else, as if they did nothing
}

}  // namespace iov
