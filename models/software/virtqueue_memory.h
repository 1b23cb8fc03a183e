// SPDX-License-Identifier: Apache-2.0
/// Where a virtqueue lies, and what it costs two cores to share it: lines move between their caches.
///
/// Spec    virtio 1.2 2.7 (split), 2.8 (packed); structures of linux/virtio_ring.h.
/// Models  which of both ends has a copy of each 64-byte line (MESI with two caches): reading what the other end wrote and
///         writing what the other end has moves the line. So what a layout costs follows from how many lines it touches.
/// Omits   evictions: rings in use stay in the caches; moves load no memory.
#pragma once
#define VIRTIO_RING_NO_LEGACY
#include <linux/virtio_ring.h>

#include <memory>
#include <vector>

#include "models/software/memory_view.h"

namespace iov::software {

enum class RingSide : std::uint8_t { driver = 1, device = 2 };

class RingLines {
 public:
  static constexpr std::uint64_t line_bytes = 64;
  RingLines(Gpa first, std::uint64_t bytes) : first_(first.value / line_bytes), holders_(bytes / line_bytes + 2) {}
  /// @returns how many lines move to this side
  unsigned read(RingSide side, Gpa at, std::size_t bytes) { return touch(side, at, bytes, false); }
  unsigned write(RingSide side, Gpa at, std::size_t bytes) { return touch(side, at, bytes, true); }

 private:
  unsigned touch(RingSide side, Gpa at, std::size_t bytes, bool writes) {
    const auto mine = static_cast<std::uint8_t>(side);
    unsigned moved = 0;
    for (std::uint64_t line = at.value / line_bytes; line <= (at.value + bytes - 1) / line_bytes; ++line) {
      std::uint8_t& holders = holders_[line - first_];
      moved += writes ? holders != mine : !(holders & mine);
      holders = writes ? mine : static_cast<std::uint8_t>(holders | mine);
    }
    return moved;
  }
  std::uint64_t first_;
  std::vector<std::uint8_t> holders_;  ///< bits: RingSide
};

struct VirtqueueLayout {
  Gpa descriptors;
  Gpa available;  ///< packed: driver event suppression
  Gpa used;       ///< packed: device event suppression
  std::uint16_t size = 256;
  bool event_index = true, packed = false;
  std::shared_ptr<RingLines> lines;

  static VirtqueueLayout allocate(MemoryView& memory, std::uint16_t size, bool event_index, bool packed = false) {
    VirtqueueLayout l;
    l.size = size, l.event_index = event_index, l.packed = packed;
    l.descriptors = memory.allocate(size * sizeof(vring_desc), RingLines::line_bytes);
    l.available = memory.allocate(packed ? sizeof(vring_packed_desc_event) : 6 + 2u * size, RingLines::line_bytes);
    const std::uint64_t used_bytes = packed ? sizeof(vring_packed_desc_event) : 6 + sizeof(vring_used_elem) * size;
    l.used = memory.allocate(used_bytes, RingLines::line_bytes);
    l.lines = std::make_shared<RingLines>(l.descriptors, l.used.value + used_bytes - l.descriptors.value);
    return l;
  }
  Gpa descriptor(std::uint16_t i) const { return descriptors + i * sizeof(vring_desc); }  // both layouts: 16 bytes
  Gpa available_flags() const { return available; }
  Gpa available_index() const { return available + 2; }
  Gpa available_entry(std::uint16_t i) const { return available + 4 + 2u * (i % size); }
  Gpa used_event() const { return available + 4 + 2u * size; }
  Gpa used_flags() const { return used; }
  Gpa used_index() const { return used + 2; }
  Gpa used_entry(std::uint16_t i) const { return used + 4 + sizeof(vring_used_elem) * (i % size); }
  Gpa available_event() const { return used + 4 + sizeof(vring_used_elem) * size; }
};

/// One end's view of the ring's bytes; counts the lines that its accesses move.
class RingView {
 public:
  RingView(const MemoryView& memory, const VirtqueueLayout& layout, RingSide side)
      : memory_(memory), lines_(layout.lines), side_(side) {}
  template <class T>
  T load(Gpa at) const {
    moved_ += lines_->read(side_, at, sizeof(T));
    return memory_.load<T>(at);
  }
  template <class T>
  void store(Gpa at, const T& value) {
    moved_ += lines_->write(side_, at, sizeof(T));
    memory_.store(at, value);
  }
  /// Since the last call.
  unsigned take_moves() { return std::exchange(moved_, 0u); }

 private:
  const MemoryView& memory_;
  std::shared_ptr<RingLines> lines_;
  const RingSide side_;
  mutable unsigned moved_ = 0;
};

/// What the device's end finds.
struct VirtqueueBuffer {
  std::uint16_t id = 0;
  Gpa address;
  std::uint32_t bytes = 0;
  bool valid = false;  ///< inside guest memory; a malicious guest may say anything
};

}  // namespace iov::software
