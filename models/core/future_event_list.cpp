// SPDX-License-Identifier: Apache-2.0
// What becomes of many notices, and the heap of what lies far ahead.
#include "models/core/future_event_list.h"

#include <algorithm>
#include <utility>

namespace iov {

// Whoever waits may outlive the list: then it waits for nothing.
FutureEventList::~FutureEventList() {
  for (; few_ != &end_; few_ = few_->next_) few_->listed = false;
  for (EventNotice* notice : wheel_)
    for (; notice != &end_; notice = notice->next_) notice->listed = false;
  for (const Far& entry : heap_) entry.notice->listed = false;
}

void FutureEventList::insert_spread(EventNotice& notice, const Time& now) {
  if (!insert_near(notice, now)) insert_far(notice);
}

/// The list has become long: all of it goes to wheel and heap.
void FutureEventList::spread(EventNotice& notice, const Time& now) {
  for (EventNotice* next = std::exchange(few_, &end_); next != &end_;) insert_spread(*std::exchange(next, next->next_), now);
  insert_spread(notice, now);
}

void FutureEventList::insert_far(EventNotice& notice) {
  notice.link_ = nullptr;
  heap_.emplace_back();
  sift_up(heap_.size() - 1, {notice.when, notice.order_, &notice});
  first_far_ = heap_.front().when;
}

void FutureEventList::remove_far(EventNotice& notice) {
  const std::size_t index = notice.index_;
  const Far last = heap_.back();
  heap_.pop_back();
  if (index < heap_.size()) index > 0 && last.before(heap_[(index - 1) / 4]) ? sift_up(index, last) : sift_down(index, last);
  first_far_ = heap_.empty() ? sc_core::sc_max_time() : heap_.front().when;
}

EventNotice* FutureEventList::take_far(const Time& until) {
  if (heap_.empty() || heap_.front().when > until) return nullptr;
  EventNotice* const first = heap_.front().notice;
  remove(*first);
  return first;
}

void FutureEventList::place(std::size_t index, const Far& entry) {
  heap_[index] = entry;
  entry.notice->index_ = static_cast<std::uint32_t>(index);
}

void FutureEventList::sift_up(std::size_t index, const Far& entry) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 4;
    if (!entry.before(heap_[parent])) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, entry);
}

void FutureEventList::sift_down(std::size_t index, const Far& entry) {
  const std::size_t size = heap_.size();
  for (;;) {
    const std::size_t child = 4 * index + 1;
    if (child >= size) break;
    std::size_t least = child;
    for (std::size_t c = child + 1; c < std::min(child + 4, size); ++c)
      if (heap_[c].before(heap_[least])) least = c;
    if (!heap_[least].before(entry)) break;
    place(index, heap_[least]);
    index = least;
  }
  place(index, entry);
}

}  // namespace iov
