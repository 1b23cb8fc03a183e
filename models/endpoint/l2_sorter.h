// SPDX-License-Identifier: Apache-2.0
/// L2Sorter -- decides by destination MAC and VLAN which function or queue pool gets a frame. A mechanism.
///
/// Spec    Intel 82599 datasheet 7.1.2 (receive queue assignment), 7.10.3 (VMDq and SR-IOV switching).
/// Models  a bounded filter table, compared by MAC and VLAN (exact before MAC alone), by MAC or by VLAN; default
///         destination; who subscribes to broadcast and multicast.
/// Omits   unicast hash tables, port mirroring.
#pragma once
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "models/core/flat_map.h"
#include "models/protocol/frame.h"
#include "models/protocol/nic_policy.h"

namespace iov::endpoint {

struct Destination {
  static constexpr unsigned no_pool = ~0u;
  unsigned function = 0;
  unsigned pool = no_pool;  ///< of the PF's queues (VMDq)
  friend bool operator==(const Destination&, const Destination&) = default;
};

class L2Sorter {
 public:
  explicit L2Sorter(std::size_t capacity) : capacity_(capacity) { filters_.reserve(capacity); }

  void set_mode(nic::SortMode mode) { mode_ = mode; }
  nic::SortMode mode() const { return mode_; }
  /// @returns false when the table is full; an existing filter is overwritten
  bool add_filter(MacAddress mac, std::optional<std::uint16_t> vlan, Destination to) {
    const std::uint64_t k = filter_key(mac, vlan);
    if (filters_.size() >= capacity_ && !filters_.contains(k)) return false;
    filters_.set(k, to);
    return true;
  }
  bool remove_filter(MacAddress mac, std::optional<std::uint16_t> vlan) { return filters_.erase(filter_key(mac, vlan)); }
  void set_default(std::optional<Destination> to) { default_ = to; }
  /// Who gets broadcast and multicast frames.
  void subscribe(Destination who) {
    if (places_.try_emplace(place_of(who), subscribers_.size()).second) subscribers_.push_back(who);
  }
  void unsubscribe(Destination who) {
    const auto place = places_.find(place_of(who));
    if (place == places_.end()) return;
    const std::size_t at = place->second;
    places_.erase(place);
    subscribers_[at] = subscribers_.back();
    subscribers_.pop_back();
    if (at < subscribers_.size()) places_[place_of(subscribers_[at])] = at;
  }
  /// What software set for functions of which `is_gone` holds: filters, the default, pools' subscriptions.
  template <class IsGone>
  void forget(IsGone is_gone) {
    filters_.erase_if([&](const auto& filter) { return is_gone(filter.value.function); });
    if (default_ && is_gone(default_->function)) default_.reset();
    for (std::size_t i = subscribers_.size(); i > 0; --i)
      if (subscribers_[i - 1].pool != Destination::no_pool && is_gone(subscribers_[i - 1].function)) unsubscribe(subscribers_[i - 1]);
  }
  const std::vector<Destination>& subscribers() const { return subscribers_; }

  void add_to(WorkingSet& set, MacAddress mac) const {
    filters_.add_to(set, key(mac, std::nullopt));
  }
  /// Where a unicast frame goes by filter alone.
  std::optional<Destination> match(const FrameHeader& h) const {
    const Destination* const hit = filter_for(h);
    return hit ? std::optional(*hit) : std::nullopt;
  }
  /// Whether some filter gives this address to a destination, whatever the VLAN.
  bool owns(Destination who, const FrameHeader& h, MacAddress mac) const {
    const Destination* hit = filters_.find(key(mac, std::nullopt));
    if (!hit && h.tagged()) hit = filters_.find(key(mac, h.vlan_id()));
    return hit && *hit == who;
  }
  /// Where it goes; null: nowhere.
  const Destination* unicast(const FrameHeader& h) const {
    const Destination* const hit = filter_for(h);
    return hit || !default_ ? hit : &*default_;
  }

 private:
  static constexpr std::uint64_t any_vlan = 0xfff;  ///< reserved by IEEE 802.1Q 9.6: no frame has it
  static constexpr std::uint64_t key(MacAddress mac, std::optional<std::uint16_t> vlan) {
    return mac.value << 12 | (vlan ? *vlan & 0xfffu : any_vlan);
  }
  std::uint64_t filter_key(MacAddress mac, std::optional<std::uint16_t> vlan) const {
    return key(mode_ == nic::SortMode::vlan ? MacAddress{} : mac, vlan);
  }
  const Destination* filter_for(const FrameHeader& h) const {
    if (mode_ == nic::SortMode::vlan || h.tagged()) [[unlikely]]
      if (const Destination* const hit = filter_by_vlan(h)) return hit;
    return mode_ == nic::SortMode::vlan ? nullptr : filters_.find(key(h.destination, std::nullopt));
  }
  [[gnu::noinline]] const Destination* filter_by_vlan(const FrameHeader& h) const {
    if (!h.tagged() || mode_ == nic::SortMode::mac) return nullptr;
    return filters_.find(filter_key(h.destination, h.vlan_id()));
  }
  const std::size_t capacity_;
  struct Number {
    std::uint64_t operator()(std::uint64_t k) const { return k >> 12 ^ (~k & 0xfff) << 32; }
  };
  FlatMap<std::uint64_t, Destination, Number> filters_{~std::uint64_t{0}};
  std::optional<Destination> default_;
  nic::SortMode mode_ = nic::SortMode::mac_vlan;
  static constexpr std::uint64_t place_of(Destination who) { return std::uint64_t{who.function} << 32 | who.pool; }
  std::vector<Destination> subscribers_;
  std::unordered_map<std::uint64_t, std::size_t> places_;
};

}  // namespace iov::endpoint
