// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/receiver.h"

#include <algorithm>

namespace iov::endpoint {

namespace {
constexpr std::uint32_t ticket_bits = (1u << 30) - 1;
}  // namespace

Receiver::Receiver(const sc_core::sc_module_name& name, const ReceiveParams& params, const NicServices& services,
                   FlowControl& flow_control)
    : sc_module(name), params_(params), s_(services), flow_control_(flow_control) {
  occupancy_.bound(params.buffer.count);
  s_.fabric.connect({bind<&Receiver::store>(this), bind<&Receiver::listens>(this)});
}

unsigned Receiver::add_queue(unsigned function, RequesterId requester) {
  Queue& q = *queues_.emplace_back(std::make_unique<Queue>());
  q.index = static_cast<unsigned>(queues_.size() - 1);
  q.function = function;
  q.channel = s_.dma.add_channel(requester, *this);
  return q.index;
}

void Receiver::set_requester(unsigned queue, RequesterId requester) {
  s_.dma.set_requester(queues_[queue]->channel, requester);
}

void Receiver::set_function(unsigned function, unsigned first_queue, unsigned queues) {
  if (functions_.size() <= function) functions_.resize(function + 1, {{}, params_.spread, 0, {}});
  functions_[function].range = {first_queue, queues, false};
}

void Receiver::assign_pool(unsigned pool, unsigned first_queue, unsigned queues) {
  if (pools_.size() <= pool) pools_.resize(pool + 1);
  pools_[pool] = {first_queue, queues, false};
  functions_[queues_[first_queue]->function].range.pools = true;
}

std::uint32_t Receiver::read_redirection(unsigned function, std::uint32_t offset) const {
  const FunctionQueues& f = functions_[function];
  std::uint32_t value = 0;
  for (std::uint32_t i = 0; i < 4; ++i) {
    const std::uint32_t even = f.range.count ? (offset + i) % f.range.count : 0;
    value |= (f.redirection.empty() ? even : f.redirection[offset + i]) << (8 * i);
  }
  return value;
}

void Receiver::write_redirection(unsigned function, std::uint32_t offset, std::uint32_t four_entries) {
  FunctionQueues& f = functions_[function];
  if (f.redirection.empty())
    for (unsigned i = 0; i < nic::redirection_entries; ++i)
      f.redirection.push_back(static_cast<std::uint8_t>(f.range.count ? i % f.range.count : 0));
  for (std::uint32_t i = 0; i < 4; ++i) f.redirection[offset + i] = static_cast<std::uint8_t>(four_entries >> (8 * i));
}

void Receiver::set_rate(FunctionPolicy& policy, std::uint32_t mbps) {
  policy.receive_mbps = mbps;
  policy.receive.set(FunctionPolicy::bytes_per_second(mbps), params_.shaping_burst.count);
}

void Receiver::write(unsigned queue, std::uint32_t reg, std::uint64_t value, unsigned bytes) {
  Queue& q = *queues_[queue];
  const auto low = static_cast<std::uint32_t>(value);
  if (reg == nic::queue_control) return control(q, low);
  if (reg != nic::queue_tail) return q.ring.configure(reg, value, bytes);
  if (!q.ring.usable()) return;
  q.ring.tail = low & (q.ring.length - 1);
  serve(q);
}

void Receiver::control(Queue& q, std::uint32_t value) {
  if (q.ring.enabled() && !(value & 1)) stop(q);
  q.ring.set_control(value);
  fetch(q);
}

void Receiver::start_fetch(Queue& q, std::uint32_t n) {
  DmaRequest read;
  read.address = q.ring.at(q.ring.fetch);
  read.length = read.real_bytes = n * DescriptorRing::descriptor_bytes;
  read.ticket = fetch_ticket | q.index;
  q.ring.start_fetch(n);
  ++fetches_, descriptors_ += n;
  s_.dma.submit(q.channel, std::move(read));
}

void Receiver::fetched(Queue& q, DmaStatus status, const ByteBuffer& data) {
  const std::uint32_t n = std::exchange(q.ring.fetching, 0);
  if (status != DmaStatus::success) return stop(q);
  for (std::uint32_t i = 0; i < n; ++i) {
    nic::RxDescriptor d{};
    std::memcpy(&d, data.data() + i * DescriptorRing::descriptor_bytes, DescriptorRing::descriptor_bytes);
    q.cache.push(d.read.address);
    s_.dma.expect(q.channel, d.read.address, 1, true);
  }
  serve(q);
}

void Receiver::arrive(Frame&& frame) {
  ++frames_;
  s_.fabric.ingress(std::move(frame));
}

/// A frame that finds no place is lost before it enters the ledger's "in flight".
void Receiver::lose(const Frame& frame, unsigned function, DropReason reason, bool sole) {
  ++s_.table.dropped(function, reason);
  if (sole) s_.packets.dropped(frame.header.id, reason);
  ledger_.came();
  ledger_.dropped();
}

inline Receiver::QueueRange Receiver::range_of(Destination where) const {
  if (where.pool != Destination::no_pool) [[unlikely]]
    return where.pool < pools_.size() ? pools_[where.pool] : QueueRange{};
  QueueRange all = where.function < functions_.size() ? functions_[where.function].range : QueueRange{};
  if (all.pools) [[unlikely]]  // queues that belong to pools are not the PF's own any more
    for (const QueueRange& pool : pools_)
      if (pool.count != 0 && pool.first >= all.first) all.count = std::min(all.count, pool.first - all.first);
  unsigned enabled = 0;
  while (enabled < all.count && queues_[all.first + enabled]->ring.enabled()) ++enabled;
  all.count = enabled;
  return all;
}

bool Receiver::listens(Destination where) {
  const QueueRange range = range_of(where);
  return range.count != 0 && queues_[range.first]->ring.enabled();
}

inline Receiver::Queue* Receiver::choose(std::uint32_t hash, const EmbeddedSwitch::Arrival& arrival) {
  const QueueRange range = range_of(arrival.to);
  if (range.count == 0) return nullptr;
  FunctionQueues& f = functions_[arrival.to.function];
  const unsigned entry = hash % nic::redirection_entries;
  unsigned at = 0;
  if (arrival.queue != EmbeddedSwitch::Arrival::any_queue) [[unlikely]]
    at = arrival.queue;
  else if (f.spread == nic::Spread::round_robin)
    at = f.turn++ % range.count;
  else if (f.spread == nic::Spread::rss && range.count > 1)
    at = (f.redirection.empty() ? entry : f.redirection[entry]) % range.count;
  if (at >= range.count) return nullptr;
  Queue* const q = queues_[range.first + at].get();
  return q->ring.enabled() ? q : nullptr;
}

inline std::uint32_t Receiver::pieces_of(std::uint32_t bytes) const {
  const auto each = static_cast<std::uint32_t>(params_.descriptor_buffer.count);
  return bytes <= each ? 1 : (bytes + each - 1) / each;
}

/// Why a frame finds no place.
inline std::optional<DropReason> Receiver::refusal(const Queue* queue, std::uint32_t bytes, std::uint32_t pieces) const {
  if (!queue) [[unlikely]]
    return DropReason::no_receive_descriptor;
  const FunctionPolicy& policy = s_.policies[queue->function];
  const bool room = queue->ring.available() >= queue->waiting_pieces + pieces;
  if (!room && (policy.has(nic::vf_drop_enable) || pieces >= queue->ring.length))  // these there will never be
    return DropReason::no_receive_descriptor;
  if (buffered_ + bytes > params_.buffer.count) [[unlikely]]
    return DropReason::receive_buffer_full;
  if (policy.receive.active() && queue->waiting_bytes + bytes > params_.shaping_backlog.count) [[unlikely]]
    return DropReason::shaped;
  return std::nullopt;
}

void Receiver::add_packet() {
  Packet& p = *packets_.emplace_back(std::make_unique<Packet>());
  p.slot = static_cast<std::uint32_t>(packets_.size() - 1);
  free_ = &p;
}

inline Receiver::Packet& Receiver::take_packet() {
  if (!free_) add_packet();
  Packet& p = *free_;
  free_ = p.next_free;
  ++live_, ledger_.came();
  return p;
}

void Receiver::store(Frame&& frame, const EmbeddedSwitch::Arrival& arrival) {
  const std::uint32_t hash = hash_.of_next(frame.header), pieces = pieces_of(frame.bytes);
  Queue* const chosen = choose(hash, arrival);
  const auto reason = refusal(chosen, frame.bytes, pieces);
  if (reason) [[unlikely]]
    return lose(frame, arrival.to.function, *reason, arrival.sole);
  Queue& q = *chosen;
  Packet& p = take_packet();
  p.frame = std::move(frame);
  p.frame.journey.enter(Stage::device, s_.timeline.now());
  p.queue = &q, p.pieces = pieces, p.moved = 0, p.length = p.frame.bytes, p.failed = false, p.sole = arrival.sole;
  p.hash = hash;
  set_level(buffered_ + p.length);
  q.waiting.push(&p);
  q.waiting_pieces += pieces, q.waiting_bytes += p.length;
  serve(q);
}

/// Whether the frame at the front may go: descriptors are there, and its function's rate allows it.
inline bool Receiver::may_move(Queue& q) {
  if (q.parked || q.waiting.empty()) return false;
  const Packet& p = *q.waiting.front();
  if (q.cache.size() < p.pieces) [[unlikely]] {
    fetch(q, p.pieces);
    return false;
  }
  Pacer& pacer = s_.policies[q.function].receive;
  if (!pacer.active() || pacer.take(s_.timeline.now(), p.length + fcs_bytes)) return true;
  park(q, pacer.earliest());
  return false;
}

void Receiver::park(Queue& q, const Time& until) {
  q.parked = true;
  parked_.park(q.index, until);
}

void Receiver::go_on(unsigned queue) {
  queues_[queue]->parked = false;
  serve(*queues_[queue]);
}

void Receiver::serve(Queue& q) {
  while (may_move(q)) {
    Packet& p = *q.waiting.pop();
    q.waiting_pieces -= p.pieces, q.waiting_bytes -= p.length;
    move(q, p);
  }
  fetch(q);
}

/// The payload leaves as one write per buffer; q.moving first, because a write may be over at once.
[[gnu::always_inline]] inline void Receiver::move(Queue& q, Packet& p) {
  const auto each = static_cast<std::uint32_t>(params_.descriptor_buffer.count);
  p.first_index = q.ring.head;
  q.ring.head = (q.ring.head + p.pieces) & (q.ring.length - 1);
  q.moving.push(&p);
  const unsigned pieces = p.pieces;
  for (unsigned i = 0; i < pieces; ++i) {
    const std::uint32_t offset = i * each, length = std::min(each, p.length - offset);
    DmaRequest& write = s_.dma.compose();
    write.write = true;
    write.address = q.cache.pop();
    write.length = length;
    write.data = slice(p, i, offset, length);
    write.ticket = payload_ticket | p.slot;
    if (i + 1 == pieces) write.journey = p.frame.journey;
    s_.dma.submit(q.channel);
  }
}

inline ByteBuffer Receiver::slice(Packet& p, unsigned piece, std::uint32_t offset, std::uint32_t length) {
  if (p.frame.data) [[unlikely]]
    return slice_of_data(p, offset, length);
  if (piece != 0) [[unlikely]]
    return {};
  ByteBuffer head = pool_.take(FrameHeader::header_bytes);
  p.frame.header.write(std::span<std::uint8_t, FrameHeader::header_bytes>(head.data(), head.size()), p.length);
  return head;
}

ByteBuffer Receiver::slice_of_data(Packet& p, std::uint32_t offset, std::uint32_t length) {
  if (p.pieces == 1) return std::move(p.frame.data);
  if (offset >= p.frame.data.size()) return {};
  const auto rest = p.frame.data.bytes().subspan(offset);
  return pool_.copy(rest.first(std::min<std::size_t>(rest.size(), length)));
}

void Receiver::dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&& data) {
  const std::uint32_t id = ticket & ticket_bits;
  switch (ticket & ~ticket_bits) {
    case fetch_ticket: return fetched(*queues_[id], status, data);
    case payload_ticket: return moved(*packets_[id], status);
    default: return written(*queues_[id], status == DmaStatus::success);
  }
}

inline void Receiver::write_result(const WriteBack& w, std::uint8_t* to) {
  nic::RxDescriptor d{};
  d.write_back.rss_hash = w.packet->hash;
  d.write_back.status_error = nic::descriptor_done | (w.last ? nic::rx_end_of_packet : 0);
  d.write_back.length = w.length;
  d.write_back.vlan = w.packet->frame.header.vlan;
  std::memcpy(to, &d, sizeof d);
}

/// One buffer's worth of payload has left; writes of a queue are over in order.
[[gnu::always_inline]] inline void Receiver::moved(Packet& p, DmaStatus status) {
  Queue& q = *p.queue;
  if (status != DmaStatus::success) [[unlikely]]
    p.failed = true;
  const auto each = static_cast<std::uint32_t>(params_.descriptor_buffer.count);
  const unsigned piece = p.moved++;
  const bool last = p.moved == p.pieces;
  WriteBack& w = q.results.extend();
  w.packet = &p, w.index = (p.first_index + piece) & (q.ring.length - 1), w.last = last;
  w.length = static_cast<std::uint16_t>(p.failed ? 0 : last ? p.length - piece * each : each);
  if (!last) return;
  q.moving.pop();
  set_level(buffered_ - p.length);
  if (q.moving.empty() || q.results.size() - q.leaving >= params_.write_back_batch) flush(q);
}

/// A journey whose payload left in this very instant stays on the link: the write-back follows in its wake.
[[gnu::always_inline]] inline void Receiver::flush(Queue& q) {
  const Time now = s_.timeline.now();
  while (q.results.size() > q.leaving) {
    const std::uint32_t first = q.results[q.leaving].index;
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(q.results.size() - q.leaving, q.ring.length - first));
    DmaRequest& write = s_.dma.compose();
    write.write = true;
    write.address = q.ring.at(first);
    write.length = n * DescriptorRing::descriptor_bytes;
    write.data = pool_.take(write.length);
    write.enters_link = false;
    write.ticket = write_back_ticket | q.index;
    std::uint8_t* to = write.data.data();
    for (std::uint32_t i = 0; i < n; ++i, to += DescriptorRing::descriptor_bytes) {
      const WriteBack& w = q.results[q.leaving++];
      write_result(w, to);
      if (!w.last) continue;
      write.journey = w.packet->frame.journey;
      if (const Journey* journey = write.journey.get(); journey && journey->since != now) write.journey.enter(Stage::completion, now);
    }
    q.batches.push(n);
    ++write_backs_;
    s_.dma.submit(q.channel);
  }
}

/// A write-back has left: its frames are the host's.
[[gnu::always_inline]] inline void Receiver::written(Queue& q, bool good) {
  const std::uint32_t n = q.batches.pop();
  for (std::uint32_t i = 0; i < n; ++i, --q.leaving) {
    Packet& p = *q.results.front().packet;
    const bool last = q.results.front().last;
    q.results.drop();
    if (!last) continue;
    if (good && !p.failed) [[likely]]
      deliver(q, p);
    else
      drop(p, DropReason::blocked_by_iommu);
  }
  s_.interrupts.raise(q.function, q.ring.vector());
}

inline void Receiver::deliver(const Queue& q, Packet& p) {
  s_.interrupts.join(q.function, q.ring.vector(), p.frame.journey);
  std::uint64_t* const counts = s_.table.cells(s_.table.row_of(q.function));
  ++counts[FunctionTable::rx_frames];
  counts[FunctionTable::rx_bytes] += p.length;
  ledger_.delivered();
  release(p);
}

void Receiver::set_level(std::uint64_t bytes) {
  buffered_ = bytes;
  occupancy_.set(buffered_, s_.timeline.now());
  flow_control_.level(buffered_);
}

void Receiver::drop(Packet& p, DropReason reason) {
  ++s_.table.dropped(p.queue->function, reason);
  if (p.sole) s_.packets.dropped(p.frame.header.id, reason);
  ledger_.dropped();
  release(p);
}

[[gnu::always_inline]] inline void Receiver::release(Packet& p) {
  if (p.frame.data) [[unlikely]]
    p.frame.data = {};
  p.next_free = std::exchange(free_, &p);
  --live_;
}

void Receiver::stop(Queue& q) {
  s_.dma.cancel(q.channel);
  q.ring.stop();
  q.cache.clear();
  q.batches.clear();
  q.leaving = q.waiting_pieces = q.waiting_bytes = 0, q.parked = false;
  for (Fifo<Packet*>* frames : {&q.waiting, &q.moving})
    while (!frames->empty()) {
      Packet& p = *frames->pop();
      set_level(buffered_ - p.length);
      drop(p, DropReason::reset);
    }
  while (!q.results.empty()) {
    const WriteBack w = q.results.pop();
    if (w.last) drop(*w.packet, DropReason::reset);
  }
}

}  // namespace iov::endpoint
