// SPDX-License-Identifier: Apache-2.0
/// SetAssoc -- the one set-associative cache of the project: IOTLB, context cache, paging-structure
/// caches, device TLB, interrupt-entry cache and LLC are instances. A mechanism: it decides, it does
/// not wait.
///
/// Key must have  std::uint64_t hash() const  and operator==. All storage is allocated at construction.
#pragma once
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
  unsigned entries = 64;
  unsigned ways = 4;  ///< entries: fully associative
  Replacement replacement = Replacement::lru;

  template <class V>
  void describe_into(V& v, const char* source) {
    v.field("entries", entries, Range<unsigned>{0, 1u << 20}, "cached entries; 0 turns the cache off", source);
    v.field("ways", ways, Range<unsigned>{1, 4096}, "associativity; equal to entries: fully associative", source);
    v.choice("replacement", replacement, replacement_names, "which entry of a full set makes room", no_source);
    v.require(ways > 0 && entries % ways == 0, "entries must be a multiple of ways");
    v.require(ways <= 64 || replacement != Replacement::tree_plru, "tree_plru has at most 64 ways");
  }
};

template <class Key, class Value>
class SetAssoc {
 public:
  explicit SetAssoc(const CacheGeometry& g)
      : ways_(g.ways), sets_(g.entries / g.ways), stride_((g.ways + 3) / 4 * 4), replacement_(g.replacement), marks_(sets_ * stride_),
        stamps_(g.entries), lines_(g.entries), plru_(g.replacement == Replacement::tree_plru ? sets_ : 0), guess_(guesses(g)) {}

  std::size_t capacity() const { return lines_.size(); }
  std::size_t size() const { return size_; }

  /// The value, made most recently used; nullptr on a miss.
  Value* lookup(const Key& key) {
    if (lines_.empty()) return nullptr;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h), line = guess_.empty() ? search(set, h, key) : guess(set, h, key);
    if (line == nowhere) return nullptr;
    touch(set, line);
    return &lines_[line].value;
  }
  /// The value without touching the replacement state.
  const Value* peek(const Key& key) const {
    if (lines_.empty()) return nullptr;
    const std::uint64_t h = key.hash();
    const std::size_t line = search(set_of(h), h, key);
    return line == nowhere ? nullptr : &lines_[line].value;
  }
  /// Inserts or overwrites; returns what had to make room.
  std::optional<Key> fill(const Key& key, const Value& value) {
    if (lines_.empty()) return std::nullopt;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h);
    std::size_t line = search(set, h, key);
    std::optional<Key> evicted;
    if (line != nowhere) {
      touch(set, line);
    } else {
      const Room room = make_room(set, h);
      line = room.line;
      if (room.evicts) evicted = lines_[line].key;
      lines_[line].key = key;
    }
    lines_[line].value = value;
    return evicted;
  }
  bool erase(const Key& key) {
    if (lines_.empty()) return false;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h), line = search(set, h, key);
    if (line == nowhere) return false;
    remove(line);
    return true;
  }
  /// Removes every entry for which `doomed(key, value)`; returns how many.
  template <class Doomed>
  std::size_t erase_if(Doomed doomed) {
    const std::size_t before = size_;
    for (std::size_t line = 0; line < lines_.size(); ++line)
      if (stamps_[line] != 0 && doomed(lines_[line].key, lines_[line].value)) remove(line);
    return before - size_;
  }
  template <class Visit>
  void for_each_entry(Visit visit) const {
    for (std::size_t line = 0; line < lines_.size(); ++line)
      if (stamps_[line] != 0) visit(lines_[line].key, lines_[line].value);
  }
  /// The key will be looked up, or filled, soon.
  void prefetch(const Key& key) const {
    if (lines_.empty()) return;
    const std::size_t set = set_of(key.hash());
    iov::prefetch(&marks_[set * stride_]);
    iov::prefetch(&stamps_[set * ways_]);
  }

 private:
  struct Line {
    Key key{};
    [[no_unique_address]] Value value{};
  };
  static constexpr std::size_t nowhere = ~std::size_t{0};

  // A search compares marks: 15 bits of the hash and one that is set, four of them at a time; empty lines have none. So a set of eight is
  // searched in two words, and only where a mark is equal the key is looked at.
  using Mark = std::uint16_t;
  static constexpr std::uint64_t ones = 0x0001'0001'0001'0001, tops = 0x8000'8000'8000'8000;
  static_assert(std::endian::native == std::endian::little, "the first of four marks is the lowest digit of their word");
  static Mark mark_of(std::uint64_t h) { return static_cast<Mark>(h * 0x9e37'79b9'7f4a'7c15 >> 48 | 0x8000); }
  Mark& mark_at(std::size_t set, std::size_t line) { return marks_[set * stride_ + line - set * ways_]; }
  /// A bit for each of four marks that is the wanted one, and at times for one above it that is almost; never for an empty line.
  static std::uint64_t same_marks(const Mark* marks, std::uint64_t wanted) {
    std::uint64_t differ;
    std::memcpy(&differ, marks, sizeof differ);
    differ ^= wanted;
    return (differ - ones) & ~differ & tops;
  }
  std::size_t search(std::size_t set, std::uint64_t h, const Key& key) const {
    const std::uint64_t wanted = mark_of(h) * ones;
    for (std::size_t way = 0; way < ways_; way += 4)
      if (same_marks(&marks_[set * stride_ + way], wanted)) return search_from(set, way, wanted, key);
    return nowhere;
  }
  [[gnu::noinline]] std::size_t search_from(std::size_t set, std::size_t way, std::uint64_t wanted, const Key& key) const {
    for (; way < ways_; way += 4)
      for (std::uint64_t same = same_marks(&marks_[set * stride_ + way], wanted); same != 0; same &= same - 1) {
        const std::size_t line = set * ways_ + way + static_cast<std::size_t>(std::countr_zero(same)) / 16;
        if (lines_[line].key == key) return line;
      }
    return nowhere;
  }
  struct Room {
    std::size_t line;
    bool evicts;  ///< its key is still that of what goes
  };
  /// A line that is the most recently used one of its set, for a key that is not there.
  [[gnu::noinline]] Room make_room(std::size_t set, std::uint64_t h) {
    std::size_t line = oldest(set);
    const bool full = stamps_[line] != 0;
    if (!full) ++size_;
    if (full && (replacement_ == Replacement::random || replacement_ == Replacement::tree_plru)) line = set * ways_ + victim(set);
    mark_at(set, line) = mark_of(h);
    stamps_[line] = ++clock_;
    if (replacement_ == Replacement::tree_plru) plru_touch(set, line - set * ways_);
    return {line, full};
  }
  /// Spares the search of many ways: where this hash was found last.
  std::size_t guess(std::size_t set, std::uint64_t h, const Key& key) {
    std::uint32_t& last = guess_[h & (guess_.size() - 1)];
    if (stamps_[last] != 0 && lines_[last].key == key) return last;
    const std::size_t line = search(set, h, key);
    if (line != nowhere) last = static_cast<std::uint32_t>(line);
    return line;
  }
  static std::size_t guesses(const CacheGeometry& g) {
    if (g.ways <= 8) return 0;
    std::size_t n = 1;
    while (n < 2 * g.entries && n < 65536) n *= 2;
    return n;
  }
  /// The line of a set that was used (fifo: filled) longest ago; an empty one is older than all others.
  std::size_t oldest(std::size_t set) const {
    const std::size_t begin = set * ways_, end = begin + ways_;
    std::size_t least = begin;
    std::uint64_t stamp = stamps_[begin];
    for (std::size_t line = begin + 1; line < end; ++line) {
      const bool older = stamps_[line] < stamp;
      least = older ? line : least, stamp = older ? stamps_[line] : stamp;
    }
    return least;
  }
  void remove(std::size_t line) {
    mark_at(line / ways_, line) = 0;
    stamps_[line] = 0;
    --size_;
  }
  std::size_t set_of(std::uint64_t h) const {
    return (sets_ & (sets_ - 1)) == 0 ? h & (sets_ - 1) : h % sets_;
  }
  void touch(std::size_t set, std::size_t line) {
    if (replacement_ == Replacement::lru) stamps_[line] = ++clock_;  // of fifo, age starts when it is filled
    if (replacement_ == Replacement::tree_plru) plru_touch(set, line - set * ways_);
  }
  /// The way that makes room where age does not decide.
  std::size_t victim(std::size_t set) { return replacement_ == Replacement::random ? random_way() : plru_victim(set); }
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

  std::size_t ways_, sets_, stride_;
  Replacement replacement_;
  std::uint64_t clock_ = 0;
  std::vector<Mark> marks_;            ///< stride_ for each set: ways_, in fours
  std::vector<std::uint64_t> stamps_;  ///< when a line was used (fifo: filled); 0: empty
  std::vector<Line> lines_;
  std::vector<std::uint64_t> plru_;
  std::vector<std::uint32_t> guess_;
  std::uint64_t random_ = 0x2545f4914f6cdd1dull;
  std::size_t size_ = 0;
};

}  // namespace iov
