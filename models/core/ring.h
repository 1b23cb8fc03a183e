// SPDX-License-Identifier: Apache-2.0
/// Ring -- a FIFO on a power-of-two array that grows when full and never shrinks: no allocation once
/// warm. The hardware's capacity is its user's rule (credits, entries), not this container's.
#pragma once
#include <cstddef>
#include <memory>
#include <utility>

namespace iov {

template <class T>
class Ring {
 public:
  explicit Ring(std::size_t capacity = 16) {
    while (mask_ + 1 < capacity) mask_ = 2 * mask_ + 1;
    items_ = std::make_unique<T[]>(mask_ + 1);
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  T& operator[](std::size_t i) { return items_[(head_ + i) & mask_]; }
  const T& operator[](std::size_t i) const { return items_[(head_ + i) & mask_]; }
  /// The new last element, with whatever an earlier one left in it: assign all of it.
  T& extend() {
    push_room();
    return items_[(head_ + size_ - 1) & mask_];
  }
  void push(T value) {
    items_[(head_ + size_) & mask_] = std::move(value);
    push_room();
  }
  void pop() { head_ = --size_ != 0 ? (head_ + 1) & mask_ : 0; }  ///< what is emptied begins anew, where the host's caches know it

 private:
  /// There is always room for one more: what makes it comes last, so that a caller keeps nothing across the call.
  void push_room() {
    if (++size_ > mask_) grow();
  }
  [[gnu::cold]] void grow() {  // kept out of the callers' fast path
    auto larger = std::make_unique<T[]>(2 * (mask_ + 1));
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    items_ = std::move(larger);
    mask_ = 2 * mask_ + 1;
    head_ = 0;
  }
  std::unique_ptr<T[]> items_;
  std::size_t mask_ = 0, head_ = 0, size_ = 0;
};

}  // namespace iov
