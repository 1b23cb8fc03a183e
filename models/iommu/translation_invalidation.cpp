// SPDX-License-Identifier: Apache-2.0
// What invalidations remove, and the audit of what is granted. Spec: VT-d 4.1 6.5.2.
#include <algorithm>

#include "models/iommu/resolve.h"
#include "models/iommu/translation_unit.h"

namespace iov::iommu {

/// Whatever is walking may have read what is now void; its requests are older and may still be answered.
void TranslationUnit::mark_walks_stale() {
  forget_hits();
  for (const auto& w : walkers_) {
    if (w->slot < 0 || w->stale) continue;
    w->stale = true;
    w->walk.forbid_fills();
    ++stale_walks_;
  }
}

void TranslationUnit::invalidate(const ContextInvalidation& what) {
  using Scope = ContextInvalidation::Scope;
  context_cache.invalidated += contexts_.erase_if([&](const SourceKey& key, const Context& c) {
    if (what.scope == Scope::global) return true;
    // Scalable-mode contexts carry no domain ID: a domain-selective invalidation takes them all.
    if (what.scope == Scope::domain) return c.scalable || c.binding.domain == what.domain;
    return ((key.requester().value ^ what.source.value) & ~what.ignore & 0xffff) == 0;
  });
  mark_walks_stale();
}

void TranslationUnit::invalidate(const PasidInvalidation& what) {
  using Scope = PasidInvalidation::Scope;
  pasid_cache.invalidated += pasids_.erase_if([&](const SourceKey& key, const Binding& b) {
    if (what.scope == Scope::global) return true;
    return b.domain == what.domain && (what.scope == Scope::domain || key.pasid() == what.pasid);
  });
  mark_walks_stale();
}

void TranslationUnit::invalidate(const IotlbInvalidation& what) {
  iotlb_cache.invalidated += iotlb_.invalidate(what);
  paging_.invalidate(what);
  if (audit_) audit_->invalidated(what);
  mark_walks_stale();
}

bool TranslationUnit::peek_words(std::uint64_t address, std::span<std::uint64_t> words) {
  memory_.peek(Hpa(address), {reinterpret_cast<std::uint8_t*>(words.data()), words.size_bytes()});
  return memory_.ok();
}

/// The straightforward walk of memory as it is now; a mapping without any permission if it grants nothing.
Mapping TranslationUnit::repeat_walk(const TranslationRequest& q) {
  Walk walk;
  const TableMemory tables{bind<&TranslationUnit::peek_words>(this), {}};
  resolve(features_, root_, q, tables, walk);
  if (!walk.has_binding() || walk.fault() != FaultReason::none || walk.not_present()) {
    Mapping none;
    none.log2_page = 0;
    return none;
  }
  return walk.mapping();
}

FaultReason TranslationUnit::admit_page_request(const TranslationRequest& request) {
  if (!root_.enabled || root_.mode == TableRoot::Mode::legacy) return FaultReason::page_request_in_legacy;
  TranslationRequest q = request;
  q.at = AddressType::translated;  // ends at the context entry and asks for DTE
  q.address = {};
  Walk walk;
  resolve(features_, root_, q, {bind<&TranslationUnit::peek_words>(this), {}}, walk);
  if (walk.fault() != FaultReason::none) return walk.fault();
  return walk.context().page_requests ? FaultReason::none : FaultReason::page_request_disabled;
}

void TranslationUnit::audit_walk(const Walker& w, bool cached) {
  const TranslationRequest& q = pending_[static_cast<std::size_t>(w.slot)].request;
  const Mapping& found = w.walk.mapping();
  const bool confirmed =
      TranslationAudit::same(found, w.before) || TranslationAudit::same(found, repeat_walk(q));
  audit_->walked(w.walk.binding(), q.address.value, found, cached, confirmed);
}

}  // namespace iov::iommu
