// SPDX-License-Identifier: Apache-2.0
/// FlatMap -- a hash table without nodes or buckets: a lookup touches the line in which the entry lies, seldom the one after
/// it, and add_to() names it. Neighbours, as thousands of VMs have them, lie side by side.
///
/// Models  open addressing at most half full; an entry that is taken out leaves no gap behind.
/// Omits   order; addresses that stay.
#pragma once
#include <bit>
#include <boost/align/aligned_allocator.hpp>
#include <cstdint>
#include <vector>

#include "models/core/prefetch.h"

namespace iov {

/// @tparam Number  a function object that numbers keys with 64 bits, best so that neighbours have consecutive numbers; keys with
///                 the same number are told apart, but slow one another down
template <class Key, class Value, class Number>
class FlatMap {
 public:
  struct Entry {
    Key key;
    Value value;
  };
  explicit FlatMap(const Key& none) : none_(none) { entries_.resize(least, {none, {}}); }  ///< @param none  a key that never occurs

  std::size_t size() const { return size_; }
  const Value* find(const Key& key) const {
    const Entry& entry = entries_[place_of(key)];
    return entry.key == key ? &entry.value : nullptr;
  }
  bool contains(const Key& key) const { return find(key); }
  void set(const Key& key, const Value& value) {
    if (2 * (size_ + 1) > entries_.size()) reserve(2 * size_);
    Entry& entry = entries_[place_of(key)];
    size_ += entry.key == none_;
    entry = {key, value};
  }
  bool erase(const Key& key) {
    std::size_t gap = place_of(key);
    if (entries_[gap].key == none_) return false;
    --size_;
    for (std::size_t next = after(gap); entries_[next].key != none_; next = after(next)) {
      const std::size_t wanted = first_place(entries_[next].key);
      if (((next - wanted) & mask()) < ((next - gap) & mask())) continue;  // the gap lies before its first place
      entries_[gap] = entries_[next];
      gap = next;
    }
    entries_[gap].key = none_;
    return true;
  }
  template <class Which>
  void erase_if(Which which) {
    std::vector<Key> gone;
    for_each([&](const Entry& entry) {
      if (which(entry)) gone.push_back(entry.key);
    });
    for (const Key& key : gone) erase(key);
  }
  template <class Visit>
  void for_each(Visit visit) const {  ///< in no order
    for (const Entry& entry : entries_)
      if (entry.key != none_) visit(entry);
  }
  void reserve(std::size_t entries) {
    const std::size_t wanted = std::bit_ceil(2 * entries);
    if (wanted <= entries_.size()) return;
    Entries old(wanted, {none_, {}});
    old.swap(entries_);
    for (const Entry& entry : old)
      if (entry.key != none_) entries_[place_of(entry.key)] = entry;
  }
  void add_to(WorkingSet& set, const Key& key) const { set.add_object(entries_[place_of(key)]); }

 private:
  using Entries = std::vector<Entry, boost::alignment::aligned_allocator<Entry, cache_line_bytes>>;
  static constexpr std::size_t least = 16;
  /// Entries that share a line.
  static constexpr std::uint64_t together = std::bit_floor(sizeof(Entry) < cache_line_bytes ? cache_line_bytes / sizeof(Entry) : 1);
  static_assert(2 * together <= least);

  std::size_t mask() const { return entries_.size() - 1; }
  std::size_t after(std::size_t place) const { return (place + 1) & mask(); }
  std::size_t first_place(const Key& key) const {
    const std::uint64_t number = Number()(key);
    const std::uint64_t group = number / together * 0x9e3779b97f4a7c15ull >> (65 - std::bit_width(mask() / together + 1));
    return group * together + number % together;
  }
  /// Where it lies, or would.
  std::size_t place_of(const Key& key) const {
    std::size_t place = first_place(key);
    while (entries_[place].key != key && entries_[place].key != none_) place = after(place);
    return place;
  }

  Key none_;
  Entries entries_;  ///< a power of two
  std::size_t size_ = 0;
};

}  // namespace iov
