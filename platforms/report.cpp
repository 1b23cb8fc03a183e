// SPDX-License-Identifier: Apache-2.0
#include "platforms/report.h"

#include <map>

#include "models/core/tree.h"
#include "platforms/machine.h"
#include "platforms/resource_report.h"
#include "platforms/utilization.h"
#include "platforms/vm_report.h"

namespace iov::platform {

namespace {

using Json = nlohmann::ordered_json;
using workload::PacketLedger;

struct Window {
  double seconds = 0, packets = 0;
  double per_packet(double total) const { return packets > 0 ? total / packets : 0; }
};

Window window_of(const Machine& m) {
  const PacketLedger& ledger = m.workload->ledger();
  return {ledger.window().to_seconds(), static_cast<double>(ledger.ways.sum(PacketLedger::delivered))};
}

/// Sum over all rows of one field whose path ends so: "iotlb.hits".
double sum_of(const std::vector<StatRow>& rows, const std::string& tail, const std::string& field) {
  double sum = 0;
  for (const StatRow& row : rows)
    if (row.field == field && row.path.size() > tail.size() && row.path.ends_with(tail) &&
        row.path[row.path.size() - tail.size() - 1] == '.')
      sum += row.value;
  return sum;
}

void add_traffic(Json& out, const Machine& m) {
  const workload::Results results = m.workload->results();
  out["throughput_gbps"] = results.throughput_gbps();
  out["packet_rate_mpps"] = results.packet_rate_mpps();
  out["offered_mpps"] = results.offered_mpps();
  out["dropped_packets"] = results.dropped_packets();
}

void add_latency(Json& out, const Machine& m) {
  const LatencyHistogram& h = m.workload->latency();
  const auto value = [&h](double ns) { return h.count() ? Json(ns) : Json(nullptr); };  // nothing delivered: no latency
  out["latency_p50_ns"] = value(h.quantile_ns(0.5));
  out["latency_p90_ns"] = value(h.quantile_ns(0.9));
  out["latency_p99_ns"] = value(h.quantile_ns(0.99));
  out["latency_p999_ns"] = value(h.quantile_ns(0.999));
  out["latency_max_ns"] = value(h.max_ns());
}

double exits_of(Machine& m, host::ExitCause cause) {
  double exits = 0;
  for (std::size_t c = 0; c < m.processors->size(); ++c) exits += static_cast<double>(m.processors->core(c).exits(cause));
  return exits;
}

void add_cpu(Json& out, Machine& m, const Window& w) {
  double busy = 0, host = 0, exits = 0, copied = 0, interrupts = 0;
  for (std::size_t c = 0; c < m.processors->size(); ++c) {
    const host::Core& core = m.processors->core(c);
    busy += core.busy().to_seconds();
    host += (core.busy() - core.spent(host::Context::guest)).to_seconds();
  }
  for (std::size_t c = 0; c < host::exit_causes; ++c) exits += exits_of(m, static_cast<host::ExitCause>(c));
  for (const Machine::Vm& vm : m.vms) {
    copied += static_cast<double>(vm.path->copied().bytes);
    interrupts += static_cast<double>(vm.path->interrupts());
  }
  const auto per_packet = [&w](double total) { return w.packets > 0 ? Json(total / w.packets) : Json(nullptr); };
  out["cpu_cycles_per_packet"] = per_packet(busy * m.host_params.processors.core.frequency.hertz);
  out["host_cpu_utilization"] = ratio(host, w.seconds * static_cast<double>(m.processors->size()));
  out["exits_per_packet"] = per_packet(exits);
  out["interrupts_per_packet"] = per_packet(interrupts);
  out["copied_bytes_per_packet"] = per_packet(copied);
}

void add_interrupts(Json& out, const Machine& m, const Window& w) {
  const InterruptLedger& ledger = *m.interrupts;
  const auto quantile = [&](double q) { return ledger.latency.count() ? Json(ledger.latency.quantile_ns(q)) : Json(nullptr); };
  out["interrupt_latency_p50_ns"] = quantile(0.5);
  out["interrupt_latency_p99_ns"] = quantile(0.99);
  out["interrupt_latency_max_ns"] = quantile(1);
  out["interrupt_rate_kps"] = ratio(static_cast<double>(ledger.handled.value()) * 1e-3, w.seconds);
  const auto raised = static_cast<double>(ledger.raised.value());
  out["interrupt_merge_ratio"] = raised > 0 ? Json(static_cast<double>(ledger.merged.value()) / raised) : Json(nullptr);
}

void add_translation(Json& out, const std::vector<StatRow>& rows) {
  const double iotlb_hits = sum_of(rows, "iotlb.hits", "count"), iotlb_misses = sum_of(rows, "iotlb.misses", "count");
  const double device_hits = sum_of(rows, "device_tlb.hits", "count"), lookups = sum_of(rows, "device_tlb.lookups", "count");
  const auto share = [](double hits, double of) { return of > 0 ? Json(hits / of) : Json(nullptr); };  // never asked: none
  out["iotlb_hit_ratio"] = share(iotlb_hits, iotlb_hits + iotlb_misses);
  out["device_tlb_hit_ratio"] = share(device_hits, lookups);
}

/// Who works on a core, for its name in the report: "host.core1 (vm0.backend)".
std::string role_of(const Machine& m, std::size_t core) {
  constexpr std::size_t named = 4;
  std::string roles;
  std::size_t found = 0;
  const auto add = [&](unsigned where, const std::string& who) {
    if (where == core && found++ < named) roles += (roles.empty() ? "" : ", ") + who;
  };
  bool uplink = false;
  for (const Machine::Vm& vm : m.vms) {
    using io_path::PathKind;
    const PathKind p = vm.params.path;
    const bool no_vm = p == PathKind::native || p == PathKind::container || p == PathKind::process;
    add(vm.params.vcpu_core, vm.name + (no_vm ? ".application" : ".vcpu"));
    const bool software = p == PathKind::emulation || p == PathKind::virtio || p == PathKind::vhost || p == PathKind::vmdq;
    if (software) add(vm.params.backend_core, vm.name + ".backend");
    uplink = uplink || software;
  }
  if (uplink) add(m.host_params.software.network_core, "host network");
  if (found > named) roles += ", " + std::to_string(found - named) + " more";
  return roles.empty() ? "" : " (" + roles + ")";
}

double busy_share(const Machine& m, const Window& w, std::size_t core) {
  return ratio(m.processors->core(core).busy().to_seconds(), w.seconds);
}

Json utilization_of(Machine& m, const Window& w, const std::vector<StatRow>& rows) {
  Json out = Json::object();
  for (std::size_t c = 0; c < m.processors->size(); ++c)
    out[m.processors->core(c).name() + role_of(m, c)] = busy_share(m, w, c);
  add_utilization(out, rows, w.seconds, m.walkers);
  return out;
}

/// Packets that were lost after they got onto the wire or into the driver: not what the peer's own queue refused.
double lost_inside(const Machine& m) {
  const std::uint64_t refused =
      m.workload->results(workload::Way::receive).dropped[static_cast<std::size_t>(DropReason::driver_queue_full)];
  return static_cast<double>(m.workload->results().dropped_packets() - refused);
}

bool cores_take_turns(const Machine& m, const Window& w, const std::vector<StatRow>& rows) {
  std::vector<double> cores;
  for (std::size_t c = 0; c < m.processors->size(); ++c) cores.push_back(busy_share(m, w, c));
  return take_turns(cores, sum_of(rows, "any_awake", "mean"));
}

/// What is saturated; else the load, when all of it is delivered; else cores that wait for each other; else nothing but latency.
/// The peer's wire is only the load: it binds nothing while packets are lost further in.
std::string binding_resource(const Machine& m, const Window& w, const std::vector<StatRow>& rows, Json utilization) {
  const workload::Results results = m.workload->results();
  const double offered = static_cast<double>(results.offered), delivered = static_cast<double>(results.delivered);
  const bool losing = lost_inside(m) > 0.01 * offered, behind = delivered < 0.95 * offered;
  if (losing) utilization.erase(std::string(m.workload->peer().name()) + ".wire_busy");
  const std::string resource = saturated_resource(utilization);
  if (!resource.empty()) return resource;
  if (m.workload->params().arrivals != workload::Arrivals::saturate && !behind) return "offered load";
  return cores_take_turns(m, w, rows) ? cores_in_turns : "latency";
}

void add_breakdowns(Json& out, Machine& m, const Window& w) {
  Json contexts = Json::object(), work = Json::object(), causes = Json::object(), drops = Json::object();
  const double hertz = m.host_params.processors.core.frequency.hertz;
  for (std::size_t x = 0; x < host::context_count; ++x)
    for (std::size_t k = 0; k < host::work_count; ++k) {
      double seconds = 0;
      for (std::size_t c = 0; c < m.processors->size(); ++c)
        seconds += m.processors->core(c).spent(static_cast<host::Context>(x), static_cast<host::Work>(k)).to_seconds();
      const double cycles = w.per_packet(seconds * hertz);
      contexts[host::context_names[x]] = contexts.value(host::context_names[x], 0.0) + cycles;
      work[host::work_names[k]] = work.value(host::work_names[k], 0.0) + cycles;
    }
  for (std::size_t c = 0; c < host::exit_causes; ++c)
    causes[host::exit_cause_names[c]] = w.per_packet(exits_of(m, static_cast<host::ExitCause>(c)));
  for (std::size_t r = 0; r < drop_reasons; ++r)
    drops[drop_reason_names[r]] = m.workload->ledger().ways.sum(PacketLedger::first_drop + r);
  out["cycles_per_packet_by_context"] = contexts;
  out["cycles_per_packet_by_work"] = work;
  out["exits_per_packet_by_cause"] = causes;
  out["dropped_by_reason"] = drops;
}

/// What happened before the workload started; statistics say nothing of it, they begin anew with the window.
void add_set_up(Json& out, const BootSoftware& boot) {
  out["setup"] = {{"boot_ns", to_ns(boot.duration)},
                  {"config_requests", boot.config_requests},
                  {"guest_config_exits", boot.guest_accesses}};
}

/// The traffic of each owner's functions together, as rows beside the statistics.
void add_owners(std::vector<StatRow>& rows, Machine& m) {
  using endpoint::FunctionTable;
  constexpr std::pair<const char*, FunctionTable::Column> columns[] = {{"tx_frames", FunctionTable::tx_frames},
                                                                       {"tx_bytes", FunctionTable::tx_bytes},
                                                                       {"rx_frames", FunctionTable::rx_frames},
                                                                       {"rx_bytes", FunctionTable::rx_bytes}};
  std::map<std::string, std::map<std::string, double>> owners;
  for (const auto& [function, owner] : m.boot_software().owners.all()) {
    const unsigned number = m.nic->functions().number(function.pf, function.vf);
    auto& row = owners[owner.text()];
    row["functions"] += 1;
    for (const auto& [name, column] : columns) row[name] += static_cast<double>(m.nic->table().count(number, column));
  }
  for (const auto& [owner, row] : owners)
    for (const auto& [field, value] : row)
      rows.push_back({"owners." + owner, field, field.ends_with("bytes") ? "B" : "1", value});
}

void add_journeys(PointResult& result, const Machine& m) {
  const JourneyLog& log = m.workload->ledger().journeys;
  double total = 0;
  for (std::size_t s = 0; s < stage_count; ++s) total += to_ns(log.spent(static_cast<Stage>(s)));
  Json stages = Json::object();
  for (std::size_t s = 0; s < stage_count; ++s) {
    const double sum = to_ns(log.spent(static_cast<Stage>(s)));
    const double mean = ratio(sum, static_cast<double>(log.finished()));
    result.journeys.push_back({stage_names[s], mean, ratio(sum, total)});
    stages[stage_names[s]] = mean;
  }
  result.summary["stage_ns"] = stages;
}

}  // namespace

PointResult report(Machine& machine) {
  PointResult result;
  for_each<Stat>([&](Stat& stat) { stat.append_rows(result.stats); });
  add_owners(result.stats, machine);
  const Window window = window_of(machine);
  Json& out = result.summary;
  add_traffic(out, machine);
  add_latency(out, machine);
  add_cpu(out, machine, window);
  add_interrupts(out, machine, window);
  add_translation(out, result.stats);
  out["host_inspected_packets"] = sum_of(result.stats, "inspected", "count");
  report_vms(result, machine);
  const Json utilization = utilization_of(machine, window, result.stats);
  out["binding_resource"] = binding_resource(machine, window, result.stats, utilization);
  add_breakdowns(out, machine, window);
  add_journeys(result, machine);
  add_set_up(out, machine.boot_software());
  out["utilization"] = utilization;
  out["resources"] = resources_of(machine);
  for (const LatencyHistogram* h : {&machine.workload->ledger().one_way, &machine.workload->ledger().round_trip,
                                    static_cast<const LatencyHistogram*>(&machine.interrupts->latency)})
    for (const auto& bucket : h->buckets()) result.latency.push_back({h->basename(), bucket});
  return result;
}

}  // namespace iov::platform
