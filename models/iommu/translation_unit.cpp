// SPDX-License-Identifier: Apache-2.0
// Requests: what the caches can answer at once, and what has to wait.
#include "models/iommu/translation_unit.h"

#include <algorithm>
#include <cstdio>

#include "models/iommu/judge.h"
#include "models/iommu/resolve.h"

namespace iov::iommu {

TranslationUnit::TranslationUnit(Timeline& timeline, const Params& p, MemoryPort& memory, FaultLog& faults)
    : timeline_(timeline),
      features_(p.features),
      memory_(memory),
      faults_(faults),
      contexts_(p.context_cache.geometry),
      pasids_(p.pasid_cache.geometry),
      iotlb_(p.iotlb.geometry, p.iotlb_partitions),
      paging_({p.pde_cache.geometry, p.pdpe_cache.geometry, p.pml4e_cache.geometry, p.pml5e_cache.geometry}),
      setup_(p.walk_setup),
      read_overhead_(p.walk_read_overhead),
      pending_(p.translation_queue),
      leads_for_(p.translation_queue, no_page),
      queue_(p.translation_queue),
      context_cache("context_cache", p.context_cache, p.clock),
      pasid_cache("pasid_cache", p.pasid_cache, p.clock),
      iotlb_cache("iotlb", p.iotlb, p.clock),
      pml5e_cache("pml5e_cache", p.pml5e_cache, p.clock),
      pml4e_cache("pml4e_cache", p.pml4e_cache, p.clock),
      pdpe_cache("pdpe_cache", p.pdpe_cache, p.clock),
      pde_cache("pde_cache", p.pde_cache, p.clock) {
  for (int i = static_cast<int>(p.translation_queue); i-- > 0;) free_.push_back(i);
  for (int i = 0; i < static_cast<int>(p.walkers); ++i) {
    walkers_.push_back(std::make_unique<Walker>(*this, i));
    walkers_.back()->next.allocate = features_.coherent;
  }
  for (FoundEntry& entry : root_entries_) entry.allocate = features_.coherent;
  for (int i = static_cast<int>(p.walkers); i-- > 0;) idle_walkers_.push_back(i);
  queue.bound(p.translation_queue);
  if (p.audit) audit_ = std::make_unique<TranslationAudit>();
}

/// All that a lookup in the IOTLB depends on, the caches apart. Of a TLP or a request.
template <class Request>
inline bool TranslationUnit::Hit::repeats(const Request& q, std::uint64_t address, Access access) const {
  return valid && (address ^ request.address.value) / translation_unit == 0 && q.requester == request.requester &&
         q.pasid == request.pasid && q.at == request.at && access == request.access && q.no_write == request.no_write;
}

/// Whether it repeats one of the last two hits, which is then the newest.
template <class Request>
[[gnu::always_inline]] inline bool TranslationUnit::repeats_hit(const Request& q, std::uint64_t address, Access access) {
  if (newest_->repeats(q, address, access)) return true;
  Hit& other = older_hit();
  if (!other.repeats(q, address, access)) return false;
  use_again(other);
  return true;
}

inline void TranslationUnit::answered_at(const Time& ready) {
  ++answered_;
  if (last_ready_ < ready) last_ready_ = ready;
}

/// What repeats the newest hit takes the same way through the caches.
[[gnu::always_inline]] inline TranslationReply& TranslationUnit::answer_again(std::uint64_t address, std::uint32_t bytes) {
  constexpr std::uint64_t in_page = translation_unit - 1;
  Hit& known = *newest_;
  const Lookup& l = known.found;
  const TranslationRequest& q = known.request;
  TranslationReply& reply = known.reply;
  ++accepted_;
  if (reply.outcome == TranslationReply::Outcome::granted) reply.address.value = (reply.address.value & ~in_page) | (address & in_page);
  Time ready = context_cache.look_up(timeline_.now(), true);  // as spend() does
  if (l.context->scalable) ready = pasid_cache.look_up(ready, true);
  reply.ready = iotlb_cache.look_up(ready, true);
  std::uint64_t* const requester = requesters.row_of(q.requester.value);
  ++requester[requests], ++requester[UseTable::iotlb_hits];
  std::uint64_t* const domain = domains.row_of(l.binding->domain.value);
  ++domain[UseTable::iotlb_hits];
  if (q.at == AddressType::untranslated) domain[granted_bytes] += bytes;
  if (audit_) audit_->hit(*l.binding, address, *l.mapping);
  answered_at(reply.ready);
  return reply;
}

const TranslationReply* TranslationUnit::translate_again(const TlpHeader& tlp) {
  return repeats_hit(tlp, tlp.address, access_of(tlp)) ? &answer_again(tlp.address, tlp.length) : nullptr;
}

bool TranslationUnit::translate(const TranslationRequest& q, std::uint32_t ticket,
                                TranslationClient& client) {
  if (!repeats_hit(q, q.address.value, q.access)) return translate_anew(q, ticket, client);
  const TranslationReply reply = answer_again(q.address.value, q.bytes);
  client.translated(ticket, reply);
  return true;
}

bool TranslationUnit::translate_anew(const TranslationRequest& q, std::uint32_t ticket, TranslationClient& client) {
  if (!root_.enabled || is_interrupt_address(q.address.value)) return bypass(q, ticket, client);
  Hit& other = older_hit();
  Lookup& found = other.found;
  static constexpr Lookup nothing;  // copied, not made in parts
  found = nothing;
  look_up(q, found);
  other.valid = found.settled && found.iotlb_used && found.fault == FaultReason::none;
  if (other.valid) {
    other.request = q;
    other.reply = granted(*found.mapping, q);
    newest_ = &other;
    return translate(q, ticket, client);
  }
  forget_hits();
  if (!found.settled) return miss(found, q, ticket, client);
  const Time ready = spend(found, timeline_.now());
  ++accepted_;
  count(found, q);
  settle(found, q, ticket, client, ready);
  return true;
}

/// What a lookup does to the order of replacement.
void TranslationUnit::use_again(Hit& known) {
  const Lookup& l = known.found;
  const RequesterId requester = known.request.requester;
  contexts_.use_again({requester, Pasid::none}, *l.context);
  if (l.context->scalable) pasids_.use_again(pasid_key(known.request, *l.context), *l.binding);
  iotlb_.use_again(*l.binding, known.request.address.value, *l.mapping);
  newest_ = &known;
}

/// As if accesses hit, or miss, as they would now.
void TranslationUnit::add_to(WorkingSet& set, RequesterId requester, std::span<const std::uint64_t> addresses) const {
  const SourceKey key(requester, Pasid::none);
  requesters.add_to(set, requester.value);
  contexts_.add_to(set, key);
  const Context* const context = contexts_.peek(key);
  const Binding* const binding = context && !context->scalable ? &context->binding : nullptr;
  if (binding) domains.add_to(set, binding->domain.value);
  for (const std::uint64_t address : addresses) {
    if (binding) iotlb_.add_to(set, *binding, address);
    if (!binding || !iotlb_.peek(*binding, address)) add_tables_to(set, requester, address);
  }
}

/// What a walk reads that finds nothing in the caches.
void TranslationUnit::add_tables_to(WorkingSet& set, RequesterId requester, std::uint64_t address) const {
  struct Lines {
    MemoryPort& memory;
    WorkingSet& set;
    bool read(std::uint64_t at, std::span<std::uint64_t> words) {
      memory.add_to(set, Hpa(at));
      memory.peek(Hpa(at), {reinterpret_cast<std::uint8_t*>(words.data()), words.size_bytes()});
      return memory.ok();
    }
  } lines{memory_, set};
  TranslationRequest q;
  q.requester = requester, q.address = Iova(address);
  Walk walk;
  resolve(features_, root_, q, {bind<&Lines::read>(&lines)}, walk);
  requesters.add_to(set, requester.value, UseTable::rare);  // the TLPs of one write join
  if (walk.has_binding()) domains.add_to(set, walk.binding().domain.value, UseTable::rare);
}

/// Translation off, or an address that is never translated.
bool TranslationUnit::bypass(const TranslationRequest& q, std::uint32_t ticket, TranslationClient& client) {
  ++accepted_;
  TranslationReply reply;
  if (const FaultReason reason = check_input(root_, q); reason != FaultReason::none)
    reply = refuse(reason, !root_.enabled, q);
  else if (q.at == AddressType::translation_request)
    reply = refused(FaultReason::none, q);  // 4.2.3: UR while remapping is off
  else
    reply = granted(identity(q.address.value), q);
  reply.ready = timeline_.now();
  send(client, ticket, reply);
  return true;
}

SourceKey TranslationUnit::pasid_key(const TranslationRequest& q, const Context& context) {
  return {q.requester, q.pasid.present() ? q.pasid.value : context.rid_pasid};
}

/// What the caches know. No time, no statistics: a request that is turned away leaves no trace.
void TranslationUnit::look_up(const TranslationRequest& q, Lookup& l) {
  l.context = contexts_.lookup({q.requester, Pasid::none});
  if (!l.context) return;
  const std::uint64_t address = q.address.value;
  l.fault = admit(*l.context, q);
  if (l.fault == FaultReason::none && q.at == AddressType::translated) {
    l.own = identity(address);
    l.mapping = &l.own;
    if (features_.beyond_host(address))
      l.fault = l.context->scalable ? FaultReason::sm_beyond_host_width : FaultReason::beyond_width;
    l.settled = true;
    return;
  }
  if (l.fault != FaultReason::none) {
    l.settled = true;
    return;
  }
  l.binding = l.context->scalable
                  ? pasids_.lookup(pasid_key(q, *l.context))
                  : &l.context->binding;
  if (!l.binding) return;
  if (l.binding->stages == Stages::pass_through) return look_up_identity(q, l);
  l.iotlb_used = true;
  l.mapping = iotlb_.lookup(*l.binding, address);
  if (!l.mapping) return;
  const bool will_write =
      q.access == Access::write || (q.at == AddressType::translation_request && !q.no_write);
  if (will_write && l.mapping->write && !l.mapping->dirty) {  // a walk must set the dirty bit
    l.mapping = nullptr;
    return;
  }
  l.fault = judge(l.context->scalable, *l.mapping, q);
  l.settled = true;
}

void TranslationUnit::look_up_identity(const TranslationRequest& q, Lookup& l) {
  const std::uint64_t address = q.address.value;
  if (features_.beyond_host(address) || address >> features_.guest_address_bits() != 0)
    return;  // a walk explains
  l.own = identity(address);
  l.mapping = &l.own;
  l.settled = true;
}

/// Takes a slot in each pipeline that was asked, one after the other.
Time TranslationUnit::spend(const Lookup& l, const Time& start) {
  Time t = context_cache.look_up(start, l.context);
  if (l.context && l.context->scalable) t = pasid_cache.look_up(t, l.binding);
  if (l.iotlb_used) t = iotlb_cache.look_up(t, l.mapping);
  return t;
}

void TranslationUnit::count(const Lookup& l, const TranslationRequest& q) {
  ++requesters.of(q.requester.value, requests);
  if (l.iotlb_used) count_iotlb(q.requester, l.binding->domain, l.mapping);
}

void TranslationUnit::count_iotlb(RequesterId requester, DomainId domain, bool hit) {
  const auto field = hit ? UseTable::iotlb_hits : UseTable::iotlb_misses;
  ++requesters.of(requester.value, field);
  ++domains.of(domain.value, field);
}

void TranslationUnit::settle(const Lookup& l, const TranslationRequest& q, std::uint32_t ticket,
                             TranslationClient& client, const Time& ready) {
  TranslationReply reply;
  if (l.fault != FaultReason::none) {
    reply = refuse(l.fault, l.context->suppress_faults || (l.binding && l.binding->suppress_faults), q);
  } else {
    reply = granted(*l.mapping, q);
    if (audit_ && l.iotlb_used) audit_->hit(*l.binding, q.address.value, *l.mapping);
  }
  reply.ready = ready;
  if (l.binding) count_use(l.binding->domain, q, reply);
  send(client, ticket, reply);
}

void TranslationUnit::count_use(DomainId domain, const TranslationRequest& q, const TranslationReply& reply) {
  if (reply.fault_reason != 0)
    ++domains.of(domain.value, blocked);
  else if (q.at == AddressType::untranslated)
    domains.of(domain.value, granted_bytes) += q.bytes;
}

void TranslationUnit::send(TranslationClient& client, std::uint32_t ticket, TranslationReply& reply) {
  answered_at(reply.ready);
  client.translated(ticket, reply);
}

TranslationReply TranslationUnit::refuse(FaultReason reason, bool suppress, const TranslationRequest& q) {
  ++faults;
  ++requesters.of(q.requester.value, refusals);
  if (!(suppress && qualified(reason))) faults_.record(q, reason);
  return refused(reason, q);
}

std::string TranslationUnit::requester_label(std::uint16_t id) {
  const RequesterId requester{id};
  char text[16];
  std::snprintf(text, sizeof text, "%02x:%02x.%x", requester.bus(), requester.devfn() >> 3, requester.devfn() & 7);
  return text;
}

bool TranslationUnit::within_capacity() const {
  bool within = contexts_.size() <= contexts_.capacity() && pasids_.size() <= pasids_.capacity() &&
                iotlb_.size() <= iotlb_.capacity() && used_ <= pending_.size();
  for (unsigned level = PagingCaches::lowest; level <= PagingCaches::highest; ++level)
    within = within && paging_.level(level).size() <= paging_.level(level).capacity();
  return within;
}

}  // namespace iov::iommu
