// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/transfer_source.h"

namespace iov::endpoint {

namespace {
constexpr std::uint32_t write_ticket = 1;  // bit 0 of a ticket; the slot above it
}  // namespace

TransferSource::TransferSource(const sc_core::sc_module_name& name, Timeline& timeline, const TransferParams& params,
                               DmaEngine& engine, std::uint64_t seed)
    : sc_module(name), timeline_(timeline), params_(params), engine_(engine), pattern_(params.access, seed, this->name()) {
  engine.on_posted_left(bind<&TransferSource::posted_left>(this));
  transactions_.resize(params.outstanding);
  for (std::uint32_t slot = params.outstanding; slot-- > 0;) free_.push_back(slot);
  if (params.trace.empty()) return;
  trace_ = read_address_trace(params.trace);
  for (const TracedAccess& access : trace_) channel_of(access);
}

void TransferSource::add_requester(RequesterId requester, Pasid pasid, std::uint64_t window_base) {
  sources_.push_back({window_base, &engine_.channel(engine_.add_channel(requester, *this, pasid))});
  requesters.add_row(pasid.present() ? "pasid" + std::to_string(pasid.value) : "function" + std::to_string(requesters.rows()));
}

unsigned TransferSource::channel_of(const TracedAccess& access) {
  const std::uint64_t key = access.requester.value | std::uint64_t{access.pasid.value} << 16;
  const auto [found, fresh] = traced_requesters_.try_emplace(key, static_cast<unsigned>(sources_.size()));
  if (!fresh) return found->second;
  sources_.push_back({0, &engine_.channel(engine_.add_channel(access.requester, *this, access.pasid))});
  std::string row = "rid" + std::to_string(access.requester.value);
  if (access.pasid.present()) row += "_pasid" + std::to_string(access.pasid.value);
  requesters.add_row(row);
  return found->second;
}

void TransferSource::start() {
  stopped_ = false;
  if (!chosen_ && trace_.empty() && params_.lookahead == 0) choose();
  begin_ = next_issue_ = fetch_free_ = store_free_ = timeline_.now();
  pump();
}

/// Starts what may start now. A transaction that ends within begin() is seen by the loop.
void TransferSource::pump() {
  if (pumping_) return;
  pumping_ = true;
  if (!trace_.empty()) pump_trace();
  while (trace_.empty() && !stopped_ && in_flight_ < params_.outstanding) {
    if (next_issue_ > timeline_.now()) {
      issue_.before(next_issue_);
      break;
    }
    const AccessPattern::Access access = next_access();
    begin(access.function, sources_[access.function].window + access.at,
          static_cast<std::uint32_t>(params_.access.transfer_size.count), params_.access.pattern);
  }
  pumping_ = false;
}

/// One ahead: what its requester has of its own is asked for meanwhile.
void TransferSource::choose() {
  ahead_ = pattern_.next();
  chosen_ = true;
  iov::prefetch(&sources_[ahead_.function]);
}

AccessPattern::Access TransferSource::next_access() {
  if (params_.lookahead == 0) {
    const AccessPattern::Access access = ahead_;
    choose();
    return access;
  }
  while (upcoming_.size() <= params_.lookahead) {
    const AccessPattern::Access access = pattern_.next();
    engine_.expect(*sources_[access.function].channel, sources_[access.function].window + access.at,
                   static_cast<std::uint32_t>(params_.access.transfer_size.count),
                   params_.access.pattern != DmaPattern::read);
    upcoming_.push(AccessPattern::Access(access));
  }
  return upcoming_.pop();
}

void TransferSource::pump_trace() {
  while (!stopped_ && in_flight_ < params_.outstanding && next_traced_ < trace_.size()) {
    const TracedAccess& access = trace_[next_traced_];
    const Time due = std::max(begin_ + access.at, next_issue_);
    if (due > timeline_.now()) return issue_.before(due);
    ++next_traced_;
    begin(channel_of(access), access.address.value, access.bytes, access.write ? DmaPattern::write : DmaPattern::read);
  }
}

void TransferSource::begin(unsigned requester, std::uint64_t address, std::uint32_t bytes, DmaPattern pattern) {
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  const bool both = pattern == DmaPattern::read_write || pattern == DmaPattern::write_then_read;
  transactions_[slot] = {timeline_.now(), address, bytes, requester, both ? 2u : 1u, pattern == DmaPattern::write_then_read,
                         false};
  under_way.set(++in_flight_, timeline_.now());
  next_issue_ = timeline_.now() + params_.issue_interval;
  if (pattern != DmaPattern::read) fetch(slot);
  if (pattern == DmaPattern::read || pattern == DmaPattern::read_write) submit_read(slot);
}

void TransferSource::submit_read(std::uint32_t slot) {
  const Transaction& t = transactions_[slot];
  DmaRequest request;
  request.address = t.address;
  request.length = t.bytes;
  request.ticket = slot << 1;
  engine_.submit(*sources_[t.requester].channel, std::move(request));
}

void TransferSource::fetch(std::uint32_t slot) {
  fetch_free_ = std::max(fetch_free_, timeline_.now()) + params_.local_bandwidth.time_for(transactions_[slot].bytes);
  fetched_.push(fetch_free_ + params_.write_setup, std::move(slot));
}

void TransferSource::submit_write(std::uint32_t&& slot) {
  const Transaction& t = transactions_[slot];
  DmaRequest request;
  request.write = true;
  request.address = t.address;
  request.length = t.bytes;
  request.ticket = slot << 1 | write_ticket;
  engine_.submit(*sources_[t.requester].channel, std::move(request));
}

void TransferSource::dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&&) {
  std::uint32_t slot = ticket >> 1;
  Transaction& t = transactions_[slot];
  const bool good = status == DmaStatus::success;
  t.failed |= !good;
  if (ticket & write_ticket) {
    return good ? handed_over(slot) : write_over(slot);
  }
  if (!good) return operation_over(slot);
  read_bytes += t.bytes;
  iov::prefetch(requesters.cells(t.requester));
  store_free_ = std::max(store_free_, timeline_.now()) + params_.local_bandwidth.time_for(t.bytes);
  storing_.push(store_free_, std::move(slot));
}

/// The engine has handed over all TLPs of a write. When is the last byte in the transmit buffer?
void TransferSource::handed_over(std::uint32_t slot) {
  if (const std::size_t ahead = engine_.writes_waiting()) return waiting_.push({slot, posted_left_ + ahead});
  const Time when = buffered_at();
  if (when > timeline_.now())
    leaving_.push(when, std::move(slot));
  else
    written(std::move(slot));
}

void TransferSource::posted_left() {
  ++posted_left_;
  while (!waiting_.empty() && waiting_.front().until <= posted_left_)
    leaving_.push(std::max(buffered_at(), timeline_.now()), std::uint32_t(waiting_.pop().slot));
}

Time TransferSource::buffered_at() const {
  return engine_.sent_all_but(static_cast<std::uint32_t>(params_.transmit_buffer.count));
}

void TransferSource::written(std::uint32_t&& slot) {
  written_bytes += transactions_[slot].bytes;
  write_over(slot);
}

void TransferSource::write_over(std::uint32_t slot) {
  if (transactions_[slot].read_follows) submit_read(slot);
  operation_over(slot);
}

void TransferSource::stored(std::uint32_t&& slot) { operation_over(slot); }

void TransferSource::operation_over(std::uint32_t slot) {
  Transaction& t = transactions_[slot];
  if (--t.operations > 0) return;
  ++transactions;
  ++requesters.at(t.requester, 0);
  if (t.failed)
    ++failed, ++requesters.at(t.requester, 1);
  else
    latency.record(timeline_.now() - t.started);
  under_way.set(--in_flight_, timeline_.now());
  free_.push_back(slot);
  ++ended_;
  if (ended_ == target_ || exhausted()) reached_();
  pump();
}

}  // namespace iov::endpoint
