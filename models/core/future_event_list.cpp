// SPDX-License-Identifier: Apache-2.0
// What becomes of many notices, and the heap of what lies far ahead.
#include "models/core/future_event_list.h"

#include <algorithm>
#include <utility>

namespace iov {

// Whoever waits may outlive the list: then it waits for nothing.
FutureEventList::~FutureEventList() {
  if (occupied_words_ == 0)
    for (; first_few_ != end_few_; ++first_few_) first_few_->notice->listed = false;
  for (EventNotice* notice : wheel_)
    for (; notice != &end_; notice = notice->next_) notice->listed = false;
  for (const Far& entry : heap_) entry.notice->listed = false;
}

/// One more than few, or one for which there is no room at its end.
void FutureEventList::insert_otherwise(EventNotice& notice, const Time& now) {
  if (occupied_words_ != 0) {
    if (!insert_near(notice, now)) insert_far(notice);
  } else if (end_few_ == first_few_ + most_few) {
    spread(notice, now);
  } else {
    make_room();
    insert(notice, notice.when, now, notice.order_ & last_of_instant);
  }
}

/// When the few have become many they go to wheel and heap, the last first: none has to pass another.
[[gnu::noinline]] void FutureEventList::spread(EventNotice& notice, const Time& now) {
  const auto insert = [&](EventNotice& n) {
    if (!insert_near(n, now)) insert_far(n);
  };
  while (end_few_ != first_few_) insert(*(--end_few_)->notice);
  insert(notice);
  clear_few();
  if (occupied_words_ != 0) end_few_ = first_few_ + most_few;
}

/// In the middle again: room at both ends.
void FutureEventList::make_room() {
  const std::ptrdiff_t count = end_few_ - first_few_;
  Few* const to = few_.data() + (static_cast<std::ptrdiff_t>(few_places) - count) / 2;
  to < first_few_ ? std::move(first_few_, end_few_, to) : std::move_backward(first_few_, end_few_, to + count);
  first_few_ = to, end_few_ = to + count;
}

bool FutureEventList::remove_few(const EventNotice& notice) {
  Few* place = first_few_;
  while (place != end_few_ && place->notice != &notice) ++place;
  if (place == end_few_) return false;
  if (place - first_few_ < end_few_ - place)
    std::move_backward(first_few_, place, place + 1), ++first_few_;
  else
    std::move(place + 1, end_few_, place), --end_few_;
  return true;
}

[[gnu::noinline]] void FutureEventList::insert_far(EventNotice& notice) {
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
