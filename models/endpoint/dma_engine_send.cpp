// SPDX-License-Identifier: Apache-2.0
/// Whose turn it is, and the TLPs.
#include <algorithm>

#include "models/endpoint/dma_engine.h"
#include "models/endpoint/splitter.h"

namespace iov::endpoint {

void DmaEngine::list(unsigned channel, Lane& lane, Direction d) {
  if (lane.listed || lane.queued == 0) return;
  lane.listed = true;
  ready_[d].push(channel);
}

void DmaEngine::pump() {
  if (pumping_) return;  // an answer asked for more: the loop below will see it
  pumping_ = true;
  for (bool moved = true; moved;) {
    moved = serve(writes);
    moved |= serve(reads);
  }
  pumping_ = false;
}

/// Serves one direction until nothing is ready or the shared resource is used up.
bool DmaEngine::serve_ready(Direction d) {
  bool moved = false;
  while (!ready_[d].empty() && room(d)) {
    const unsigned channel = ready_[d].front();
    Channel& c = *channels_[channel];
    Lane& lane = c.lane[d];
    if (lane.queued == 0) [[unlikely]] {  // cancelled meanwhile
      ready_[d].pop();
      lane.listed = false;
      continue;
    }
    const std::uint32_t slot = lane.first;
    Request& q = *slots_[slot];
    const Progress progress = advance(slot, q, c);
    moved = true;
    if (progress == Progress::starved) continue;  // room() says what is missing
    ready_[d].pop();
    lane.listed = false;
    if (progress == Progress::blocked) continue;  // list() again when what it waits for is there
    take_first(lane, q);
    list(channel, lane, d);
    if (q.tlps == 0) retire(slot);
  }
  return moved;
}

bool DmaEngine::room(Direction d) {
  if (d == writes) {
    if (port_.backlog(FcClass::posted) < params_.posted_backlog) return true;
    ++write_stalls_;
    return false;  // on_drained
  }
  if (outstanding_ < params_.outstanding_reads && !requests_.full()) return true;
  ++read_stalls_;
  if (requests_.full()) requests_.wait(*this);
  return false;
}

[[gnu::always_inline]] inline DmaEngine::Progress DmaEngine::advance(std::uint32_t slot, Request& q, Channel& c) {
  const bool by_tlb = translates(q);
  while (q.issued < q.r.length) {
    if (q.translating) return Progress::blocked;
    if (c.refusal != DmaStatus::success) [[unlikely]] {
      fail(q, c.refusal);
      break;
    }
    if (by_tlb && !has_address(q)) {
      drop_grant(q);
      start_translation(slot);
      continue;
    }
    if (!q.r.write && c.reads >= params_.outstanding_reads_per_channel) return hold(c);
    const std::uint64_t here = q.r.address + q.issued;
    std::uint32_t left = q.r.length - q.issued;
    if (q.grant.kind != Grant::Kind::refused)
      left = static_cast<std::uint32_t>(std::min<std::uint64_t>(left - 1, q.grant.last - here) + 1);
    if (q.r.write && write_together(q, c, left)) continue;
    if (!room(q.r.write ? writes : reads)) return Progress::starved;
    send(slot, q, c, next_piece(here, left, q.r.write ? limits_.max_payload : limits_.max_read_request));
  }
  if (!q.translating) drop_grant(q);
  return q.translating ? Progress::blocked : Progress::finished;
}

DmaEngine::Progress DmaEngine::hold(Channel& channel) {
  if (!std::exchange(channel.held, true)) count_held(), ++held_;
  return Progress::blocked;
}

void DmaEngine::let_go(Channel& channel) {
  if (std::exchange(channel.held, false)) count_held(), --held_;
}

/// In pieces: of many queues one is always held.
void DmaEngine::count_held() {
  const Time now = timeline_.now();
  if (held_ > 0) held_reads_.add(now - held_since_);
  held_since_ = now;
}

bool DmaEngine::translates(const Request& q) const {
  return tlb_.enabled() && q.r.translate && q.r.at == AddressType::untranslated && channels_[q.channel]->ats;
}

bool DmaEngine::has_address(const Request& q) {
  const std::uint64_t here = q.r.address + q.issued;
  return q.grant.kind != Grant::Kind::refused && here >= q.grant.begin && here <= q.grant.last;
}

/// Who writes or reads where.
inline void DmaEngine::place(const Request& q, const Channel& c, Tlp& tlp) const {
  tlp.requester = c.space.function;
  tlp.no_snoop = params_.no_snoop && c.no_snoop && q.r.translate && !q.grant.snoop_only;
  if (q.grant.kind == Grant::Kind::translated) {  // needs no PASID (10.1.3)
    tlp.at = AddressType::translated;
    tlp.address = q.grant.target + (q.r.address + q.issued - q.grant.begin);
  } else {
    tlp.at = q.r.at;
    tlp.address = q.r.address + q.issued;
    tlp.pasid = c.space.pasid;
  }
}

inline void DmaEngine::check(const Request& q, const Tlp& tlp) {
  rule_breaks_ += !keeps_rules(tlp.address, tlp.length, q.r.write ? link_.max_payload : link_.max_read_request);
  if (tlp.at == AddressType::translated) check_translated(q, tlp);
}

void DmaEngine::check_translated(const Request& q, const Tlp& tlp) {
  ++translated_;
  ungranted_ += !tlb_.covers(q.grant.use, tlp.address, tlp.length);
}

inline void DmaEngine::send(std::uint32_t slot, Request& q, Channel& c, std::uint32_t length) {
  Tlp tlp;
  tlp.type = q.r.write ? TlpType::memory_write : TlpType::memory_read;
  tlp.length = length;
  place(q, c, tlp);
  check(q, tlp);
  if (q.issued + length == q.r.length) take_along(q, tlp);
  if (q.r.write) {
    attach(q, tlp);
    ++writes_;
    write_bytes_ += length;
  } else {
    send_read(slot, q, c, tlp);
  }
  q.issued += length;
  port_.send(std::move(tlp));
}

/// The journey, with the last TLP.
inline void DmaEngine::take_along(const Request& q, Tlp& tlp) {
  tlp.journey = q.r.journey;
  if (q.r.enters_link) tlp.journey.enter(Stage::link, timeline_.now());
}

/// TLPs of a write that nothing holds up, all in one go. @returns false: they may have to wait, so one by one
bool DmaEngine::write_together(Request& q, const Channel& c, std::uint32_t left) {
  const std::uint32_t limit = limits_.max_payload, agreed_payload = link_.max_payload, before = q.issued;
  const auto most = std::min(left / limit + 3, TlpPort::most_together);  // short ones: first, at a page's end, last
  if (!port_.clear_for(FcClass::posted, most, std::min(left, most * limit) + 6)) return false;  // whole DWs at both ends
  Tlp* const tlps = together_.data();
  static_cast<TlpHeader&>(*tlps) = {};
  tlps->type = TlpType::memory_write;
  place(q, c, *tlps);
  std::uint64_t here = q.r.address + before, target = tlps->address;
  std::uint32_t n = 0, breaks = 0;
  do {
    Tlp& tlp = tlps[n];
    if (n > 0) static_cast<TlpHeader&>(tlp) = *tlps;
    const std::uint32_t length = next_piece(here, left, limit);
    tlp.address = target, tlp.length = length;
    breaks += !keeps_rules(target, length, agreed_payload);
    if (q.r.data) attach(q, tlp);
    here += length, target += length, left -= length;
    q.issued += length;
  } while (++n < most && left > 0);
  rule_breaks_ += breaks;
  if (tlps->at == AddressType::translated)
    for (std::uint32_t i = 0; i < n; ++i) check_translated(q, tlps[i]);
  if (q.issued == q.r.length) take_along(q, tlps[n - 1]);
  writes_ += n;
  write_bytes_ += q.issued - before;
  port_.send_together({tlps, n});
  return true;
}

/// The bytes that exist.
inline void DmaEngine::attach(Request& q, Tlp& tlp) {
  if (q.issued == 0 && q.r.data.size() <= tlp.length)
    tlp.data = std::move(q.r.data);
  else
    attach_part(q, tlp);
}

void DmaEngine::attach_part(Request& q, Tlp& tlp) {
  if (q.issued >= q.r.data.size()) return;
  const auto rest = q.r.data.bytes().subspan(q.issued);
  tlp.data = pool_.copy(rest.first(std::min<std::size_t>(rest.size(), tlp.length)));
}

void DmaEngine::send_read(std::uint32_t slot, Request& q, Channel& c, Tlp& tlp) {
  tlp.want_bytes = q.issued < q.r.real_bytes ? std::min(q.r.real_bytes - q.issued, tlp.length) : 0;
  tlp.tag = requests_.take(*this, tlp.requester, tlp.length);
  read_tlps_[tlp.tag] = {slot, q.issued, q.grant.use};
  tlb_.hold(q.grant.use);
  if (q.issued == 0) q.started = timeline_.now();
  ++q.tlps, ++outstanding_, ++c.reads;
  ++reads_;
  read_bytes_ += tlp.length;
}

}  // namespace iov::endpoint
