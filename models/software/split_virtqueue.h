// SPDX-License-Identifier: Apache-2.0
/// Split virtqueue: descriptor table, available ring, used ring. Mechanism only: whoever uses an end pays for it.
///
/// Spec    virtio 1.2 2.7 (split virtqueues), 2.7.7, 2.7.10 (notification suppression).
/// Models  single-descriptor buffers, NO_NOTIFY / NO_INTERRUPT flags and EVENT_IDX.
/// Omits   chains, indirect descriptors.
#pragma once
#include "models/software/virtqueue_memory.h"

namespace iov::software {

/// The driver's end (guest).
class SplitDriver {
 public:
  SplitDriver(const MemoryView& memory, const VirtqueueLayout& layout) : ring_(memory, layout, RingSide::driver), layout_(layout) {
    for (std::uint16_t i = 0; i < layout.size; ++i) free_.push_back(static_cast<std::uint16_t>(layout.size - 1 - i));
  }
  RingView& ring() { return ring_; }
  std::size_t room() const { return free_.size(); }
  std::uint16_t add(Gpa buffer, std::uint32_t bytes, bool device_writes) {
    const std::uint16_t id = free_.back();
    free_.pop_back();
    ring_.store(layout_.descriptor(id), vring_desc{buffer.value, bytes, static_cast<__u16>(device_writes ? VRING_DESC_F_WRITE : 0), 0});
    ring_.store(layout_.available_entry(available_), id);
    ring_.store(layout_.available_index(), ++available_);
    return id;
  }
  bool kick_needed() {
    const std::uint16_t old = std::exchange(told_, available_);
    if (!layout_.event_index) return !(ring_.load<std::uint16_t>(layout_.used_flags()) & VRING_USED_F_NO_NOTIFY);
    return vring_need_event(ring_.load<std::uint16_t>(layout_.available_event()), available_, old) != 0;
  }
  bool has_used() const { return ring_.load<std::uint16_t>(layout_.used_index()) != used_; }
  vring_used_elem take_used() {
    const auto element = ring_.load<vring_used_elem>(layout_.used_entry(used_++));
    if (element.id < layout_.size) free_.push_back(static_cast<std::uint16_t>(element.id));
    return element;
  }
  void disable_interrupts() {
    if (!layout_.event_index) return ring_.store(layout_.available_flags(), std::uint16_t{VRING_AVAIL_F_NO_INTERRUPT});
    ring_.store(layout_.used_event(), static_cast<std::uint16_t>(used_ - 1));  // an index already passed
  }
  bool enable_interrupts(std::uint16_t after) {
    if (layout_.event_index)
      ring_.store(layout_.used_event(), static_cast<std::uint16_t>(used_ + after));
    else
      ring_.store(layout_.available_flags(), std::uint16_t{0});
    return static_cast<std::uint16_t>(ring_.load<std::uint16_t>(layout_.used_index()) - used_) <= after;
  }

 private:
  RingView ring_;
  const VirtqueueLayout layout_;
  std::vector<std::uint16_t> free_;
  std::uint16_t available_ = 0, told_ = 0, used_ = 0;
};

/// The device's end (back end).
class SplitDevice {
 public:
  SplitDevice(const MemoryView& memory, const VirtqueueLayout& layout)
      : memory_(memory), ring_(memory, layout, RingSide::device), layout_(layout) {}
  RingView& ring() { return ring_; }
  bool has_available() const { return ring_.load<std::uint16_t>(layout_.available_index()) != next_; }
  VirtqueueBuffer take() {
    VirtqueueBuffer b;
    b.id = static_cast<std::uint16_t>(ring_.load<std::uint16_t>(layout_.available_entry(next_++)) % layout_.size);
    const auto d = ring_.load<vring_desc>(layout_.descriptor(b.id));
    b.address = Gpa(d.addr);
    b.bytes = d.len;
    b.valid = memory_.contains(b.address, b.bytes);
    return b;
  }
  void push_used(std::uint16_t id, std::uint32_t written) {
    ring_.store(layout_.used_entry(used_), vring_used_elem{id, written});
    ring_.store(layout_.used_index(), ++used_);
  }
  bool interrupt_needed() {
    const std::uint16_t old = std::exchange(told_, used_);
    if (!layout_.event_index)
      return old != used_ && !(ring_.load<std::uint16_t>(layout_.available_flags()) & VRING_AVAIL_F_NO_INTERRUPT);
    return vring_need_event(ring_.load<std::uint16_t>(layout_.used_event()), used_, old) != 0;
  }
  void disable_kicks() {
    // With EVENT_IDX the index last asked for has been passed: nothing to write, as in Linux vhost.
    if (!layout_.event_index) ring_.store(layout_.used_flags(), std::uint16_t{VRING_USED_F_NO_NOTIFY});
  }
  bool enable_kicks() {
    if (layout_.event_index)
      ring_.store(layout_.available_event(), next_);
    else
      ring_.store(layout_.used_flags(), std::uint16_t{0});
    return !has_available();
  }

 private:
  const MemoryView& memory_;
  RingView ring_;
  const VirtqueueLayout layout_;
  std::uint16_t next_ = 0, used_ = 0, told_ = 0;
};

}  // namespace iov::software
