// SPDX-License-Identifier: Apache-2.0
#include "models/core/prefetch.h"

#include <cstdint>

namespace iov {

void prefetch_range(const void* from, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(from);
  for (std::uintptr_t line = begin & ~(cache_line_bytes - 1); line < begin + bytes; line += cache_line_bytes)
    prefetch(reinterpret_cast<const void*>(line));
}

}  // namespace iov
