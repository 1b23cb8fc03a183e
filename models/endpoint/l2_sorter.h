// SPDX-License-Identifier: Apache-2.0
/// L2Sorter -- decides by destination MAC and VLAN which function or queue pool gets a frame. A mechanism.
///
/// Spec    Intel 82599 datasheet 7.1.2 (receive queue assignment), 7.10.3 (VMDq and SR-IOV switching).
/// Models  a bounded filter table (exact MAC and VLAN before MAC alone), default destination, replication of
///         broadcast and multicast to all subscribers, RSS-like spreading by a 128-entry table.
/// Omits   multicast hash filters, unicast tables, port mirroring, promiscuous functions beside the default.
#pragma once
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "models/protocol/frame.h"

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

  /// @returns false when the table is full; an existing filter is overwritten
  bool add_filter(MacAddress mac, std::optional<std::uint16_t> vlan, Destination to) {
    const std::uint64_t k = key(mac, vlan);
    if (filters_.size() >= capacity_ && !filters_.contains(k)) return false;
    filters_[k] = to;
    return true;
  }
  bool remove_filter(MacAddress mac, std::optional<std::uint16_t> vlan) { return filters_.erase(key(mac, vlan)) > 0; }
  void set_default(std::optional<Destination> to) { default_ = to; }
  /// Who gets broadcast and multicast frames.
  void subscribe(Destination who) {
    for (const Destination& d : subscribers_)
      if (d == who) return;
    subscribers_.push_back(who);
  }
  void unsubscribe(Destination who) { std::erase(subscribers_, who); }
  const std::vector<Destination>& subscribers() const { return subscribers_; }

  /// Where a unicast frame goes by filter alone.
  std::optional<Destination> match(const FrameHeader& h) const {
    if (h.vlan != FrameHeader::vlan_none)
      if (const auto hit = filters_.find(key(h.destination, h.vlan)); hit != filters_.end()) return hit->second;
    if (const auto hit = filters_.find(key(h.destination, std::nullopt)); hit != filters_.end()) return hit->second;
    return std::nullopt;
  }
  std::optional<Destination> unicast(const FrameHeader& h) const {
    const auto hit = match(h);
    return hit ? hit : default_;
  }

 private:
  static constexpr std::uint64_t any_vlan = 0xfff;  ///< reserved by IEEE 802.1Q 9.6: no frame has it
  static constexpr std::uint64_t key(MacAddress mac, std::optional<std::uint16_t> vlan) {
    return mac.value << 12 | (vlan ? *vlan & 0xfffu : any_vlan);
  }
  const std::size_t capacity_;
  std::unordered_map<std::uint64_t, Destination> filters_;
  std::optional<Destination> default_;
  std::vector<Destination> subscribers_;
};

/// What receive-side scaling computes of a flow. Stands for the Toeplitz hash of addresses and ports.
constexpr std::uint32_t rss_hash(std::uint32_t flow) {
  std::uint32_t h = flow * 0x9e37'79b1u;
  return h ^ h >> 15;
}
/// Entry of an evenly filled 128-entry redirection table (82599 datasheet 7.1.2.8.3).
constexpr unsigned rss_queue(std::uint32_t hash, unsigned queues) { return (hash & 127u) % queues; }

}  // namespace iov::endpoint
