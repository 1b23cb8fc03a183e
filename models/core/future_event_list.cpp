// SPDX-License-Identifier: Apache-2.0
// What becomes of many notices, and the heap of what lies far ahead.
#include "models/core/future_event_list.h"

#include <algorithm>
#include <utility>

namespace iov {

// Whoever waits may outlive the list: then it waits for nothing.
FutureEventList::~FutureEventList() {
  if (occupied_words_ == 0)
    for (; first_few_ != few_.data(); --first_few_) first_few_->notice->listed = false;
  for (EventNotice* notice : wheel_)
    for (; notice != &end_; notice = notice->next_) notice->listed = false;
  for (const Far& entry : heap_) entry.notice->listed = false;
}

/// When the array has become full, all of it goes to wheel and heap.
void FutureEventList::insert_into_many(EventNotice& notice, const Time& now) {
  const auto insert = [&](EventNotice& n) {
    if (!insert_near(n, now)) insert_far(n);
  };
  if (occupied_words_ == 0)
    for (const Few* few = &few_.back(); few != few_.data(); --few) insert(*few->notice);
  insert(notice);
  if (occupied_words_ == 0) first_few_ = few_.data();  // all of it is far ahead
}

bool FutureEventList::remove_few(const EventNotice& notice) {
  Few* place = first_few_;
  while (place != few_.data() && place->notice != &notice) --place;
  if (place == few_.data()) return false;
  for (; place != first_few_; ++place) *place = place[1];
  --first_few_;
  return true;
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
