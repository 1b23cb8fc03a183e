// SPDX-License-Identifier: Apache-2.0
/// Packed virtqueue: one ring of descriptors that driver and device both read and write. Mechanism only: whoever uses an end
/// pays for it.
///
/// Spec    virtio 1.2 2.8 (packed virtqueues), 2.8.10 (event suppression), 2.8.21 (driver), 2.8.22 (device).
/// Models  single-descriptor buffers, wrap counters, event suppression by flags and, with EVENT_IDX, at a descriptor.
/// Omits   chains, indirect descriptors, IN_ORDER: the device marks each buffer used.
#pragma once
#include "models/software/virtqueue_memory.h"

namespace iov::software {

/// A place in the ring and the round it belongs to.
struct RingPosition {
  std::uint16_t index = 0;
  bool wrap = true;  ///< 2.8.1: both sides begin with 1
  RingPosition after(std::uint16_t steps, std::uint16_t size) const {
    const unsigned sum = unsigned{index} + steps;
    return {static_cast<std::uint16_t>(sum % size), (sum / size) % 2 ? !wrap : wrap};
  }
  std::uint16_t off_wrap() const { return static_cast<std::uint16_t>(index | wrap << VRING_PACKED_EVENT_F_WRAP_CTR); }
};

namespace packed {
inline constexpr unsigned avail = 1u << VRING_PACKED_DESC_F_AVAIL, used = 1u << VRING_PACKED_DESC_F_USED;
inline bool is_available(unsigned flags, bool wrap) { return !!(flags & avail) == wrap && !!(flags & used) != wrap; }
inline bool is_used(unsigned flags, bool wrap) { return !!(flags & avail) == wrap && !!(flags & used) == wrap; }
/// Whether the other side, which wrote `event`, wants to hear of the last `count` steps, which ended before `next`.
inline bool wanted(const vring_packed_desc_event& event, const RingPosition& next, std::uint16_t count, std::uint16_t size) {
  if (count == 0 || event.flags == VRING_PACKED_EVENT_FLAG_DISABLE) return false;
  if (event.flags != VRING_PACKED_EVENT_FLAG_DESC) return true;
  const bool wrap = event.off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR;
  const auto offset = static_cast<std::uint16_t>((event.off_wrap & ~(1u << VRING_PACKED_EVENT_F_WRAP_CTR)) - (wrap == next.wrap ? 0 : size));
  return vring_need_event(offset, next.index, static_cast<std::uint16_t>(next.index - count)) != 0;
}
}  // namespace packed

/// What one side wants to hear of, written only when it changes.
class EventSuppression {
 public:
  EventSuppression(Gpa at, bool event_index) : at_(at), event_index_(event_index) {}
  void disable(RingView& ring) { write(ring, {0, VRING_PACKED_EVENT_FLAG_DISABLE}); }
  void enable(RingView& ring, const RingPosition& from) {
    if (event_index_) write(ring, {from.off_wrap(), VRING_PACKED_EVENT_FLAG_DESC});
    else write(ring, {0, VRING_PACKED_EVENT_FLAG_ENABLE});
  }

 private:
  void write(RingView& ring, const vring_packed_desc_event& event) {
    if (event.off_wrap == last_.off_wrap && event.flags == last_.flags) return;
    ring.store(at_, last_ = event);
  }
  const Gpa at_;
  const bool event_index_;
  vring_packed_desc_event last_{0, VRING_PACKED_EVENT_FLAG_ENABLE};
};

/// The driver's end (guest).
class PackedDriver {
 public:
  PackedDriver(const MemoryView& memory, const VirtqueueLayout& layout)
      : ring_(memory, layout, RingSide::driver), layout_(layout), interrupts_(layout.available, layout.event_index) {
    for (std::uint16_t i = 0; i < layout.size; ++i) free_.push_back(static_cast<std::uint16_t>(layout.size - 1 - i));
  }
  RingView& ring() { return ring_; }
  std::size_t room() const { return free_.size(); }
  std::uint16_t add(Gpa buffer, std::uint32_t bytes, bool device_writes) {
    const std::uint16_t id = free_.back();
    free_.pop_back();
    const unsigned flags = (next_.wrap ? packed::avail : packed::used) | (device_writes ? VRING_DESC_F_WRITE : 0u);
    ring_.store(layout_.descriptor(next_.index), vring_packed_desc{buffer.value, bytes, id, static_cast<__le16>(flags)});
    next_ = next_.after(1, layout_.size);
    ++added_;
    return id;
  }
  bool kick_needed() {
    const auto event = ring_.load<vring_packed_desc_event>(layout_.used);
    return packed::wanted(event, next_, std::exchange(added_, std::uint16_t{0}), layout_.size);
  }
  bool has_used() const { return used(used_); }
  vring_used_elem take_used() {
    const auto d = ring_.load<vring_packed_desc>(layout_.descriptor(used_.index));
    used_ = used_.after(1, layout_.size);
    if (d.id < layout_.size) free_.push_back(d.id);
    return {d.id, d.len};
  }
  void disable_interrupts() { interrupts_.disable(ring_); }
  bool enable_interrupts(std::uint16_t after) {
    const RingPosition from = used_.after(after, layout_.size);
    interrupts_.enable(ring_, from);
    return !used(from);
  }

 private:
  bool used(const RingPosition& at) const {
    return packed::is_used(ring_.load<vring_packed_desc>(layout_.descriptor(at.index)).flags, at.wrap);
  }
  RingView ring_;
  const VirtqueueLayout layout_;
  EventSuppression interrupts_;
  std::vector<std::uint16_t> free_;
  RingPosition next_, used_;
  std::uint16_t added_ = 0;  ///< since the last kick_needed()
};

/// The device's end (back end).
class PackedDevice {
 public:
  PackedDevice(const MemoryView& memory, const VirtqueueLayout& layout)
      : memory_(memory), ring_(memory, layout, RingSide::device), layout_(layout), kicks_(layout.used, layout.event_index) {}
  RingView& ring() { return ring_; }
  bool has_available() const {
    return packed::is_available(ring_.load<vring_packed_desc>(layout_.descriptor(next_.index)).flags, next_.wrap);
  }
  VirtqueueBuffer take() {
    const auto d = ring_.load<vring_packed_desc>(layout_.descriptor(next_.index));
    next_ = next_.after(1, layout_.size);
    const Gpa at(d.addr);
    return {d.id, at, d.len, memory_.contains(at, d.len)};
  }
  void push_used(std::uint16_t id, std::uint32_t written) {
    const unsigned flags = used_.wrap ? packed::avail | packed::used : 0u;
    ring_.store(layout_.descriptor(used_.index), vring_packed_desc{0, written, id, static_cast<__le16>(flags)});
    used_ = used_.after(1, layout_.size);
    ++pushed_;
  }
  bool interrupt_needed() {
    const auto event = ring_.load<vring_packed_desc_event>(layout_.available);
    return packed::wanted(event, used_, std::exchange(pushed_, std::uint16_t{0}), layout_.size);
  }
  void disable_kicks() { kicks_.disable(ring_); }
  bool enable_kicks() {
    kicks_.enable(ring_, next_);
    return !has_available();
  }

 private:
  const MemoryView& memory_;
  RingView ring_;
  const VirtqueueLayout layout_;
  EventSuppression kicks_;
  RingPosition next_, used_;
  std::uint16_t pushed_ = 0;  ///< since the last interrupt_needed()
};

}  // namespace iov::software
