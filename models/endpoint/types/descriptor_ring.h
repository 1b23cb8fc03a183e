// SPDX-License-Identifier: Apache-2.0
/// DescriptorRing -- registers of one NIC queue and what to fetch next. A mechanism.
///
/// Spec    models/protocol/nic.h; Intel 82599 datasheet 7.1.6, 7.2.3 (prefetch and host thresholds).
/// Units   descriptors of 16 B
#pragma once
#include <algorithm>
#include <cstdint>

#include "models/protocol/nic.h"

namespace iov::endpoint {

struct DescriptorRing {
  static constexpr std::uint32_t descriptor_bytes = 16;
  static constexpr std::uint32_t max_length = 1u << 16;

  std::uint64_t base = 0;
  std::uint32_t length = 0, head = 0, tail = 0, control = 0;
  std::uint32_t fetch = 0;     ///< next descriptor to fetch
  std::uint32_t fetching = 0;  ///< on their way

  bool enabled() const { return control & 1; }
  unsigned vector() const { return control >> 8 & 0xff; }
  bool usable() const { return length >= 2 && length <= max_length && (length & (length - 1)) == 0; }
  std::uint32_t between(std::uint32_t from, std::uint32_t to) const { return (to - from) & (length - 1); }
  std::uint32_t unfetched() const { return between(fetch, tail); }
  std::uint32_t available() const { return between(head, tail); }  ///< fetched or not
  std::uint64_t at(std::uint32_t index) const { return base + std::uint64_t{index} * descriptor_bytes; }
  std::uint32_t after(std::uint32_t index) const { return (index + 1) & (length - 1); }

  /// How many descriptors to fetch now: contiguous, no more than fit in a cache of `prefetch`; fewer than
  /// `minimum` only when the cache is empty or the ring ends there. One fetch at a time.
  std::uint32_t plan_fetch(std::uint32_t cached, std::uint32_t prefetch, std::uint32_t minimum) const {
    if (!enabled() || fetching != 0 || cached >= prefetch) return 0;
    const std::uint32_t n = std::min({unfetched(), prefetch - cached, length - fetch});
    const bool ring_ends = fetch + n == length;
    return n < minimum && cached > 0 && !ring_ends ? 0 : n;
  }
  void start_fetch(std::uint32_t n) {
    fetching = n;
    fetch = (fetch + n) & (length - 1);
  }

  std::uint64_t read(std::uint32_t reg) const {
    switch (reg) {
      case nic::queue_base: return base;
      case nic::queue_base + 4: return base >> 32;
      case nic::queue_length: return length;
      case nic::queue_head: return head;
      case nic::queue_tail: return tail;
      case nic::queue_control: return control;
      default: return 0;
    }
  }
  /// Base and length, which only an idle queue takes. Tail and control are the queue's owner's business.
  void configure(std::uint32_t reg, std::uint64_t value, unsigned bytes) {
    if (enabled()) return;
    const auto low = static_cast<std::uint32_t>(value);
    if (reg == nic::queue_base) base = bytes == 8 ? value : (base >> 32 << 32 | low);
    if (reg == nic::queue_base + 4) base = (base & 0xffff'ffff) | std::uint64_t{low} << 32;
    if (reg == nic::queue_length) length = low;
  }
  void stop() { control = head = tail = fetch = fetching = 0; }
};

}  // namespace iov::endpoint
