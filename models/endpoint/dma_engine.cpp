// SPDX-License-Identifier: Apache-2.0
/// Requests as they come, their translations, their answers.
#include "models/endpoint/dma_engine.h"

#include <algorithm>

namespace iov::endpoint {

DmaEngine::DmaEngine(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
                     OutstandingRequests& requests, DeviceTlb& tlb)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      port_(port),
      requests_(requests),
      tlb_(tlb),
      link_(port.limits()),
      limits_(link_),
      read_tlps_(limits_.tags) {
  port.on_drained(bind<&DmaEngine::pump>(this));
  tlb.on_draining(bind<&DmaEngine::drop_draining>(this));
  requests.bound(params.outstanding_reads);
}

unsigned DmaEngine::add_channel(RequesterId requester, DmaClient& client, Pasid pasid) {
  Channel& c = *channels_.emplace_back(std::make_unique<Channel>());
  c.space = space_of(requester, pasid), c.client = &client;
  return static_cast<unsigned>(channels_.size() - 1);
}

void DmaEngine::allow(RequesterId function, const Permission& what) {
  for (const auto& channel : channels_) {
    Channel& c = *channel;
    if (c.space.function != function) continue;
    c.ats = what.ats, c.no_snoop = what.no_snoop;
    c.refusal = !what.bus_master                         ? DmaStatus::not_bus_master
                : c.space.pasid.present() && !what.pasid ? DmaStatus::not_pasid
                                                         : DmaStatus::success;
  }
}

void DmaEngine::set_sizes(std::uint32_t max_payload, std::uint32_t max_read_request) {
  limits_.max_payload = max_payload, limits_.max_read_request = max_read_request;
}

void DmaEngine::set_requester(unsigned channel, RequesterId requester) {
  AddressSpace& space = channels_[channel]->space;
  space = space_of(requester, space.pasid);
}

AddressSpace DmaEngine::space_of(RequesterId requester, Pasid pasid) {
  const std::uint64_t key = requester.value | std::uint64_t{pasid.value} << 16;
  return {requester, pasid, tenants_.try_emplace(key, static_cast<unsigned>(tenants_.size())).first->second};
}

void DmaEngine::add_slot() {
  free_ = slots_.emplace_back(std::make_unique<Request>()).get();
  free_->slot = static_cast<std::uint32_t>(slots_.size() - 1);
}

void DmaEngine::begin(Request& q) {
  if (q.r.length == 0) [[unlikely]] throw SimError(timeline_.now(), name(), "a DMA request of no bytes");
  q.issued = q.tlps = 0;
  q.live = true, q.queued = q.in_setup = q.translating = q.cancelled = false;
  q.status = DmaStatus::success;
  ++live_;
  q.r.write ? enqueue(q, writes) : prepare_read(q);
}

void DmaEngine::prepare_read(Request& q) {
  if (q.r.real_bytes) q.buffer = pool_.take(q.r.real_bytes);
  if (params_.read_setup == Time()) return enqueue(q, reads);
  q.in_setup = true;
  iov::prefetch(q.channel);
  setup_.push(timeline_.now() + params_.read_setup, &q);
}

void DmaEngine::set_up(Request*&& q) {
  q->in_setup = false;
  q->cancelled ? retire(*q) : enqueue(*q, reads);
}

inline void DmaEngine::enqueue(Request& q, Direction d) {
  append(q.channel->lane[d], q);
  if (translates(q)) start_translation(q);
  list(*q.channel, d);
  pump();
}

/// Asks for the page of the next byte. Ahead of the request's turn, so that misses of one channel overlap.
void DmaEngine::start_translation(Request& q) {
  Channel& c = *q.channel;
  TlbLookup lookup{c.space, q.r.address + q.issued, q.r.length - q.issued, q.r.write, false};
  Lane& lane = c.lane[q.r.write ? writes : reads];
  const std::uint64_t ends = range_begin(lookup.address + lookup.bytes - 1, 12);
  lookup.stream = lookup.page() - lane.last_page <= translation_unit && ends != lane.last_page;
  lane.last_page = ends;
  q.translating = true;
  q.r.journey.enter(Stage::translation, timeline_.now());
  tlb_.translate(lookup, q.slot, *this);
}

void DmaEngine::translated(std::uint32_t slot, const Grant& grant) {
  Request& q = *slots_[slot];
  q.translating = false;
  q.grant = grant;
  if (q.cancelled && !q.queued && q.tlps == 0) return retire(q);
  if (grant.kind == Grant::Kind::refused) fail(q, DmaStatus::not_translated);
  q.r.journey.enter(Stage::device, timeline_.now());
  list(*q.channel, q.r.write ? writes : reads);
  pump();
  if (tlb_.draining(grant.use)) drop_draining();
}

/// A request that waits its turn must not hold up an invalidation: what is before it may wait for a page whose frame
/// comes free only with that invalidation. What is in flight keeps its own uses.
void DmaEngine::drop_draining() {
  for (const auto& q : slots_)
    if (q->live && q->queued && tlb_.draining(q->grant.use)) drop_grant(*q);
}

void DmaEngine::completion(std::uint16_t tag, const Tlp& tlp, std::uint32_t offset, bool last) {
  const ReadTlp read = read_tlps_[tag];
  if (tlp.status == CompletionStatus::success) keep(read, tlp, offset);
  if (!last) return;
  const bool aborted = tlp.status == CompletionStatus::abort;
  read_over(tag, tlp.status == CompletionStatus::success ? DmaStatus::success
                 : aborted                               ? DmaStatus::completer_abort
                                                         : DmaStatus::unsupported_request);
}

void DmaEngine::keep(const ReadTlp& read, const Tlp& tlp, std::uint32_t offset) {
  ByteBuffer& buffer = read.request->buffer;
  const std::size_t to = read.base + offset;
  if (!tlp.data || !buffer || to >= buffer.size()) return;
  std::memcpy(buffer.data() + to, tlp.data.data(), std::min(tlp.data.size(), buffer.size() - to));
}

void DmaEngine::timed_out(std::uint16_t tag) { read_over(tag, DmaStatus::timeout); }

void DmaEngine::read_over(std::uint16_t tag, DmaStatus status) {
  const ReadTlp read = read_tlps_[tag];
  Request& q = *read.request;
  tlb_.give_back(read.use);
  --q.tlps, --outstanding_, --q.channel->reads;
  let_go(*q.channel);
  if (status != DmaStatus::success) fail(q, status);
  list(*q.channel, reads);
  if (!q.queued && q.tlps == 0 && !q.translating) retire(q);
  pump();
}

void DmaEngine::fail(Request& q, DmaStatus status) {
  q.status = status;
  q.issued = q.r.length;  // sends nothing more
}

void DmaEngine::retire(Request& q) {
  drop_grant(q);
  DmaClient* const client = q.cancelled ? nullptr : q.channel->client;
  const std::uint32_t ticket = q.r.ticket;
  const DmaStatus status = q.status;
  ByteBuffer data = std::move(q.buffer);
  if (!q.r.write && status == DmaStatus::success && client) read_latency_.record(timeline_.now() - q.started);
  if (status != DmaStatus::success) ++failed_;
  if (q.r.data) q.r.data = ByteBuffer();
  q.live = false;
  --live_;
  q.next = std::exchange(free_, &q);
  if (client) client->dma_done(ticket, status, std::move(data));
}

void DmaEngine::cancel(unsigned channel) {
  Channel& c = *channels_[channel];
  let_go(c);
  for (Lane& lane : c.lane)
    while (lane.first) take_first(lane);
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    Request& q = *slots_[slot];
    if (!q.live || q.channel != &c || q.cancelled) continue;
    q.cancelled = true;
    q.issued = q.r.length;
    if (q.tlps == 0 && !q.translating && !q.in_setup) retire(q);
  }
}

std::string DmaEngine::pending() const {
  return live_ == 0 ? std::string() : std::to_string(live_) + " pending";
}

}  // namespace iov::endpoint
