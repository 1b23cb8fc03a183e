// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/device_tlb.h"

#include <algorithm>

namespace iov::endpoint {

namespace {
constexpr Grant everything_untranslated{Grant::Kind::untranslated, false, Grant::no_use, 0, ~std::uint64_t{0}, 0};
}

DeviceTlb::DeviceTlb(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
                     OutstandingRequests& requests)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      port_(port),
      requests_(requests),
      cache_(params.cache),
      miss_of_tag_(port.limits().tags),
      sent_at_(port.limits().tags) {}

bool DeviceTlb::ats_off(RequesterId function) const {
  return !ats_off_.empty() && std::find(ats_off_.begin(), ats_off_.end(), function) != ats_off_.end();
}

void DeviceTlb::translate(RequesterId function, Pasid pasid, std::uint64_t address, bool write, std::uint32_t ticket,
                          TlbClient& client) {
  const Waiter waiter{&client, ticket, address, write};
  if (ats_off(function)) return client.translated(ticket, everything_untranslated);
  ++lookups_;
  const Translation* found = cache_.lookup(function, pasid, address);
  // A cached read-only page does not answer a write: the IOMMU may grant more by now (10.2.2).
  if (!found || (write && !found->writable)) return miss(function, pasid, waiter);
  ++hits_;
  Hit answer{waiter, grant(function, pasid, waiter, *found)};
  if (params_.hit_latency == Time()) return hit(std::move(answer));
  hits_pipe_.push(timeline_.now() + params_.hit_latency, std::move(answer));
}

Grant DeviceTlb::grant(RequesterId function, Pasid pasid, const Waiter& waiter, const Translation& t) {
  if (!(waiter.write ? t.writable : t.readable)) {
    ++refused_;
    return {};
  }
  const std::uint64_t begin = range_begin(waiter.address, t.log2_page);
  const std::uint64_t last = t.log2_page >= 64 ? ~0ull : begin + ((std::uint64_t{1} << t.log2_page) - 1);
  if (free_uses_.empty()) {
    free_uses_.push_back(static_cast<std::uint32_t>(uses_.size()));
    uses_.emplace_back();
  }
  const std::uint32_t use = free_uses_.back();
  free_uses_.pop_back();
  uses_[use] = {1, 0, function, pasid, begin, last, t.address};
  const auto kind = t.untranslated_only ? Grant::Kind::untranslated : Grant::Kind::translated;
  return {kind, t.snoop_only, use, begin, last, t.address};
}

void DeviceTlb::give_back(std::uint32_t use) {
  if (use == Grant::no_use) return;
  Use& u = uses_[use];
  if (--u.count != 0) return;
  free_uses_.push_back(use);
  for (unsigned itag = 0; u.drains != 0; ++itag, u.drains >>= 1)
    if ((u.drains & 1) && --invalidations_[itag].uses == 0) complete(itag);
}

bool DeviceTlb::covers(std::uint32_t use, std::uint64_t target, std::uint32_t bytes) const {
  if (use >= uses_.size()) return false;
  const Use& u = uses_[use];
  return u.count != 0 && target >= u.target && target + bytes - 1 <= u.target + (u.last - u.first);
}

void DeviceTlb::miss(RequesterId function, Pasid pasid, const Waiter& waiter) {
  const std::uint64_t page = range_begin(waiter.address, 12);
  for (Miss& m : misses_) {
    if (!m.live || m.function != function || m.pasid != pasid || m.page != page) continue;
    if (waiter.write && !m.write) continue;  // a read-only request may be answered without W
    ++merged_;
    return m.waiters.push_back(waiter);
  }
  if (free_misses_.empty()) {
    free_misses_.push_back(static_cast<std::uint32_t>(misses_.size()));
    misses_.emplace_back();
  }
  const std::uint32_t index = free_misses_.back();
  free_misses_.pop_back();
  Miss& m = misses_[index];
  m.function = function, m.pasid = pasid, m.page = page;
  m.write = waiter.write, m.sent = m.stale = false, m.live = true;
  m.waiters.assign(1, waiter);
  unsent_.push(index);
  send_misses();
}

void DeviceTlb::send_misses() {
  while (!unsent_.empty() && in_flight_ < params_.outstanding) {
    if (requests_.full()) return requests_.wait(*this);
    send_request(unsent_.pop());
  }
}

void DeviceTlb::send_request(std::uint32_t index) {
  Miss& m = misses_[index];
  Tlp tlp;
  tlp.type = TlpType::memory_read;
  tlp.at = AddressType::translation_request;
  tlp.requester = m.function;
  tlp.pasid = m.pasid;
  tlp.address = m.page;
  tlp.no_write = !m.write;
  tlp.length = tlp.want_bytes = 8;  // one translation (10.2.2)
  tlp.tag = requests_.take(*this, m.function, 8);
  miss_of_tag_[tlp.tag] = index;
  sent_at_[tlp.tag] = timeline_.now();
  m.sent = true;
  ++in_flight_, ++sent_;
  port_.send(std::move(tlp));
}

void DeviceTlb::completion(std::uint16_t tag, const Tlp& tlp, std::uint32_t, bool) {
  if (tlp.status != CompletionStatus::success) return resolve(tag, tlp.status, {});
  if (tlp.data.size() < 8) return resolve(tag, CompletionStatus::abort, {});
  std::uint64_t entry = 0;
  std::memcpy(&entry, tlp.data.data(), 8);
  resolve(tag, CompletionStatus::success, decode_translation(entry));
}

void DeviceTlb::resolve(std::uint16_t tag, CompletionStatus status, const Translation& t) {
  const std::uint32_t index = miss_of_tag_[tag];
  Miss& m = misses_[index];
  --in_flight_;
  miss_latency_.record(timeline_.now() - sent_at_[tag]);
  if (m.stale && status == CompletionStatus::success) {  // it may be the translation just invalidated: ask again
    ++discarded_;
    m.stale = m.sent = false;
    unsent_.push(index);
    return send_misses();
  }
  Miss done = std::move(m);
  misses_[index].live = false;
  free_misses_.push_back(index);
  if (status == CompletionStatus::unsupported_request && !ats_off(done.function)) ats_off_.push_back(done.function);
  if (status == CompletionStatus::success && (t.readable || t.writable))
    cache_.fill(done.function, done.pasid, done.page, t);
  answer(done, status, t);
  send_misses();
}

void DeviceTlb::answer(const Miss& miss, CompletionStatus status, const Translation& t) {
  for (const Waiter& waiter : miss.waiters) {
    Grant g;
    if (status == CompletionStatus::unsupported_request)
      g = everything_untranslated;
    else if (status == CompletionStatus::success)
      g = grant(miss.function, miss.pasid, waiter, t);
    waiter.client->translated(waiter.ticket, g);
  }
}

void DeviceTlb::invalidate(const Tlp& request) {
  const RequesterId function = request.completer;
  const InvalidateRange range = decode_invalidate(request.address);
  const unsigned itag = request.tag & 31u;
  ++invalidate_requests_;
  invalidated_ += cache_.invalidate(function, request.pasid, range);
  const auto hits = [&](RequesterId f, Pasid p, std::uint64_t first, std::uint64_t last) {
    return f == function && (range.all_pasids || p == request.pasid) && range.overlaps(first, last);
  };
  for (Miss& m : misses_)
    if (m.live && m.sent && hits(m.function, m.pasid, m.page, m.page + 0xfff)) m.stale = true;
  Invalidation& invalidation = invalidations_[itag];
  invalidation = {true, 0, function, request.requester};
  for (Use& u : uses_) {
    if (u.count == 0 || !hits(u.function, u.pasid, u.first, u.last)) continue;
    u.drains |= 1u << itag;
    ++invalidation.uses;
  }
  if (invalidation.uses == 0) complete(itag);
}

void DeviceTlb::complete(unsigned itag) {
  invalidations_[itag].pending = false;
  Tlp tlp;
  tlp.type = TlpType::message;
  tlp.message = MessageCode::invalidate_completion;
  tlp.requester = invalidations_[itag].function;
  tlp.completer = invalidations_[itag].agent;
  tlp.address = std::uint64_t{1} << itag;  // ITag vector
  tlp.byte_count = 1;                      // completion count: one traffic class in use (10.3.2)
  port_.send(std::move(tlp));
}

void DeviceTlb::forget(RequesterId function) {
  cache_.forget(function);
  std::erase(ats_off_, function);
  for (Miss& m : misses_)
    if (m.live && m.sent && m.function == function) m.stale = true;
}

std::string DeviceTlb::unfinished() const {
  std::size_t live = in_flight_ + unsent_.size() + hits_pipe_.size();
  for (const Use& u : uses_) live += u.count;
  for (const Invalidation& i : invalidations_) live += i.pending;
  return live == 0 ? std::string() : std::to_string(live) + " left";
}

}  // namespace iov::endpoint
