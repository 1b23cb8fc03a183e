// SPDX-License-Identifier: Apache-2.0
#include "models/workload/workload.h"

#include <numeric>

namespace iov::workload {

std::uint64_t Results::dropped_packets() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

double Results::throughput_gbps() const {
  const double seconds = window.to_seconds();
  return seconds > 0 ? static_cast<double>(delivered_bytes) * 8e-9 / seconds : 0;
}

double Results::per_microsecond(std::uint64_t n) const {
  const double seconds = window.to_seconds();
  return seconds > 0 ? static_cast<double>(n) * 1e-6 / seconds : 0;
}

Workload::Workload(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params,
                   std::uint64_t seed)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      seed_(seed),
      trace_(params.needs_trace() ? std::optional(PcapTrace::read(params.trace)) : std::nullopt),
      vm_sizes_(params_, trace_ ? &*trace_ : nullptr, true),
      peer_sizes_(params_, trace_ ? &*trace_ : nullptr, false),
      ledger_("ledger", timeline, params.carry_payload),
      peer_("peer", timeline, params_, ledger_) {
  if (params_.wire.hairpin) bridge_ = std::make_unique<AdjacentBridge>("bridge", timeline, params_.wire, ledger_, peer_);
}

void Workload::connect(FrameSink& nic) {
  if (bridge_) bridge_->connect(nic);
  peer_.connect(bridge_ ? bridge_->from_peer() : nic);
}

FrameSink& Workload::wire() { return bridge_ ? bridge_->from_nic() : peer_; }

GuestTraffic& Workload::add_vm(MacAddress mac) {
  const auto vm = static_cast<unsigned>(vms_.size());
  ledger_.add_vm();
  peer_.add_vm(mac);
  if (bridge_) bridge_->add_vm(mac);
  return *vms_.emplace_back(std::make_unique<VmTraffic>(params_, ledger_, vm_sizes_, vm, mac, Peer::mac));
}

std::unique_ptr<PacketPlan> Workload::plan(bool from_vm, std::vector<unsigned> vms) {
  const std::string stream = from_vm ? "vm" + std::to_string(vms.front()) : "peer";
  return std::make_unique<PacketPlan>(
      params_, trace_ ? &*trace_ : nullptr, from_vm, from_vm ? vm_sizes_ : peer_sizes_, std::move(vms),
      static_cast<unsigned>(vms_.size()), Random(seed_, stream), timeline_.now());
}

void Workload::start() {
  if (vms_.empty()) return;
  if (params_.to == SendsTo::next_vm)
    for (unsigned vm = 0; vm < vms_.size(); ++vm) {
      const unsigned next = (vm + 1) % static_cast<unsigned>(vms_.size());
      vms_[vm]->send_to(next, vms_[next]->mac());
    }
  if (params_.direction == Direction::request_response) return peer_.start_clients(peer_sizes_);
  if (params_.direction != Direction::transmit) {
    std::vector<unsigned> all(vms_.size());
    std::iota(all.begin(), all.end(), 0u);
    peer_.start_load(plan(false, std::move(all)));
  }
  if (params_.direction == Direction::receive) return;
  for (unsigned vm = 0; vm < vms_.size(); ++vm) vms_[vm]->start(plan(true, {vm}));
}

void Workload::stop_sources() {
  peer_.stop();
  for (auto& vm : vms_) vm->stop();
}

void Workload::catch_up(const Time& now) {
  peer_.catch_up(now);
  for (auto& vm : vms_) vm->catch_up(now);
}

void Workload::begin_window(const Time& now) {
  catch_up(now);
  ledger_.begin_window(now);
}

void Workload::end_window(const Time& now) {
  catch_up(now);
  ledger_.end_window(now);
}

const LatencyHistogram& Workload::latency() const {
  return params_.direction == Direction::request_response ? ledger_.round_trip : ledger_.one_way;
}

Results Workload::sum(std::optional<Way> way) const {
  Results result;
  const auto total = [&](std::size_t column) {
    return way ? ledger_.ways.at(static_cast<std::size_t>(*way), column) : ledger_.ways.sum(column);
  };
  result.window = ledger_.window();
  result.offered = total(PacketLedger::offered);
  result.sent = total(PacketLedger::sent);
  result.delivered = total(PacketLedger::delivered);
  result.delivered_bytes = total(PacketLedger::delivered_bytes) + result.delivered * fcs_bytes;
  for (std::size_t r = 0; r < drop_reasons; ++r) result.dropped[r] = total(PacketLedger::first_drop + r);
  result.round_trips = ledger_.round_trip.count();
  return result;
}

}  // namespace iov::workload
