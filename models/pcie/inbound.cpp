// SPDX-License-Identifier: Apache-2.0
/// Arrival, admission to translation, and order: up to the moment a TLP may touch memory.
#include "models/pcie/inbound.h"

namespace iov::pcie {

Inbound::Inbound(const sc_core::sc_module_name& name, Timeline& timeline, const RootComplexParams& params,
                 const Routes& routes, MemoryPort& memory, Outbound& outbound)
    : sc_module(name), timeline_(timeline), params_(params), routes_(routes), memory_(memory), outbound_(outbound) {
  write_lines.bound(params.write_lines);
  read_lines.bound(params.read_lines);
}

void Inbound::add_port(Port& link) {
  RootPort& port = ports_.emplace_back(*this, link, static_cast<unsigned>(ports_.size()));
  link.on_arrival(bind<&RootPort::arrived>(&port));
  link.on_drained(bind<&RootPort::drained>(&port));
  link.on_foreseen(bind<&RootPort::foreseen>(&port));
}

void Inbound::set_acs(unsigned port, const AcsControl& acs, std::uint8_t first_bus, std::uint8_t last_bus) {
  RootPort& p = ports_.at(port);
  p.acs = acs;
  p.first_bus = first_bus;
  p.last_bus = last_bus;
}

/// All that arrived is accepted before any of it is admitted. Nearly always it is one, and nothing waits.
void Inbound::arrive(RootPort& port) {
  Slot* newest = nullptr;  // not queued yet
  for (std::size_t there = 2; there > 1;) {
    if (!free_slot_) add_slot();
    Slot& slot = *free_slot_;
    there = port.link.take(slot.tlp);
    if (there == 0) break;
    free_slot_ = slot.next_free;
    if (newest) queue(*newest);
    newest = accept(port, slot) ? &slot : nullptr;
  }
  if (newest && nothing_waits() && may_start(*newest) && start(*newest, newest->arrived)) return;
  if (newest) queue(*newest);
  admit();
}

inline Inbound::Kind Inbound::kind_of(const Tlp& tlp) const {
  const bool request = tlp.type == TlpType::memory_write || tlp.type == TlpType::memory_read;
  if (request && tlp.at != AddressType::translation_request && !is_interrupt_address(tlp.address)) return Kind::memory;
  return other_kind_of(tlp);
}

Inbound::Kind Inbound::other_kind_of(const Tlp& tlp) const {
  const bool interrupt = is_interrupt_address(tlp.address);
  switch (tlp.type) {
    case TlpType::memory_write:
      if (tlp.at == AddressType::translation_request) return Kind::refused;  // only reads ask (10.2.2)
      if (!interrupt) return Kind::memory;
      if (tlp.at == AddressType::untranslated) return Kind::interrupt;
      return translator_ ? Kind::memory : Kind::refused;  // the IOMMU records it
    case TlpType::memory_read:
      if (tlp.at == AddressType::translation_request) return translator_ ? Kind::translation : Kind::refused;
      return interrupt && !translator_ ? Kind::refused : Kind::memory;
    case TlpType::completion:
    case TlpType::completion_data: return Kind::completion;
    case TlpType::message:
    case TlpType::message_data:
      return tlp.message == MessageCode::invalidate_completion || tlp.message == MessageCode::page_request ||
                     is_intx(tlp.message) || config::is_error(tlp.message)
                 ? Kind::message
                 : Kind::refused;
    default: return Kind::refused;
  }
}

/// ACS of the root port; poisoned writes are not written. @returns whether the TLP goes no further
bool Inbound::refuse(RootPort& port, Slot& slot) {
  const Tlp& tlp = slot.tlp;
  if (port.acs.services != 0 && !acs_accepts(port.acs, tlp, port.first_bus, port.last_bus)) {
    ++acs_violations;
    slot.status = CompletionStatus::abort;
    tell(port, config::PcieError::acs_violation, &tlp);
    return true;
  }
  if (!tlp.poisoned || tlp.fc() != FcClass::posted) return false;
  ++poisoned;
  tell(port, config::PcieError::poisoned_tlp, &tlp);
  return true;
}

/// @returns whether it has to be admitted; else it is a completion
[[gnu::always_inline]] inline bool Inbound::accept(RootPort& port, Slot& slot) {
  const FcClass fc = slot.tlp.fc();
  slot.from = &port;
  slot.kind = kind_of(slot.tlp);
  slot.posted = fc == FcClass::posted;
  slot.snooped = !slot.tlp.no_snoop;
  slot.state = State::translating;
  slot.status = CompletionStatus::success;
  slot.ordered = slot.lined_up = false;
  if ((port.acs.services != 0 || slot.tlp.poisoned) && refuse(port, slot)) slot.kind = Kind::refused;
  slot.lines = 0;
  slot.wants = slot.kind == Kind::memory ? lines_of(slot.tlp.address, slot.tlp.length) : 0;
  slot.arrived = timeline_.now();
  if (slot.kind == Kind::memory || slot.kind == Kind::translation)
    slot.tlp.journey.enter(Stage::translation, slot.arrived);
  if (slot.posted) {
    ++port.posted_arrived;
    return true;
  }
  order_behind_posted(slot);
  if (fc == FcClass::non_posted) {
    asked_ += slot.tlp.length;
    return true;
  }
  slot.address = Hpa(slot.tlp.address);
  slot.ready = slot.arrived;
  resolve(slot);
  return false;
}

void Inbound::queue(Slot& slot) {
  line_up(slot);
  slot.turn = ++turns_;
  (slot.posted ? posted_queue_ : read_queue_).push(&slot);
}

// A read or completion must not pass posted TLPs that arrived before it (2.4.1, B2a and D2a).
void Inbound::order_behind_posted(Slot& slot) {
  RootPort& port = *slot.from;
  if (port.posted_issued != port.posted_arrived) {
    port.behind.push({&slot, port.posted_arrived});
    return;
  }
  slot.ordered = true;
  slot.order = port.last_commit;
}

void Inbound::admit() {
  if (!nothing_waits()) admit_waiting();
}

void Inbound::admit_waiting() {
  fold_returns();
  while (!posted_queue_.empty() || !read_queue_.empty()) {
    Slot* posted = !posted_queue_.empty() && may_start(*posted_queue_.front()) ? posted_queue_.front() : nullptr;
    Slot* read = !read_queue_.empty() && may_start(*read_queue_.front()) ? read_queue_.front() : nullptr;
    if (!posted && !read) break;
    const bool posted_first = !read || (posted && posted->turn < read->turn);
    if (start(posted_first ? *posted : *read, timeline_.now())) (posted_first ? posted_queue_ : read_queue_).pop();
  }
  wait_for_lines();
}

inline bool Inbound::may_start(const Slot& slot) {
  if (translator_full_ && needs_translation(slot)) return false;
  return slot.posted ? write_lines_for(slot.wants, params_.write_lines) : read_lines_used_ + slot.wants <= params_.read_lines;
}

/// Whether no more than that many are then in use.
inline bool Inbound::write_lines_for(unsigned wanted, std::uint64_t most) {
  if (write_lines_used_ + wanted <= most) return true;
  fold_returns();
  return write_lines_used_ + wanted <= most;
}

// Translated requests as well: whether the function may send them is the IOMMU's to say (VT-d 4.2.4).
inline bool Inbound::needs_translation(const Slot& slot) const {
  return translator_ && (slot.kind == Kind::memory || slot.kind == Kind::translation);
}

inline void Inbound::take_lines(Slot& slot, const Time& now) {
  if (slot.wants == 0) return;
  if (slot.posted) write_lines_for(slot.wants, write_lines.peak());  // a new peak must be one
  slot.lines = slot.wants;
  unsigned& used = slot.posted ? write_lines_used_ : read_lines_used_;
  used += slot.lines;
  (slot.posted ? write_lines : read_lines).set(used, now);
}

[[gnu::always_inline]] inline bool Inbound::start(Slot& slot, const Time& now) {
  take_lines(slot, now);
  if (!needs_translation(slot)) return start_untranslated(slot), true;
  if (slot.kind == Kind::translation) {
    slot.entries = translations_asked(slot.tlp.length, slot.from->link.limits().read_completion_boundary);
    slot.data = pool_.take(slot.entries * translation_entry_bytes);
    slot.entries_pending = 1;
    slot.ready = now;
  }
  if (translate_now(slot)) return true;
  line_up(slot);
  if (translate(slot, 0)) return true;
  free_lines(slot);
  translator_full_ = true;
  return false;
}

void Inbound::start_untranslated(Slot& slot) {
  slot.address = Hpa(slot.tlp.address);
  slot.ready = timeline_.now();
  if (slot.kind == Kind::refused && slot.status == CompletionStatus::success) {
    slot.status = CompletionStatus::unsupported_request;
    if (!slot.tlp.poisoned) tell(*slot.from, config::PcieError::unsupported_request, &slot.tlp);
  }
  if (slot.kind == Kind::memory) slot.tlp.journey.enter(Stage::memory, slot.ready);
  resolve(slot);
}

/// Once per posted TLP, before another one of its root port may be looked at.
void Inbound::line_up(Slot& slot) {
  if (!slot.posted || slot.lined_up) return;
  slot.lined_up = true;
  slot.from->posted.push(&slot);
}

/// Posted TLPs touch memory in order: a slow translation holds up those behind it, whose own runs meanwhile.
[[gnu::always_inline]] inline void Inbound::resolve(Slot& slot) {
  slot.state = State::ordering;
  if (!slot.posted) return advance_other(slot);
  RootPort& port = *slot.from;
  if (port.posted.empty()) return issue(slot);
  line_up(slot);
  if (port.posted.front() == &slot) issue_known(port);
}

inline void Inbound::issue(Slot& slot) {
  RootPort& port = *slot.from;
  port.last_issue = std::max(slot.ready + params_.inbound_latency, port.last_issue);
  slot.state = State::access;
  slot.due.at(port.last_issue);
}

void Inbound::issue_known(RootPort& port) {
  do {
    Slot& slot = *port.posted.front();
    port.posted.pop();
    issue(slot);
  } while (!port.posted.empty() && port.posted.front()->state == State::ordering);
}

[[gnu::always_inline]] inline void Inbound::translated(Slot& slot, const TranslationReply& reply) {
  slot.address = reply.address;
  slot.snooped |= reply.snooped;
  slot.ready = reply.ready;
  translation_time.add(slot.ready - slot.arrived);
  slot.tlp.journey.enter(Stage::memory, slot.ready);
  resolve(slot);
}

[[gnu::always_inline]] inline bool Inbound::translate_now(Slot& slot) {
  const TranslationReply* const reply = slot.kind == Kind::memory ? translator_->translate_again(slot.tlp) : nullptr;
  if (!reply) return false;
  reply->outcome == TranslationReply::Outcome::granted ? translated(slot, *reply) : translated_otherwise(slot, 0, *reply);
  return true;
}

bool Inbound::translate(Slot& slot, unsigned entry) {
  const Tlp& tlp = slot.tlp;
  const Iova address(tlp.address + entry * translation_unit);
  const TranslationRequest request{tlp.requester, tlp.pasid, tlp.at,     access_of(tlp),
                                   tlp.no_write,  address,   tlp.length, tlp.journey};
  return translator_->translate(request, slot.ticket | entry << entry_shift, *this);
}

// PCIe 10.2.3: entries for consecutive units, fewer than asked for are an answer too. The first decides: only behind a page of
// one unit are the others looked up, all at once; what does not find room in the translation queue is left out.
void Inbound::entry_translated(Slot& slot, unsigned entry, const TranslationReply& reply) {
  const std::uint64_t word = translation_entry(reply);
  std::memcpy(slot.data.data() + entry * translation_entry_bytes, &word, translation_entry_bytes);
  slot.ready = std::max(slot.ready, reply.ready);
  if (entry == 0) {
    const unsigned asked = word != 0 && reply.log2_page == 12 ? slot.entries : 1;
    slot.entries = 1;
    for (; slot.entries < asked; ++slot.entries) {
      ++slot.entries_pending;
      if (translate(slot, slot.entries)) continue;
      --slot.entries_pending;
      break;
    }
  }
  if (--slot.entries_pending > 0) return;
  slot.entries = translations_given({reinterpret_cast<const std::uint64_t*>(slot.data.data()), slot.entries});
  if (const auto bytes = slot.entries * translation_entry_bytes; bytes < slot.data.size())
    slot.data = pool_.copy(slot.data.bytes().first(bytes));
  translation_time.add(slot.ready - slot.arrived);
  slot.tlp.journey.enter(Stage::memory, slot.ready);
  resolve(slot);
}

void Inbound::translated(std::uint32_t ticket, const TranslationReply& reply) {
  Slot& slot = *by_ticket_.at(ticket & ((Ticket{1} << entry_shift) - 1));
  if (slot.state == State::translating && slot.kind == Kind::memory && reply.outcome == TranslationReply::Outcome::granted)
    translated(slot, reply);
  else
    translated_otherwise(slot, ticket >> entry_shift, reply);
}

void Inbound::translated_otherwise(Slot& slot, unsigned entry, const TranslationReply& reply) {
  using Outcome = TranslationReply::Outcome;
  if (slot.state != State::translating)
    throw SimError(timeline_.now(), name(), "a translation was answered that nobody waits for");
  const bool ats = slot.kind == Kind::translation;
  if (entry == 0 && reply.outcome == Outcome::abort)
    slot.status = CompletionStatus::abort;
  else if (entry == 0 && (reply.outcome == Outcome::blocked || (!ats && reply.outcome == Outcome::not_present)))
    slot.status = CompletionStatus::unsupported_request;
  ats ? entry_translated(slot, entry, reply) : translated(slot, reply);
}

void Inbound::translator_ready() {
  translator_full_ = false;
  admit();
}

void Inbound::advance_other(Slot& slot) {
  if (slot.state != State::ordering || !slot.ordered) return;
  slot.state = State::access;
  slot.due.at(std::max(slot.ready + params_.inbound_latency, slot.order));
}

void Inbound::free_lines(Slot& slot) {
  if (slot.lines == 0) return;
  if (slot.posted) fold_returns();
  unsigned& used = slot.posted ? write_lines_used_ : read_lines_used_;
  used -= slot.lines;
  slot.lines = 0;
  (slot.posted ? write_lines : read_lines).set(used, timeline_.now());
}

// Lines of committed writes.
void Inbound::fold_returns() {
  if (returns_.empty()) return;
  for (const Time now = timeline_.now(); !returns_.empty() && returns_.front().when <= now; returns_.pop()) {
    write_lines_used_ -= returns_.front().lines;
    write_lines.gone(returns_.front().lines, returns_.front().when);
  }
}

/// Unless it is the translator that the first posted TLP waits for.
void Inbound::wait_for_lines() {
  if (posted_queue_.empty() || returns_.empty()) return;
  if (translator_full_ && needs_translation(*posted_queue_.front())) return;
  lines_free_.before(returns_.front().when);
}

void Inbound::add_slot() {
  Slot& slot = slots_.emplace_back(*this, timeline_, static_cast<Ticket>(slots_.size()));
  by_ticket_.push_back(&slot);
  free_slot_ = &slot;
}

void Inbound::free_slot(Slot& slot) {
  slot.state = State::free;
  slot.next_free = free_slot_;
  free_slot_ = &slot;
  if (slot.tlp.data) slot.tlp.data = ByteBuffer();
}

}  // namespace iov::pcie
