// SPDX-License-Identifier: Apache-2.0
/// DescriptorRing -- registers of one NIC queue and what to fetch next. A mechanism.
///
/// Spec    models/protocol/nic.h; Intel 82599 datasheet 7.1.6, 7.2.3 (prefetch and host thresholds).
/// Units   descriptors of 16 B
#pragma once
#include <algorithm>
#include <cstdint>

#include "models/core/params.h"
#include "models/protocol/nic.h"

namespace iov::endpoint {

struct PrefetchParams {
  unsigned prefetch = 40;
  unsigned prefetch_threshold = 32;
  unsigned host_threshold = 1;

  template <class V>
  void describe_into(V& v) {
    v.field("prefetch", prefetch, Range<unsigned>{1, 256},
            "descriptors that a queue may hold on chip; for a frame that needs more it fetches the rest, whatever the thresholds",
            "Intel 82599, as in the pcie-bench model (SIGCOMM 2018): up to 40 fetched at a time");
    v.field("prefetch_threshold", prefetch_threshold, Range<unsigned>{1, 256},
            "a queue fetches when it holds fewer descriptors", "Intel 82598 datasheet 4.4.3.5.6, PTHRESH: up to 32");
    v.field("host_threshold", host_threshold, Range<unsigned>{1, 64},
            "and when at least so many are in the ring, unless it holds none",
            "Intel 82598 datasheet 4.4.3.5.6, HTHRESH: 0, 4 or 8");
    v.require(prefetch_threshold <= prefetch, "prefetch_threshold must not exceed prefetch");
  }
};

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

  /// How many descriptors to fetch now, contiguous and one fetch at a time: when fewer than prefetch_threshold are
  /// cached and at least host_threshold are in the ring; a queue that has none takes what there is.
  /// @param needed  of the frame whose turn it is: while fewer are cached it takes what there is, beyond prefetch if it must
  std::uint32_t plan_fetch(std::uint32_t cached, const PrefetchParams& p, std::uint32_t needed = 0) const {
    if (!enabled() || fetching != 0) return 0;
    const std::uint32_t there = unfetched();
    const bool due = cached == 0 || cached < needed || (cached < p.prefetch_threshold && there >= p.host_threshold);
    return due ? std::min({there, std::max(p.prefetch, needed) - cached, length - fetch}) : 0;
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
  /// A ring the device cannot use stays off; one that is turned on begins anew.
  void set_control(std::uint32_t value) {
    if (!usable()) value &= ~1u;
    if (!enabled() && (value & 1)) head = 0;
    control = value;
  }
  /// The head still tells how far the device came.
  void stop() { control = tail = fetch = fetching = 0; }
};

}  // namespace iov::endpoint
