// SPDX-License-Identifier: Apache-2.0
/// Split virtqueue: both ends of a ring that lies as real bytes in guest memory. Mechanism only: whoever uses an end
/// pays for it.
///
/// Spec    virtio 1.2 2.7 (split virtqueues), 2.7.7, 2.7.10 (notification suppression); structures of
///         linux/virtio_ring.h.
/// Models  single-descriptor buffers, NO_NOTIFY / NO_INTERRUPT flags and EVENT_IDX.
/// Omits   chains, indirect descriptors, packed layout.
#pragma once
#define VIRTIO_RING_NO_LEGACY
#include <linux/virtio_ring.h>

#include <vector>

#include "models/software/memory_view.h"

namespace iov::software {

struct VirtqueueLayout {
  Gpa descriptors, available, used;
  std::uint16_t size = 256;
  bool event_index = true;

  static VirtqueueLayout allocate(MemoryView& memory, std::uint16_t size, bool event_index) {
    return {memory.allocate(size * sizeof(vring_desc), 16), memory.allocate(6 + 2u * size, 2),
            memory.allocate(6 + sizeof(vring_used_elem) * size, 4), size, event_index};
  }
  Gpa descriptor(std::uint16_t i) const { return descriptors + i * sizeof(vring_desc); }
  Gpa available_flags() const { return available; }
  Gpa available_index() const { return available + 2; }
  Gpa available_entry(std::uint16_t i) const { return available + 4 + 2u * (i % size); }
  Gpa used_event() const { return available + 4 + 2u * size; }
  Gpa used_flags() const { return used; }
  Gpa used_index() const { return used + 2; }
  Gpa used_entry(std::uint16_t i) const { return used + 4 + sizeof(vring_used_elem) * (i % size); }
  Gpa available_event() const { return used + 4 + sizeof(vring_used_elem) * size; }
};

/// The driver's end (guest).
class VirtqueueDriver {
 public:
  VirtqueueDriver(const MemoryView& memory, const VirtqueueLayout& layout) : memory_(memory), layout_(layout) {
    for (std::uint16_t i = 0; i < layout.size; ++i) free_.push_back(static_cast<std::uint16_t>(layout.size - 1 - i));
  }
  std::size_t room() const { return free_.size(); }
  /// Makes one buffer available; returns its descriptor index. @pre room() > 0
  std::uint16_t add(Gpa buffer, std::uint32_t bytes, bool device_writes) {
    const std::uint16_t id = free_.back();
    free_.pop_back();
    memory_.store(layout_.descriptor(id),
                  vring_desc{buffer.value, bytes, static_cast<__u16>(device_writes ? VRING_DESC_F_WRITE : 0), 0});
    memory_.store(layout_.available_entry(available_), id);
    memory_.store(layout_.available_index(), ++available_);
    return id;
  }
  /// Whether the device wants to hear of what was added since the last call that returned (virtio 2.7.10).
  bool kick_needed() {
    const std::uint16_t old = std::exchange(told_, available_);
    if (!layout_.event_index) return !(memory_.load<std::uint16_t>(layout_.used_flags()) & VRING_USED_F_NO_NOTIFY);
    return vring_need_event(memory_.load<std::uint16_t>(layout_.available_event()), available_, old) != 0;
  }
  bool has_used() const { return memory_.load<std::uint16_t>(layout_.used_index()) != used_; }
  /// Takes back one used buffer. @pre has_used()
  vring_used_elem take_used() {
    const auto element = memory_.load<vring_used_elem>(layout_.used_entry(used_++));
    if (element.id < layout_.size) free_.push_back(static_cast<std::uint16_t>(element.id));
    return element;
  }
  void disable_interrupts() {
    if (!layout_.event_index) return memory_.store(layout_.available_flags(), std::uint16_t{VRING_AVAIL_F_NO_INTERRUPT});
    memory_.store(layout_.used_event(), static_cast<std::uint16_t>(used_ - 1));  // an index already passed
  }
  /// Asks for an interrupt once `after` more buffers are used; false if that has happened already.
  bool enable_interrupts(std::uint16_t after = 0) {
    if (layout_.event_index)
      memory_.store(layout_.used_event(), static_cast<std::uint16_t>(used_ + after));
    else
      memory_.store(layout_.available_flags(), std::uint16_t{0});
    return static_cast<std::uint16_t>(memory_.load<std::uint16_t>(layout_.used_index()) - used_) <= after;
  }

 private:
  const MemoryView& memory_;
  const VirtqueueLayout layout_;
  std::vector<std::uint16_t> free_;
  std::uint16_t available_ = 0, told_ = 0, used_ = 0;
};

/// The device's end (back end).
class VirtqueueDevice {
 public:
  VirtqueueDevice(const MemoryView& memory, const VirtqueueLayout& layout) : memory_(memory), layout_(layout) {}
  struct Buffer {
    std::uint16_t id = 0;
    Gpa address;
    std::uint32_t bytes = 0;
    bool valid = false;  ///< inside guest memory; a malicious guest may say anything
  };
  std::uint16_t available() const {
    return static_cast<std::uint16_t>(memory_.load<std::uint16_t>(layout_.available_index()) - next_);
  }
  /// @pre available() > 0
  Buffer take() {
    Buffer b;
    b.id = static_cast<std::uint16_t>(memory_.load<std::uint16_t>(layout_.available_entry(next_++)) % layout_.size);
    const auto d = memory_.load<vring_desc>(layout_.descriptor(b.id));
    b.address = Gpa(d.addr);
    b.bytes = d.len;
    b.valid = memory_.contains(b.address, b.bytes);
    return b;
  }
  void push_used(std::uint16_t id, std::uint32_t written) {
    memory_.store(layout_.used_entry(used_), vring_used_elem{id, written});
    memory_.store(layout_.used_index(), ++used_);
  }
  bool interrupt_needed() {
    const std::uint16_t old = std::exchange(told_, used_);
    if (!layout_.event_index)
      return old != used_ && !(memory_.load<std::uint16_t>(layout_.available_flags()) & VRING_AVAIL_F_NO_INTERRUPT);
    return vring_need_event(memory_.load<std::uint16_t>(layout_.used_event()), used_, old) != 0;
  }
  void disable_kicks() {
    // With EVENT_IDX the index last asked for has been passed: nothing to write, as in Linux vhost.
    if (!layout_.event_index) memory_.store(layout_.used_flags(), std::uint16_t{VRING_USED_F_NO_NOTIFY});
  }
  /// Asks for a kick at the next buffer; false if there is one already.
  bool enable_kicks() {
    if (layout_.event_index)
      memory_.store(layout_.available_event(), next_);
    else
      memory_.store(layout_.used_flags(), std::uint16_t{0});
    return available() == 0;
  }

 private:
  const MemoryView& memory_;
  const VirtqueueLayout layout_;
  std::uint16_t next_ = 0, used_ = 0, told_ = 0;
};

}  // namespace iov::software
