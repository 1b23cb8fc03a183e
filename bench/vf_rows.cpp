// SPDX-License-Identifier: Apache-2.0
/// Enabling VFs on a whole booted server: NumVFs, VF Enable, the wait, and the first access to every VF.
#include "bench/machine_config.h"
#include "bench/row.h"
#include "platforms/machine.h"

namespace iov::bench {

namespace {

Measurement enable(unsigned vfs) {
  platform::Machine machine(machine_config("platforms/server_10g.json", {{"vm0.path", "vhost"},
                                                                         {"nic0.use", "configs/endpoint/sriov_64000.json"}}),
                            1);
  machine.boot();
  host::Thread thread(machine.processors->core(0), host::Thread::Kind::process, "control");
  host::Strand strand(thread.core(), host::Level::thread_low, &thread);
  std::string refusal;
  const std::uint64_t events = machine.timeline.events();
  const Stopwatch watch;
  Task task = machine.vf_manager().enable(strand, 0, vfs, refusal);
  task.start();
  while (!task.done()) machine.timeline.run(machine.timeline.now() + Time(1, sc_core::SC_SEC));
  const double ns = watch.ns();
  if (machine.nic->functions().vfs() != vfs) throw std::runtime_error("not enabled: " + refusal);
  return {ns / vfs, static_cast<double>(machine.timeline.events() - events) / vfs};
}
Measurement few() { return enable(8); }
Measurement many() { return enable(64000); }

}  // namespace

std::vector<Row> vf_rows() {
  return {{"a VF enabled and found, 8 VFs", "VF", 0, few}, {"a VF enabled and found, 64000 VFs", "VF", 0, many}};
}

}  // namespace iov::bench
