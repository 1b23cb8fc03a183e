// SPDX-License-Identifier: Apache-2.0
#include "platforms/dma_report.h"

#include <algorithm>

#include "models/core/tree.h"
#include "platforms/dma_machine.h"
#include "platforms/utilization.h"

namespace iov::platform {

namespace {

using Json = nlohmann::ordered_json;

Json share(double part, double whole) { return whole > 0 ? Json(part / whole) : Json(nullptr); }  // never asked: none

struct Rows {
  const std::vector<StatRow>& rows;
  double value(const std::string& path, const std::string& field) const {
    for (const StatRow& row : rows)
      if (row.path == path && row.field == field) return row.value;
    return 0;
  }
};

void add_rates(Json& out, DmaMachine& m, double seconds) {
  const endpoint::TransferSource& t = m.transfers();
  const auto gbps = [&](const Counter& bytes) { return ratio(static_cast<double>(bytes.value()) * 8e-9, seconds); };
  const double read = gbps(t.read_bytes), write = gbps(t.written_bytes);
  const auto good = static_cast<double>(t.transactions.value() - t.failed.value());
  const auto size = static_cast<double>(m.measured().params.device.transfers.access.transfer_size.count);
  out["bandwidth_gbps"] = t.trace().empty() ? ratio(good * size * 8e-9, seconds) : read + write;
  out["transactions_mps"] = ratio(static_cast<double>(t.transactions.value()) * 1e-6, seconds);
  out["latency_min_ns"] = t.latency.min_ns();
  const std::pair<const char*, double> quantiles[] = {
      {"latency_p50_ns", 0.5}, {"latency_p90_ns", 0.9}, {"latency_p99_ns", 0.99}, {"latency_p999_ns", 0.999}};
  for (const auto& [name, q] : quantiles) out[name] = t.latency.quantile_ns(q);
  out["latency_max_ns"] = t.latency.max_ns();
  out["latency_mean_ns"] = t.latency.mean_ns();
  out["read_gbps"] = read;
  out["write_gbps"] = write;
  out["failed_transactions"] = t.failed.value();
}

void add_translation(Json& out, DmaMachine& m, const Rows& rows) {
  const std::string device = m.measured().name + ".device_tlb", unit = m.iommu ? m.iommu->name() : "";
  const auto count = [&](const std::string& path) { return rows.value(path, "count"); };
  const double hits = count(unit + ".iotlb.hits"), misses = count(unit + ".iotlb.misses");
  const auto transactions = static_cast<double>(m.transfers().transactions.value());
  out["iotlb_hit_ratio"] = share(hits, hits + misses);
  out["device_tlb_hit_ratio"] = share(count(device + ".hits"), count(device + ".lookups"));
  out["walks_per_transaction"] = ratio(count(unit + ".walks"), transactions);
  out["walk_reads_per_transaction"] = ratio(count(unit + ".walk_reads"), transactions);
  out["iotlb_misses_per_transaction"] = ratio(misses, transactions);
  const double requests = count(device + ".page_requests.page_requests");
  out["page_requests"] = requests;
  out["page_requests_per_transaction"] = ratio(requests, transactions);
  for (const auto& [name, field] : {std::pair{"page_fault_p50_ns", "p50"}, std::pair{"page_fault_p99_ns", "p99"}})
    out[name] = requests > 0 ? Json(rows.value(device + ".page_requests.fault_latency", field)) : Json(nullptr);
}

Json utilization_of(DmaMachine& m, const Rows& rows, double seconds) {
  Json out = Json::object();
  add_utilization(out, rows.rows, seconds, m.walkers);
  const auto interval = m.measured().params.device.transfers.issue_interval.to_seconds();
  out[m.measured().name + ".transfers.issue"] = ratio(interval * static_cast<double>(m.transfers().transactions.value()), seconds);
  return out;
}

/// A wire, a walker, memory or the firmware when one is saturated; else the device has all reads under way that it can
/// have or no credits, or nothing is scarce and transactions wait for latency alone.
std::string binding_resource(const Json& utilization) {
  const std::string resource = saturated_resource(utilization);
  return resource.empty() ? "latency" : resource;
}

}  // namespace

PointResult report(DmaMachine& machine, const Time& begin) {
  PointResult result;
  for_each<Stat>([&](Stat& stat) { stat.append_rows(result.stats); });
  const Rows rows{result.stats};
  const double seconds = (machine.timeline.now() - begin).to_seconds();
  Json& out = result.summary;
  add_rates(out, machine, seconds);
  add_translation(out, machine, rows);
  const Json utilization = utilization_of(machine, rows, seconds);
  out["binding_resource"] = binding_resource(utilization);
  out["utilization"] = utilization;
  for (const auto& bucket : machine.transfers().latency.buckets()) result.latency.push_back({"transaction", bucket});
  return result;
}

}  // namespace iov::platform
