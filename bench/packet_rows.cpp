// SPDX-License-Identifier: Apache-2.0
/// A received 1500 B packet, from the peer's wire to the application in the VM, on the whole simulated server.
/// Open loop at a rate that the path carries without loss, so that only what arrives is paid for.
#include "bench/machine_config.h"
#include "bench/row.h"
#include "platforms/machine.h"

namespace iov::bench {

namespace {

nlohmann::json configuration(const char* path, unsigned packets_per_second) {
  return machine_config("platforms/server_10g.json", {{"vm0.path", path},
                                                      {"workload.direction", "receive"},
                                                      {"workload.packet_bytes", 1500},
                                                      {"workload.arrivals", packets_per_second ? "constant" : "saturate"},
                                                      {"workload.packet_rate", packets_per_second}});
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
