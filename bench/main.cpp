// SPDX-License-Identifier: Apache-2.0
/// bench -- how fast the simulator is, and how much memory it takes: a table, no assertions.
///
/// Every row is measured in child processes, in rounds: each round begins with the raw kernel event, and a
/// row's ratio is taken within its round, so that a machine that slows down for a while spoils no ratio; so
/// is the ratio to another row, which is measured anew for it. Medians.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <systemc>

#include "bench/row.h"
#include "models/core/huge_pages.h"
#include "models/core/units.h"

namespace {
using namespace iov::bench;

struct Sample {
  Measurement measurement;
  double peak_mib = 0;
};

Sample measure_in_child(const Row& row) {
  int ends[2];
  Sample sample;
  std::fflush(stdout);
  if (pipe(ends) != 0) return sample;
  const pid_t child = fork();
  if (child == 0) {
    Measurement result;
    try {
      result = row.measure();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench: %s: %s\n", row.what, error.what());
    }
    const bool written = write(ends[1], &result, sizeof result) == sizeof result;
    _exit(written ? 0 : 1);  // the simulation is not taken down
  }
  close(ends[1]);
  if (child < 0 || read(ends[0], &sample.measurement, sizeof sample.measurement) < 0) sample.measurement = {};
  close(ends[0]);
  rusage usage{};
  int status = 0;
  if (child > 0) wait4(child, &status, 0, &usage);
  sample.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024;
  return sample;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

struct Series {
  std::vector<double> ns, raw_events, times, events, mib;
};

void print_row(const Row& row, const Series& s) {
  char goal[32] = "", times[32] = "";
  if (row.goal > 0) std::snprintf(goal, sizeof goal, "<= %g", row.goal);
  if (row.of) std::snprintf(times, sizeof times, "%.2f", median(s.times));
  const double ns = median(s.ns);
  if (ns > 0)
    std::printf("%-44s %10.1f %9.3f %11.2f %8s %7s %9.2f %9.1f %9.1f\n", row.what, ns, 1e3 / ns,
                median(s.raw_events), times, goal, median(s.events), ns / median(s.events), median(s.mib));
  else
    std::printf("%-44s %10s %9s %11s %8s %7s %9s %9s %9.1f\n", row.what, "", "", "", "", goal, "", "",
                median(s.mib));
}

void measure_once(const Row& row, const Row& raw, const Row* base, Series& series) {
  const double ns_of_base = base ? measure_in_child(*base).measurement.ns : 0;
  const double unit = measure_in_child(raw).measurement.ns;
  const Sample sample = measure_in_child(row);
  series.ns.push_back(sample.measurement.ns);
  series.raw_events.push_back(unit > 0 ? sample.measurement.ns / unit : 0);
  series.times.push_back(ns_of_base > 0 ? sample.measurement.ns / ns_of_base : 0);
  series.events.push_back(sample.measurement.events);
  series.mib.push_back(sample.peak_mib);
}

void run(int rounds, const char* filter) {
  std::vector<Row> rows = event_rows();
  for (const auto& more : {read_rows(), tenant_rows(), packet_rows(), vf_rows()})
    rows.insert(rows.end(), more.begin(), more.end());
  const std::vector<Row> all = rows;
  if (filter) std::erase_if(rows, [&](const Row& row) { return !std::strstr(row.what, filter); });
  std::vector<Series> series(rows.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto base = std::ranges::find_if(
          all, [&](const Row& row) { return rows[i].of && std::strcmp(row.what, rows[i].of) == 0; });
      measure_once(rows[i], all.front(), base == all.end() ? nullptr : &*base, series[i]);
    }
  std::printf("%-44s %10s %9s %11s %8s %7s %9s %9s %9s\n", "", "host ns", "M/s", "raw events", "times 8",
              "goal", "events", "ns/event", "peak MiB");
  for (std::size_t i = 0; i < rows.size(); ++i) print_row(rows[i], series[i]);
}

}  // namespace

int sc_main(int argc, char* argv[]) {
  iov::set_time_resolution();
  if (argc > 1 && argv[1][0] == '-') {
    std::printf(
        "usage: bench [ROUNDS [TEXT]]   medians of ROUNDS (5) measurements of the rows with TEXT in their "
        "name\n");
    return std::strcmp(argv[1], "--help") == 0 ? 0 : 2;
  }
  run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 5, argc > 2 ? argv[2] : nullptr);
  return 0;
}

int main(int argc, char* argv[]) {
  iov::use_huge_pages();
  ::setenv("SC_COPYRIGHT_MESSAGE", "DISABLE", 1);
  return sc_core::sc_elab_and_sim(argc, argv);
}
