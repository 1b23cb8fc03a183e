// SPDX-License-Identifier: Apache-2.0
#include "platforms/vm_report.h"

#include <algorithm>
#include <limits>

#include "platforms/machine.h"

namespace iov::platform {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

VmRow row_of(const Machine& m, unsigned vm) {
  const workload::Results results = m.workload->results_of(vm);
  const Histogram& latency = m.workload->ledger().latency_of(vm);
  const auto value = [&latency](double ns) { return latency.count() ? ns : none; };
  VmRow row;
  row.vm = m.vms[vm].name;
  row.path = io_path::path_names[static_cast<std::size_t>(m.vms[vm].params.path)];
  row.throughput_gbps = results.throughput_gbps();
  row.packet_rate_mpps = results.packet_rate_mpps();
  row.offered_mpps = results.offered_mpps();
  row.latency_p50_ns = value(latency.quantile_ns(0.5));
  row.latency_p99_ns = value(latency.quantile_ns(0.99));
  row.latency_max_ns = value(latency.max_ns());
  row.dropped_packets = results.dropped_packets();
  return row;
}

void add_metrics(nlohmann::ordered_json& out, const std::vector<VmRow>& vms) {
  double sum = 0, squares = 0;
  for (const VmRow& vm : vms) sum += vm.throughput_gbps, squares += vm.throughput_gbps * vm.throughput_gbps;
  const auto by_throughput = [](const VmRow& a, const VmRow& b) { return a.throughput_gbps < b.throughput_gbps; };
  const auto [least, most] = std::minmax_element(vms.begin(), vms.end(), by_throughput);
  using Json = nlohmann::ordered_json;
  out["fairness"] = squares > 0 ? Json(sum * sum / (static_cast<double>(vms.size()) * squares)) : Json(nullptr);
  out["vm_throughput_min_gbps"] = least->throughput_gbps;
  out["vm_throughput_max_gbps"] = most->throughput_gbps;
}

void add_time_line(PointResult& result, const Machine& m, const workload::TimeLine& line) {
  for (std::size_t i = 0; i < line.intervals(); ++i)
    for (unsigned vm = 0; vm < m.vms.size(); ++vm) {
      const workload::TimeLine::Cell& cell = line.cell(i, vm);
      const auto delivered = static_cast<double>(cell.delivered);
      const double seconds = (line.end(i) - line.begin(i)).to_seconds();
      const double latency = cell.delivered ? to_ns(cell.latency) / delivered : none;
      result.time_line.push_back({line.begin(i).to_seconds() * 1e6, line.end(i).to_seconds() * 1e6, m.vms[vm].name,
                                  seconds > 0 ? static_cast<double>(cell.bytes) * 8e-9 / seconds : 0, cell.delivered,
                                  cell.dropped, latency});
    }
}

}  // namespace

void report_vms(PointResult& result, const Machine& machine) {
  for (unsigned vm = 0; vm < machine.vms.size(); ++vm) result.vms.push_back(row_of(machine, vm));
  add_metrics(result.summary, result.vms);
  if (const workload::TimeLine* line = machine.workload->time_line()) add_time_line(result, machine, *line);
}

}  // namespace iov::platform
