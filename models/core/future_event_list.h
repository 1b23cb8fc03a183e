// SPDX-License-Identifier: Apache-2.0
/// FutureEventList -- what will happen, in order of time and, at equal times, of scheduling, what is to be the last of
/// its instant behind the others. A mechanism: it runs nothing.
///
/// Models  a timing wheel for what happens within microseconds, which is nearly all: both ends of an event are a
///         few instructions, whatever else is pending. What lies further ahead, or would be sorted in slowly, is
///         in a 4-ary heap. A notice stays where it was put; the first of both is the first of all.
/// Memory  8 KiB, and 24 bytes for every notice that is far ahead. Notices belong to whoever waits for them.
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
  bool before(const EventNotice& o) const { return when != o.when ? when < o.when : order_ < o.order_; }
  std::uint64_t order_ = 0;
  EventNotice* next_ = nullptr;   ///< in its slot of the wheel
  EventNotice** link_ = nullptr;  ///< what points to it there; null: in the heap
  std::uint32_t index_ = 0;       ///< in the heap
};

class FutureEventList {
 public:
  FutureEventList() { heap_.reserve(64); }
  FutureEventList(const FutureEventList&) = delete;
  FutureEventList& operator=(const FutureEventList&) = delete;
  ~FutureEventList();

  static constexpr std::uint64_t last_of_instant = std::uint64_t{1} << 63;  ///< a rank; in EventNotice::order_

  bool empty() const { return near_ == 0 && heap_.empty(); }
  /// @param now  not after anything that is listed, and never before the one of an earlier call
  void insert(EventNotice& notice, const Time& when, const Time& now, std::uint64_t rank = 0) {
    notice.when = when;
    notice.order_ = order_++ | rank;
    notice.listed = true;
    if (slot_number(when) - slot_number(now) >= slots || !insert_near(notice)) insert_far(notice);
  }
  /// What first() returned.
  void remove_first(EventNotice& notice) {
    notice.listed = false;
    if (!notice.link_) return remove_far(notice);
    --near_;
    if ((*notice.link_ = notice.next_))
      notice.next_->link_ = notice.link_;
    else
      vacate(slot_number(notice.when) % slots);
    notice.link_ = nullptr;
  }
  void remove(EventNotice& notice) {
    notice.listed = false;
    notice.link_ ? remove_near(notice) : remove_far(notice);
  }
  /// What happens first; null when nothing does. @param now  as of insert()
  EventNotice* first(const Time& now) const {
    EventNotice* const near = first_near(now);
    if (heap_.empty() || (near && Far{near->when, near->order_, near}.before(heap_.front()))) return near;
    return heap_.front().notice;
  }

 private:
  static constexpr std::uint64_t slots = 1024, words = slots / 64;
  static constexpr unsigned log2_slot = 22;         ///< of a slot in fs: 4.2 ns
  static constexpr unsigned longest_insertion = 8;  ///< notices passed by in a slot
  struct Far {
    Time when;
    std::uint64_t order;
    EventNotice* notice;
    bool before(const Far& o) const { return when != o.when ? when < o.when : order < o.order; }
  };

  static std::uint64_t slot_number(const Time& t) { return t.value() >> log2_slot; }
  bool insert_near(EventNotice& notice);
  void remove_near(EventNotice& notice);
  void vacate(std::uint64_t slot);
  EventNotice* first_near(const Time& now) const;
  void insert_far(EventNotice& notice);
  void remove_far(EventNotice& notice);
  void place(std::size_t index, const Far& entry);
  void sift_up(std::size_t index, const Far& entry);
  void sift_down(std::size_t index, const Far& entry);

  std::uint64_t order_ = 0;
  std::size_t near_ = 0;                         ///< notices in the wheel: all within one turn of it
  std::uint16_t occupied_words_ = 0;             ///< a bit for each word below that is not 0
  std::array<std::uint64_t, words> occupied_{};  ///< a bit for each slot with notices
  std::array<EventNotice*, slots> wheel_{};      ///< a list in order for each slot
  std::vector<Far> heap_;                        ///< 4-ary min-heap
};

/// @returns false when too many would have to be passed by
inline bool FutureEventList::insert_near(EventNotice& notice) {
  const std::uint64_t slot = slot_number(notice.when) % slots;
  EventNotice** link = &wheel_[slot];
  for (unsigned passed = 0; *link && (*link)->before(notice); link = &(*link)->next_)
    if (++passed > longest_insertion) return false;
  notice.next_ = *link;
  notice.link_ = link;
  if (notice.next_) notice.next_->link_ = &notice.next_;
  *link = &notice;
  occupied_[slot / 64] |= std::uint64_t{1} << slot % 64;
  occupied_words_ = static_cast<std::uint16_t>(occupied_words_ | 1u << slot / 64);
  ++near_;
  return true;
}

inline void FutureEventList::remove_near(EventNotice& notice) {
  --near_;
  *notice.link_ = notice.next_;
  if (notice.next_)
    notice.next_->link_ = notice.link_;
  else if (const std::uint64_t slot = slot_number(notice.when) % slots; !wheel_[slot])
    vacate(slot);
  notice.link_ = nullptr;
}

inline void FutureEventList::vacate(std::uint64_t slot) {
  const std::uint64_t word = occupied_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
  if (word == 0) occupied_words_ = static_cast<std::uint16_t>(occupied_words_ & ~(1u << slot / 64));
}

/// The first occupied slot from that of `now` on, once round the wheel.
inline EventNotice* FutureEventList::first_near(const Time& now) const {
  if (near_ == 0) return nullptr;
  const std::uint64_t slot = slot_number(now) % slots, word = slot / 64;
  if (const std::uint64_t rest = occupied_[word] >> slot % 64) return wheel_[slot + std::countr_zero(rest)];
  const auto after = static_cast<int>(word + 1);
  const std::uint64_t next = (word + 1 + std::countr_zero(std::rotr(occupied_words_, after))) % words;
  return wheel_[next * 64 + std::countr_zero(occupied_[next])];
}

}  // namespace iov
