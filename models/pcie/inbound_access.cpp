// SPDX-License-Identifier: Apache-2.0
/// Access to memory, peers, interrupt remapping and the IOMMU's agent; answers.
#include <algorithm>
#include <sstream>

#include "models/pcie/inbound.h"

namespace iov::pcie {

void Inbound::due(Slot& slot) {
  if (slot.state == State::access) return slot.posted ? issue_posted(slot) : access_other(slot);
  slot.posted ? deliver_posted(slot) : answer_read(slot);
}

namespace {
/// Another port's writes are committed later.
template <class Return>
[[gnu::cold]] void sort_in_newest(Ring<Return>& returns) {
  for (std::size_t i = returns.size() - 1; i > 0 && returns[i].when < returns[i - 1].when; --i)
    std::swap(returns[i], returns[i - 1]);
}
}  // namespace

/// @returns when the TLP's effect is visible to the processors
inline Time Inbound::commit(Slot& slot) {
  const Time now = timeline_.now();
  const bool writes_memory =
      slot.kind == Kind::memory && slot.status == CompletionStatus::success && !is_interrupt_address(slot.address.value);
  slot.state = State::finish;  // not before: what was read is one word with it, and would have to wait for it
  const unsigned peer = writes_memory ? routes_.port_of(slot.address) : Routes::nowhere;
  if (!writes_memory || peer != Routes::nowhere) return commit_otherwise(slot, peer);
  const Tlp& tlp = slot.tlp;
  ++writes;
  written_bytes += tlp.length;
  const std::span<const std::uint8_t> bytes = tlp.data ? tlp.data.bytes() : std::span<const std::uint8_t>();
  const Time done = memory_.write(slot.address, bytes, tlp.length, now, slot.snooped);
  if (!memory_.ok()) ++dropped_writes;
  return done;
}

// Nobody reacts to a committed write: its credits and lines are booked to be free then, without an event.
[[gnu::always_inline]] inline void Inbound::book_return(Slot& slot, const Time& done) {
  slot.from->link.release_at(FcClass::posted, slot.tlp.payload(), done);
  if (slot.lines > 0) {
    const bool in_order = last_return_ <= done;
    returns_.push({done, slot.lines});
    in_order ? void(last_return_ = done) : sort_in_newest(returns_);
    if (!posted_queue_.empty()) wait_for_lines();
  }
  if (slot.kind == Kind::interrupt || slot.kind == Kind::message) return slot.due.at(done);
  // visible from then on: what follows is the wait until software looks
  if (slot.kind == Kind::memory) slot.tlp.journey.enter(Stage::completion, done);
  free_slot(slot);
}

inline void Inbound::issue_posted(Slot& slot) {
  RootPort& port = *slot.from;
  const Time done = std::max(commit(slot), port.last_commit);
  port.last_commit = done;
  ++port.posted_issued;
  if (!port.behind.empty()) follow(port, done);
  if (slot.state == State::finish) book_return(slot, done);  // else it left for a peer
}

/// What arrived behind posted TLPs.
void Inbound::follow(RootPort& port, const Time& done) {
  while (!port.behind.empty() && port.behind.front().posted <= port.posted_issued) {
    Slot& follower = *port.behind.front().slot;
    port.behind.pop();
    follower.ordered = true;
    follower.order = done;
    advance_other(follower);
  }
}

Time Inbound::commit_otherwise(Slot& slot, unsigned peer) {
  if (peer != Routes::nowhere)
    forward(slot, peer);
  else if (slot.kind != Kind::interrupt && slot.kind != Kind::message)
    ++dropped_writes;
  return timeline_.now();
}

void Inbound::deliver_posted(Slot& slot) {
  const Kind kind = slot.kind;
  const RootPort& from = *slot.from;
  const Tlp tlp = std::move(slot.tlp);
  free_slot(slot);
  kind == Kind::interrupt ? deliver_interrupt(tlp) : deliver_message(tlp, from);
}

void Inbound::deliver_interrupt(const Tlp& tlp) {
  if (tlp.data.size() < 4) {
    ++dropped_writes;
    return;
  }
  InterruptMessage message{tlp.requester, static_cast<std::uint32_t>(tlp.address), 0, tlp.journey};
  std::memcpy(&message.data, tlp.data.data(), 4);
  interrupt(message);
}

void Inbound::interrupt(const InterruptMessage& message) {
  ++(remapper_ ? interrupts : dropped_writes);
  if (remapper_) remapper_->interrupt(message);
}

/// The four wires of a root port are swizzled onto the controller's pins 16 to 19, as PCI-to-PCI bridges do by device.
void Inbound::drive_pin(const Tlp& tlp, const RootPort& from) {
  constexpr unsigned first_pin = 16, lines = 4;
  if (!pins_) return ++dropped_writes;
  ++messages;
  pins_->wire(tlp.requester, first_pin + (from.number + intx_line(tlp.message)) % lines, is_assert(tlp.message));
}

void Inbound::deliver_message(const Tlp& tlp, const RootPort& from) {
  if (is_intx(tlp.message)) return drive_pin(tlp, from);
  if (config::is_error(tlp.message)) {
    ++error_messages;
    if (on_error_message_) on_error_message_(from.number, tlp);
    return;
  }
  if (!ats_agent_) {
    ++dropped_writes;
    return;
  }
  ++messages;
  if (tlp.message == MessageCode::page_request) return ats_agent_->page_requested(tlp.requester, tlp.pasid, tlp.address);
  ats_agent_->invalidate_completed(tlp.requester, static_cast<std::uint32_t>(tlp.address),
                                   static_cast<std::uint8_t>(tlp.byte_count));
}

void Inbound::access_other(Slot& slot) {
  if (slot.kind == Kind::completion) return hand_completion(slot);
  const Time now = timeline_.now();
  Time done = now;
  if (slot.kind == Kind::translation) ++translation_requests;
  if (slot.kind == Kind::memory && slot.status == CompletionStatus::success) {
    if (const unsigned peer = routes_.port_of(slot.address); peer != Routes::nowhere) return forward(slot, peer);
    done = read_memory(slot);
  }
  slot.state = State::finish;
  slot.from->link.release(FcClass::non_posted, slot.tlp.payload());
  slot.due.at(done + params_.completion_latency);
}

Time Inbound::read_memory(Slot& slot) {
  const Tlp& tlp = slot.tlp;
  const Time now = timeline_.now();
  if (is_interrupt_address(slot.address.value)) {
    slot.status = CompletionStatus::unsupported_request;
    return now;
  }
  ++reads;
  read_bytes += tlp.length;
  std::span<std::uint8_t> bytes;
  if (tlp.want_bytes > 0) {
    slot.data = pool_.take(std::min(tlp.want_bytes, tlp.length));
    bytes = slot.data.bytes();
  }
  const Time done = memory_.read(slot.address, bytes, tlp.length, now, slot.snooped);
  if (memory_.ok()) return done;
  slot.status = CompletionStatus::unsupported_request;
  return now;
}

void Inbound::answer_read(Slot& slot) {
  read_time.add(timeline_.now() - slot.arrived);
  slot.tlp.journey.enter(Stage::link, timeline_.now());
  if (slot.status == CompletionStatus::success)
    send_data(slot);
  else
    send_error(slot);
  slot.data = ByteBuffer();
  free_lines(slot);
  free_slot(slot);
  admit();
}

namespace {
Tlp completion_of(const Tlp& request) {
  Tlp tlp;
  tlp.requester = request.requester;
  tlp.completer = Outbound::id;
  tlp.tag = request.tag;
  tlp.relaxed_ordering = request.relaxed_ordering;
  tlp.no_snoop = request.no_snoop;
  return tlp;
}
}  // namespace

void Inbound::send_error(Slot& slot) {
  Tlp tlp = completion_of(slot.tlp);
  tlp.type = TlpType::completion;
  tlp.status = slot.status;
  tlp.byte_count = slot.tlp.length;
  tlp.address = slot.tlp.address;
  tlp.journey = slot.tlp.journey;
  ++unsupported_requests;
  failed_ += slot.tlp.length;
  slot.from->link.send(std::move(tlp));
}

void Inbound::send_data(Slot& slot) {
  const Tlp& request = slot.tlp;
  const LinkLimits& limits = slot.from->link.limits();
  const std::uint32_t rcb = limits.read_completion_boundary;
  const std::uint32_t chunk = params_.completion_split == CompletionSplit::max_payload ? limits.max_payload : rcb;
  std::uint32_t total = request.length;
  if (slot.kind == Kind::translation) {
    total = slot.entries * translation_entry_bytes;
    answered_ += request.length - total;
  }
  std::uint32_t offset = 0;
  do {
    const std::uint32_t piece = next_completion(request.address + offset, total - offset, chunk, rcb);
    Tlp tlp = completion_of(request);
    tlp.type = TlpType::completion_data;
    tlp.length = piece;
    tlp.byte_count = total - offset;
    tlp.address = request.address + offset;
    if (piece == total)
      tlp.data = std::move(slot.data);
    else if (const auto real = static_cast<std::uint32_t>(slot.data.size()); offset < real)
      tlp.data = pool_.copy(slot.data.bytes().subspan(offset, std::min(piece, real - offset)));
    offset += piece;
    if (offset == total) tlp.journey = request.journey;
    answered_ += piece;
    slot.from->link.send(std::move(tlp));
  } while (offset < total);
}

void Inbound::hand_completion(Slot& slot) {
  if (slot.tlp.requester != Outbound::id)
    if (const unsigned peer = routes_.port_of(slot.tlp.requester); peer != Routes::nowhere) return forward(slot, peer);
  slot.from->link.release(FcClass::completion, slot.tlp.payload());
  const Tlp tlp = std::move(slot.tlp);
  free_slot(slot);
  outbound_.complete(tlp);
}

// Peer-to-peer by way of the root complex: credits and lines stay taken until the TLP leaves.
void Inbound::forward(Slot& slot, unsigned to) {
  RootPort& out = ports_[to];
  Ring<Slot*>& queue = out.forwards[static_cast<std::size_t>(slot.tlp.fc())];
  slot.state = State::forward;
  slot.tlp.journey.enter(Stage::link, timeline_.now());
  if (!queue.empty() || out.link.backlog(slot.tlp.fc()) > 0) return queue.push(&slot);
  leave(slot, out);
}

void Inbound::forward_waiting(RootPort& to) {
  for (std::size_t c = 0; c < fc_classes; ++c) {
    Ring<Slot*>& queue = to.forwards[c];
    while (!queue.empty() && to.link.backlog(static_cast<FcClass>(c)) == 0) {
      Slot& slot = *queue.front();
      queue.pop();
      leave(slot, to);
    }
  }
}

void Inbound::leave(Slot& slot, RootPort& to) {
  const FcClass fc = slot.tlp.fc();
  // posted credits return in order, also behind writes issued later but committed before
  const Time now = timeline_.now();
  slot.from->link.release_at(fc, slot.tlp.payload(), fc == FcClass::posted ? std::max(now, slot.from->last_commit) : now);
  free_lines(slot);
  if (fc == FcClass::non_posted) forwarded_ += slot.tlp.length;
  if (fc != FcClass::completion) {
    ++peer_to_peer;
    slot.tlp.address = slot.address.value;
    slot.tlp.at = AddressType::untranslated;
  }
  to.link.send(std::move(slot.tlp));
  free_slot(slot);
  admit();
}

std::string Inbound::check_bytes() const {
  std::uint64_t pending = 0;
  for (const Slot& slot : slots_)
    if (slot.state != State::free && slot.tlp.fc() == FcClass::non_posted) pending += slot.tlp.length;
  if (asked_ == answered_ + failed_ + forwarded_ + pending) return {};
  std::ostringstream seen;
  seen << asked_ << " B asked for, " << answered_ << " answered, " << failed_ << " refused, " << forwarded_
       << " forwarded, " << pending << " pending";
  return seen.str();
}

std::string Inbound::check_lines() {
  fold_returns();  // so that the statistic is up to date at a checkpoint
  unsigned writes_now = 0, reads_now = 0;
  for (const Slot& slot : slots_)
    if (slot.state != State::free) (slot.posted ? writes_now : reads_now) += slot.lines;
  for (std::size_t i = 0; i < returns_.size(); ++i) writes_now += returns_[i].lines;
  if (writes_now == write_lines_used_ && reads_now == read_lines_used_) return {};
  std::ostringstream seen;
  seen << write_lines_used_ << " write lines counted, " << writes_now << " held, " << read_lines_used_
       << " read lines counted, " << reads_now << " held";
  return seen.str();
}

}  // namespace iov::pcie
