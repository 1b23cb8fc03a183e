// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/outbound.h"

#include <cstring>

namespace iov::pcie {

namespace {
std::uint64_t all_ones(unsigned bytes) { return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * bytes) - 1; }
}  // namespace

Outbound::Outbound(const sc_core::sc_module_name& name, Timeline& timeline, const RootComplexParams& params,
                   const Routes& routes)
    : sc_module(name), timeline_(timeline), params_(params), routes_(routes), pending_(params.tags) {
  for (unsigned tag = 0; tag < params.tags; ++tag) free_tags_.push(static_cast<std::uint16_t>(tag));
}

TlpPort* Outbound::link_to(unsigned port) {
  if (port != Routes::nowhere) return links_.at(port);
  ++unclaimed;
  return nullptr;
}

void Outbound::write(Hpa address, std::uint64_t value, unsigned bytes, JourneyRef journey) {
  ++mmio_writes;
  TlpPort* link = link_to(routes_.port_of(address));
  if (!link) return;
  Tlp tlp;
  tlp.type = TlpType::memory_write;
  tlp.requester = id;
  tlp.address = address.value;
  tlp.length = bytes;
  tlp.data = pool_.copy({reinterpret_cast<const std::uint8_t*>(&value), bytes});
  tlp.journey = journey;
  depart_later(*link, std::move(tlp));
}

void Outbound::read(Hpa address, unsigned bytes, Delegate<void(std::uint64_t)> done) {
  ++mmio_reads;
  const Request request{address, bytes, done, timeline_.now()};
  if (TlpPort* link = link_to(routes_.port_of(address))) {
    if (free_tags_.empty()) return waiting_.push(request);
    return send_read(request, *link);
  }
  unclaimed_reads_.push({timeline_.now() + params_.outbound_latency + params_.inbound_latency, request});
  if (!answer_unclaimed_.scheduled()) answer_unclaimed_.at(unclaimed_reads_.front().when);
}

void Outbound::message(Tlp&& tlp) {
  TlpPort* link = link_to(routes_.port_of(tlp.completer));
  if (!link) return;
  ++messages;
  tlp.requester = id;
  depart_later(*link, std::move(tlp));
}

// The latency is the same for all: what departs is a FIFO with one event.
void Outbound::depart_later(TlpPort& link, Tlp&& tlp) {
  Departure& departure = departures_.extend();
  departure.when = timeline_.now() + params_.outbound_latency;
  departure.link = &link;
  departure.tlp = std::move(tlp);
  if (!depart_.scheduled()) depart_.at(departure.when);
}

void Outbound::depart() {
  while (!departures_.empty() && departures_.front().when <= timeline_.now()) {
    Departure& departure = departures_.front();
    departure.link->send(std::move(departure.tlp));
    departures_.pop();
  }
  if (!departures_.empty()) depart_.at(departures_.front().when);
}

void Outbound::send_read(const Request& request, TlpPort& link) {
  const std::uint16_t tag = free_tags_.front();
  free_tags_.pop();
  pending_[tag] = {request, ++serial_, true};
  ++outstanding_;
  deadlines_.push({timeline_.now() + params_.completion_timeout, tag, serial_});
  arm_timeout();
  Tlp tlp;
  tlp.type = TlpType::memory_read;
  tlp.requester = id;
  tlp.tag = tag;
  tlp.address = request.address.value;
  tlp.length = tlp.want_bytes = request.bytes;
  depart_later(link, std::move(tlp));
}

void Outbound::send_waiting() {
  if (waiting_.empty() || free_tags_.empty()) return;
  const Request next = waiting_.front();
  waiting_.pop();
  send_read(next, *links_.at(routes_.port_of(next.address)));
}

void Outbound::complete(const Tlp& completion) {
  const std::uint16_t tag = completion.tag;
  if (completion.requester != id || tag >= pending_.size() || !pending_[tag].outstanding) {
    ++unexpected_completions;
    ++unexpected_;
    return;
  }
  const unsigned bytes = pending_[tag].request.bytes;
  if (completion.status != CompletionStatus::success) {
    ++failed_reads;
    return answer(tag, all_ones(bytes));
  }
  std::uint64_t value = 0;
  if (completion.data) std::memcpy(&value, completion.data.data(), std::min<std::size_t>(bytes, completion.data.size()));
  answer(tag, value);
}

void Outbound::answer(std::uint16_t tag, std::uint64_t value) {
  const Request request = pending_[tag].request;
  pending_[tag].outstanding = false;
  --outstanding_;
  free_tags_.push(tag);
  arm_timeout();
  send_waiting();
  finish(request, value);
}

void Outbound::finish(const Request& request, std::uint64_t value) {
  mmio_read_latency.record(timeline_.now() - request.started);
  request.done(value);
}

void Outbound::unclaimed_due() {
  const Request request = unclaimed_reads_.front().request;
  unclaimed_reads_.pop();
  if (!unclaimed_reads_.empty()) answer_unclaimed_.at(unclaimed_reads_.front().when);
  finish(request, all_ones(request.bytes));
}

// The timeout is the same for all reads: the oldest outstanding one is next; answered ones are skipped.
void Outbound::arm_timeout() {
  const auto answered = [this](const Deadline& d) {
    return !pending_[d.tag].outstanding || pending_[d.tag].serial != d.serial;
  };
  while (!deadlines_.empty() && answered(deadlines_.front())) deadlines_.pop();
  if (deadlines_.empty())
    timeout_.cancel();
  else if (!timeout_.scheduled() || timeout_.when() != deadlines_.front().when)
    timeout_.at(deadlines_.front().when);
}

void Outbound::timeout_due() {
  const std::uint16_t tag = deadlines_.front().tag;
  ++completion_timeouts;
  ++given_up_;
  answer(tag, all_ones(pending_[tag].request.bytes));
}

}  // namespace iov::pcie
