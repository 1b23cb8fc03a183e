// SPDX-License-Identifier: Apache-2.0
// Misses: the queue, the walkers, and what an invalidation does to them.
#include <algorithm>

#include "models/iommu/resolve.h"
#include "models/iommu/translation_unit.h"

namespace iov::iommu {

bool TranslationUnit::miss(const Lookup& found, const TranslationRequest& q, std::uint32_t ticket,
                           TranslationClient& client) {
  if (free_.empty()) {
    ++queue_full;
    if (std::find(turned_away_.begin(), turned_away_.end(), &client) == turned_away_.end())
      turned_away_.push_back(&client);
    return false;
  }
  ++accepted_;
  const int slot = allocate(q, ticket, client);
  Pending& p = pending_[static_cast<std::size_t>(slot)];
  p.ready = spend(found, timeline_.now());
  p.source_group = leader_group(q, ~SourceKey(q.requester, q.pasid.value).value);
  p.bound = found.binding != nullptr;
  if (p.bound) {
    p.domain = found.binding->domain, p.tag = found.binding->tag;
    p.space_group = leader_group(q, space_of(p.tag, p.domain.value));
  }
  if (!may_join(p) || !join(slot)) {
    lead(slot, true);
    if (queued_ == 0 && !idle_walkers_.empty())
      start_walk(take_walker(), slot, found);
    else
      enqueue(slot);
  }
  count(found, q);
  return true;
}

inline TranslationUnit::Walker& TranslationUnit::take_walker() {
  const int index = idle_walkers_.back();
  idle_walkers_.pop_back();
  return *walkers_[static_cast<std::size_t>(index)];
}

int TranslationUnit::allocate(const TranslationRequest& q, std::uint32_t ticket, TranslationClient& client) {
  const int slot = free_.back();
  free_.pop_back();
  Pending& p = pending_[static_cast<std::size_t>(slot)];
  p.request = q;
  p.ticket = ticket;
  p.client = &client;
  p.walker = p.next = -1;
  p.accepted = timeline_.now();
  queue.set(++used_, timeline_.now());
  return slot;
}

void TranslationUnit::release(int slot) {
  pending_[static_cast<std::size_t>(slot)].state = State::free;
  lead(slot, false);
  free_.push_back(slot);
  queue.set(--used_, timeline_.now());
}

/// @param leader  of the same page
bool TranslationUnit::joinable(const Pending& leader, const Pending& p) const {
  if (leader.state == State::walking) {
    if (walkers_[static_cast<std::size_t>(leader.walker)]->stale) return false;
  } else if (leader.state != State::queued) {
    return false;
  }
  if ((leader.request.at == AddressType::translated) != (p.request.at == AddressType::translated))
    return false;
  if (leader.request.requester == p.request.requester && leader.request.pasid == p.request.pasid) return true;
  return leader.bound && p.bound && leader.domain == p.domain && leader.tag == p.tag;
}

/// From now on, or no longer, others may wait for this request's walk.
void TranslationUnit::lead(int slot, bool leads) {
  const Pending& p = pending_[static_cast<std::size_t>(slot)];
  std::uint64_t& page = leads_for_[static_cast<std::size_t>(slot)];
  if ((page != no_page) == leads) return;
  page = leads ? p.request.address.page(12) : no_page;
  const int change = leads ? 1 : -1;
  const auto count = [&](std::uint16_t group) { leaders_[group] = static_cast<std::uint16_t>(leaders_[group] + change); };
  count(p.source_group);
  if (p.bound) count(p.space_group);
}

/// False: it has no leader. Most have none, and looking through a full queue for one takes long.
inline bool TranslationUnit::may_join(const Pending& p) const {
  return leaders_[p.source_group] != 0 || (p.bound && leaders_[p.space_group] != 0);
}

/// Waits for a walk of the same page instead of doing it again.
[[gnu::noinline]] bool TranslationUnit::join(int slot) {
  Pending& p = pending_[static_cast<std::size_t>(slot)];
  const std::uint64_t page = p.request.address.page(12);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (leads_for_[i] != page || !joinable(pending_[i], p)) continue;
    Pending& leader = pending_[i];
    p.state = State::joined;
    p.next = leader.next;  // order among the joined is restored when they are answered
    leader.next = slot;
    ++merges;
    return true;
  }
  return false;
}

/// @param slot  of a leader
void TranslationUnit::enqueue(int slot) {
  pending_[static_cast<std::size_t>(slot)].state = State::queued;
  const std::size_t behind = queue_head_ + queued_++;
  queue_[behind < queue_.size() ? behind : behind - queue_.size()] = slot;
}

/// Hands queued requests to idle walkers. Each asks the caches again, which may have learnt or forgotten while it waited; one
/// whose page arrived in the meantime is answered at once.
void TranslationUnit::start_queued() {
  while (queued_ > 0 && !idle_walkers_.empty()) {
    const int slot = queue_[queue_head_];
    if (++queue_head_ == queue_.size()) queue_head_ = 0;
    --queued_;
    Lookup known;
    forget_hits();
    look_up(pending_[static_cast<std::size_t>(slot)].request, known);
    if (known.settled && answer_late_hit(slot, known)) continue;
    start_walk(take_walker(), slot, known);
  }
}

/// @param l  settled  @returns false: others wait for the walk
bool TranslationUnit::answer_late_hit(int slot, const Lookup& l) {
  Pending& p = pending_[static_cast<std::size_t>(slot)];
  if (p.next >= 0) return false;
  const Time ready = spend(l, std::max(timeline_.now(), p.ready));
  count_answer(p, l.binding ? &l.binding->domain : nullptr, ready);
  const Pending answered = p;
  release(slot);
  settle(l, answered.request, answered.ticket, *answered.client, ready);
  return true;
}

/// @param slot  of a leader  @param l  what the caches know now
void TranslationUnit::start_walk(Walker& w, int slot, const Lookup& l) {
  Pending& p = pending_[static_cast<std::size_t>(slot)];
  p.state = State::walking;
  p.walker = w.index;
  w.slot = slot;
  w.stale = false;
  w.taken = timeline_.now();
  Time start = std::max(timeline_.now(), p.ready);
  if (l.binding)
    w.walk.start_at_tables(features_, p.request, *l.context, *l.binding, &paging_);
  else if (l.context)
    w.walk.start_at_pasid(features_, p.request, *l.context, &paging_, &iotlb_);
  else
    w.walk.start(features_, root_, p.request, &paging_, &iotlb_);
  if (audit_) w.before = repeat_walk(p.request);
  if (l.binding) {
    const unsigned level = w.walk.cache_hit_level();
    Time found = pde_cache.look_up(start, level == 2);
    found = std::max(found, pdpe_cache.look_up(start, level == 3));
    found = std::max(found, pml4e_cache.look_up(start, level == 4));
    if (features_.max_levels == 5) found = std::max(found, pml5e_cache.look_up(start, level == 5));
    start = found;
  }
  w.started = start + setup_;
  w.walk.done() ? w.event.at(w.started) : issue_first(w);
}

/// Of the bus of the request: few are read again and again.
inline FoundEntry& TranslationUnit::root_entry(const Walker& w) {
  FoundEntry& entry = root_entries_[pending_[static_cast<std::size_t>(w.slot)].request.requester.bus()];
  const Hpa address(w.walk.wanted().address);
  if (entry.address != address.value) memory_.find(address, entry);
  return entry;
}

/// The model sees the bytes a simulated memory latency before the walker does: time to bring near what the next step touches.
/// Of the first table of a tenant not even the page is near: it is looked for only then.
[[gnu::noinline]] void TranslationUnit::issue(Walker& w, const FoundEntry& entry, const Time& start) {
  const Walk::Access64& a = w.walk.wanted();
  if (a.update) return issue_update(w, start);
  if (!entry.copy(a.address, w.walk.words().data(), a.bytes)) return issue_unfound(w, start);
  w.ok = true;
  const Walk::Guess guess = w.walk.next_guess(w.walk.words());
  const bool context = w.walk.reads_context();
  FoundEntry* const next = guess.walks_on && !context ? &w.next : nullptr;
  Time when = start;
  memory_.read_found(entry, w.walk.wanted().bytes, when, Hpa(guess.address), next);
  w.event.at(when + read_overhead_);
  if (!context) return;
  memory_.prefetch_page(Hpa(guess.address));
  domains.prefetch(static_cast<std::uint16_t>(w.walk.words()[1] >> 8));
  requesters.prefetch(pending_[static_cast<std::size_t>(w.slot)].request.requester.value);
}

inline void TranslationUnit::issue_first(Walker& w) { issue(w, w.walk.reads_root() ? root_entry(w) : w.next, w.started); }

/// As issue(), of what was not looked for before, or is not where it was.
[[gnu::noinline]] void TranslationUnit::issue_unfound(Walker& w, const Time& start) {
  const Walk::Access64& a = w.walk.wanted();
  if (w.walk.reads_root()) root_entry(w).address = FoundEntry::nowhere;
  memory_.find(Hpa(a.address), w.next);
  if (w.next.address == a.address && a.bytes <= w.next.length) return issue(w, w.next, start);  // found
  const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(w.walk.words().data()), a.bytes);
  w.event.at(memory_.read(Hpa(a.address), bytes, a.bytes, start, features_.coherent) + read_overhead_);
  w.ok = memory_.ok();
}

[[gnu::noinline]] void TranslationUnit::issue_update(Walker& w, const Time& start) {
  const Walk::Access64& a = w.walk.wanted();
  w.walk.words()[0] = a.desired;
  w.ok = memory_.peek<std::uint64_t>(Hpa(a.address)) == a.expected;
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(w.walk.words().data()), a.bytes);
  const Time end = w.ok ? memory_.write(Hpa(a.address), bytes, a.bytes, start, features_.coherent) : start;
  ++updates;
  w.event.at(end + read_overhead_);
}

/// To the next second-stage table: as issue(), for this alone. The walker's `ok` stays true.
[[gnu::noinline]] void TranslationUnit::step_down(Walker& w, std::uint64_t entry) {
  w.walk.descend(entry);
  Time when = timeline_.now();
  if (w.next.copy(w.walk.wanted().address, w.walk.words().data(), 8)) {
    const Walk::Guess guess = w.walk.second_guess(w.walk.words()[0]);
    memory_.read_found(w.next, 8, when, Hpa(guess.address), guess.walks_on ? &w.next : nullptr);
    w.event.at(when + read_overhead_);
  } else {
    issue_unfound(w, when);
  }
}

[[gnu::noinline]] void TranslationUnit::step_otherwise(Walker& w) {
  forget_hits();
  Time start = timeline_.now();
  const bool asked = w.walk.iotlb_asked(), context = w.walk.reads_context();
  if (!w.walk.done()) {
    if (w.walk.wanted().update)
      w.walk.updated(w.ok);
    else
      w.walk.feed({w.walk.words().data(), w.walk.wanted().bytes / 8}, w.ok);
    if (!asked && w.walk.iotlb_asked()) {
      start = iotlb_answer(w);
      if (w.walk.done()) return w.event.at(start);
    }
  }
  if (w.walk.done()) return finish(w);
  context ? issue_unfound(w, start) : issue(w, w.next, start);
}

/// @returns when the walk knows whether the IOTLB has its page after all
inline Time TranslationUnit::iotlb_answer(const Walker& w) {
  const bool hit = w.walk.iotlb_hit();
  const TranslationRequest& q = pending_[static_cast<std::size_t>(w.slot)].request;
  count_iotlb(q.requester, w.walk.binding().domain, hit);
  if (hit && audit_) audit_->hit(w.walk.binding(), q.address.value, w.walk.mapping());
  return iotlb_cache.look_up(timeline_.now(), hit);
}

void TranslationUnit::finish(Walker& w) {
  ++walks;
  walk_reads += w.walk.reads();
  walk_time.record(timeline_.now() - w.started);
  walker_busy.add(timeline_.now() - w.taken);
  const std::uint32_t loser = w.stale ? Iotlb::nobody : fill_caches(w);
  const bool last_stale = w.stale && --stale_walks_ == 0;
  const int slot = w.slot;
  if (pending_[static_cast<std::size_t>(slot)].next < 0) {
    answer_alone(w);
  } else {
    const Walk& walk = w.walk;
    const Result result{walk.context(),     walk.binding().domain,  walk.mapping(), walk.fault(), walk.not_present(),
                        walk.has_binding(), walk.suppress_faults(), pending_[static_cast<std::size_t>(slot)].request};
    count_walk(w, result.request.requester, Time());
    release(w);
    answer_chain(slot, result);
  }
  start_queued();
  if (loser != Iotlb::nobody) ++domains.of(static_cast<std::uint16_t>(loser), UseTable::evictions);
  if (last_stale && drained_) drained_();
  if (!turned_away_.empty()) invite();
}

void TranslationUnit::release(Walker& w) {
  w.slot = -1;
  w.stale = false;
  idle_walkers_.push_back(w.index);
}

/// The only one that waited for the walk, as nearly always.
inline void TranslationUnit::answer_alone(Walker& w) {
  const Walk& walk = w.walk;
  const int slot = w.slot;
  const Pending& p = pending_[static_cast<std::size_t>(slot)];
  TranslationReply reply = walk.fault() != FaultReason::none ? refuse(walk.fault(), walk.suppress_faults(), p.request)
                           : walk.not_present()              ? absent()
                                                             : granted(walk.mapping(), p.request);
  reply.ready = timeline_.now();
  miss_time.record(reply.ready - p.accepted);
  count_walk(w, p.request.requester, reply.ready - p.accepted);
  if (walk.has_binding()) count_use(walk.binding().domain, p.request, reply);
  TranslationClient& client = *p.client;
  const std::uint32_t ticket = p.ticket;
  release(w);
  release(slot);
  send(client, ticket, reply);
}

/// @param queued  of its only request; of several, each is counted when it is answered
void TranslationUnit::count_walk(const Walker& w, RequesterId requester, const Time& queued) {
  const std::uint64_t ps = to_ps(timeline_.now() - w.started), queued_ps = to_ps(queued);
  const auto add = [&](UseTable& table, std::uint16_t id) {
    std::uint64_t* const row = table.row_of(id);
    ++row[UseTable::walks], row[UseTable::walk_reads] += w.walk.reads(), row[UseTable::walk_time] += ps, row[UseTable::queue_time] += queued_ps;
  };
  add(requesters, requester.value);
  if (w.walk.has_binding()) add(domains, w.walk.binding().domain.value);
}

/// @returns the domain that lost an entry of the IOTLB, or nobody. It is any of thousands, so its counters are asked for and the loss is
/// counted when the walk has been answered.
std::uint32_t TranslationUnit::fill_caches(const Walker& w) {
  const Walk& walk = w.walk;
  const TranslationRequest& q = pending_[static_cast<std::size_t>(w.slot)].request;
  if (walk.has_context())
    contexts_.put(SourceKey(q.requester, Pasid::none), walk.context(), [&](const SourceKey&) { ++context_cache.evictions; });
  if (!walk.has_binding()) return Iotlb::nobody;
  const Binding& b = walk.binding();
  if (b.scalable) {
    const std::uint32_t pasid = q.pasid.present() ? q.pasid.value : walk.context().rid_pasid;
    if (pasids_.fill({q.requester, pasid}, b)) ++pasid_cache.evictions;
  }
  if (walk.fault() != FaultReason::none || walk.not_present() || walk.iotlb_hit() ||
      b.stages == Stages::pass_through)
    return Iotlb::nobody;
  if (audit_) audit_walk(w, true);
  const std::uint32_t loser = iotlb_.fill(b, q.address.value, walk.mapping());
  if (loser != Iotlb::nobody) {
    domains.prefetch(static_cast<std::uint16_t>(loser));
    ++iotlb_cache.evictions;
    ++requesters.of(q.requester.value, UseTable::evictions);
  }
  return loser;
}

}  // namespace iov::iommu
