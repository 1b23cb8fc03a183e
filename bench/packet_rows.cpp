// SPDX-License-Identifier: Apache-2.0
/// A received 1500 B packet, from the peer's wire to the application in the VM, on the whole simulated server.
/// Open loop at a rate that the path carries without loss, so that only what arrives is paid for.
#include <filesystem>
#include <stdexcept>

#include "bench/row.h"
#include "platforms/catalog.h"
#include "platforms/config.h"
#include "platforms/machine.h"

namespace iov::bench {

namespace {

nlohmann::json configuration(const char* path, unsigned packets_per_second) {
  using namespace platform;
  const std::filesystem::path home = find_home({});
  const char* file = "platforms/server_10g.json";
  ProblemSink problems;
  Config config(home, catalog());
  if (const auto json = load_json(home / file, file, problems)) config.merge("", *json, file, home / file);
  config.merge("vm0.path", path, "bench");
  config.merge("workload.direction", "receive", "bench");
  config.merge("workload.packet_bytes", 1500, "bench");
  config.merge("workload.arrivals", packets_per_second ? "constant" : "saturate", "bench");
  config.merge("workload.packet_rate", packets_per_second, "bench");
  auto effective = config.effective(problems);
  if (!problems.empty()) throw std::runtime_error(problems.text());
  return effective;
}

Measurement packets(const char* path, unsigned packets_per_second, std::uint64_t wanted) {
  platform::Machine machine(configuration(path, packets_per_second), 1);
  Timeline& timeline = machine.timeline;
  constexpr double line_rate = 10e9 / 8 / 1520;
  const double rate = packets_per_second ? packets_per_second : line_rate;
  machine.start();
  timeline.run(timeline.now() + Time(2, sc_core::SC_MS));
  machine.workload->begin_window(timeline.now());
  const std::uint64_t events = timeline.events();
  const Stopwatch watch;
  timeline.run(timeline.now() + Time(static_cast<double>(wanted) / rate, sc_core::SC_SEC));
  const double ns = watch.ns();
  machine.workload->end_window(timeline.now());
  const auto done = static_cast<double>(machine.workload->results().delivered);
  return {ns / done, static_cast<double>(timeline.events() - events) / done};
}

Measurement sriov() { return packets("sriov", 0, 100'000); }
Measurement virtio() { return packets("virtio", 100'000, 20'000); }
Measurement emulation() { return packets("emulation", 25'000, 5'000); }
Measurement at_rest() {
  platform::Machine machine(configuration("sriov", 0), 1);
  machine.start();
  return {};
}

}  // namespace

std::vector<Row> packet_rows() {
  return {{"1500 B packet received, sriov, at line rate", "packet", 40, sriov},
          {"1500 B packet received, virtio, 100000/s", "packet", 0, virtio},
          {"1500 B packet received, emulation, 25000/s", "packet", 0, emulation},
          {"a whole server at rest", "", 0, at_rest}};
}

}  // namespace iov::bench
