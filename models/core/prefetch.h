// SPDX-License-Identifier: Apache-2.0
/// prefetch -- tells the host's caches what will be touched within the next few events. A large simulated machine (thousands
/// of tenants) does not fit into them, and an event that waits for a line of its own waits longer than it computes; asked for
/// together and ahead, lines come together. Without effect on results: of any address, also one that is not there.
///
/// What can be expected has `void prefetch() const`: the members that it always needs lie side by side, and are named there
/// as the range from the first to the last.
#pragma once
#include <cstddef>
#include <memory>

namespace iov {

inline constexpr std::size_t cache_line_bytes = 64;

inline void prefetch(const void* address) {
  __builtin_prefetch(address);
  asm volatile("" : : "r"(address));  // GCC drops calls of functions that do nothing else, as if they did nothing
}
void prefetch_range(const void* from, std::size_t bytes);
template <class T>
void prefetch_object(const T& object) {
  prefetch_range(std::addressof(object), sizeof object);
}
/// From `first` to `last`. (There is no pointer to a member that is a reference, whose object lies elsewhere.)
template <class T, class First, class Last>
void prefetch_members(const T& object, First T::*first, Last T::*last) {
  const auto* from = reinterpret_cast<const char*>(std::addressof(object.*first));
  prefetch_range(from, static_cast<std::size_t>(reinterpret_cast<const char*>(std::addressof(object.*last) + 1) - from));
}

}  // namespace iov
