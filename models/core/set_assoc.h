// SPDX-License-Identifier: Apache-2.0
/// SetAssoc -- the one set-associative cache of the project: IOTLB, context cache, paging-structure
/// caches, device TLB, interrupt-entry cache and LLC are instances. A mechanism: it decides, it does
/// not wait.
///
/// Key must have  std::uint64_t hash() const  and operator==. All storage is allocated at construction.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "models/core/params.h"
#include "models/core/prefetch.h"

namespace iov {

enum class Replacement : std::uint8_t { lru, tree_plru, fifo, random };
inline constexpr Names<4> replacement_names{"lru", "tree_plru", "fifo", "random"};

struct CacheGeometry {
  static constexpr unsigned most_ways = 4096;
  unsigned entries = 64;
  unsigned ways = 4;  ///< entries: fully associative
  Replacement replacement = Replacement::lru;

  template <class V>
  void describe_into(V& v, const char* source) {
    v.field("entries", entries, Range<unsigned>{0, 1u << 20}, "cached entries; 0 turns the cache off", source);
    v.field("ways", ways, Range<unsigned>{1, most_ways}, "associativity; equal to entries: fully associative", source);
    v.choice("replacement", replacement, replacement_names, "which entry of a full set makes room", no_source);
    v.require(ways > 0 && entries % ways == 0, "entries must be a multiple of ways");
    v.require(ways <= 64 || replacement != Replacement::tree_plru, "tree_plru has at most 64 ways");
  }
};

template <class Key, class Value>
class SetAssoc {
  struct Line {
    Key key{};
    [[no_unique_address]] Value value{};
  };
  using State = std::uint16_t;
  static_assert(CacheGeometry::most_ways <= 0xffff);
  using Mark = State;

 public:
  explicit SetAssoc(const CacheGeometry& g)
      : ways_(g.ways), sets_(g.entries / g.ways), newest_at_((g.ways + 3) / 4 * 4), stride_((newest_at_ + 1 + 2 * ways_ + 3) / 4 * 4),
        set_mask_((sets_ & (sets_ - 1)) == 0 ? sets_ - 1 : odd), replacement_(g.replacement),
        oldest_goes_(g.entries > 0 && (g.replacement == Replacement::lru || g.replacement == Replacement::fifo)),
        state_(sets_ * stride_), lines_(g.entries),
        plru_(g.replacement == Replacement::tree_plru ? sets_ : 0), guess_(guesses(g)) {
    for (std::size_t set = 0; set < sets_; ++set) chain(state_of(set));
  }

  std::size_t capacity() const { return lines_.size(); }
  std::size_t size() const { return size_; }

  /// The value, made most recently used; nullptr on a miss. @param key  or what has its hash, equals it and makes one
  template <class Sought = Key>
  Value* lookup(const Sought& key) {
    if (lines_.empty()) return nullptr;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h), way = guess_.empty() ? search(set, mark_of(h), key) : guess(set, h, key);
    if (way == nowhere) return nullptr;
    touch(set, way);
    return &line(set, way).value;
  }
  /// As a lookup of the key that finds this value, which is still there.
  void use_again(const Key& key, const Value& value) {
    const std::size_t set = set_of(key.hash());
    touch(set, index_of(value) - set * ways_);
  }
  /// The value without touching the replacement state.
  const Value* peek(const Key& key) const {
    if (lines_.empty()) return nullptr;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h), way = search(set, mark_of(h), key);
    return way == nowhere ? nullptr : &lines_[set * ways_ + way].value;
  }
  /// Inserts or overwrites; returns what had to make room.
  std::optional<Key> fill(const Key& key, const Value& value) {
    std::optional<Key> evicted;
    put(key, value, [&](const Key& loser) { evicted = loser; });
    return evicted;
  }
  /// The same. @param evict  called with what makes room, while it is still there  @returns whether it was not there and is now
  template <class Sought, class Evict>
  [[gnu::always_inline]] bool put(const Sought& key, const Value& value, Evict evict) {
    if (lines_.empty()) return false;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h);
    if (const std::size_t way = search(set, mark_of(h), key); way != nowhere) {
      touch(set, way);
      line(set, way).value = value;
      return false;
    }
    const std::size_t way = oldest_goes_ ? take_oldest(state_of(set)) : victim(set);
    insert(state_of(set)[way], line(set, way), mark_of(h), key, value, evict);
    return true;
  }
  /// put() of a key that is known not to be there, when the oldest entry makes room: a few instructions.
  template <class Sought, class Evict>
  [[gnu::always_inline]] void put_new(const Sought& key, const Value& value, Evict evict) {
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h);
    State* const state = state_of(set);
    const std::size_t way = take_oldest(state);
    insert(state[way], line(set, way), mark_of(h), key, value, evict);
  }
  bool oldest_goes() const { return oldest_goes_; }
  bool erase(const Key& key) {
    if (lines_.empty()) return false;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h), way = search(set, mark_of(h), key);
    if (way == nowhere) return false;
    remove(set, way);
    return true;
  }
  /// Removes every entry for which `doomed(key, value)`; returns how many.
  template <class Doomed>
  std::size_t erase_if(Doomed doomed) {
    const std::size_t before = size_;
    for (std::size_t set = 0; set < sets_; ++set)
      for (std::size_t way = 0; way < ways_; ++way)
        if (state_of(set)[way] != 0 && doomed(line(set, way).key, line(set, way).value)) remove(set, way);
    return before - size_;
  }
  template <class Visit>
  void for_each_entry(Visit visit) const {
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (state_[i / ways_ * stride_ + i % ways_] != 0) visit(lines_[i].key, lines_[i].value);
  }
  /// The key will be looked up, or filled, soon.
  void prefetch(const Key& key) const {
    if (!lines_.empty()) iov::prefetch(&state_[set_of(key.hash()) * stride_]);
  }
  void add_to(WorkingSet& set, const Key& key) const {
    if (lines_.empty()) return;
    const std::uint64_t h = key.hash();
    const std::size_t at = set_of(h), way = search(at, mark_of(h), key);
    set.add_object(state_[at * stride_]);
    if (way != nowhere) set.add_object(lines_[at * ways_ + way]);
  }

 private:
  static constexpr std::size_t nowhere = ~std::size_t{0};
  std::size_t index_of(const Value& value) const {
    const auto* const first = reinterpret_cast<const char*>(&lines_.front().value);
    return static_cast<std::size_t>(reinterpret_cast<const char*>(&value) - first) / sizeof(Line);
  }

  // What a search reads and what a hit writes lie side by side. Of each set: a mark for each way, up to a multiple of four; the newest way;
  // for each way the one that is newer and the one that is older, in a ring whose newest is newer than none but the oldest. So what
  // was used becomes the newest, and the oldest makes room, at the same cost whatever the associativity. Empty ways are the oldest.
  State* state_of(std::size_t set) { return &state_[set * stride_]; }
  const State* state_of(std::size_t set) const { return &state_[set * stride_]; }
  Line& line(std::size_t set, std::size_t way) { return lines_[set * ways_ + way]; }
  State& newest(State* s) const { return s[newest_at_]; }
  State& newer(State* s, std::size_t way) const { return s[newest_at_ + 1 + 2 * way]; }
  State& older(State* s, std::size_t way) const { return s[newest_at_ + 2 + 2 * way]; }
  std::size_t oldest(State* s) const { return newer(s, newest(s)); }
  std::size_t take_oldest(State* s) const { return newest(s) = static_cast<State>(oldest(s)); }
  /// Way 0 is the oldest, that is the first to be filled.
  void chain(State* s) const {
    for (std::size_t way = 0; way < ways_; ++way) {
      newer(s, way) = static_cast<State>(way + 1 < ways_ ? way + 1 : 0);
      older(s, way) = static_cast<State>(way > 0 ? way - 1 : ways_ - 1);
    }
    newest(s) = static_cast<State>(ways_ - 1);
  }
  /// To where the ring begins and ends.
  void move(State* s, std::size_t way) const {
    const State after = newer(s, way), before = older(s, way);
    older(s, after) = before, newer(s, before) = after;
    const State first = newest(s), last = newer(s, first);
    newer(s, way) = last, older(s, way) = first;
    newer(s, first) = older(s, last) = static_cast<State>(way);
  }
  [[gnu::noinline]] void renew(State* s, std::size_t way) const {
    if (way != oldest(s)) move(s, way);
    newest(s) = static_cast<State>(way);
  }
  void age(State* s, std::size_t way) const {
    if (way == newest(s))
      newest(s) = older(s, way);
    else if (way != oldest(s))
      move(s, way);
  }

  // A search compares marks: 15 bits of the hash and one that is set, four of them at a time; empty ways have none. So a set of eight is
  // searched in two words, and only where a mark is equal the key is looked at.
  static constexpr std::uint64_t ones = 0x0001'0001'0001'0001, tops = 0x8000'8000'8000'8000;
  static_assert(std::endian::native == std::endian::little, "the first of four marks is the lowest digit of their word");
  static Mark mark_of(std::uint64_t h) { return static_cast<Mark>(h * 0x9e37'79b9'7f4a'7c15 >> 48 | 0x8000); }
  /// A bit for each of four marks that is the wanted one, and at times for one above it that is almost; never for an empty way.
  static std::uint64_t same_marks(const Mark* marks, std::uint64_t wanted) {
    std::uint64_t differ;
    std::memcpy(&differ, marks, sizeof differ);
    differ ^= wanted;
    return (differ - ones) & ~differ & tops;
  }
  template <class Sought>
  std::size_t search(std::size_t set, Mark mark, const Sought& key) const {
    const std::uint64_t wanted = mark * ones;
    for (std::size_t first = 0; first < ways_; first += 4)
      if (same_marks(state_of(set) + first, wanted)) return search_from(set, first, wanted, key);
    return nowhere;
  }
  template <class Sought>
  [[gnu::noinline]] std::size_t search_from(std::size_t set, std::size_t first, std::uint64_t wanted, const Sought& key) const {
    const Line* const lines = &lines_[set * ways_];
    for (; first < ways_; first += 4)
      for (std::uint64_t same = same_marks(state_of(set) + first, wanted); same != 0; same &= same - 1) {
        const std::size_t way = first + static_cast<std::size_t>(std::countr_zero(same)) / 16;
        if (key == lines[way].key) return way;
      }
    return nowhere;
  }
  /// Spares the search of many ways: where this hash was found last.
  template <class Sought>
  std::size_t guess(std::size_t set, std::uint64_t h, const Sought& key) {
    std::uint32_t& last = guess_[h & (guess_.size() - 1)];
    if (last - set * ways_ < ways_ && state_of(set)[last - set * ways_] != 0 && key == lines_[last].key) return last - set * ways_;
    const std::size_t way = search(set, mark_of(h), key);
    if (way != nowhere) last = static_cast<std::uint32_t>(set * ways_ + way);
    return way;
  }
  static std::size_t guesses(const CacheGeometry& g) {
    if (g.ways <= 8) return 0;
    std::size_t n = 1;
    while (n < 2 * g.entries && n < 65536) n *= 2;
    return n;
  }
  template <class Sought, class Evict>
  [[gnu::always_inline]] void insert(State& held, Line& made, Mark mark, const Sought& key, const Value& value, Evict evict) {
    if (held != 0)
      evict(made.key);
    else
      ++size_;
    held = mark;
    made.key = Key(key);
    made.value = value;
  }
  void remove(std::size_t set, std::size_t way) {
    state_of(set)[way] = 0;
    age(state_of(set), way);
    --size_;
  }
  std::size_t set_of(std::uint64_t h) const {
    return set_mask_ != odd ? h & set_mask_ : h % sets_;
  }
  void touch(std::size_t set, std::size_t way) {
    State* const s = state_of(set);
    if (replacement_ == Replacement::lru && way != newest(s)) renew(s, way);  // of fifo, age starts when it is filled
    if (replacement_ == Replacement::tree_plru) plru_touch(set, way);
  }
  /// The way that makes room where age does not decide: an empty one, if any.
  [[gnu::noinline]] std::size_t victim(std::size_t set) {
    const State* const s = state_of(set);
    std::size_t way = static_cast<std::size_t>(std::find(s, s + ways_, 0) - s);
    if (way == ways_) way = replacement_ == Replacement::random ? random_way() : plru_victim(set);
    if (replacement_ == Replacement::tree_plru) plru_touch(set, way);
    return way;
  }
  std::size_t random_way() {  // xorshift64: deterministic, private to this cache
    random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
    return random_ % ways_;
  }
  /// A binary tree over the ways; node n's bit is in bit n of plru_[set][...]; up to 64 ways.
  void plru_touch(std::size_t set, std::size_t way) {
    std::size_t low = 0, high = ways_, node = 1;
    while (high - low > 1) {
      const std::size_t mid = (low + high) / 2;
      const bool right = way >= mid;
      const std::uint64_t bit = std::uint64_t{1} << (node & 63);
      plru_[set] = right ? plru_[set] & ~bit : plru_[set] | bit;  // point away
      node = 2 * node + right;
      (right ? low : high) = mid;
    }
  }
  std::size_t plru_victim(std::size_t set) const {
    std::size_t low = 0, high = ways_, node = 1;
    while (high - low > 1) {
      const std::size_t mid = (low + high) / 2;
      const bool right = plru_[set] >> (node & 63) & 1;
      node = 2 * node + right;
      (right ? low : high) = mid;
    }
    return low;
  }

  std::size_t ways_, sets_;
  std::size_t newest_at_, stride_;  ///< in the state of a set; of it
  static constexpr std::size_t odd = ~std::size_t{0};  ///< sets that are no power of two
  std::size_t set_mask_;
  Replacement replacement_;
  bool oldest_goes_;
  std::vector<State> state_;
  std::vector<Line> lines_;
  std::vector<std::uint64_t> plru_;
  std::vector<std::uint32_t> guess_;
  std::uint64_t random_ = 0x2545f4914f6cdd1dull;
  std::size_t size_ = 0;
};

}  // namespace iov
