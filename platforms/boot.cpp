// SPDX-License-Identifier: Apache-2.0
/// What happens between power-on and the start of the workload.
#include "models/core/sim_error.h"
#include "platforms/machine.h"

namespace iov::platform {

namespace {
constexpr std::uint64_t mmio_base = 0x400'0000'0000;  // above the largest host memory, 4 TiB
}

BootSoftware::BootSoftware(Timeline& timeline, pcie::RootComplex& root_complex, const HostModule& host,
                           host::Core& core, unsigned max_read_request)
    : config(root_complex, host.costs),
      vf_manager("vf_manager", timeline, config, tree, owners, host.software.pci),
      scan(config, host.software.pci, mmio_base, max_read_request),
      thread(core, host::Thread::Kind::process, "boot"),
      strand(core, host::Level::thread_low, &thread) {}

void Machine::boot() {
  if (boot_->done) return;
  boot_->done = true;
  const Time begin = timeline.now();
  boot_->task = boot_up();
  boot_->task.start();
  try {
    while (!boot_->task.done() && !timeline.idle()) timeline.run(timeline.now() + Time(1, sc_core::SC_SEC));
  } catch (const InvariantBroken&) {
    throw;
  } catch (const SimError& refused) {
    throw BadInput(refused.what());
  }
  if (!boot_->refusal.empty()) throw BadInput(boot_->refusal);
  if (!boot_->task.done()) throw SimError(timeline.now(), nic_name, "the boot waits for something that never comes");
  boot_->duration = timeline.now() - begin;
  boot_->config_requests = root_complex->outbound.config_requests.value();
  for (std::size_t c = 0; c < processors->size(); ++c)
    boot_->guest_accesses += processors->core(c).exits(host::ExitCause::config);
}

Task Machine::boot_up() {
  co_await boot_->scan.run(boot_->strand, boot_->tree);
  if (boot_->vf_manager.pfs() < nic->functions().pfs())
    boot_->refusal = nic_name + ": the scan found " + std::to_string(boot_->vf_manager.pfs()) + " of its functions";
  else if (boot_->vf_manager.bar({0, 0}, 0) == Hpa())
    boot_->refusal = host_name + ".pci.mmio_window: " + boot_->tree.problems.back();
  else
    co_await enable_vfs();
  if (boot_->refusal.empty()) {
    co_await io_path::set_up(*host_);
    for (Vm& vm : vms) co_await vm.path->set_up();
    if (iommu_driver_) iommu_driver_->enable(true, true);
  }
  timeline.stop();
}

Task Machine::enable_vfs() {
  for (unsigned pf = 0; pf < nic->functions().pfs(); ++pf) {
    std::string refusal;
    const unsigned taken = management_->taken_vfs(pf), vfs = std::max(taken, pf == 0 ? host_params.vfs : 0);
    if (vfs) co_await boot_->vf_manager.enable(boot_->strand, pf, vfs, refusal);
    for (unsigned vf = taken + 1; refusal.empty() && iommu_driver_ && vf <= vfs; ++vf)
      iommu_driver_->attach_pass_through(nic->requester(nic->functions().number(pf, vf)));
    if (refusal.empty()) continue;
    boot_->refusal = nic_name + ".functions: " + refusal;
    co_return;
  }
}

void Machine::shut_down() {
  io_path::shut_down(*host_);
  for (Vm& vm : vms) vm.path->shut_down();
}

void Machine::start() {
  boot();
  io_path::start(*host_);
  for (Vm& vm : vms) vm.path->start();
  workload->start();
  if (script) script->start();
}

}  // namespace iov::platform
