// SPDX-License-Identifier: Apache-2.0
#include "models/workload/vm_traffic.h"

namespace iov::workload {

VmTraffic::VmTraffic(const Params& params, PacketLedger& ledger, const SizeSequence& answer_sizes,
                     unsigned vm, MacAddress mac, MacAddress peer)
    : params_(params),
      ledger_(ledger),
      vm_(vm),
      mac_(mac),
      to_(peer),
      counted_for_(vm),
      source_(mac),
      destination_(peer),
      answer_sizes_(answer_sizes) {}

void VmTraffic::send_to(unsigned vm, MacAddress mac) {
  to_ = destination_ = mac;
  way_ = Way::receive;
  counted_for_ = vm;
}

void VmTraffic::start(std::unique_ptr<PacketPlan> plan) {
  plan_ = std::move(plan);
  queue_.emplace(*plan_, params_.socket_queue);
  if (due_) due_();
}

void VmTraffic::stop() {
  queue_.reset();
  plan_.reset();
}

void VmTraffic::catch_up(const Time& now) {
  if (!queue_ || params_.arrivals == Arrivals::saturate) return;
  queue_->advance(now, [this](const PlannedPacket&, bool has_room) {
    has_room ? ledger_.offer(way_, counted_for_) : ledger_.refuse(way_, counted_for_);
  });
}

bool VmTraffic::next_entry(const Time& now, PacketEntry& entry) {
  if (!answers_.empty()) {
    entry = answers_.front();
    answers_.pop();
    return true;
  }
  if (!queue_) return false;
  if (params_.arrivals == Arrivals::saturate) {
    entry.bytes = plan_->peek().bytes;
    entry.due = now;
    plan_->pop();
    return true;
  }
  catch_up(now);
  if (queue_->empty()) return false;
  entry.bytes = queue_->front().bytes;
  entry.due = queue_->front().due;
  entry.offered = true;
  queue_->pop();
  return true;
}

bool VmTraffic::take(const Time& now, OutPacket& packet) {
  PacketEntry entry;
  if (!next_entry(now, entry)) return false;
  entry.way = way_;
  entry.vm = counted_for_;
  entry.header.destination = destination_;
  entry.header.source = source_;
  entry.header.flow = flow_ports(packets_++ % params_.flows);
  ledger_.send(entry, Stage::application);
  packet.header = entry.header;
  packet.bytes = entry.bytes;
  packet.journey = entry.journey;
  return true;
}

Time VmTraffic::next_due() const {
  if (!answers_.empty()) return answers_.front().due;
  return queue_ ? queue_->next_due() : sc_core::sc_max_time();
}

void VmTraffic::payload(const OutPacket& packet, std::span<std::uint8_t> out) const {
  PacketLedger::write_payload(packet.header, out);
}

void VmTraffic::received(const FrameHeader& header, std::span<const std::uint8_t> contents, std::uint32_t bytes, const Time& now) {
  const PacketEntry* const entry = ledger_.receive(Way::receive, vm_, header, contents, bytes, now);
  if (!entry || entry->kind != PacketKind::request) return;
  PacketEntry answer;
  answer.kind = PacketKind::response;
  answer.bytes = answer_sizes_.next();
  answer.due = now;
  answer.request_due = entry->due;
  answer.journey = entry->journey;
  answers_.push(answer);
  if (due_) due_();
}

}  // namespace iov::workload
