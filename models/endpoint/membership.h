// SPDX-License-Identifier: Apache-2.0
/// Membership -- which functions are in which group, groups being 12-bit numbers: VLANs, or hashes of multicast
/// addresses. A mechanism with a bounded number of groups, as the hardware's table has.
///
/// Spec    Intel 82599 datasheet 7.10.3.2 (VLAN filters with a pool bitmap each), 7.1.1.2 (multicast table).
#pragma once
#include <array>
#include <cstdint>
#include <unordered_set>

namespace iov::endpoint {

class Membership {
 public:
  static constexpr std::uint32_t groups = 4096;
  explicit Membership(std::size_t capacity) : capacity_(capacity) {}
  /// @returns false when the table has no room for another group
  bool join(unsigned function, std::uint32_t group) {
    group %= groups;
    if (sizes_[group] == 0 && used_ >= capacity_) return false;
    if (!members_.insert(key(function, group)).second) return true;
    if (sizes_[group]++ == 0) ++used_;
    return true;
  }
  void leave(unsigned function, std::uint32_t group) {
    group %= groups;
    if (members_.erase(key(function, group)) != 0 && --sizes_[group] == 0) --used_;
  }
  void leave_all(unsigned function) {
    if (members_.empty()) return;
    for (std::uint32_t group = 0; group < groups; ++group)
      if (sizes_[group] != 0) leave(function, group);
  }
  /// Functions of which `is_gone` holds leave all groups.
  template <class IsGone>
  void forget(IsGone is_gone) {
    std::erase_if(members_, [&](std::uint64_t member) {
      if (!is_gone(static_cast<unsigned>(member >> 12))) return false;
      if (--sizes_[member % groups] == 0) --used_;
      return true;
    });
  }
  bool contains(unsigned function, std::uint32_t group) const { return members_.contains(key(function, group % groups)); }
  std::uint32_t count(unsigned function) const {
    std::uint32_t n = 0;
    for (std::uint32_t group = 0; group < groups; ++group) n += sizes_[group] != 0 && contains(function, group);
    return n;
  }

 private:
  static constexpr std::uint64_t key(unsigned function, std::uint32_t group) { return std::uint64_t{function} << 12 | group; }
  const std::size_t capacity_;
  std::size_t used_ = 0;
  std::array<std::uint32_t, groups> sizes_{};
  std::unordered_set<std::uint64_t> members_;
};

}  // namespace iov::endpoint
