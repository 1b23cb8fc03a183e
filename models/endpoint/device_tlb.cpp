// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/device_tlb.h"

#include <algorithm>

namespace iov::endpoint {

namespace {
constexpr unsigned max_entries = 16;  // of a translation completion: the largest RCB
constexpr Grant everything_untranslated{Grant::Kind::untranslated, false, Grant::no_use, 0, ~std::uint64_t{0}, 0};
}

DeviceTlb::DeviceTlb(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
                     OutstandingRequests& requests)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      port_(port),
      requests_(requests),
      cache_(params.cache, params.partitions),
      page_requests_("page_requests", timeline, params.page_requests, port, *this),
      per_request_(std::min(params.translations_per_request, port.limits().read_completion_boundary / translation_entry_bytes)),
      miss_of_tag_(port.limits().tags),
      sent_at_(port.limits().tags) {}

bool DeviceTlb::ats_off(RequesterId function) const {
  return !ats_off_.empty() && std::find(ats_off_.begin(), ats_off_.end(), function) != ats_off_.end();
}

void DeviceTlb::translate(const TlbLookup& l, std::uint32_t ticket, TlbClient& client) {
  const Waiter waiter{&client, ticket, l.address, l.bytes, l.write};
  if (ats_off(l.space.function)) return client.translated(ticket, everything_untranslated);
  ++lookups_;
  const bool streams = l.stream && params_.prefetch_pages > 0;
  const Translation* found = cache_.lookup(l.space, l.address);
  // A cached page without the permission does not answer: the IOMMU may grant more by now (10.2.2).
  if (!found || !found->permits(l.write)) {
    miss(l.space, waiter, l.pages() + (streams ? params_.prefetch_pages : 0));
    if (streams) run_ahead(l);
    return;
  }
  ++hits_;
  Hit answer{waiter, grant(l.space, waiter, *found)};
  if (streams) run_ahead(l);
  if (params_.hit_latency == Time()) return hit(std::move(answer));
  hits_pipe_.push(timeline_.now() + params_.hit_latency, std::move(answer));
}

/// Of a translation that permits the access.
Grant DeviceTlb::grant(const AddressSpace& space, const Waiter& waiter, const Translation& t) {
  const std::uint64_t begin = range_begin(waiter.address, t.log2_page);
  const std::uint64_t last = t.log2_page >= 64 ? ~0ull : begin + ((std::uint64_t{1} << t.log2_page) - 1);
  if (free_uses_.empty()) {
    free_uses_.push_back(static_cast<std::uint32_t>(uses_.size()));
    uses_.emplace_back();
  }
  const std::uint32_t use = free_uses_.back();
  free_uses_.pop_back();
  uses_[use] = {1, 0, space, begin, last, t.address};
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

/// The request under way, or to be sent, that will answer for this page.
DeviceTlb::Miss* DeviceTlb::asked_for(const AddressSpace& space, std::uint64_t page, bool write) {
  if (space.tenant >= misses_of_.size() || misses_of_[space.tenant] == 0) return nullptr;
  for (Miss& m : misses_) {
    if (!m.live || m.space.function != space.function || m.space.pasid != space.pasid) continue;
    if (page < m.page || page > m.last()) continue;
    if (!write || m.write) return &m;  // a read-only request may be answered without W
  }
  return nullptr;
}

void DeviceTlb::miss(const AddressSpace& space, const Waiter& waiter, unsigned pages) {
  const std::uint64_t page = range_begin(waiter.address, 12);
  if (Miss* m = asked_for(space, page, waiter.write)) {
    ++merged_;
    return m->waiters.push_back(waiter);
  }
  const std::uint32_t index = take_miss(space, page, std::min(pages, per_request_), waiter.write);
  misses_[index].waiters.push_back(waiter);
  unsent_.push(index);
  send_misses();
}

/// In requests of several pages, not page by page as the stream moves on: only when less than half of them are known.
void DeviceTlb::run_ahead(const TlbLookup& l) {
  const std::uint64_t next = l.page() + l.pages() * translation_unit;
  unsigned n = 0;
  while (n < params_.prefetch_pages && known(l.space, next + n * translation_unit, l.write)) ++n;
  if (2 * n < params_.prefetch_pages)
    fetch_ahead(l.space, next + n * translation_unit, params_.prefetch_pages - n, l.write);
}

/// In the cache, or asked for.
bool DeviceTlb::known(const AddressSpace& space, std::uint64_t page, bool write) {
  const Translation* t = cache_.peek(space, page);
  return (t && t->permits(write)) || asked_for(space, page, write);
}

/// Speculation uses only what demand leaves: it never waits for a request to come free.
void DeviceTlb::fetch_ahead(const AddressSpace& space, std::uint64_t page, unsigned pages, bool write) {
  if (ats_off(space.function)) return;
  while (pages > 0 && in_flight_ < params_.outstanding && unsent_.empty() && !requests_.full()) {
    const bool spared = known(space, page, write);
    const unsigned n = spared ? 1 : std::min(pages, per_request_);
    if (!spared) {
      ++prefetches_;
      send_request(take_miss(space, page, n, write));
    }
    page += n * translation_unit, pages -= n;
  }
}

std::uint32_t DeviceTlb::take_miss(const AddressSpace& space, std::uint64_t page, unsigned pages, bool write) {
  if (free_misses_.empty()) {
    free_misses_.push_back(static_cast<std::uint32_t>(misses_.size()));
    misses_.emplace_back();
  }
  const std::uint32_t index = free_misses_.back();
  free_misses_.pop_back();
  Miss& m = misses_[index];
  m.space = space, m.page = page, m.pages = pages, m.write = write;
  m.sent = m.stale = m.faulted = false, m.live = true;
  m.waiters.clear();
  if (space.tenant >= misses_of_.size()) misses_of_.resize(space.tenant + 1);
  ++misses_of_[space.tenant];
  return index;
}

DeviceTlb::Miss DeviceTlb::give_up(std::uint32_t index) {
  Miss done = std::move(misses_[index]);
  --misses_of_[done.space.tenant];
  misses_[index].live = false;
  free_misses_.push_back(index);
  return done;
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
  tlp.requester = m.space.function;
  tlp.pasid = m.space.pasid;
  tlp.address = m.page;
  tlp.no_write = !m.write;
  tlp.length = tlp.want_bytes = m.pages * translation_entry_bytes;
  tlp.tag = requests_.take(*this, m.space.function, translation_entry_bytes);  // one completion, with fewer if need be (10.2.3)
  miss_of_tag_[tlp.tag] = index;
  sent_at_[tlp.tag] = timeline_.now();
  m.sent = true;
  ++in_flight_, ++sent_;
  asked_ += m.pages;
  port_.send(std::move(tlp));
}

/// In one piece: more than one is not an answer to a translation request (a late completion for whoever had the tag before may begin it).
void DeviceTlb::completion(std::uint16_t tag, const Tlp& tlp, std::uint32_t offset, bool last) {
  if (!last) return;
  if (offset != 0) return resolve(tag, CompletionStatus::abort, {});
  if (tlp.status != CompletionStatus::success) return resolve(tag, tlp.status, {});
  if (tlp.length < translation_entry_bytes || tlp.data.size() < translation_entry_bytes) return resolve(tag, CompletionStatus::abort, {});
  std::array<std::uint64_t, max_entries> entries;
  const std::size_t n = std::min<std::size_t>(std::min<std::size_t>(tlp.length, tlp.data.size()) / translation_entry_bytes, max_entries);
  std::memcpy(entries.data(), tlp.data.data(), n * translation_entry_bytes);
  resolve(tag, CompletionStatus::success, {entries.data(), n});
}

void DeviceTlb::resolve(std::uint16_t tag, CompletionStatus status, std::span<const std::uint64_t> entries) {
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
  Miss done = give_up(index);
  if (status == CompletionStatus::unsupported_request && !ats_off(done.space.function))
    ats_off_.push_back(done.space.function);
  auto translations = std::exchange(answered_, {});
  translations.clear();
  for (const std::uint64_t entry : entries.first(std::min<std::size_t>(entries.size(), done.pages))) {
    const Translation t = decode_translation(entry);
    if (t.readable || t.writable) cache_.fill(done.space, done.page + translations.size() * translation_unit, t);
    translations.push_back(t);
  }
  for (const Waiter& waiter : done.waiters) {
    if (status == CompletionStatus::unsupported_request)
      waiter.client->translated(waiter.ticket, everything_untranslated);
    else if (status != CompletionStatus::success)
      refuse(waiter);
    else
      answer(done, waiter, translations);
  }
  answered_ = std::move(translations);
  if (!misses_[index].live) std::swap(misses_[index].waiters, done.waiters);  // keeps its memory
  send_misses();
}

void DeviceTlb::answer(const Miss& miss, const Waiter& waiter, std::span<const Translation> translations) {
  std::size_t i = (waiter.address - miss.page) / translation_unit;
  if (i >= translations.size()) {
    i = translations.size() - 1;
    const unsigned log2 = translations[i].log2_page;
    if (range_begin(waiter.address, log2) != range_begin(miss.page + i * translation_unit, log2))
      return this->miss(miss.space, waiter, 1);  // fewer came than were asked for
  }
  const Translation& t = translations[i];
  if (!t.permits(waiter.write)) return deny(miss.space, waiter);
  waiter.client->translated(waiter.ticket, grant(miss.space, waiter, t));
}

/// Not there, or not for this access: asks for the page if the function may.
void DeviceTlb::deny(const AddressSpace& space, const Waiter& waiter) {
  if (!page_requests_.usable(space.function)) return refuse(waiter);
  const std::uint64_t page = range_begin(waiter.address, 12);
  if (Miss* m = asked_for(space, page, waiter.write)) return m->waiters.push_back(waiter);
  const TlbLookup rest{space, waiter.address, waiter.bytes, waiter.write, false};
  const std::uint32_t index = take_miss(space, page, 1, waiter.write);
  misses_[index].faulted = true;
  misses_[index].waiters.push_back(waiter);
  page_requests_.request(space.function, space.pasid, page, std::min(rest.pages(), page_requests_.pages_per_group()),
                         waiter.write, index);
}

void DeviceTlb::page_answered(std::uint32_t index, bool granted) {
  if (granted) {
    misses_[index].faulted = false;
    unsent_.push(index);
    return send_misses();
  }
  const Miss done = give_up(index);
  for (const Waiter& waiter : done.waiters) refuse(waiter);
}

void DeviceTlb::refuse(const Waiter& waiter) {
  ++refused_;
  waiter.client->translated(waiter.ticket, {});
}

void DeviceTlb::invalidate(const Tlp& request) {
  const RequesterId function = request.completer;
  const InvalidateRange range = decode_invalidate(request.address);
  const unsigned itag = request.tag & 31u;
  ++invalidate_requests_;
  invalidated_ += cache_.invalidate(function, request.pasid, range);
  const auto hits = [&](const AddressSpace& s, std::uint64_t first, std::uint64_t last) {
    return s.function == function && (range.all_pasids || s.pasid == request.pasid) && range.overlaps(first, last);
  };
  for (Miss& m : misses_)
    if (m.live && m.sent && hits(m.space, m.page, m.last())) m.stale = true;
  Invalidation& invalidation = invalidations_[itag];
  invalidation = {true, 0, function, request.requester};
  for (Use& u : uses_) {
    if (u.count == 0 || !hits(u.space, u.first, u.last)) continue;
    u.drains |= 1u << itag;
    ++invalidation.uses;
  }
  if (invalidation.uses == 0) return complete(itag);
  if (draining_) draining_();
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
    if (m.live && m.sent && m.space.function == function) m.stale = true;
  page_requests_.forget(function);  // which refuses those that wait for pages
}

std::string DeviceTlb::unfinished() const {
  std::size_t live = hits_pipe_.size();
  for (const Miss& m : misses_) live += m.live;
  for (const Use& u : uses_) live += u.count;
  for (const Invalidation& i : invalidations_) live += i.pending;
  return live == 0 ? std::string() : std::to_string(live) + " left";
}

}  // namespace iov::endpoint
