// SPDX-License-Identifier: Apache-2.0
#include "models/workload/packet_plan.h"

#include <algorithm>

namespace iov::workload {

namespace {
std::uint32_t fixed_bytes(const Params& params, bool from_vm) {
  unsigned bytes = 0;
  if (params.direction == Direction::request_response)
    bytes = from_vm ? params.response_bytes : params.request_bytes;
  return std::max(bytes ? bytes : params.packet_bytes, min_packet_bytes) - fcs_bytes;
}
}  // namespace

SizeSequence::SizeSequence(const Params& params, const PcapTrace* trace, bool from_vm) {
  std::vector<std::uint32_t> cycle;
  if (params.sizes == Sizes::fixed) cycle = {fixed_bytes(params, from_vm)};
  if (params.sizes == Sizes::imix)
    for (const std::uint32_t packet : {64u, 570u, 64u, 64u, 570u, 64u, 570u, 64u, 64u, 1518u, 570u, 64u})
      cycle.push_back(packet - fcs_bytes);
  if (params.sizes == Sizes::trace)
    for (const TraceRecord& record : trace->records())
      if (record.from_vm == from_vm) cycle.push_back(record.bytes);
  if (cycle.empty())  // a capture of one direction only
    for (const TraceRecord& record : trace->records()) cycle.push_back(record.bytes);
  cycle_ = std::make_shared<const std::vector<std::uint32_t>>(std::move(cycle));
}

PacketPlan::PacketPlan(const Params& params, const PcapTrace* trace, bool from_vm, const SizeSequence& sizes,
                       std::vector<unsigned> vms, unsigned all_vms, Random random, const Time& begin)
    : params_(params),
      trace_(trace),
      from_vm_(from_vm),
      vms_(std::move(vms)),
      all_vms_(all_vms),
      random_(std::move(random)),
      sizes_(sizes),
      loop_begin_(begin) {
  next_.due = begin;
  turn_ = vms_.size() - 1;
  if (params_.arrivals == Arrivals::trace && !has_records()) next_.due = sc_core::sc_max_time();
  pop();
}

Time PacketPlan::gap(std::uint32_t bytes) {
  if (params_.arrivals == Arrivals::saturate) return {};
  double fs = params_.packet_rate > 0
                  ? 1e15 / params_.packet_rate
                  : static_cast<double>(params_.open_loop_rate().time_for(bytes + fcs_bytes).value());
  fs /= static_cast<double>(vms_.size());
  constexpr double never = 5e18;  // longer than any run; a Time has no room for what the least rate asks for
  return from_fs(std::min(never, params_.arrivals == Arrivals::poisson ? random_.exponential(fs) : fs));
}

void PacketPlan::pop() {
  if (next_.due == never_) return;
  if (params_.arrivals == Arrivals::trace) {
    while (!replay_next()) {
    }
    return;
  }
  next_.bytes = sizes_.next();
  next_.due += gap(next_.bytes);
  if (++turn_ >= vms_.size()) turn_ = 0;
  next_.vm = vms_[turn_];
}

void PacketPlan::leave(unsigned vm) {
  const auto at = std::find(vms_.begin(), vms_.end(), vm);
  if (at == vms_.end()) return;
  const auto index = static_cast<std::size_t>(at - vms_.begin());
  const bool was_next = next_.vm == vm;
  vms_.erase(at);
  if (vms_.empty()) next_.due = sc_core::sc_max_time();
  if (next_.due == sc_core::sc_max_time()) return;
  if (index < turn_ || (was_next && params_.arrivals == Arrivals::trace)) --turn_;  // may wrap: ++turn_ comes next
  if (!was_next) return;
  if (params_.arrivals == Arrivals::trace) return pop();
  turn_ %= vms_.size();
  next_.vm = vms_[turn_];
}

bool PacketPlan::concerns(const TraceRecord& record, unsigned vm) const {
  if (record.from_vm != from_vm_) return false;
  const unsigned stations = trace_->stations();
  return all_vms_ < stations ? record.station % all_vms_ == vm : vm % stations == record.station;
}

bool PacketPlan::has_records() const {
  for (const TraceRecord& record : trace_->records())
    for (const unsigned vm : vms_)
      if (concerns(record, vm)) return true;
  return false;
}

/// One candidate: the current record for one VM. VMs and stations are matched modulo the smaller number
/// of them, so that every VM has a station and every station a VM.
/// @returns whether it was a packet of this source, or there is none any more
bool PacketPlan::replay_next() {
  if (++turn_ >= vms_.size()) {
    turn_ = 0;
    advance_record();
  }
  if (next_.due == sc_core::sc_max_time()) return true;
  const TraceRecord& record = trace_->records()[record_ - 1];
  const unsigned vm = vms_[turn_];
  if (!concerns(record, vm)) return false;
  next_.due = loop_begin_ + from_fs(static_cast<double>(record.at.value()) * params_.time_scale);
  next_.bytes = params_.sizes == Sizes::trace ? record.bytes : sizes_.next();
  next_.vm = vm;
  return true;
}

void PacketPlan::advance_record() {
  if (record_ == trace_->records().size()) {
    record_ = 0;
    loop_begin_ += from_fs(static_cast<double>(trace_->period().value()) * params_.time_scale);
    if (!params_.trace_loop) next_.due = sc_core::sc_max_time();
  }
  ++record_;
}

}  // namespace iov::workload
