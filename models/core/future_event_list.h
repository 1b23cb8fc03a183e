// SPDX-License-Identifier: Apache-2.0
/// FutureEventList -- what will happen, in order of time and, at equal times, of scheduling, what is to be the last of
/// its instant behind the others. A mechanism: it runs nothing.
///
/// Models  few notices lie in order in an array, with room at both ends: one that is sorted in moves the fewer of those
///         before and behind it, in few lines of the host's caches. When they become many,
///         what happens within microseconds goes to a timing wheel, until that is empty again: both ends of an event are a few
///         instructions, whatever else is pending. What lies further ahead, or would be sorted in slowly there, is in a 4-ary
///         heap. The first of array or wheel and heap is the first of all.
/// Memory  6 KiB, and 24 bytes for every notice that is far ahead. Notices belong to whoever waits for them.
/// Units   time in units of sc_core::sc_time
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "models/core/delegate.h"
#include "models/core/prefetch.h"
#include "models/core/units.h"

namespace iov {

/// Something that will happen; listed at most once at a time, and taken out before it goes away.
struct EventNotice {
  explicit EventNotice(Delegate<void()> h) : happen(h) {}
  EventNotice(const EventNotice&) = delete;
  EventNotice& operator=(const EventNotice&) = delete;

  Delegate<void()> happen;
  Time when;
  bool listed = false;

 private:
  friend class FutureEventList;
  bool before(const EventNotice& o) const { return when < o.when || (when == o.when && order_ < o.order_); }
  std::uint64_t order_ = 0;
  EventNotice* next_ = nullptr;   ///< in its slot of the wheel
  EventNotice** link_ = nullptr;  ///< what points to it there; null: in the heap
  std::uint32_t index_ = 0;       ///< in the heap
};

class FutureEventList {
 public:
  FutureEventList() {
    end_.when = sc_core::sc_max_time(), end_.order_ = ~std::uint64_t{0};
    wheel_.fill(&end_);
    heap_.reserve(64);
  }
  FutureEventList(const FutureEventList&) = delete;
  FutureEventList& operator=(const FutureEventList&) = delete;
  ~FutureEventList();

  static constexpr std::uint64_t last_of_instant = std::uint64_t{1} << 63;  ///< a rank; in EventNotice::order_

  bool empty() const { return occupied_words_ == 0 && first_few_ == end_few_ && heap_.empty(); }
  /// @param now  not after anything that is listed, and never before the one of an earlier call
  void insert(EventNotice& notice, const Time& at, const Time& now, std::uint64_t rank = 0) {
    const Time when = at;  // in a register
    notice.when = when;
    notice.order_ = order_++ | rank;
    notice.listed = true;
    const auto count = static_cast<std::size_t>(end_few_ - first_few_);
    if (count == most_few) return insert_otherwise(notice, now);  // many
    // From the end that is nearer to it: the one in the middle tells which.
    if (count != 0 && before(first_few_[count / 2], when, notice)) {
      if (end_few_ == &few_.back()) return insert_otherwise(notice, now);
      Few* place = end_few_++;
      for (; !before(place[-1], when, notice); --place) *place = place[-1];
      *place = {when, &notice};
    } else {
      if (first_few_ == few_.data()) return insert_otherwise(notice, now);
      Few* place = --first_few_;
      if (count != 0)
        for (; before(place[1], when, notice); ++place) *place = place[1];
      *place = {when, &notice};
    }
  }
  void remove(EventNotice& notice) {
    notice.listed = false;
    if (occupied_words_ == 0 && remove_few(notice)) return;
    notice.link_ ? remove_near(notice) : remove_far(notice);
  }
  /// Takes out what happens first; null when nothing does up to `until`. @param now  as of insert()
  EventNotice* take_first(const Time& now, const Time& until);
  /// What happens first; null when nothing does. @param now  as of insert()
  EventNotice* first(const Time& now) const {
    EventNotice* const near = occupied_words_ != 0 ? wheel_[first_slot(now)] : first_few_ != end_few_ ? first_few_->notice : nullptr;
    return near && before_far(*near) ? near : heap_.empty() ? nullptr : heap_.front().notice;
  }

 private:
  static constexpr std::uint64_t slots = 512, words = slots / 64;
  using WordSet = std::uint8_t;  ///< a bit for each word
  static constexpr unsigned log2_slot = 23;         ///< of a slot in fs: 8.4 ns
  static constexpr unsigned longest_insertion = 8;  ///< notices passed by in a slot
  static constexpr std::size_t most_few = 40;
  static constexpr std::size_t few_places = 3 * most_few + 8;
  struct Far {
    Time when;
    std::uint64_t order;
    EventNotice* notice;
    bool before(const Far& o) const { return when != o.when ? when < o.when : order < o.order; }
  };

  struct Few {
    Time when;
    EventNotice* notice = nullptr;
  };

  static bool before(const Few& few, const Time& when, const EventNotice& notice) {
    return few.when < when || (few.when == when && few.notice->order_ < notice.order_);
  }
  [[gnu::noinline]] void insert_otherwise(EventNotice& notice, const Time& now);
  void make_room();
  void clear_few() { first_few_ = end_few_ = few_.data() + few_places / 2; }
  static std::uint64_t slot_number(const Time& t) { return t.value() >> log2_slot; }
  bool insert_near(EventNotice& notice, const Time& now);
  void spread(EventNotice& notice, const Time& now);
  bool remove_few(const EventNotice& notice);
  void remove_near(EventNotice& notice);
  std::uint64_t first_slot(const Time& now) const;
  EventNotice* take_near(const Time& now, const Time& until);
  bool before_far(const EventNotice& near) const {
    return near.when < first_far_ || heap_.empty() || Far{near.when, near.order_, nullptr}.before(heap_.front());
  }
  void vacate(std::uint64_t slot);
  void insert_far(EventNotice& notice);
  void remove_far(EventNotice& notice);
  EventNotice* take_far(const Time& until);
  void place(std::size_t index, const Far& entry);
  void sift_up(std::size_t index, const Far& entry);
  void sift_down(std::size_t index, const Far& entry);

  std::uint64_t order_ = 0;
  Time first_far_ = sc_core::sc_max_time();      ///< in the heap
  EventNotice end_{{}};                          ///< what every list ends with: after all that may be listed
  std::array<Few, few_places> few_{};            ///< what is not in the heap while the wheel is empty, in order from first_few_ on
  Few *first_few_ = few_.data() + few_places / 2, *end_few_ = first_few_;  ///< while the wheel is in use: as if there were most_few
  WordSet occupied_words_ = 0;                   ///< the words below that are not 0
  std::array<std::uint64_t, words> occupied_{};  ///< a bit for each slot with notices
  std::array<EventNotice*, slots> wheel_{};      ///< a list in order for each slot
  std::vector<Far> heap_;                        ///< 4-ary min-heap
};

/// @returns false when it is too far ahead, or too many would have to be passed by
inline bool FutureEventList::insert_near(EventNotice& notice, const Time& now) {
  const std::uint64_t number = slot_number(notice.when), slot = number % slots;
  if (number - slot_number(now) >= slots) return false;
  EventNotice** link = &wheel_[slot];
  for (unsigned passed = 0; (*link)->before(notice); link = &(*link)->next_)
    if (++passed > longest_insertion) return false;
  notice.next_ = *link;
  notice.link_ = link;
  notice.next_->link_ = &notice.next_;
  *link = &notice;
  occupied_[slot / 64] |= std::uint64_t{1} << slot % 64;
  occupied_words_ = static_cast<WordSet>(occupied_words_ | 1u << slot / 64);
  return true;
}

inline void FutureEventList::remove_near(EventNotice& notice) {
  *notice.link_ = notice.next_;
  notice.next_->link_ = notice.link_;
  if (const std::uint64_t slot = slot_number(notice.when) % slots; notice.next_ == &end_ && wheel_[slot] == &end_) vacate(slot);
}

inline void FutureEventList::vacate(std::uint64_t slot) {
  const std::uint64_t word = occupied_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
  if (word != 0) return;
  occupied_words_ = static_cast<WordSet>(occupied_words_ & ~(1u << slot / 64));
  if (occupied_words_ == 0) clear_few();
}

inline EventNotice* FutureEventList::take_first(const Time& now, const Time& until) {
  if (occupied_words_ != 0) return take_near(now, until);
  const Few& first = *first_few_;
  if (first_few_ == end_few_ || (first.when >= first_far_ && !before_far(*first.notice))) return take_far(until);
  if (first.when > until) return nullptr;
  iov::prefetch((++first_few_)->notice);  // the one after it, if there is one
  first.notice->listed = false;
  return first.notice;
}

inline EventNotice* FutureEventList::take_near(const Time& now, const Time& until) {
  const std::uint64_t slot = first_slot(now);
  EventNotice*& list = wheel_[slot];
  EventNotice* const near = list;
  if (!before_far(*near)) return take_far(until);
  if (near->when > until) return nullptr;
  near->listed = false;
  list = near->next_;
  list->link_ = &list;
  if (list == &end_) vacate(slot);
  return near;
}

/// The first occupied slot from that of `now` on, once round the wheel, in which all lies; there is one.
inline std::uint64_t FutureEventList::first_slot(const Time& now) const {
  const std::uint64_t slot = slot_number(now) % slots, word = slot / 64;
  if (const std::uint64_t rest = occupied_[word] >> slot % 64) return slot + static_cast<std::uint64_t>(std::countr_zero(rest));
  const auto after = static_cast<int>(word + 1);
  const std::uint64_t next = (word + 1 + static_cast<std::uint64_t>(std::countr_zero(std::rotr(occupied_words_, after)))) % words;
  return next * 64 + static_cast<std::uint64_t>(std::countr_zero(occupied_[next]));
}

}  // namespace iov
