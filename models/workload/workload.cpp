// SPDX-License-Identifier: Apache-2.0
#include "models/workload/workload.h"

#include <map>
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
  if (params.measure.interval == sc_core::SC_ZERO_TIME) return;
  time_line_.emplace(params.measure.interval);
  ledger_.keep(*time_line_);
}

void Workload::connect(FrameSink& nic) {
  if (bridge_) bridge_->connect(nic);
  peer_.connect(bridge_ ? bridge_->from_peer() : nic);
}

FrameSink& Workload::wire() { return bridge_ ? bridge_->from_nic() : peer_; }

bool Workload::Guest::sends() const {
  return !load.off() && (params.direction == Direction::transmit || params.direction == Direction::bidirectional);
}
bool Workload::Guest::receives() const {
  return !load.off() && (params.direction == Direction::receive || params.direction == Direction::bidirectional);
}
bool Workload::Guest::answers() const { return !load.off() && params.direction == Direction::request_response; }

GuestTraffic& Workload::add_vm(MacAddress mac, const VmLoad& load) {
  const auto vm = static_cast<unsigned>(guests_.size());
  ledger_.add_vm();
  if (time_line_) time_line_->add_vm();
  peer_.add_vm(mac);
  if (bridge_) bridge_->add_vm(mac);
  Guest& guest = guests_.emplace_back();
  guest.load = load;
  guest.params = load.over(params_);
  guest.traffic = std::make_unique<VmTraffic>(guest.params, ledger_, sizes(guest, true), vm, mac, Peer::mac);
  return *guest.traffic;
}

SizeSequence Workload::sizes(const Guest& guest, bool from_vm) const {
  const bool own = guest.load.packet_bytes > 0 || guest.params.direction != params_.direction;
  return own ? SizeSequence(guest.params, trace_ ? &*trace_ : nullptr, from_vm) : from_vm ? vm_sizes_ : peer_sizes_;
}

/// The plan of a source for VMs of equal load.
std::unique_ptr<PacketPlan> Workload::plan(bool from_vm, std::vector<unsigned> vms) {
  Guest& guest = guests_[vms.front()];
  std::string stream = from_vm ? "vm" + std::to_string(vms.front()) : "peer";
  if (guest.starts > 0) stream += " load " + std::to_string(guest.starts) + " of vm" + std::to_string(vms.front());
  return std::make_unique<PacketPlan>(guest.params, trace_ ? &*trace_ : nullptr, from_vm, sizes(guest, from_vm), std::move(vms),
                                      static_cast<unsigned>(guests_.size()), Random(seed_, stream), timeline_.now());
}

void Workload::start_sending(unsigned vm) {
  if (guests_[vm].sends()) guests_[vm].traffic->start(plan(true, {vm}));
}

/// @param vms  of equal load
void Workload::start_receiving(std::vector<unsigned> vms) {
  const Guest& guest = guests_[vms.front()];
  if (guest.receives()) peer_.start_load(plan(false, vms), guest.params.arrivals == Arrivals::saturate);
  if (!guest.answers()) return;
  for (const unsigned vm : vms) peer_.start_client(vm, sizes(guests_[vm], false));
}

void Workload::start() {
  running_ = true;
  if (params_.to == SendsTo::next_vm)
    for (unsigned vm = 0; vm < guests_.size(); ++vm) {
      const unsigned next = (vm + 1) % static_cast<unsigned>(guests_.size());
      guests_[vm].traffic->send_to(next, guests_[next].traffic->mac());
    }
  if (time_line_) time_line_->start(timeline_.now());
  std::vector<std::vector<unsigned>> groups;  // of VMs with equal loads, in order of their first VM
  std::map<VmLoad, std::size_t> group_of;
  for (unsigned vm = 0; vm < guests_.size(); ++vm) {
    const auto [group, fresh] = group_of.try_emplace(guests_[vm].load, groups.size());
    if (fresh) groups.emplace_back();
    groups[group->second].push_back(vm);
  }
  for (auto& group : groups) start_receiving(std::move(group));
  for (unsigned vm = 0; vm < guests_.size(); ++vm) start_sending(vm);
}

void Workload::set_load(unsigned vm, const VmLoad& load) {
  Guest& guest = guests_[vm];
  guest.traffic->stop();
  peer_.leave(vm);
  guest.load = load;
  guest.params = load.over(params_);
  guest.traffic->use(guest.params, sizes(guest, true));
  ++guest.starts;
  if (!running_) return;
  start_receiving({vm});
  start_sending(vm);
}

void Workload::forge(unsigned vm, std::optional<MacAddress> source, std::optional<MacAddress> destination) {
  guests_[vm].traffic->forge(source, destination);
}

void Workload::stop_sources() {
  running_ = false;
  peer_.stop();
  for (Guest& guest : guests_) guest.traffic->stop();
}

void Workload::catch_up(const Time& now) {
  peer_.catch_up(now);
  for (Guest& guest : guests_) guest.traffic->catch_up(now);
}

void Workload::begin_window(const Time& now) {
  catch_up(now);
  ledger_.begin_window(now);
}

void Workload::end_window(const Time& now) {
  catch_up(now);
  ledger_.end_window(now);
  if (time_line_) time_line_->close(now);
}

const LatencyHistogram& Workload::latency() const {
  return params_.direction == Direction::request_response ? ledger_.round_trip : ledger_.one_way;
}

template <class Total>
Results Workload::results_from(Total total) const {
  Results result;
  result.window = ledger_.window();
  result.offered = total(PacketLedger::offered);
  result.sent = total(PacketLedger::sent);
  result.delivered = total(PacketLedger::delivered);
  result.delivered_bytes = total(PacketLedger::delivered_bytes) + result.delivered * fcs_bytes;
  for (std::size_t r = 0; r < drop_reasons; ++r) result.dropped[r] = total(PacketLedger::first_drop + r);
  return result;
}

Results Workload::sum(std::optional<Way> way) const {
  Results result = results_from([&](std::size_t column) {
    return way ? ledger_.ways.at(static_cast<std::size_t>(*way), column) : ledger_.ways.sum(column);
  });
  result.round_trips = ledger_.round_trip.count();
  return result;
}

Results Workload::results_of(unsigned vm) const {
  return results_from([&](std::size_t column) { return ledger_.vms.at(vm, column); });
}

}  // namespace iov::workload
