// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/gart.h"

#include <algorithm>

#include "models/iommu/judge.h"
#include "models/iommu/resolve.h"

namespace iov::iommu {

Gart::Gart(const sc_core::sc_module_name& name, Timeline& timeline, const GartParams& p)
    : sc_module(name),
      memory("memory", timeline),
      tlb("tlb", p.tlb, p.clock),
      timeline_(timeline),
      params_(p),
      entries_(p.tlb.geometry) {
  for (std::size_t i = 0; i < p.outstanding; ++i) reads_.push_back(std::make_unique<Read>(*this, i));
  for (std::size_t i = p.outstanding; i-- > 0;) idle_.push_back(i);
}

bool Gart::translate(const TranslationRequest& q, std::uint32_t ticket, TranslationClient& client) {
  const std::uint64_t address = q.address.value;
  TranslationReply reply;
  if (q.at == AddressType::translation_request) {
    reply = refused(FaultReason::none, q);
  } else if (!remapped(address)) {
    ++passed;
    reply = granted(identity(address), q);
  } else {
    const std::uint32_t* entry = entries_.lookup({page_of(address)});
    if (!entry && idle_.empty()) {
      if (std::find(turned_away_.begin(), turned_away_.end(), &client) == turned_away_.end())
        turned_away_.push_back(&client);
      return false;
    }
    const Time ready = tlb.look_up(timeline_.now(), entry);
    if (!entry) {
      Read& read = *reads_[idle_.back()];
      idle_.pop_back();
      read.request = q, read.ticket = ticket, read.client = &client;
      fetch(read, ready);
      return true;
    }
    reply = reply_for(*entry, q);
    reply.ready = ready;
    client.translated(ticket, reply);
    return true;
  }
  reply.ready = timeline_.now();
  client.translated(ticket, reply);
  return true;
}

void Gart::fetch(Read& read, const Time& start) {
  read.stale = false;
  const Hpa at = table_ + page_of(read.request.address.value) * gart::entry_bytes;
  const Time end = memory.read(at, {reinterpret_cast<std::uint8_t*>(&read.entry), 4}, 4, start);
  if (!memory.ok()) read.entry = 0;
  read.event.at(end);
}

TranslationReply Gart::reply_for(std::uint32_t entry, const TranslationRequest& q) {
  if (!gart::valid(entry)) {
    ++blocked;
    return refused(FaultReason::none, q);
  }
  Mapping m = identity(0);
  m.page = gart::page_of(entry).value;
  return granted(m, q);
}

void Gart::finish(Read& read) {
  if (read.stale) return fetch(read, timeline_.now());
  if (gart::valid(read.entry) && entries_.fill({page_of(read.request.address.value)}, read.entry)) ++tlb.evictions;
  TranslationReply reply = reply_for(read.entry, read.request);
  reply.ready = timeline_.now();
  TranslationClient& client = *read.client;
  const std::uint32_t ticket = read.ticket;
  idle_.push_back(read.index);
  client.translated(ticket, reply);
  while (!turned_away_.empty() && !idle_.empty()) {
    TranslationClient* waiting = turned_away_.front();
    turned_away_.erase(turned_away_.begin());
    waiting->translator_ready();
  }
}

void Gart::flush() {
  tlb.invalidated += entries_.erase_if([](Page, std::uint32_t) { return true; });
  for (const auto& read : reads_) read->stale = true;
}

}  // namespace iov::iommu
