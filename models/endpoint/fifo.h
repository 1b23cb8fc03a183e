// SPDX-License-Identifier: Apache-2.0
/// Fifo -- a ring of values that keeps its storage: no allocation once warm. The bound on its length is
/// its owner's business (a Param), the storage follows.
#pragma once
#include <cstddef>
#include <memory>
#include <utility>

#include "models/core/prefetch.h"

namespace iov::endpoint {

template <class T>
class Fifo {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& front() { return ring_[head_]; }
  const T& front() const { return ring_[head_]; }
  T& operator[](std::size_t i) { return ring_[(head_ + i) & (room_ - 1)]; }
  const T& operator[](std::size_t i) const { return ring_[(head_ + i) & (room_ - 1)]; }
  void push(T item) {
    if (size_ == room_) grow();
    ring_[(head_ + size_++) & (room_ - 1)] = std::move(item);
  }
  /// The new last element, with whatever an earlier one left in it: assign all of it.
  T& extend() {
    if (size_ == room_) grow();
    return ring_[(head_ + size_++) & (room_ - 1)];
  }
  T pop() {
    T item = std::move(ring_[head_]);
    drop();
    return item;
  }
  void drop() {  ///< the first
    head_ = --size_ != 0 ? (head_ + 1) & (room_ - 1) : 0;  // what is emptied begins anew, where the host's caches know it
  }
  void add_to(WorkingSet& set) const {  ///< of one that is nearly always empty
    if (ring_) set.add_object(ring_[0]);
  }
  void prefetch() const {  ///< of what will be popped next
    if (ring_) prefetch_object(ring_[head_]);
  }
  void clear() {
    while (!empty()) pop();
  }

 private:
  [[gnu::cold]] void grow() {
    const std::size_t more = room_ ? 2 * room_ : 4;
    auto wider = std::make_unique<T[]>(more);
    for (std::size_t i = 0; i < size_; ++i) wider[i] = std::move((*this)[i]);
    ring_ = std::move(wider);
    room_ = more;
    head_ = 0;
  }
  std::unique_ptr<T[]> ring_;
  std::size_t room_ = 0;  ///< a power of two
  std::size_t head_ = 0, size_ = 0;
};

}  // namespace iov::endpoint
