// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/transmitter.h"

#include <algorithm>

namespace iov::endpoint {

namespace {
constexpr std::uint32_t ticket_bits = (1u << 30) - 1;
constexpr unsigned piece_bits = 6;  // max_pieces
std::uint32_t length_of(const nic::TxDescriptor& d) { return d.command_length & 0xffff; }
}  // namespace

Transmitter::Transmitter(const sc_core::sc_module_name& name, const TransmitParams& params,
                         const NicServices& services, EthernetWire& wire)
    : sc_module(name), params_(params), s_(services), wire_(wire) {
  occupancy_.bound(params.buffer.count);
}

unsigned Transmitter::add_queue(unsigned function, RequesterId requester) {
  Queue& q = queues_.emplace_back();
  q.self.function = function;
  q.channel = s_.dma.add_channel(requester, *this);
  scheduler_.add_queue(function);
  return static_cast<unsigned>(queues_.size() - 1);
}

void Transmitter::set_requester(unsigned queue, RequesterId requester) {
  s_.dma.set_requester(queues_[queue].channel, requester);
}

std::uint64_t Transmitter::read(unsigned queue, std::uint32_t reg) const {
  const Queue& q = queues_[queue];
  const bool draining = reg == nic::queue_control && q.launched != 0;
  return q.ring.read(reg) | (draining ? 1 : 0);
}

void Transmitter::write(unsigned queue, std::uint32_t reg, std::uint64_t value, unsigned bytes, JourneyRef journey) {
  const auto low = static_cast<std::uint32_t>(value);
  if (reg == nic::queue_tail) return ring_doorbell(queue, low, journey);
  if (reg == nic::queue_control) return control(queue, low);
  queues_[queue].ring.configure(reg, value, bytes);
}

void Transmitter::control(unsigned queue, std::uint32_t value) {
  Queue& q = queues_[queue];
  if (q.ring.enabled() && !(value & 1)) stop(queue);
  q.ring.set_control(value);
  fetch(queue);
}

void Transmitter::ring_doorbell(unsigned queue, std::uint32_t tail, JourneyRef journey) {
  Queue& q = queues_[queue];
  const Time now = s_.timeline.now();
  if (!q.ring.usable()) return;
  tail &= q.ring.length - 1;
  ++doorbells_;
  journey.enter(Stage::device, now);
  if (tail == q.ring.tail) return;
  q.ring.tail = tail;
  q.doorbells.push({tail, now, journey});
  fetch(queue);
}

void Transmitter::fetch(unsigned queue) {
  Queue& q = queues_[queue];
  if (!s_.policies[q.self.function].has(nic::vf_transmit_enable)) return;
  const auto cached = static_cast<std::uint32_t>(q.cache.size());
  const std::uint32_t n = q.ring.plan_fetch(cached, params_, q.unfinished ? cached + 1 : 0);
  if (n == 0) return;
  DmaRequest read;
  read.address = q.ring.at(q.ring.fetch);
  read.length = read.real_bytes = n * DescriptorRing::descriptor_bytes;
  read.ticket = fetch_ticket | queue;
  q.fetch_started = s_.timeline.now();
  for (std::size_t i = 0; i < q.doorbells.size(); ++i) {
    if (q.ring.between(q.ring.fetch, q.doorbells[i].tail) > n) break;
    q.doorbells[i].journey.enter(Stage::descriptor_fetch, q.fetch_started);
  }
  q.ring.start_fetch(n);
  ++fetches_;
  descriptors_ += n;
  s_.dma.submit(q.channel, std::move(read));
}

void Transmitter::fetched(unsigned queue, DmaStatus status, const ByteBuffer& data) {
  Queue& q = queues_[queue];
  const std::uint32_t n = std::exchange(q.ring.fetching, 0);
  const Time now = s_.timeline.now();
  q.unfinished = false;
  if (status != DmaStatus::success) return stop(queue);  // as hardware does: the queue hangs until it is reset
  std::uint32_t next = (q.ring.fetch - n) & (q.ring.length - 1);
  for (std::uint32_t i = 0; i < n; ++i) {
    Cached c;
    std::memcpy(&c.descriptor, data.data() + i * DescriptorRing::descriptor_bytes, DescriptorRing::descriptor_bytes);
    next = q.ring.after(next);
    c.fetched = now;
    if (!q.doorbells.empty()) {
      c.rung = q.doorbells.front().at;
      if (next == q.doorbells.front().tail) c.journey = q.doorbells.pop().journey;
    }
    c.journey.enter(Stage::device, now);
    s_.dma.expect(q.channel, c.descriptor.address, length_of(c.descriptor), false);
    q.cache.push(std::move(c));
  }
  list(queue);
  schedule();
  fetch(queue);
}

void Transmitter::list(unsigned queue) {
  if (!queues_[queue].cache.empty()) scheduler_.list(queue);
}

/// Frames of the queues in turn, as long as the packet buffer has room.
void Transmitter::schedule() {
  for (unsigned queue; (queue = scheduler_.next()) != TransmitScheduler::nobody;) {
    Queue& q = queues_[queue];
    std::uint32_t bytes = 0;
    const unsigned pieces = next_frame(q, bytes);
    if (pieces != 0 && buffered_ + bytes > params_.buffer.count && live_ != 0) {
      ++buffer_waits_;
      return fetch(queue);
    }
    if (pieces == 0) {  // the rest of the frame is still to be fetched
      q.unfinished = true;
      scheduler_.passes(queue);
      fetch(queue);
      continue;
    }
    scheduler_.sends(queue, bytes + fcs_bytes);
    start(queue, pieces, bytes);
    list(queue);
    if (q.cache.empty()) fetch(queue);
  }
}

/// Descriptors of the frame at the front of the cache, 0 when its end is not there yet.
unsigned Transmitter::next_frame(const Queue& q, std::uint32_t& bytes) const {
  const auto limit = static_cast<unsigned>(std::min<std::size_t>(q.cache.size(), max_pieces));
  for (unsigned i = 0; i < limit; ++i) {
    bytes += length_of(q.cache[i].descriptor);
    if (q.cache[i].descriptor.command_length & nic::tx_end_of_packet) return i + 1;
  }
  return limit == max_pieces ? limit : 0;  // never ends: malformed
}

std::uint32_t Transmitter::take_slot() {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(packets_.size()));
    packets_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  ++live_;
  ledger_.came();
  return slot;
}

void Transmitter::start(unsigned queue, unsigned pieces, std::uint32_t bytes) {
  Queue& q = queues_[queue];
  const std::uint32_t slot = take_slot();
  Packet& p = packets_[slot];
  const bool ends = q.cache[pieces - 1].descriptor.command_length & nic::tx_end_of_packet;
  p.queue = queue, p.pieces = pieces, p.pending = pieces, p.epoch = q.epoch, p.failed = false;
  p.reason = DropReason::malformed;
  p.frame = {};
  p.frame.bytes = bytes;
  p.head.fill(0);
  p.fetch_started = q.fetch_started, p.issued = s_.timeline.now();
  buffered_ += bytes;
  occupancy_.set(buffered_, s_.timeline.now());
  q.in_flight.push(slot);
  const bool good = ends && bytes >= min_frame && bytes <= max_frame;
  if (good && s_.carry_payload) p.frame.data = pool_.take(std::min<std::size_t>(bytes, ByteBuffer::capacity));
  std::uint32_t offset = 0;
  for (unsigned i = 0; i < pieces; ++i) {
    const Cached c = q.cache.pop();
    p.last_index = q.ring.head;
    q.ring.head = q.ring.after(q.ring.head);
    p.last = c.descriptor, p.journey = c.journey, p.rung = c.rung, p.fetched = c.fetched;
    if (good && length_of(c.descriptor) != 0)
      read_piece(slot, i, offset, c);
    else
      --p.pending;
    offset += length_of(c.descriptor);
  }
  if (good) return;
  p.failed = true;
  if (p.pending == 0) leave_in_order(queue);
}

void Transmitter::read_piece(std::uint32_t slot, unsigned piece, std::uint32_t offset, const Cached& from) {
  Packet& p = packets_[slot];
  p.offset[piece] = static_cast<std::uint16_t>(offset);
  const std::uint32_t wanted =
      s_.carry_payload ? static_cast<std::uint32_t>(p.frame.data.size()) : std::uint32_t{FrameHeader::header_bytes};
  DmaRequest read;
  read.address = from.descriptor.address;
  read.length = length_of(from.descriptor);
  read.real_bytes = offset < wanted ? std::min(wanted - offset, read.length) : 0;
  read.ticket = payload_ticket | slot << piece_bits | piece;
  if (from.descriptor.command_length & nic::tx_end_of_packet) read.journey = from.journey;
  s_.dma.submit(queues_[p.queue].channel, std::move(read));
}

void Transmitter::dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&& data) {
  const std::uint32_t id = ticket & ticket_bits;
  switch (ticket & ~ticket_bits) {
    case fetch_ticket: return fetched(id, status, data);
    case payload_ticket: return payload(id >> piece_bits, id & ((1u << piece_bits) - 1), status, data);
    default: {
      const Queue& q = queues_[id];
      s_.interrupts.raise(q.self.function, q.ring.vector());
    }
  }
}

void Transmitter::payload(std::uint32_t slot, unsigned piece, DmaStatus status, const ByteBuffer& data) {
  Packet& p = packets_[slot];
  if (status != DmaStatus::success) p.failed = true, p.reason = DropReason::blocked_by_iommu;
  const std::size_t offset = p.offset[piece];
  if (data) {
    if (offset < p.head.size())
      std::memcpy(p.head.data() + offset, data.data(), std::min(data.size(), p.head.size() - offset));
    if (p.frame.data && offset < p.frame.data.size())
      std::memcpy(p.frame.data.data() + offset, data.data(), std::min(data.size(), p.frame.data.size() - offset));
  }
  if (--p.pending != 0) return;
  if (!p.failed) recognise(p);
  leave_in_order(p.queue);
}

/// Which packet it is, is known only now: its id lies in the bytes just read. Times measured on the way are
/// entered late, unless the doorbell already told whose they were.
void Transmitter::recognise(Packet& p) {
  p.frame.header = FrameHeader::read(p.head);
  p.frame.journey = s_.packets.journey(p.frame.header.id);
  if (p.journey) {
    if (!p.frame.journey) p.frame.journey = p.journey;
  } else {
    p.frame.journey.enter(Stage::device, p.rung);
    p.frame.journey.enter(Stage::descriptor_fetch, p.fetch_started);
    p.frame.journey.enter(Stage::device, p.fetched);
    p.frame.journey.enter(Stage::link, p.issued);
  }
  p.frame.journey.enter(Stage::device, s_.timeline.now());
}

void Transmitter::leave_in_order(unsigned queue) {
  Queue& q = queues_[queue];
  while (!q.in_flight.empty() && packets_[q.in_flight.front()].pending == 0) {
    const std::uint32_t slot = q.in_flight.pop();
    if (!packets_[slot].failed && launch(slot)) continue;
    finish_descriptors(queue, packets_[slot]);
    drop(slot, packets_[slot].reason);
    schedule();
  }
}

/// @returns false when the frame may not leave
bool Transmitter::launch(std::uint32_t slot) {
  Packet& p = packets_[slot];
  const auto route = s_.fabric.egress(p.frame, queues_[p.queue].self);
  const bool no_link = route.way == EmbeddedSwitch::Way::wire && !wire_.up();
  if (no_link || route.way == EmbeddedSwitch::Way::refused) {
    p.reason = no_link ? DropReason::link_down : route.reason;
    return false;
  }
  ++queues_[p.queue].launched;
  if (route.way == EmbeddedSwitch::Way::local) {
    p.to = route.to;
    const Time begin = std::max(switch_free_, s_.timeline.now());
    switch_free_ = begin + params_.switch_rate.time_for(p.frame.bytes);
    in_switch_.push(switch_free_, std::move(slot));
    return true;
  }
  const EthernetWire::Slot wire = wire_.book(p.frame.bytes);
  p.frame.journey.enter(Stage::wire, wire.begin);
  on_wire_.push(wire.end, std::move(slot));
  return true;
}

void Transmitter::left_switch(std::uint32_t&& slot) {
  Packet& p = packets_[slot];
  ++local_frames_;
  ++s_.table.count(queues_[p.queue].self.function, FunctionTable::local_frames);
  Frame frame = std::move(p.frame);
  p.frame.bytes = frame.bytes;
  const Destination from = queues_[p.queue].self, to = p.to;
  sent(slot);
  s_.fabric.deliver(std::move(frame), from, to);
}

void Transmitter::left_wire(std::uint32_t&& slot) {
  Packet& p = packets_[slot];
  if (!wire_.up()) return lost_on_wire(slot);
  s_.fabric.copy_locally(p.frame, queues_[p.queue].self);
  Frame frame = std::move(p.frame);
  p.frame.bytes = frame.bytes;
  sent(slot);
  wire_.left(std::move(frame));
}

void Transmitter::lost_on_wire(std::uint32_t slot) {
  Packet& p = packets_[slot];
  leave(p);
  drop(slot, DropReason::link_down);
  schedule();
}

/// The descriptors of a frame are done, unless the queue began anew meanwhile.
void Transmitter::leave(const Packet& p) {
  Queue& q = queues_[p.queue];
  --q.launched;
  if (p.epoch == q.epoch)
    finish_descriptors(p.queue, p);
  else if (q.idle())
    flush(p.queue);
}

void Transmitter::sent(std::uint32_t slot) {
  Packet& p = packets_[slot];
  Queue& q = queues_[p.queue];
  ++s_.table.count(q.self.function, FunctionTable::tx_frames);
  s_.table.count(q.self.function, FunctionTable::tx_bytes) += p.frame.bytes;
  ledger_.delivered();
  leave(p);
  free_slot(slot);
  schedule();
}

void Transmitter::finish_descriptors(unsigned queue, const Packet& p) {
  Queue& q = queues_[queue];
  q.since_flush += p.pieces;
  if (p.last.command_length & nic::tx_report_status) q.done.push({p.last_index, p.last});
  if (q.idle() || q.since_flush >= params_.write_back_batch) flush(queue);
}

/// One write per run of neighbouring descriptors.
void Transmitter::flush(unsigned queue) {
  Queue& q = queues_[queue];
  q.since_flush = 0;
  while (!q.done.empty()) {
    const std::uint32_t first = q.done.front().index;
    std::size_t n = 1;
    while (n < q.done.size() && q.done[n].index == first + n) ++n;
    DmaRequest write;
    write.write = true;
    write.address = q.ring.at(first);
    write.length = static_cast<std::uint32_t>(n) * DescriptorRing::descriptor_bytes;
    write.data = pool_.take(write.length);
    write.ticket = write_back_ticket | queue;
    write.enters_link = false;
    for (std::size_t i = 0; i < n; ++i) {
      nic::TxDescriptor d = q.done.pop().descriptor;
      d.command_length |= 1u << 31;
      d.status |= nic::descriptor_done;
      std::memcpy(write.data.data() + i * sizeof d, &d, sizeof d);
    }
    ++write_backs_;
    s_.dma.submit(q.channel, std::move(write));
  }
}

void Transmitter::drop(std::uint32_t slot, DropReason reason) {
  Packet& p = packets_[slot];
  ++s_.table.dropped(queues_[p.queue].self.function, reason);
  ledger_.dropped();
  if (p.frame.header.id != 0) s_.packets.dropped(p.frame.header.id, reason);
  else if (reason != DropReason::reset) ++unread_;
  free_slot(slot);
}

void Transmitter::free_slot(std::uint32_t slot) {
  Packet& p = packets_[slot];
  buffered_ -= p.frame.bytes;
  occupancy_.set(buffered_, s_.timeline.now());
  p.frame = {};
  p.journey = {};
  free_.push_back(slot);
  --live_;
}

void Transmitter::stop(unsigned queue) {
  Queue& q = queues_[queue];
  s_.dma.cancel(q.channel);
  q.ring.stop();
  q.doorbells.clear();
  q.cache.clear();
  q.done.clear();
  q.since_flush = 0;
  ++q.epoch;
  scheduler_.passes(queue);
  while (!q.in_flight.empty()) drop(q.in_flight.pop(), DropReason::reset);
  schedule();
}

}  // namespace iov::endpoint
