// SPDX-License-Identifier: Apache-2.0
/// Virtqueue: both ends of a ring that lies as real bytes in guest memory, in either layout.
///
/// Spec    virtio 1.2 2.7, 2.8
#pragma once
#include <variant>

#include "models/software/packed_virtqueue.h"
#include "models/software/split_virtqueue.h"

namespace iov::software {

/// The driver's end (guest).
class VirtqueueDriver {
 public:
  VirtqueueDriver(const MemoryView& memory, const VirtqueueLayout& layout) : end_(make(memory, layout)) {}
  std::size_t room() const {
    return std::visit([](const auto& e) { return e.room(); }, end_);
  }
  /// Makes one buffer available; returns its id. @pre room() > 0
  std::uint16_t add(Gpa buffer, std::uint32_t bytes, bool device_writes) {
    return std::visit([&](auto& e) { return e.add(buffer, bytes, device_writes); }, end_);
  }
  /// Whether the device wants to hear of what was added since the last call (virtio 2.7.10, 2.8.10).
  bool kick_needed() {
    return std::visit([](auto& e) { return e.kick_needed(); }, end_);
  }
  bool has_used() const {
    return std::visit([](const auto& e) { return e.has_used(); }, end_);
  }
  /// Takes back one used buffer. @pre has_used()
  vring_used_elem take_used() {
    return std::visit([](auto& e) { return e.take_used(); }, end_);
  }
  void disable_interrupts() {
    std::visit([](auto& e) { e.disable_interrupts(); }, end_);
  }
  /// Asks for an interrupt once `after` more buffers are used; false if that has happened already.
  bool enable_interrupts(std::uint16_t after = 0) {
    return std::visit([&](auto& e) { return e.enable_interrupts(after); }, end_);
  }
  /// Cache lines that moved to this end since the last call.
  unsigned take_moves() {
    return std::visit([](auto& e) { return e.ring().take_moves(); }, end_);
  }

 private:
  using End = std::variant<SplitDriver, PackedDriver>;
  static End make(const MemoryView& memory, const VirtqueueLayout& layout) {
    return layout.packed ? End(std::in_place_type<PackedDriver>, memory, layout) : End(std::in_place_type<SplitDriver>, memory, layout);
  }
  End end_;
};

/// The device's end (back end).
class VirtqueueDevice {
 public:
  using Buffer = VirtqueueBuffer;
  VirtqueueDevice(const MemoryView& memory, const VirtqueueLayout& layout) : end_(make(memory, layout)) {}
  bool has_available() const {
    return std::visit([](const auto& e) { return e.has_available(); }, end_);
  }
  /// @pre has_available()
  Buffer take() {
    return std::visit([](auto& e) { return e.take(); }, end_);
  }
  void push_used(std::uint16_t id, std::uint32_t written) {
    std::visit([&](auto& e) { e.push_used(id, written); }, end_);
  }
  bool interrupt_needed() {
    return std::visit([](auto& e) { return e.interrupt_needed(); }, end_);
  }
  void disable_kicks() {
    std::visit([](auto& e) { e.disable_kicks(); }, end_);
  }
  /// Asks for a kick at the next buffer; false if there is one already.
  bool enable_kicks() {
    return std::visit([](auto& e) { return e.enable_kicks(); }, end_);
  }
  /// Cache lines that moved to this end since the last call.
  unsigned take_moves() {
    return std::visit([](auto& e) { return e.ring().take_moves(); }, end_);
  }

 private:
  using End = std::variant<SplitDevice, PackedDevice>;
  static End make(const MemoryView& memory, const VirtqueueLayout& layout) {
    return layout.packed ? End(std::in_place_type<PackedDevice>, memory, layout) : End(std::in_place_type<SplitDevice>, memory, layout);
  }
  End end_;
};

}  // namespace iov::software
