// SPDX-License-Identifier: Apache-2.0
/// prefetch -- tells the host's caches what will be touched within the next few events. A large simulated machine (thousands
/// of tenants) does not fit into them, and an event that waits for a line of its own waits longer than it computes; asked for
/// together and ahead, lines come together. Without effect on results: of any address, also one that is not there.
///
/// WorkingSet -- the lines that one kind of work needs every time, wherever the objects lie: listed once in a while, so that
/// asking for them reads nothing else before. What takes part has `void add_to(WorkingSet&) const`; members that are always
/// needed lie side by side and are named there as the range from the first to the last.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace iov {

inline constexpr std::size_t cache_line_bytes = 64;

inline void prefetch(const void* address) {
  __builtin_prefetch(address);
  asm volatile("" : : "r"(address));  // GCC drops calls of functions that do nothing else, as if they did nothing
}
void prefetch_range(const void* from, std::size_t bytes);
template <class T>
void prefetch_object(const T& object) {
  prefetch_range(std::addressof(object), sizeof object);
}

class WorkingSet {
 public:
  void clear() { runs_.clear(); }
  void add(const void* from, std::size_t bytes);
  template <class T>
  void add_object(const T& object) {
    add(std::addressof(object), sizeof object);
  }
  /// From `first` to `last`. (There is no pointer to a member that is a reference, whose object lies elsewhere.)
  template <class T, class First, class Last>
  void add_members(const T& object, First T::*first, Last T::*last) {
    const auto* from = reinterpret_cast<const char*>(std::addressof(object.*first));
    add(from, static_cast<std::size_t>(reinterpret_cast<const char*>(std::addressof(object.*last) + 1) - from));
  }
  void pack();  ///< once, when all is added: each line once
  std::size_t lines() const;
  void reserve(std::size_t runs) { runs_.reserve(runs); }  ///< so that the list will stay where it is
  void add_to(WorkingSet& set) const {                     ///< the list itself, whatever it will hold
    set.add_object(*this);
    set.add(runs_.data(), runs_.capacity() * sizeof(Run));
  }

 private:
  friend class Prefetcher;
  /// Lines that lie one after the other: the address of the first, and in the digits that are 0 there how many follow.
  using Run = std::uintptr_t;
  static constexpr Run more_mask = cache_line_bytes - 1;
  static Run more(Run run) { return run & more_mask; }
  static Run begin(Run run) { return run & ~more_mask; }
  static Run end(Run run) { return begin(run) + (more(run) + 1) * cache_line_bytes; }
  std::vector<Run> runs_;
};

/// Asks for the lines of a working set, some at a time: a processor has a few dozen misses outstanding, and waits with whatever
/// would be one more. What is computed in between costs no time then.
class Prefetcher {
 public:
  /// What is left of the set before it is asked for at once.
  void start(const WorkingSet& set) {
    finish();
    next_ = set.runs_.data(), end_ = next_ + set.runs_.size();
  }
  void some();
  void finish() { ask(~0u); }  ///< before a set that was started changes
  bool idle() const { return next_ == end_; }

 private:
  void ask(unsigned lines);
  const WorkingSet::Run *next_ = nullptr, *end_ = nullptr;
};

}  // namespace iov
