// SPDX-License-Identifier: Apache-2.0
#include "models/io_path/port_host.h"

#include "models/io_path/recovery.h"
#include "models/io_path/uplink.h"

namespace iov::io_path {

using host::Strand;

PortHost::PortHost(const sc_core::sc_module_name& name, HostSystem& host)
    : sc_module(name),
      host_(host),
      thread_(host.core(host.params.network_core), host::Thread::Kind::process, "ports"),
      strand_(thread_.core(), host::Level::thread_low, &thread_),
      errors_("errors", host.config, host.tree, host.costs),
      slots_("slots", host.timeline, {host.config, host.tree, host.scan, host.params.pci, host.recovery->lock}, host.costs,
             {bind<&PortHost::removed>(this), bind<&PortHost::returned>(this)}, strand_) {}

Task PortHost::set_up() {
  for (unsigned i = 0; i < host_.tree.functions.size(); ++i) {
    if (host_.tree.functions[i].bridge && host_.tree.functions[i].msi != 0) connect(i);
    co_await enable_services(strand_, i);
  }
  if (host_.params.hot_plug) slots_.start();
}

/// One message for all services of a port (portdrv_core.c).
void PortHost::connect(unsigned index) {
  Port& port = ports_.emplace_back(Port{*this, index});
  messages_[index] = message_to_host(host_, host_.tree.functions[index].id, thread_.core(), bind<&Port::interrupt>(&port));
}

Task PortHost::enable_services(Strand& strand, unsigned index) {
  const software::PciFunction& f = host_.tree.functions[index];
  if (const auto own = messages_.find(index); own != messages_.end()) {
    co_await host_.config.write(strand, f.id, f.msi + PCI_MSI_ADDRESS_LO, 4, own->second.address);
    co_await host_.config.write(strand, f.id, f.msi + PCI_MSI_ADDRESS_HI, 4, 0);
    co_await host_.config.write(strand, f.id, f.msi + PCI_MSI_DATA_64, 2, own->second.data);
    co_await host_.config.write(strand, f.id, f.msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
  }
  if (host_.params.error_reporting) co_await errors_.enable(strand, f);
  if (host_.params.hot_plug && f.slot) co_await slots_.enable(strand, index);
}

Task PortHost::interrupt(Strand& strand, unsigned index) {
  const software::PciFunction& f = host_.tree.functions[index];
  if (host_.params.error_reporting && f.port_type == PCI_EXP_TYPE_ROOT_PORT) co_await errors_.handle(strand, f);
  if (host_.params.hot_plug && f.slot) co_await slots_.handle(strand, index);
}

Task PortHost::removed(Strand&, unsigned port) {
  for (unsigned pf = 0; pf < host_.functions.pfs(); ++pf)
    if (host_.functions.below(pf, port)) host_.recovery->lose(pf);
  co_return;
}

Task PortHost::returned(Strand& strand, unsigned port) {
  for (unsigned i = 0; i < host_.tree.functions.size(); ++i)
    if (host_.tree.functions[i].present && host_.tree.below(i, port)) co_await enable_services(strand, i);
  for (unsigned pf = 0; pf < host_.functions.pfs(); ++pf)
    if (host_.functions.below(pf, port) && host_.functions.pf(pf).present) co_await host_.recovery->bring_back(strand, pf);
}

}  // namespace iov::io_path
