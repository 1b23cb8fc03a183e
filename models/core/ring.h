// SPDX-License-Identifier: Apache-2.0
/// Ring -- a FIFO on a power-of-two array that grows when full and never shrinks: no allocation once
/// warm. The hardware's capacity is its user's rule (credits, entries), not this container's.
#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace iov {

template <class T>
class Ring {
 public:
  explicit Ring(std::size_t capacity = 16) {
    std::size_t size = 1;
    while (size < capacity) size *= 2;
    items_.resize(size);
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  T& operator[](std::size_t i) { return items_[(head_ + i) & (items_.size() - 1)]; }
  const T& operator[](std::size_t i) const { return items_[(head_ + i) & (items_.size() - 1)]; }
  /// The new last element, with whatever an earlier one left in it: assign all of it.
  T& extend() {
    if (size_ == items_.size()) grow();
    return (*this)[size_++];
  }
  void push(T value) { extend() = std::move(value); }
  void pop() {
    head_ = (head_ + 1) & (items_.size() - 1);
    --size_;
  }

 private:
  void grow() {
    std::vector<T> larger(items_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    items_ = std::move(larger);
    head_ = 0;
  }
  std::vector<T> items_;
  std::size_t head_ = 0, size_ = 0;
};

}  // namespace iov
