// SPDX-License-Identifier: Apache-2.0
/// Whose turn it is, and the TLPs.
#include <algorithm>
#include <bit>

#include "models/endpoint/dma_engine.h"
#include "models/endpoint/splitter.h"

namespace iov::endpoint {

void DmaEngine::pump() {
  if (pumping_) return;  // an answer asked for more: the loop below will see it
  pumping_ = true;
  for (bool moved = true; moved;) {
    moved = !ready_[writes].empty() && serve<writes>();
    if (!ready_[reads].empty()) moved |= serve<reads>();
  }
  pumping_ = false;
}

/// Serves one direction until nothing is ready or the shared resource is used up.
template <DmaEngine::Direction d>
bool DmaEngine::serve() {
  bool moved = false;
  while (!ready_[d].empty() && room<d>()) {
    Channel& c = *ready_[d].front();
    Lane& lane = c.lane[d];
    if (!lane.first) [[unlikely]] {  // cancelled meanwhile
      ready_[d].pop();
      lane.listed = false;
      continue;
    }
    Request& q = *lane.first;
    const Progress progress = advance<d>(q, c);
    moved = true;
    if (progress == Progress::starved) [[unlikely]]
      continue;  // room() says what is missing
    ready_[d].pop();
    lane.listed = false;
    if (progress == Progress::blocked) [[unlikely]]
      continue;  // list() again when what it waits for is there
    take_first(lane);
    list(c, d);
    if (d == writes || q.tlps == 0) retire(q);
  }
  return moved;
}

template <DmaEngine::Direction d>
inline bool DmaEngine::room() {
  if constexpr (d == writes) {
    if (port_.backlog(FcClass::posted) < params_.posted_backlog) return true;
    ++write_stalls_;
    return false;  // on_drained
  }
  if (outstanding_ < params_.outstanding_reads && !requests_.full()) return true;
  ++read_stalls_;
  if (requests_.full()) requests_.wait(*this);
  return false;
}

template <DmaEngine::Direction d>
[[gnu::always_inline]] inline DmaEngine::Progress DmaEngine::advance(Request& q, Channel& c) {
  const bool by_tlb = translates(q);
  while (q.issued < q.r.length) {
    if (q.translating) [[unlikely]]
      return Progress::blocked;
    if (c.refusal != DmaStatus::success) [[unlikely]] {
      fail(q, c.refusal);
      break;
    }
    if (by_tlb && !has_address(q)) [[unlikely]] {
      drop_grant(q);
      start_translation(q);
      continue;
    }
    if (d == reads && c.reads >= params_.outstanding_reads_per_channel) return hold(c);
    const std::uint64_t here = q.r.address + q.issued;
    std::uint32_t left = q.r.length - q.issued;
    if (q.grant.kind != Grant::Kind::refused) [[unlikely]]
      left = static_cast<std::uint32_t>(std::min<std::uint64_t>(left - 1, q.grant.last - here) + 1);
    if (d == writes && write_together(q, c, left)) [[likely]]
      continue;
    if (!room<d>()) return Progress::starved;
    send<d>(q, c, next_piece(here, left, d == writes ? limits_.max_payload : limits_.max_read_request));
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
  return tlb_.enabled() && q.r.translate && q.r.at == AddressType::untranslated && q.channel->ats;
}

bool DmaEngine::has_address(const Request& q) {
  const std::uint64_t here = q.r.address + q.issued;
  return q.grant.kind != Grant::Kind::refused && here >= q.grant.begin && here <= q.grant.last;
}

/// Who writes or reads where.
inline void DmaEngine::place(const Request& q, const Channel& c, Tlp& tlp) const {
  tlp.requester = c.space.function;
  tlp.no_snoop = params_.no_snoop && c.no_snoop && q.r.translate && !q.grant.snoop_only;
  if (q.grant.kind == Grant::Kind::translated) [[unlikely]] {  // needs no PASID (10.1.3)
    tlp.at = AddressType::translated;
    tlp.address = q.grant.target + (q.r.address + q.issued - q.grant.begin);
  } else {
    tlp.at = q.r.at;
    tlp.address = q.r.address + q.issued;
    tlp.pasid = c.space.pasid;
  }
}

inline void DmaEngine::check(const Request& q, const Tlp& tlp, std::uint32_t limit) {
  if (!keeps_rules(tlp.address, tlp.length, limit)) [[unlikely]] ++rule_breaks_;
  if (tlp.at == AddressType::translated) [[unlikely]]
    check_translated(q, tlp);
}

void DmaEngine::check_translated(const Request& q, const Tlp& tlp) {
  ++translated_;
  ungranted_ += !tlb_.covers(q.grant.use, tlp.address, tlp.length);
}

template <DmaEngine::Direction d>
[[gnu::noinline]] void DmaEngine::send(Request& q, Channel& c, std::uint32_t length) {
  Tlp tlp;
  tlp.type = d == writes ? TlpType::memory_write : TlpType::memory_read;
  tlp.length = length;
  place(q, c, tlp);
  check(q, tlp, d == writes ? link_.max_payload : link_.max_read_request);
  if (q.issued + length == q.r.length) take_along(q, tlp);
  if constexpr (d == writes) {
    attach(q, q.issued, tlp);
    ++writes_;
    write_bytes_ += length;
  } else {
    send_read(q, c, tlp);
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
  const auto most = std::min((left >> std::countr_zero(limit)) + 3, TlpPort::most_together);  // short ones: first, at a page's end, last
  if (!port_.clear_for(FcClass::posted, most, std::min(left, most * limit) + 6)) return false;  // whole DWs at both ends
  Tlp* const tlps = together_.data();
  static_cast<TlpHeader&>(*tlps) = {};
  tlps->type = TlpType::memory_write;
  place(q, c, *tlps);
  const std::uint32_t end = before + left;
  Tlp* tlp = tlps;
  for (std::uint64_t address = tlps->address;;) {
    const std::uint32_t length = next_piece(address, left, limit);
    tlp->address = address, tlp->length = length;
    check(q, *tlp, agreed_payload);
    if (q.r.data) attach(q, end - left, *tlp);
    address += length, left -= length, ++tlp;
    if (left == 0 || tlp == tlps + most) break;
    static_cast<TlpHeader&>(*tlp) = *tlps;
  }
  q.issued = end - left;
  if (q.issued == q.r.length) take_along(q, tlp[-1]);
  const auto n = static_cast<std::size_t>(tlp - tlps);
  writes_ += n;
  write_bytes_ += q.issued - before;
  port_.send_together({tlps, n});
  return true;
}

/// The bytes that exist.
inline void DmaEngine::attach(Request& q, std::uint32_t at, Tlp& tlp) {
  if (at == 0 && q.r.data.size() <= tlp.length)
    tlp.data = std::move(q.r.data);
  else
    attach_part(q, at, tlp);
}

void DmaEngine::attach_part(const Request& q, std::uint32_t at, Tlp& tlp) {
  if (at >= q.r.data.size()) return;
  const auto rest = q.r.data.bytes().subspan(at);
  tlp.data = pool_.copy(rest.first(std::min<std::size_t>(rest.size(), tlp.length)));
}

inline void DmaEngine::send_read(Request& q, Channel& c, Tlp& tlp) {
  tlp.want_bytes = q.issued < q.r.real_bytes ? std::min(q.r.real_bytes - q.issued, tlp.length) : 0;
  tlp.tag = requests_.take(*this, tlp.requester, tlp.length);
  read_tlps_[tlp.tag] = {&q, q.issued, q.grant.use};
  tlb_.hold(q.grant.use);
  if (q.issued == 0) q.started = timeline_.now();
  ++q.tlps, ++outstanding_, ++c.reads;
  ++reads_;
  read_bytes_ += tlp.length;
}

}  // namespace iov::endpoint
