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
  BandwidthCalendar() { booked_.reserve(64); }

  /// Books `service` of free time from `start` on. @param now  no later call starts before this
  /// @returns the end of the last piece
  [[gnu::always_inline]] Time book(const Time& now, const Time& start, const Time& service) {
    if (end_ >= now) return book_beside(now, start, service);
    if (booked_.size() != 1) booked_.resize(1);  // nearly always: what was booked is over
    end_ = start + service;
    booked_.front() = {start, end_};
    return end_;
  }
  std::size_t intervals() const { return booked_.size(); }

 private:
  struct Interval {
    Time begin, end;
  };
  [[gnu::noinline]] Time book_beside(const Time& now, const Time& start, const Time& service) {
    Time finish = start + service;
    if (booked_.empty() || end_ < start) {
      forget_before(now);
      booked_.push_back({start, finish});
    } else if (Interval& last = booked_.back(); last.begin <= start) {
      finish = last.end += service;
    } else if (finish < last.begin && (booked_.size() == 1 || booked_[booked_.size() - 2].end < start)) {
      book_before_last({start, finish}, now);  // something that is booked ahead: the rest is free
    } else {
      finish = book_between(start, service);
    }
    end_ = booked_.back().end;
    return finish;
  }
  void forget_before(const Time& now) {
    std::size_t old = 0;
    while (old < booked_.size() && booked_[old].end < now) ++old;
    if (old != 0) booked_.erase(booked_.begin(), booked_.begin() + static_cast<std::ptrdiff_t>(old));
  }
  void book_before_last(const Interval& piece, const Time& now) {
    if (booked_.size() == 2 && booked_.front().end < now) {
      booked_.front() = piece;
    } else {
      const Interval last = booked_.back();
      booked_.back() = piece;
      booked_.push_back(last);
    }
  }
  /// Fills the gaps from `start` on and merges what has become one interval.
  Time book_between(const Time& start, Time service) {
    std::size_t first = booked_.size();
    while (first > 0 && booked_[first - 1].end >= start) --first;
    std::size_t next = first;
    Time cursor = start;
    while (next < booked_.size() && booked_[next].begin < cursor + service) {
      if (booked_[next].begin > cursor) service -= booked_[next].begin - cursor;
      cursor = std::max(cursor, booked_[next].end);
      ++next;
    }
    const Time finish = cursor + service;
    Interval merged{next > first ? std::min(start, booked_[first].begin) : start, finish};
    if (next < booked_.size() && booked_[next].begin == finish) merged.end = booked_[next++].end;
    const auto at = booked_.begin() + static_cast<std::ptrdiff_t>(first);
    if (next == first) {
      booked_.insert(at, merged);
    } else {
      *at = merged;
      booked_.erase(at + 1, booked_.begin() + static_cast<std::ptrdiff_t>(next));
    }
    return finish;
  }

  std::vector<Interval> booked_;  ///< ascending, disjoint
  Time end_;                      ///< of the last of them
};

}  // namespace iov::host
