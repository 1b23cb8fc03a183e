// SPDX-License-Identifier: Apache-2.0
/// bench -- how fast the simulator is, and how much memory it takes: a table, no assertions.
///
/// Every row is measured in child processes, in rounds: each round begins with the raw kernel event, and a
/// row's ratio is taken within its round, so that a machine that slows down for a while spoils no ratio. A row
/// and the one that its goal is relative to run at once and take turns on one core. Medians.
#include <sched.h>
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

/// A row that is being measured in a process of its own.
class Child {
 public:
  explicit Child(const Row& row) {
    int ends[2];
    std::fflush(stdout);
    if (pipe(ends) != 0) return;
    result_ = ends[0];
    process_ = fork();
    if (process_ == 0) measure(row, ends[1]);
    close(ends[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (result_ >= 0) close(result_);
  }
  /// Waits for it; once.
  Sample result() {
    Sample sample;
    if (process_ <= 0 || read(result_, &sample.measurement, sizeof sample.measurement) < 0) sample.measurement = {};
    rusage usage{};
    int status = 0;
    if (process_ > 0) wait4(process_, &status, 0, &usage);
    sample.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024;
    return sample;
  }

 private:
  [[noreturn]] static void measure(const Row& row, int to) {
    Measurement result;
    try {
      result = row.measure();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench: %s: %s\n", row.what, error.what());
    }
    const bool written = write(to, &result, sizeof result) == sizeof result;
    _exit(written ? 0 : 1);  // the simulation is not taken down
  }
  int result_ = -1;
  pid_t process_ = -1;
};

/// While it lives, this process and those it starts share one core.
class OneCore {
 public:
  OneCore() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(std::max(0, sched_getcpu())), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  OneCore(const OneCore&) = delete;
  OneCore& operator=(const OneCore&) = delete;
  ~OneCore() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

/// @param base  what the row's time is to be compared with, if anything  @param ns_of_base  its time
Sample measure_beside(const Row& row, const Row* base, double& ns_of_base) {
  ns_of_base = 0;
  if (!base) return Child(row).result();
  const OneCore core;
  Child other(*base), child(row);
  ns_of_base = other.result().measurement.ns;
  return child.result();
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
  const double unit = Child(raw).result().measurement.ns;
  double ns_of_base = 0;
  const Sample sample = measure_beside(row, base, ns_of_base);
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
