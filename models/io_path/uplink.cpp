// SPDX-License-Identifier: Apache-2.0
#include "models/io_path/uplink.h"

namespace iov::io_path {

using host::Context;

host::Core& HostSystem::core(unsigned index) const {
  if (index >= processors.size())
    throw SimError(timeline.now(), processors.name(),
                   "core " + std::to_string(index) + " is named, there are " + std::to_string(processors.size()));
  return processors.core(index);
}

void write_msix(HostSystem& host, unsigned function, unsigned vector, std::uint32_t address, std::uint32_t data) {
  const Hpa entry = host.nic.msix_table(function) + 16u * vector;
  host.mmio.write(entry, address, 8, {});
  host.mmio.write(entry + 8, data, 8, {});  // vector control 0: not masked
}

void route_to_host(HostSystem& host, unsigned function, unsigned vector, host::Core& core, host::Core::IrqHandler handler) {
  const std::uint8_t irq = core.allocate_vector(handler);
  if (host.iommu && host.iommu->remaps_interrupts()) {
    const auto index = host.iommu->allocate_irte(vtd::remapped_irte(core.apic_id(), irq, host.nic.requester(function)));
    write_msix(host, function, vector, vtd::remappable_msi_address(index), 0);
  } else {
    write_msix(host, function, vector, vtd::compatibility_msi_address(static_cast<std::uint8_t>(core.apic_id())), irq);
  }
}

HostNic::HostNic(const sc_core::sc_module_name& name, HostSystem& host, const software::NicDriver::Params& driver,
                 software::MemoryView& memory, unsigned queue, host::Core& core)
    : sc_module(name),
      softirq_(core, host::Level::host_softirq),
      setup_thread_(core, host::Thread::Kind::process, "setup"),
      setup_(core, host::Level::thread_low, &setup_thread_),
      registers_(host.mmio, host.nic.bar(0), Context::host_kernel, host.costs),
      driver_("driver", host.services, driver, host.costs, registers_, memory,
              {softirq_, Context::host_kernel, Context::irq, queue, queue}) {
  route_to_host(host, 0, queue, core, bind<&software::NicDriver::interrupt>(&driver_));
}

void HostNic::start() {
  task_ = initialise();
  task_.start();
}

Uplink::Uplink(const sc_core::sc_module_name& name, HostSystem& host)
    : sc_module(name),
      nic("nic", host, host.params.driver, host.host_memory, 0, host.core(host.params.network_core)),
      network("network", host.services, host.params.network, host.costs) {
  network.set_uplink(nic.driver());
}

Uplink& uplink_of(HostSystem& host) {
  if (!host.uplink) {
    if (!host.nic.exclusive_claim(0, "host")) throw SimError(host.timeline.now(), "host", "the PF is assigned to a VM");
    if (host.iommu) host.iommu->attach_pass_through(host.nic.requester(0));
    host.uplink = std::make_shared<Uplink>("uplink", host);
    host.uplink->nic.start();
  }
  return *host.uplink;
}

}  // namespace iov::io_path
