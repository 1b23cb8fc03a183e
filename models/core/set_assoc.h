// SPDX-License-Identifier: Apache-2.0
/// SetAssoc -- the one set-associative cache of the project: IOTLB, context cache, paging-structure
/// caches, device TLB, interrupt-entry cache and LLC are instances. A mechanism: it decides, it does
/// not wait.
///
/// Key must have  std::uint64_t hash() const  and operator==. All storage is allocated at construction.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "models/core/params.h"

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
  struct Evicted {
    Key key;
    Value value;
  };
  explicit SetAssoc(const CacheGeometry& g)
      : ways_(g.ways), sets_(g.entries / g.ways), replacement_(g.replacement), lines_(g.entries),
        plru_(g.replacement == Replacement::tree_plru ? sets_ : 0), guess_(guesses(g)) {}

  std::size_t capacity() const { return lines_.size(); }
  std::size_t size() const { return size_; }

  /// The value, made most recently used; nullptr on a miss.
  Value* lookup(const Key& key) {
    if (lines_.empty()) return nullptr;
    const std::uint64_t h = key.hash();
    const std::size_t set = set_of(h);
    if (guess_.empty()) return found(set, search(set, key));
    std::uint32_t& guess = guess_[h & (guess_.size() - 1)];
    if (lines_[guess].holds(key)) return found(set, &lines_[guess]);
    Line* line = search(set, key);
    if (line) guess = static_cast<std::uint32_t>(line - lines_.data());
    return found(set, line);
  }
  /// The value without touching the replacement state.
  const Value* peek(const Key& key) const {
    if (lines_.empty()) return nullptr;
    const std::size_t set = set_of(key);
    for (std::size_t w = 0; w < ways_; ++w)
      if (const Line& line = lines_[set * ways_ + w]; line.holds(key)) return &line.value;
    return nullptr;
  }
  /// Inserts or overwrites; returns what had to make room.
  std::optional<Evicted> fill(const Key& key, const Value& value) {
    if (lines_.empty()) return std::nullopt;
    const std::size_t set = set_of(key);
    Line* const first = &lines_[set * ways_];
    Line* place = first;  // the oldest so far; an empty one is older than all others
    for (Line* line = first; line != first + ways_; ++line) {
      if (line->holds(key)) {
        place = line;
        break;
      }
      if (line->stamp < place->stamp) place = line;
    }
    std::optional<Evicted> evicted;
    if (place->valid() && !(place->key == key)) {
      if (replacement_ == Replacement::random || replacement_ == Replacement::tree_plru) place = first + victim(set);
      evicted = Evicted{place->key, place->value};
      --size_;
      place->stamp = 0;
    }
    Line& line = *place;
    if (!line.valid()) ++size_, line.stamp = ++clock_;  // fifo age starts at fill
    line.key = key;
    line.value = value;
    touch(set, line);
    return evicted;
  }
  bool erase(const Key& key) {
    if (lines_.empty()) return false;
    const std::size_t set = set_of(key);
    Line* line = search(set, key);
    if (!line) return false;
    line->stamp = 0;
    --size_;
    return true;
  }
  /// Removes every entry for which `doomed(key, value)`; returns how many.
  template <class Doomed>
  std::size_t erase_if(Doomed doomed) {
    std::size_t removed = 0;
    for (Line& line : lines_)
      if (line.valid() && doomed(line.key, line.value)) line.stamp = 0, ++removed;
    size_ -= removed;
    return removed;
  }
  template <class Visit>
  void for_each_entry(Visit visit) const {
    for (const Line& line : lines_)
      if (line.valid()) visit(line.key, line.value);
  }

 private:
  struct Line {
    bool valid() const { return stamp != 0; }
    bool holds(const Key& k) const { return valid() && key == k; }
    Key key{};
    [[no_unique_address]] Value value{};
    std::uint64_t stamp = 0;  ///< when it was used (fifo: filled); 0: empty
  };
  Line* search(std::size_t set, const Key& key) {
    Line* line = &lines_[set * ways_];
    for (Line* const end = line + ways_; line != end; ++line)
      if (line->holds(key)) return line;
    return nullptr;
  }
  Value* found(std::size_t set, Line* line) {
    if (!line) return nullptr;
    touch(set, *line);
    return &line->value;
  }
  /// Slots of the guess table, which spares the search of many ways: where this hash was found last.
  static std::size_t guesses(const CacheGeometry& g) {
    if (g.ways <= 4) return 0;
    std::size_t n = 1;
    while (n < 2 * g.entries && n < 65536) n *= 2;
    return n;
  }
  std::size_t set_of(const Key& key) const { return set_of(key.hash()); }
  std::size_t set_of(std::uint64_t h) const {
    return (sets_ & (sets_ - 1)) == 0 ? h & (sets_ - 1) : h % sets_;
  }
  void touch(std::size_t set, Line& line) {
    if (replacement_ == Replacement::lru) line.stamp = ++clock_;
    if (replacement_ == Replacement::tree_plru)
      plru_touch(set, static_cast<std::size_t>(&line - &lines_[set * ways_]));
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

  std::size_t ways_, sets_;
  Replacement replacement_;
  std::vector<Line> lines_;
  std::vector<std::uint64_t> plru_;
  std::vector<std::uint32_t> guess_;
  std::uint64_t clock_ = 0, random_ = 0x2545f4914f6cdd1dull;
  std::size_t size_ = 0;
};

}  // namespace iov
