// SPDX-License-Identifier: Apache-2.0
/// A received 1500 B packet, from the peer's wire to the application in the VM, on the whole simulated server.
/// Open loop at a rate that the path carries without loss, so that only what arrives is paid for.
#include <algorithm>

#include "bench/machine_config.h"
#include "bench/row.h"
#include "platforms/machine.h"

namespace iov::bench {

namespace {

enum class Machines { as_built, alike };

/// @param packets_per_second  of each VM; 0: line rate
/// @param machines  alike: a packet is the same simulated work for few VMs as for many: vCPUs share cores, and the IOMMU's caches have room for all
nlohmann::json configuration(const char* path, double packets_per_second, unsigned vms = 1, Machines machines = Machines::as_built) {
  Settings settings{{"vm0.path", path},
                    {"workload.direction", "receive"},
                    {"workload.packet_bytes", 1500},
                    {"workload.arrivals", packets_per_second > 0 ? "constant" : "saturate"},
                    {"workload.packet_rate", packets_per_second}};
  // All together have the same 262144 receive buffers, so that the simulated caches are as full whatever the number of VMs.
  const Settings many{{"vm0.count", vms},
                      {"vm0.driver.rx_descriptors", 262144 / vms},
                      {"vm0.driver.tx_descriptors", 64},
                      {"vm0.memory", std::to_string(std::max(8u, 1024 / vms)) + " MiB"},
                      {"host.cores", 64},
                      {"memory.size", "1 TiB"},
                      {"nic0.functions.total_vfs", 4096},
                      {"nic0.embedded_switch.filters", 8192}};
  if (vms > 1) settings.insert(settings.end(), many.begin(), many.end());
  if (machines == Machines::alike) {
    if (vms < 128) settings.emplace_back("host.cores", 2 + vms / 2);
    for (const char* cache : {"context_cache", "iotlb", "pde_cache", "pdpe_cache", "pml4e_cache", "interrupt_entry_cache"}) {
      settings.emplace_back("iommu." + std::string(cache) + ".entries", 262144);
      settings.emplace_back("iommu." + std::string(cache) + ".ways", 4);
    }
  }
  return machine_config("platforms/server_10g.json", settings);
}

/// The VFs come up one after the other: their PF's driver serves them on one core.
bool all_up(platform::Machine& machine) {
  return std::ranges::all_of(machine.vms, [](const auto& vm) { return !vm.path->vf_driver() || vm.path->vf_driver()->up(); });
}

/// A function of its own, so that a profile tells it from the set-up.
[[gnu::noinline]] Measurement measured_window(platform::Machine& machine, const Time& window) {
  Timeline& timeline = machine.timeline;
  machine.workload->begin_window(timeline.now());
  const std::uint64_t events = timeline.events();
  const Stopwatch watch;
  timeline.run(timeline.now() + window);
  const double ns = watch.ns();
  machine.workload->end_window(timeline.now());
  const auto done = static_cast<double>(machine.workload->results().delivered);
  return {ns / done, static_cast<double>(timeline.events() - events) / done};
}

Measurement packets(const char* path, double packets_per_second, std::uint64_t wanted, unsigned vms = 1, Machines machines = Machines::as_built) {
  platform::Machine machine(configuration(path, packets_per_second, vms, machines), 1);
  Timeline& timeline = machine.timeline;
  constexpr double line_rate = 10e9 / 8 / 1520;
  const double rate = packets_per_second > 0 ? packets_per_second * vms : line_rate;
  machine.start();
  do timeline.run(timeline.now() + Time(2, sc_core::SC_MS));
  while (!all_up(machine));
  constexpr double first_frames = 8;  // of each VM: what is made when it is needed is there then, and the lines to ask for are listed
  timeline.run(timeline.now() + Time(first_frames * vms / rate, sc_core::SC_SEC));
  return measured_window(machine, Time(static_cast<double>(wanted) / rate, sc_core::SC_SEC));
}

Measurement sriov() { return packets("sriov", 0, 100'000); }
Measurement virtio() { return packets("virtio", 100'000, 20'000); }
Measurement emulation() { return packets("emulation", 25'000, 5'000); }
/// The VMs get so many packets together that each packet finds its VM asleep, however many they are.
template <unsigned vms, Machines machines = Machines::as_built>
Measurement many_vfs() {
  return packets("sriov", 400'000.0 / vms, 100'000, vms, machines);
}
Measurement at_rest() {
  platform::Machine machine(configuration("sriov", 0), 1);
  machine.start();
  return {};
}
Measurement many_at_rest() {
  platform::Machine machine(configuration("sriov", 100, 4096), 1);
  machine.start();
  return {};
}

}  // namespace

std::vector<Row> packet_rows() {
  constexpr const char *eight = "1500 B packet received, 8 VFs, 400000/s", *eight_alike = "1500 B packet received, 8 VFs, same work";
  return {{"1500 B packet received, sriov, at line rate", "packet", 40, sriov},
          {"1500 B packet received, virtio, 100000/s", "packet", 0, virtio},
          {"1500 B packet received, emulation, 25000/s", "packet", 0, emulation},
          {eight, "packet", 0, many_vfs<8>},
          {"1500 B packet received, 256 VFs, 400000/s", "packet", 0, many_vfs<256>},
          {"1500 B packet received, 4096 VFs, 400000/s", "packet", 1.5, many_vfs<4096>, eight},
          {eight_alike, "packet", 0, many_vfs<8, Machines::alike>},
          {"1500 B packet received, 4096 VFs, same work", "packet", 1.5, many_vfs<4096, Machines::alike>, eight_alike},
          {"a whole server at rest", "", 0, at_rest},
          {"a whole server with 4096 VMs on VFs at rest", "", 0, many_at_rest}};
}

}  // namespace iov::bench
