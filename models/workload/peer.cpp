// SPDX-License-Identifier: Apache-2.0
#include "models/workload/peer.h"

#include <algorithm>

namespace iov::workload {

namespace {
constexpr std::uint32_t gap_bytes = 12;  // IEEE 802.3 4.4.2: part of wire_bytes(), after the last bit
}

Peer::Peer(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params,
           PacketLedger& ledger)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      ledger_(ledger),
      load_(params.socket_queue),
      to_last_bit_(params.wire.rate),
      occupied_(params.wire.rate) {
  ledger_.on_lost(bind<&Peer::lost>(this));
}

void Peer::begin() {
  if (!arrive_.scheduled()) wire_free_ = std::max(wire_free_, timeline_.now());
  running_ = true;
}

void Peer::start_load(std::unique_ptr<PacketPlan> plan, bool saturates) {
  begin();
  load_.add(std::move(plan), saturates);
  schedule();
}

void Peer::start_client(unsigned vm, const SizeSequence& request_sizes) {
  begin();
  Client& client = clients_[vm];
  client.request_sizes = request_sizes;
  while (client.under_way < params_.outstanding) {
    ++client.under_way;
    request(vm, timeline_.now());
  }
}

void Peer::leave(unsigned vm) {
  load_.leave(vm);
  clients_[vm].request_sizes.reset();
  const auto gone = std::erase_if(requests_, [vm](const Request& r) { return r.vm == vm; });
  clients_[vm].under_way -= static_cast<unsigned>(gone);
  std::make_heap(requests_.begin(), requests_.end(), Request::later);
  schedule();
}

void Peer::catch_up(const Time& now) {
  load_.advance(now, [this](const PlannedPacket& p, bool has_room) {
    has_room ? ledger_.offer(Way::receive, p.vm) : ledger_.refuse(Way::receive, p.vm);
  });
}

void Peer::stop() {
  running_ = false;
  arrive_.cancel();
  load_.clear();
  requests_.clear();
  for (Client& client : clients_) client.request_sizes.reset();
}

/// One of a client's requests is free to go out again.
void Peer::request(unsigned vm, const Time& due) {
  if (!running_ || !clients_[vm].request_sizes) return void(--clients_[vm].under_way);
  requests_.push_back({due, order_++, vm});
  std::push_heap(requests_.begin(), requests_.end(), Request::later);
  schedule();
}

void Peer::lost(const PacketEntry& entry) { request(entry.vm, timeline_.now() + params_.retry_after); }

Time Peer::head_due() const {
  if (load_.saturates()) return {};
  return std::min(load_.next_due(), requests_.empty() ? never_ : requests_.front().due);
}

/// What leaves when the wire is free at `start`: whatever is due, else what is always there.
inline Peer::Head Peer::head(const Time& start) const {
  const Time asked = requests_.empty() ? never_ : requests_.front().due;
  const Time due = load_.next_due();
  if (load_.saturates() && std::min(asked, due) > start) return Head::saturating;
  return asked <= due ? Head::request : Head::open_loop;
}

[[gnu::always_inline]] inline void Peer::choose_next(const Time& start) {
  next_.start = start;
  next_.head = head(start);
  if (next_.head == Head::request) {
    next_.vm = requests_.front().vm;
    next_.bytes = clients_[next_.vm].request_sizes->peek();
    return;
  }
  const PlannedPacket& packet = next_.head == Head::open_loop ? load_.open_head() : load_.greedy_head();
  next_.vm = packet.vm, next_.bytes = packet.bytes;
}

/// The next frame is composed when its last bit arrives, not when its first leaves: what it is does not
/// depend on anything in between, and the wire costs one event instead of two.
void Peer::schedule() {
  const Time due = head_due();
  if (!running_ || due == never_) return arrive_.cancel();
  choose_next(start_of(due));
  const Time last_bit = next_.start + to_last_bit_.of(wire_bytes(next_.bytes) - gap_bytes) + params_.wire.propagation;
  arrive_.at(std::max(last_bit, timeline_.now()));
  announce(next_.vm);
}

/// What is the same VM's as the frame before is at hand already.
void Peer::announce(unsigned vm) {
  if (vm != announced_ && on_next_) on_next_(announced_ = vm);
}

void Peer::take_request(PacketEntry& entry) {
  std::pop_heap(requests_.begin(), requests_.end(), Request::later);
  entry.kind = PacketKind::request;
  entry.vm = requests_.back().vm;
  entry.due = requests_.back().due;
  entry.bytes = clients_[entry.vm].request_sizes->next();
  requests_.pop_back();
}

[[gnu::always_inline]] inline void Peer::take_next(PacketEntry& entry) {
  if (next_.head == Head::request) return take_request(entry);
  if (next_.head == Head::saturating) {
    entry.vm = next_.vm, entry.bytes = next_.bytes, entry.due = next_.start;
    return load_.pop_greedy();
  }
  catch_up(next_.start);
  const PlannedPacket& packet = load_.open_head();
  entry.vm = packet.vm, entry.bytes = packet.bytes, entry.due = packet.due;
  load_.pop_open();
  entry.offered = true;
}

void Peer::emit() {
  PacketEntry entry;
  take_next(entry);
  const Time& occupied = occupied_.of(wire_bytes(entry.bytes));
  wire_free_ = next_.start + occupied;
  wire_busy.add(occupied);
  entry.way = Way::receive;
  entry.header.destination = vms_[entry.vm];
  entry.header.source = mac;
  entry.header.flow = flow_ports(flow_);
  if (++flow_ >= params_.flows) flow_ = 0;
  ledger_.send(entry, Stage::wire);
  Frame frame;
  frame.header = entry.header;
  frame.bytes = entry.bytes;
  frame.journey = entry.journey;
  if (ledger_.carry_payload()) [[unlikely]] {
    frame.data = pool_.take(entry.bytes);
    PacketLedger::write_payload(entry.header, frame.data.bytes());
  }
  schedule();
  nic_->frame(std::move(frame));
}

/// A frame whose first bit left before the pause frame came is not held back.
Time Peer::start_of(const Time& due) const {
  const Time start = std::max(wire_free_, due);
  return start >= pause_from_ ? std::max(start, paused_until_) : start;
}

void Peer::pause(std::int32_t quanta) {
  constexpr std::uint64_t quantum_bytes = 512 / 8;  // IEEE 802.3 31B.2
  pause_from_ = timeline_.now() + params_.wire.propagation;
  paused_until_ = pause_from_ + params_.wire.rate.time_for(static_cast<std::uint64_t>(quanta) * quantum_bytes);
  schedule();
}

void Peer::frame(Frame&& frame) {
  if (frame.pause_quanta != Frame::no_pause) return pause(frame.pause_quanta);
  wire_back_busy.add(params_.wire.rate.time_for(wire_bytes(frame.bytes)));
  const std::span<const std::uint8_t> contents = frame.data ? frame.data.bytes() : std::span<const std::uint8_t>();
  const Time arrival = timeline_.now() + params_.wire.propagation;
  const PacketEntry* const entry = ledger_.receive(Way::transmit, PacketLedger::any_vm, frame.header, contents, frame.bytes, arrival);
  if (entry && entry->kind == PacketKind::response) request(entry->vm, arrival + params_.think_time);
}

}  // namespace iov::workload
