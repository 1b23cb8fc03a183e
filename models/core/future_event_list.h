// SPDX-License-Identifier: Apache-2.0
/// FutureEventList -- what will happen, in order of time and, at equal times, of scheduling, what is to be the last of
/// its instant behind the others. A mechanism: it runs nothing.
///
/// Models  few notices are a single list in order, in which one is put behind those that come before it. When those are
///         many, what happens within microseconds goes to a timing wheel, until that is empty again: both ends of an event
///         are a few instructions, whatever else is pending. What lies further ahead, or would be sorted in slowly there, is
///         in a 4-ary heap. The first of list or wheel and heap is the first of all.
/// Memory  4 KiB, and 24 bytes for every notice that is far ahead. Notices belong to whoever waits for them.
/// Units   time in units of sc_core::sc_time
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "models/core/delegate.h"
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
  EventNotice* next_ = nullptr;   ///< in the list, or that of its slot of the wheel
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

  bool empty() const { return few_ == &end_ && occupied_words_ == 0 && heap_.empty(); }
  /// @param now  not after anything that is listed, and never before the one of an earlier call
  void insert(EventNotice& notice, const Time& when, const Time& now, std::uint64_t rank = 0) {
    notice.when = when;
    notice.order_ = order_++ | rank;
    notice.listed = true;
    if (occupied_words_ != 0)
      insert_spread(notice, now);
    else if (!insert_into(few_, notice))
      spread(notice, now);
  }
  void remove(EventNotice& notice) {
    notice.listed = false;
    notice.link_ ? remove_near(notice) : remove_far(notice);
  }
  /// Takes out what happens first; null when nothing does up to `until`. @param now  as of insert()
  EventNotice* take_first(const Time& now, const Time& until);
  /// What happens first; null when nothing does. @param now  as of insert()
  EventNotice* first(const Time& now) const {
    EventNotice* const near = occupied_words_ == 0 ? few_ : wheel_[first_slot(now)];
    return near != &end_ && before_far(*near) ? near : heap_.empty() ? nullptr : heap_.front().notice;
  }

 private:
  static constexpr std::uint64_t slots = 512, words = slots / 64;
  using WordSet = std::uint8_t;  ///< a bit for each word
  static constexpr unsigned log2_slot = 23;         ///< of a slot in fs: 8.4 ns
  static constexpr unsigned longest_insertion = 8;  ///< notices passed by in a list
  struct Far {
    Time when;
    std::uint64_t order;
    EventNotice* notice;
    bool before(const Far& o) const { return when != o.when ? when < o.when : order < o.order; }
  };

  static std::uint64_t slot_number(const Time& t) { return t.value() >> log2_slot; }
  bool insert_into(EventNotice*& list, EventNotice& notice);
  bool insert_near(EventNotice& notice, const Time& now);
  [[gnu::noinline]] void insert_spread(EventNotice& notice, const Time& now);
  [[gnu::noinline]] void spread(EventNotice& notice, const Time& now);
  void remove_near(EventNotice& notice);
  std::uint64_t first_slot(const Time& now) const;
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
  EventNotice* few_ = &end_;                     ///< what is not in the heap, in order, while the wheel is empty
  WordSet occupied_words_ = 0;                   ///< the words below that are not 0
  std::array<std::uint64_t, words> occupied_{};  ///< a bit for each slot with notices
  std::array<EventNotice*, slots> wheel_{};      ///< a list in order for each slot
  std::vector<Far> heap_;                        ///< 4-ary min-heap
};

/// @returns false when too many would have to be passed by
[[gnu::always_inline]] inline bool FutureEventList::insert_into(EventNotice*& list, EventNotice& notice) {
  EventNotice** link = &list;
  for (unsigned passed = 0; (*link)->before(notice); link = &(*link)->next_)
    if (++passed > longest_insertion) return false;
  notice.next_ = *link;
  notice.link_ = link;
  notice.next_->link_ = &notice.next_;
  *link = &notice;
  return true;
}

/// @returns false when it is too far ahead, or too many would have to be passed by
inline bool FutureEventList::insert_near(EventNotice& notice, const Time& now) {
  const std::uint64_t number = slot_number(notice.when), slot = number % slots;
  if (number - slot_number(now) >= slots || !insert_into(wheel_[slot], notice)) return false;
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
  if (word == 0) occupied_words_ = static_cast<WordSet>(occupied_words_ & ~(1u << slot / 64));
}

inline EventNotice* FutureEventList::take_first(const Time& now, const Time& until) {
  const bool spread = occupied_words_ != 0;
  const std::uint64_t slot = spread ? first_slot(now) : 0;
  EventNotice*& list = spread ? wheel_[slot] : few_;
  EventNotice* const near = list;
  if (near->when >= first_far_ && (near == &end_ || !before_far(*near))) return take_far(until);
  if (near->when > until) return nullptr;
  near->listed = false;
  list = near->next_;
  list->link_ = &list;
  if (spread && list == &end_) vacate(slot);
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
