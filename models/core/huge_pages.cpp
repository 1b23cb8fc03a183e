// SPDX-License-Identifier: Apache-2.0
#include "models/core/huge_pages.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>

namespace iov {

/// The heap is one region: advice holds for what lies in it, so it is made large before it is used. Untouched it takes no memory.
void use_huge_pages() {
  constexpr int heap = 1 << 30, usual_step = 128 << 10, longest_of_heap = 32 << 20;
  constexpr std::uintptr_t page = 2 << 20;
  mallopt(M_MMAP_THRESHOLD, longest_of_heap);  // else each larger vector lies on pages of its own
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, heap);
  void* volatile first = std::malloc(4 * usual_step);  // more than there is: the heap grows
  mallopt(M_TOP_PAD, usual_step);
  const auto begin = (reinterpret_cast<std::uintptr_t>(first) + page - 1) & ~(page - 1);
  const auto end = reinterpret_cast<std::uintptr_t>(sbrk(0)) & ~(page - 1);
  if (first && begin < end) static_cast<void>(madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
  std::free(first);
}

}  // namespace iov
