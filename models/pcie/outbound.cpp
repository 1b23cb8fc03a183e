// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/outbound.h"

#include <cstring>

namespace iov::pcie {

namespace {
std::uint64_t all_ones(unsigned bytes) { return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * bytes) - 1; }
}  // namespace

Outbound::Outbound(const sc_core::sc_module_name& name, Timeline& timeline, const RootComplexParams& params,
                   const Routes& routes, Delegate<std::uint64_t(const RootPortAccess&)> root_ports)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      routes_(routes),
      root_ports_(root_ports),
      pending_(params.tags) {
  for (unsigned tag = 0; tag < params.tags; ++tag) free_tags_.push(static_cast<std::uint16_t>(tag));
}

TlpPort* Outbound::link_to(unsigned port) {
  if (port != Routes::nowhere) return ports_.at(port).link;
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
  start({TlpType::memory_read, address.value, {}, bytes, 0, done, timeline_.now()});
}

void Outbound::read_config(RequesterId function, unsigned offset, unsigned bytes, Delegate<void(std::uint64_t)> done) {
  ++config_requests;
  start({TlpType::config_read, offset, function, bytes, 0, done, timeline_.now()});
}

void Outbound::write_config(RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value,
                            Delegate<void(std::uint64_t)> done) {
  ++config_requests;
  start({TlpType::config_write, offset, function, bytes, value, done, timeline_.now()});
}

/// The root port that sends the request on. On its secondary bus it takes function 0 to 7 of device 0 only, unless it
/// forwards ARI (6.13).
unsigned Outbound::port_of(const Request& request) const {
  if (!request.config()) return routes_.port_of(Hpa(request.address));
  const unsigned port = routes_.port_of(request.function);
  if (port == Routes::nowhere) return port;
  const Bridge& bridge = *ports_.at(port).bridge;
  const bool other_device = request.function.bus() == bridge.secondary() && request.function.devfn() > 7;
  return other_device && !bridge.ari_forwarding() ? Routes::nowhere : port;
}

void Outbound::start(const Request& request) {
  const unsigned port = port_of(request);
  if (port == Routes::nowhere) return answer_here(request);
  if (!ports_[port].up) {
    ++failed_reads;
    return answer_soon(request);
  }
  if (free_tags_.empty()) return waiting_.push(request);
  const std::uint16_t tag = free_tags_.front();
  free_tags_.pop();
  ++outstanding_;
  send(tag, request, port);
}

/// No root port leads there: bus 0, or nobody.
void Outbound::answer_here(const Request& request) {
  if (!request.config() || request.function.bus() != 0) ++unclaimed;
  answer_soon(request);
}

void Outbound::answer_soon(const Request& request) {
  local_.push({timeline_.now() + params_.outbound_latency + params_.inbound_latency, request});
  if (!answer_local_.scheduled()) answer_local_.at(local_.front().when);
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

void Outbound::send(std::uint16_t tag, const Request& request, unsigned port) {
  pending_[tag] = {request, ++serial_, true};
  deadlines_.push({timeline_.now() + params_.completion_timeout, tag, serial_});
  arm_timeout();
  Tlp tlp;
  tlp.type = request.type;
  tlp.requester = id;
  tlp.tag = tag;
  tlp.address = request.address;
  tlp.length = tlp.want_bytes = request.bytes;
  if (request.config()) {
    tlp.completer = request.function;
    tlp.type1 = request.function.bus() != ports_[port].bridge->secondary();
  }
  if (request.type == TlpType::config_write)
    tlp.data = pool_.copy({reinterpret_cast<const std::uint8_t*>(&request.value), request.bytes});
  depart_later(*ports_[port].link, std::move(tlp));
}

void Outbound::send_waiting() {
  if (waiting_.empty() || free_tags_.empty()) return;
  const Request next = waiting_.front();
  waiting_.pop();
  start(next);
}

void Outbound::complete(const Tlp& completion) {
  const std::uint16_t tag = completion.tag;
  if (completion.requester != id || tag >= pending_.size() || !pending_[tag].outstanding) {
    ++unexpected_completions;
    ++unexpected_;
    return tell(routes_.port_of(completion.completer), config::PcieError::unexpected_completion, &completion);
  }
  const unsigned bytes = pending_[tag].request.bytes;
  if (completion.status == CompletionStatus::retry && retry(tag)) return;
  if (completion.status != CompletionStatus::success) {
    ++failed_reads;
    return answer(tag, all_ones(bytes));
  }
  std::uint64_t value = 0;
  if (completion.data) std::memcpy(&value, completion.data.data(), std::min<std::size_t>(bytes, completion.data.size()));
  answer(tag, value);
}

/// The request keeps its tag and is sent again later (2.3.2). @returns false when it was repeated for long enough
bool Outbound::retry(std::uint16_t tag) {
  Pending& pending = pending_[tag];
  const Time when = timeline_.now() + params_.config_retry;
  if (!pending.request.config() || when > pending.request.started + params_.completion_timeout) return false;
  ++config_retries;
  pending.serial = ++serial_;  // its deadline is over: it was answered
  retries_.push({when, tag, serial_});
  arm_timeout();
  if (!retry_.scheduled()) retry_.at(when);
  return true;
}

void Outbound::retry_due() {
  const Retry due = retries_.front();
  retries_.pop();
  if (!retries_.empty()) retry_.at(retries_.front().when);
  const Request request = pending_[due.tag].request;
  const unsigned port = port_of(request);
  if (port == Routes::nowhere || !ports_[port].up) return answer(due.tag, all_ones(request.bytes));  // routed elsewhere, or gone
  send(due.tag, request, port);
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
  if (!request.config()) mmio_read_latency.record(timeline_.now() - request.started);
  request.done(value);
}

void Outbound::local_due() {
  const Request request = local_.front().request;
  local_.pop();
  if (!local_.empty()) answer_local_.at(local_.front().when);
  if (!request.config() || request.function.bus() != 0) return finish(request, all_ones(request.bytes));
  const RootPortAccess access{request.function, static_cast<unsigned>(request.address), request.bytes,
                              request.type == TlpType::config_write, request.value};
  finish(request, root_ports_(access) & all_ones(request.bytes));
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
  tell(port_of(pending_[tag].request), config::PcieError::completion_timeout, nullptr);
  answer(tag, all_ones(pending_[tag].request.bytes));
}

}  // namespace iov::pcie
