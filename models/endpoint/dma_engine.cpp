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
  free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
  slots_.push_back(std::make_unique<Request>());
}

inline std::uint32_t DmaEngine::take_slot() {
  if (free_slots_.empty()) add_slot();
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void DmaEngine::submit(unsigned channel, DmaRequest&& request) {
  if (request.length == 0) throw SimError(timeline_.now(), name(), "a DMA request of no bytes");
  const std::uint32_t slot = take_slot();
  Request& q = *slots_[slot];
  q.r = std::move(request);
  q.channel = channel;
  q.issued = q.tlps = 0;
  q.live = true, q.queued = q.in_setup = q.translating = q.cancelled = false;
  q.status = DmaStatus::success;
  q.started = timeline_.now();
  ++live_;
  if (!q.r.write && q.r.real_bytes) q.buffer = pool_.take(q.r.real_bytes);
  if (q.r.write || params_.read_setup == Time()) return enqueue(slot);
  q.in_setup = true;
  prefetch_object(*channels_[channel]);
  setup_.push(timeline_.now() + params_.read_setup, std::uint32_t{slot});
}

void DmaEngine::enqueue(std::uint32_t slot) {
  Request& q = *slots_[slot];
  q.in_setup = false;
  if (q.cancelled) return retire(slot);
  const Direction d = q.r.write ? writes : reads;
  Lane& lane = channels_[q.channel]->lane[d];
  append(lane, slot);
  if (translates(q)) start_translation(slot);
  list(q.channel, lane, d);
  pump();
}

void DmaEngine::append(Lane& lane, std::uint32_t slot) {
  (lane.queued++ == 0 ? lane.first : slots_[lane.last]->next) = slot;
  lane.last = slot;
  slots_[slot]->queued = true;
}

/// Asks for the page of the next byte. Ahead of the request's turn, so that misses of one channel overlap.
void DmaEngine::start_translation(std::uint32_t slot) {
  Request& q = *slots_[slot];
  Channel& c = *channels_[q.channel];
  TlbLookup lookup{c.space, q.r.address + q.issued, q.r.length - q.issued, q.r.write, false};
  Lane& lane = c.lane[q.r.write ? writes : reads];
  const std::uint64_t ends = range_begin(lookup.address + lookup.bytes - 1, 12);
  lookup.stream = lookup.page() - lane.last_page <= translation_unit && ends != lane.last_page;
  lane.last_page = ends;
  q.translating = true;
  q.r.journey.enter(Stage::translation, timeline_.now());
  tlb_.translate(lookup, slot, *this);
}

void DmaEngine::translated(std::uint32_t slot, const Grant& grant) {
  Request& q = *slots_[slot];
  q.translating = false;
  q.grant = grant;
  if (q.cancelled && !q.queued && q.tlps == 0) return retire(slot);
  if (grant.kind == Grant::Kind::refused) fail(q, DmaStatus::not_translated);
  q.r.journey.enter(Stage::device, timeline_.now());
  list(q.channel, q.r.write ? writes : reads);
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
  ByteBuffer& buffer = slots_[read.slot]->buffer;
  const std::size_t to = read.base + offset;
  if (!tlp.data || !buffer || to >= buffer.size()) return;
  std::memcpy(buffer.data() + to, tlp.data.data(), std::min(tlp.data.size(), buffer.size() - to));
}

void DmaEngine::timed_out(std::uint16_t tag) { read_over(tag, DmaStatus::timeout); }

void DmaEngine::read_over(std::uint16_t tag, DmaStatus status) {
  const ReadTlp read = read_tlps_[tag];
  Request& q = *slots_[read.slot];
  tlb_.give_back(read.use);
  --q.tlps, --outstanding_, --channels_[q.channel]->reads;
  let_go(*channels_[q.channel]);
  if (status != DmaStatus::success) fail(q, status);
  list(q.channel, reads);
  if (!q.queued && q.tlps == 0 && !q.translating) retire(read.slot);
  pump();
}

void DmaEngine::fail(Request& q, DmaStatus status) {
  q.status = status;
  q.issued = q.r.length;  // sends nothing more
}

void DmaEngine::drop_grant(Request& q) {
  if (q.grant.use != Grant::no_use) tlb_.give_back(q.grant.use);
  q.grant = {};
}

void DmaEngine::retire(std::uint32_t slot) {
  Request& q = *slots_[slot];
  drop_grant(q);
  DmaClient* const client = q.cancelled ? nullptr : channels_[q.channel]->client;
  const std::uint32_t ticket = q.r.ticket;
  const DmaStatus status = q.status;
  ByteBuffer data = std::move(q.buffer);
  if (!q.r.write && status == DmaStatus::success && client) read_latency_.record(timeline_.now() - q.started);
  if (status != DmaStatus::success) ++failed_;
  if (q.r.data) q.r.data = ByteBuffer();
  q.live = false;
  --live_;
  free_slots_.push_back(slot);
  if (client) client->dma_done(ticket, status, std::move(data));
}

void DmaEngine::cancel(unsigned channel) {
  let_go(*channels_[channel]);
  for (Lane& lane : channels_[channel]->lane)
    while (lane.queued > 0) take_first(lane);
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    Request& q = *slots_[slot];
    if (!q.live || q.channel != channel || q.cancelled) continue;
    q.cancelled = true;
    q.issued = q.r.length;
    if (q.tlps == 0 && !q.translating && !q.in_setup) retire(slot);
  }
}

std::string DmaEngine::pending() const {
  return live_ == 0 ? std::string() : std::to_string(live_) + " pending";
}

}  // namespace iov::endpoint
