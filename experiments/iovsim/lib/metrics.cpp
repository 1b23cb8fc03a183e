// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/metrics.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace iov::experiment {

const std::vector<std::string>& contract_metrics() {
  static const std::vector<std::string> names{
      "throughput_gbps",  "packet_rate_mpps",      "offered_mpps",       "dropped_packets",
      "latency_p50_ns",   "latency_p90_ns",        "latency_p99_ns",     "latency_p999_ns",
      "latency_max_ns",   "cpu_cycles_per_packet", "host_cpu_utilization", "exits_per_packet",
      "interrupts_per_packet", "copied_bytes_per_packet", "interrupt_latency_p50_ns", "interrupt_latency_p99_ns",
      "interrupt_latency_max_ns", "interrupt_rate_kps", "interrupt_merge_ratio", "iotlb_hit_ratio", "device_tlb_hit_ratio",
      "fairness", "vm_throughput_min_gbps", "vm_throughput_max_gbps", "binding_resource"};
  return names;
}

const std::vector<std::string>& dma_metrics() {
  static const std::vector<std::string> names{
      "bandwidth_gbps",  "transactions_mps",      "latency_min_ns",  "latency_p50_ns",       "latency_p90_ns",
      "latency_p99_ns",  "latency_p999_ns",       "latency_max_ns",  "latency_mean_ns",      "read_gbps",
      "write_gbps",      "failed_transactions",   "iotlb_hit_ratio", "device_tlb_hit_ratio", "walks_per_transaction",
      "walk_reads_per_transaction", "iotlb_misses_per_transaction", "page_requests", "page_requests_per_transaction",
      "page_fault_p50_ns", "page_fault_p99_ns", "binding_resource"};
  return names;
}

std::vector<std::string> headline_metrics() {
  std::vector<std::string> names = contract_metrics();
  for (const std::string& name : dma_metrics())
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

namespace {
struct Breakdown {
  const char *object, *prefix, *suffix;
};
constexpr Breakdown breakdowns[] = {{"cycles_per_packet_by_context", "cycles_", ""},
                                    {"cycles_per_packet_by_work", "work_", "_cycles"},
                                    {"exits_per_packet_by_cause", "exits_", ""},
                                    {"stage_ns", "stage_", "_ns"},
                                    {"utilization", "utilization_", ""},
                                    {"dropped_by_reason", "dropped_", ""}};

Breakdown breakdown_of(const std::string& object) {
  for (const Breakdown& breakdown : breakdowns)
    if (object == breakdown.object) return breakdown;
  return {nullptr, nullptr, ""};
}
}  // namespace

bool is_breakdown(const std::string& name) {
  return std::any_of(std::begin(breakdowns), std::end(breakdowns), [&](const Breakdown& b) {
    return name.starts_with(b.prefix) && name.ends_with(b.suffix);
  });
}

Cell cell_of(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {std::string(buffer, error == std::errc() ? end : buffer), value};
}

Cell cell_of(const nlohmann::ordered_json& value) {
  if (value.is_number_unsigned()) return {std::to_string(value.get<std::uint64_t>()), value.get<double>()};
  if (value.is_number()) return cell_of(value.get<double>());
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (value.is_null()) return {"", none};
  return {value.is_string() ? value.get<std::string>() : value.dump(), none};
}

std::vector<std::pair<std::string, Cell>> columns_of(const nlohmann::ordered_json& summary) {
  std::vector<std::pair<std::string, Cell>> columns;
  const std::vector<std::string>& metrics = summary.contains(dma_metrics().front()) ? dma_metrics() : contract_metrics();
  for (const std::string& name : metrics)
    if (summary.contains(name)) columns.emplace_back(name, cell_of(summary[name]));
  for (const auto& [name, value] : summary.items()) {
    if (name == "provenance") continue;
    if (std::find(metrics.begin(), metrics.end(), name) != metrics.end()) continue;
    if (!value.is_object()) {
      columns.emplace_back(name, cell_of(value));
      continue;
    }
    const Breakdown breakdown = breakdown_of(name);
    const std::string prefix = breakdown.prefix ? breakdown.prefix : name + "_";
    for (const auto& [part, amount] : value.items())  // "host.core1 (vm0.backend)": who runs there is no name
      columns.emplace_back(prefix + part.substr(0, part.find(" (")) + breakdown.suffix, cell_of(amount));
  }
  return columns;
}

}  // namespace iov::experiment
