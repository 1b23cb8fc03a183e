// SPDX-License-Identifier: Apache-2.0
// What a walk found, said to all that waited for it.
#include "models/iommu/judge.h"
#include "models/iommu/resolve.h"
#include "models/iommu/translation_unit.h"

namespace iov::iommu {

/// The request whose walk ended, and all that joined it, in their order of arrival.
void TranslationUnit::answer_chain(int slot, const Result& result) {
  int joined = pending_[static_cast<std::size_t>(slot)].next, oldest = -1;
  while (joined >= 0) {  // the chain is newest first: turn it round
    Pending& p = pending_[static_cast<std::size_t>(joined)];
    const int after = p.next;
    p.next = oldest;
    oldest = joined;
    joined = after;
  }
  answer(slot, result);
  while (oldest >= 0) {
    const int next = pending_[static_cast<std::size_t>(oldest)].next;
    Pending& merged = pending_[static_cast<std::size_t>(oldest)];
    merged.next = -1;
    ++requesters.of(merged.request.requester.value, UseTable::merges);
    if (result.has_binding) ++domains.of(result.domain.value, UseTable::merges);
    answer(oldest, result);
    oldest = next;
  }
}

/// A request that missed leaves the queue. @param domain  null: no table said it
void TranslationUnit::count_answer(const Pending& p, const DomainId* domain, const Time& ready) {
  miss_time.record(ready - p.accepted);
  requesters.add_time(p.request.requester.value, UseTable::queue_time, ready - p.accepted);
  if (domain) domains.add_time(domain->value, UseTable::queue_time, ready - p.accepted);
}

/// Answers from the walk's result, or walks again when the result does not speak for this request.
void TranslationUnit::answer(int slot, const Result& result) {
  Pending& p = pending_[static_cast<std::size_t>(slot)];
  const TranslationRequest& q = p.request;
  const bool alike = q.access == result.request.access && q.at == result.request.at &&
                     q.no_write == result.request.no_write && q.requester == result.request.requester;
  const bool refusing = result.fault != FaultReason::none || result.not_present;
  const bool needs_dirty = !result.mapping.dirty && result.mapping.write &&
                           (q.access == Access::write || q.at == AddressType::translation_request);
  const bool foreign = q.requester != result.request.requester && !p.bound;
  if (!alike && (refusing || needs_dirty || foreign || admit(result.context, q) != FaultReason::none)) {
    p.ready = timeline_.now();
    lead(slot, true);
    return enqueue(slot);
  }
  TranslationReply reply;
  const FaultReason fault = refusing ? result.fault : judge(result.context.scalable, result.mapping, q);
  if (fault != FaultReason::none)
    reply = refuse(fault, result.suppress, q);
  else
    reply = result.not_present ? absent() : granted(result.mapping, q);
  reply.ready = timeline_.now();
  count_answer(p, result.has_binding ? &result.domain : nullptr, reply.ready);
  if (result.has_binding) count_use(result.domain, q, reply);
  TranslationClient& client = *p.client;
  const std::uint32_t ticket = p.ticket;
  release(slot);
  send(client, ticket, reply);
}

/// Room again: calls back those that were turned away, as long as there is room.
void TranslationUnit::invite() {
  while (!turned_away_.empty() && !free_.empty()) {
    TranslationClient* client = turned_away_.front();
    turned_away_.erase(turned_away_.begin());
    client->translator_ready();
  }
}

}  // namespace iov::iommu
