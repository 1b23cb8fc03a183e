// SPDX-License-Identifier: Apache-2.0
/// BandwidthCalendar -- a resource of fixed rate that can be booked ahead of time.
///
/// A plain `free_at` would let an access booked for later (the fourth level of a page walk) block
/// everything that asks for the time before it. So the booked intervals are kept: an access takes the
/// first free time from its start on, in pieces if need be. Capacity is conserved exactly.
///
/// Models  work conservation, first come first served among equal starts.
/// Omits   any cost of switching between accesses (bank and bus turn-around).
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include "models/core/units.h"

namespace iov::host {

class BandwidthCalendar {
 public:
  /// Books `service` of free time from `start` on. @param now  no later call starts before this
  /// @returns the end of the last piece
  [[gnu::always_inline]] Time book(const Time& now, const Time& start, const Time& service) {
    if (end_ >= now) return book_beside(now, start, service);
    end_ = start + service;
    booked_.front() = {start, end_};  // nearly always: what was booked is over
    count_ = 1;
    return end_;
  }
  std::size_t intervals() const { return count_; }

 private:
  struct Interval {
    Time begin, end;
  };
  Interval& last(std::size_t behind = 0) { return booked_[count_ - 1 - behind]; }
  [[gnu::noinline]] Time book_beside(const Time& now, const Time& start, const Time& service) {
    Time finish = start + service;
    if (count_ == 0 || end_ < start) {
      if (count_ > 1) forget_before(now);
      insert(count_, {start, finish});
    } else if (last().begin <= start) {
      finish = last().end += service;
    } else if (finish < last().begin && (count_ == 1 || last(1).end < start)) {  // free, before what is booked ahead
      if (count_ == 2 && booked_.front().end < now)
        booked_.front() = {start, finish};
      else
        insert(count_ - 1, {start, finish});
    } else {
      finish = book_between(start, service);
    }
    end_ = last().end;
    return finish;
  }
  void insert(std::size_t at, const Interval& interval) {
    if (count_ == booked_.size()) booked_.resize(2 * count_);
    for (std::size_t i = count_++; i > at; --i) booked_[i] = booked_[i - 1];
    booked_[at] = interval;
  }
  void erase(std::size_t first, std::size_t end) {
    std::copy(booked_.begin() + static_cast<std::ptrdiff_t>(end), booked_.begin() + static_cast<std::ptrdiff_t>(count_),
              booked_.begin() + static_cast<std::ptrdiff_t>(first));
    count_ -= end - first;
  }
  void forget_before(const Time& now) {
    std::size_t old = 0;
    while (old < count_ && booked_[old].end < now) ++old;
    if (old != 0) erase(0, old);
  }
  /// Fills the gaps from `start` on and merges what has become one interval.
  Time book_between(const Time& start, Time service) {
    std::size_t first = count_;
    while (first > 0 && booked_[first - 1].end >= start) --first;
    std::size_t next = first;
    Time cursor = start;
    while (next < count_ && booked_[next].begin < cursor + service) {
      if (booked_[next].begin > cursor) service -= booked_[next].begin - cursor;
      cursor = std::max(cursor, booked_[next].end);
      ++next;
    }
    const Time finish = cursor + service;
    Interval merged{next > first ? std::min(start, booked_[first].begin) : start, finish};
    if (next < count_ && booked_[next].begin == finish) merged.end = booked_[next++].end;
    if (next == first) {
      insert(first, merged);
    } else {
      booked_[first] = merged;
      erase(first + 1, next);
    }
    return finish;
  }

  std::vector<Interval> booked_ = std::vector<Interval>(64);  ///< the first count_ of them, ascending and disjoint
  std::size_t count_ = 0;
  Time end_;  ///< of the last of them
};

}  // namespace iov::host
