// SPDX-License-Identifier: Apache-2.0
#include "models/workload/packet_ledger.h"

#include <algorithm>
#include <cstring>

namespace iov::workload {

namespace {
std::vector<TableStat::Column> columns() {
  std::vector<TableStat::Column> result{
      {"offered", "1"}, {"sent", "1"}, {"delivered", "1"}, {"delivered_bytes", "B"}};
  for (const char* reason : drop_reason_names) result.push_back({reason, "1"});
  return result;
}

/// Every station has the address 10.x.y.z of its MAC's last three bytes.
std::uint32_t ip_of(MacAddress mac) { return 10u << 24 | static_cast<std::uint32_t>(mac.value & 0xff'ffff); }

/// Eight payload bytes: splitmix64 of the id and the position.
std::uint64_t payload_word(PacketId id, std::uint64_t position) {
  std::uint64_t z = id * 0xbf58476d1ce4e5b9ull + position * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

template <class Visit>
void for_each_payload_word(PacketId id, std::size_t bytes, Visit visit) {
  for (std::size_t at = FrameHeader::header_bytes; at < bytes; at += 8) {
    const std::uint64_t word = payload_word(id, at);
    if (!visit(at, word, std::min<std::size_t>(8, bytes - at))) return;
  }
}
}  // namespace

PacketLedger::PacketLedger(const sc_core::sc_module_name& name, Timeline& timeline, bool carry_payload)
    : sc_module(name),
      ways("ways", "packets by direction, seen from the VM", columns()),
      vms("vms", "packets by VM, both directions", columns()),
      timeline_(timeline),
      carry_payload_(carry_payload) {
  ways.add_row("transmit");
  ways.add_row("receive");
}

void PacketLedger::add_vm() {
  vms.add_row("vm" + std::to_string(vms.rows()));
  vm_latency_.emplace_back();
}

void PacketLedger::add_slot() {
  free_ = static_cast<std::uint32_t>(slots_.size());
  slots_.emplace_back();
}

void PacketLedger::send(PacketEntry& entry, Stage first) {
  if (free_ == no_slot) add_slot();
  const std::uint32_t index = free_;
  Slot& slot = slots_[index];
  free_ = slot.next_free;
  slot.open = true;
  ++open_;
  entry.header.id = PacketId{++slot.generation} << 32 | index;
  entry.header.source_ip = ip_of(entry.header.source);
  entry.header.destination_ip = ip_of(entry.header.destination);
  if (entry.journey)
    entry.journey.enter(first, timeline_.now());
  else
    entry.journey = journeys.begin(first, entry.due);
  slot.entry = entry;
  ++totals_[static_cast<std::size_t>(entry.way)].offered;
  if (!counting_) return;
  for (std::uint64_t* const counts : cells(entry.way, entry.vm)) counts[offered] += !entry.offered, ++counts[sent];
}

void PacketLedger::refuse(Way way, unsigned vm) {
  ++totals_[static_cast<std::size_t>(way)].offered;
  ++totals_[static_cast<std::size_t>(way)].dropped;
  count(way, vm, offered);
  count(way, vm, first_drop + static_cast<std::size_t>(DropReason::driver_queue_full));
  if (time_line_) time_line_->dropped(vm, timeline_.now());
}

bool PacketLedger::under_way(PacketId id) const {
  const std::uint64_t index = id & 0xffff'ffff;
  return index < slots_.size() && slots_[index].open && slots_[index].generation == id >> 32;
}

inline PacketLedger::Slot* PacketLedger::find(PacketId id) {
  return PacketLedger::under_way(id) ? &slots_[id & 0xffff'ffff] : nullptr;
}

inline bool PacketLedger::genuine(const PacketEntry& sent_entry, unsigned vm, Way way, const FrameHeader& header,
                           std::span<const std::uint8_t> contents, std::uint32_t bytes) const {
  if (sent_entry.way != way || (vm != any_vm && vm != sent_entry.vm) || bytes != sent_entry.bytes) return false;
  if (header.destination != sent_entry.header.destination || header.source != sent_entry.header.source)
    return false;
  if (!carry_payload_) return true;
  if (contents.size() < bytes) return false;
  bool equal = true;
  for_each_payload_word(header.id, bytes, [&](std::size_t at, std::uint64_t word, std::size_t length) {
    return equal = std::memcmp(contents.data() + at, &word, length) == 0;
  });
  return equal;
}

const PacketEntry* PacketLedger::receive(Way way, unsigned vm, const FrameHeader& header,
                                         std::span<const std::uint8_t> contents, std::uint32_t bytes, const Time& now) {
  Slot* const slot = find(header.id);
  if (header.destination.multicast() && (!slot || slot->entry.way != way)) [[unlikely]] {
    if (counting_) ++group_copies;
    return nullptr;
  }
  if (!slot) [[unlikely]] {
    if (counting_) ++unknown;
    return nullptr;
  }
  if (!genuine(slot->entry, vm, way, header, contents, bytes)) [[unlikely]] {
    drop(*slot, DropReason::malformed);
    return nullptr;
  }
  close(*slot);
  ++totals_[static_cast<std::size_t>(way)].delivered;
  finish(slot->entry, now);
  return &slot->entry;
}

[[gnu::always_inline]] inline void PacketLedger::finish(const PacketEntry& entry, const Time& now) {
  const bool response = entry.kind == PacketKind::response;
  const Time latency = now - (response ? entry.request_due : entry.due);
  if (counting_) {
    for (std::uint64_t* const counts : cells(entry.way, entry.vm)) ++counts[delivered], counts[delivered_bytes] += entry.bytes;
    const Histogram::Sample sample(latency);
    response ? one_way.record(now - entry.due) : one_way.record(sample);
    if (response) round_trip.record(sample);
    if (entry.kind != PacketKind::request) vm_latency_[entry.vm].record(sample);
  }
  if (time_line_) time_line_->delivered(entry.vm, entry.bytes + fcs_bytes, latency, timeline_.now());
  if (entry.kind == PacketKind::request)
    entry.journey.enter(Stage::application, now);  // goes on in the response
  else
    journeys.finish(entry.journey, now, counting_);
}

void PacketLedger::drop(Slot& slot, DropReason reason) {
  const PacketEntry entry = slot.entry;
  close(slot);
  ++totals_[static_cast<std::size_t>(entry.way)].dropped;
  count(entry.way, entry.vm, first_drop + static_cast<std::size_t>(reason));
  if (time_line_) time_line_->dropped(entry.vm, timeline_.now());
  const Journey* journey = entry.journey.get();
  journeys.finish(entry.journey, journey ? std::max(timeline_.now(), journey->since) : Time(), false);
  if (lost_ && entry.kind != PacketKind::plain) lost_(entry);
}

void PacketLedger::dropped(PacketId id, DropReason reason) {
  if (Slot* slot = find(id)) drop(*slot, reason);
}

void PacketLedger::write_off(DropReason why) {
  for (Slot& slot : slots_)
    if (slot.open) drop(slot, why);
}

JourneyRef PacketLedger::journey(PacketId id) {
  const Slot* slot = find(id);
  return slot ? slot->entry.journey : JourneyRef{};
}

void PacketLedger::write_payload(const FrameHeader& header, std::span<std::uint8_t> out) {
  header.write(out.first<FrameHeader::header_bytes>(), static_cast<std::uint32_t>(out.size()));
  for_each_payload_word(header.id, out.size(), [&](std::size_t at, std::uint64_t word, std::size_t length) {
    std::memcpy(out.data() + at, &word, length);
    return true;
  });
}

void PacketLedger::begin_window(const Time& now) {
  for (Stat* stat : std::initializer_list<Stat*>{&ways, &vms, &one_way, &round_trip}) stat->reset();
  group_copies.reset();
  unknown.reset();
  for (Histogram& histogram : vm_latency_) histogram.clear();
  journeys.reset();
  window_begin_ = now;
  counting_ = true;
}

void PacketLedger::end_window(const Time& now) {
  counting_ = false;
  window_ = now - window_begin_;
}

std::string PacketLedger::conservation() const {
  std::array<std::uint64_t, 2> under_way{};
  for (const Slot& slot : slots_)
    if (slot.open) ++under_way[static_cast<std::size_t>(slot.entry.way)];
  for (std::size_t way = 0; way < 2; ++way) {
    const Totals& t = totals_[way];
    const std::uint64_t known = t.delivered + t.dropped + under_way[way];
    if (t.offered != known)
      return ways.row_name(way) + ": offered " + std::to_string(t.offered) + ", known " +
             std::to_string(known);
  }
  return {};
}

}  // namespace iov::workload
