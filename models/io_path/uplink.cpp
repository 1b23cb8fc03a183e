// SPDX-License-Identifier: Apache-2.0
#include "models/io_path/uplink.h"

#include "models/io_path/port_host.h"
#include "models/io_path/recovery.h"

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

InterruptMessage message_to_host(HostSystem& host, RequesterId function, host::Core& core, host::Core::IrqHandler handler) {
  const std::uint8_t irq = core.allocate_vector(handler);
  InterruptMessage message{function};
  if (host.iommu && host.iommu->remaps_interrupts()) {
    const auto irte = vtd::remapped_irte(core.apic_id(), irq, message.requester, host.iommu->x2apic());
    message.address = vtd::remappable_msi_address(host.iommu->allocate_irte(irte));
  } else {
    message.address = vtd::compatibility_msi_address(static_cast<std::uint8_t>(core.apic_id()));
    message.data = irq;
  }
  return message;
}

InterruptLine& follow(HostSystem& host, const InterruptMessage& message) {
  return host.interrupts.open(message.requester, message.address, message.data);
}

namespace {
Task set_bits(HostSystem& host, host::Strand& strand, RequesterId id, unsigned offset, std::uint32_t bits) {
  std::uint32_t value = 0;
  co_await host.config.read(strand, id, offset, 2, value);
  co_await host.config.write(strand, id, offset, 2, value | bits);
}
}  // namespace

Task enable_bus_master(HostSystem& host, host::Strand& strand, unsigned function) {
  co_await set_bits(host, strand, host.nic.requester(function), PCI_COMMAND, PCI_COMMAND_MASTER);
}

Task enable_msix(HostSystem& host, host::Strand& strand, unsigned function) {
  const unsigned msix = host.functions.msix(host.nic.name_of(function));
  co_await set_bits(host, strand, host.nic.requester(function), msix + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
}

bool has_ats(const HostSystem& host, unsigned function) {
  return host.iommu != nullptr && host.functions.ats(host.nic.name_of(function)) != 0;
}

Task enable_ats(HostSystem& host, host::Strand& strand, unsigned function) {
  if (!has_ats(host, function)) co_return;
  const unsigned ats = host.functions.ats(host.nic.name_of(function));
  co_await set_bits(host, strand, host.nic.requester(function), ats + PCI_ATS_CTRL, PCI_ATS_CTRL_ENABLE);
}

unsigned event_vector(const HostSystem& host, unsigned pf) { return host.nic.description(pf).msix->vectors - 1; }

PfHost::PfHost(const sc_core::sc_module_name& name, HostSystem& host, unsigned pf)
    : sc_module(name),
      host_(host),
      pf_(pf),
      thread_(host.core(host.params.network_core), host::Thread::Kind::process, "pf_driver"),
      strand_(thread_.core(), host::Level::thread_low, &thread_),
      registers_(host.mmio, Context::host_kernel, host.costs),
      driver_("driver", host.timeline, host.params.pf_driver, host.costs, registers_,
              {strand_, Context::host_kernel, Context::irq, event_vector(host, pf), pf == 0}) {
  if (pf == 0) driver_.assign_pool(0, 0, 1);  // the PF's own queue pair
}

Task PfHost::set_up() {
  registers_.map(host_.nic.bar(pf_));
  message_ = message_to_host(host_, host_.nic.requester(pf_), thread_.core(), bind<&software::PfDriver::interrupt>(&driver_));
  co_await enable(strand_);
  driver_.start();
}

Task PfHost::enable(host::Strand& strand) {
  co_await enable_bus_master(host_, strand, pf_);
  write_msix(host_, pf_, event_vector(host_, pf_), message_.address, message_.data);
  co_await enable_msix(host_, strand, pf_);
}

Task PfHost::recover(host::Strand& strand) {
  co_await enable(strand);
  co_await driver_.begin_anew(strand);
}

software::PfDriver& pf_of(HostSystem& host, unsigned pf) {
  if (host.pfs.size() <= pf) host.pfs.resize(pf + 1);
  if (!host.pfs[pf]) host.pfs[pf] = std::make_shared<PfHost>(pf == 0 ? "pf" : ("pf" + std::to_string(pf)).c_str(), host, pf);
  return host.pfs[pf]->driver();
}

HostNic::HostNic(const sc_core::sc_module_name& name, HostSystem& host, const software::NicDriver::Params& driver,
                 software::MemoryView& memory, unsigned queue, host::Core& core, software::DmaApi* dma)
    : sc_module(name),
      host_(host),
      queue_(queue),
      softirq_(core, host::Level::host_softirq),
      setup_thread_(core, host::Thread::Kind::process, "setup"),
      setup_(core, host::Level::thread_low, &setup_thread_),
      registers_(host.mmio, Context::host_kernel, host.costs),
      driver_("driver", host.services, driver, host.costs, registers_, memory,
              {softirq_, Context::host_kernel, Context::irq, queue, queue, false, dma, &memory == &host.host_memory}) {
  pf_of(host).add_client(driver_);
  host.nics.push_back(this);
}

Task HostNic::set_up() {
  registers_.map(host_.nic.bar(0));
  message_ = message_to_host(host_, host_.nic.requester(0), setup_.core(), bind<&HostNic::interrupt>(this));
  co_await enable(setup_);
}

Task HostNic::enable(host::Strand& strand) {
  co_await enable_bus_master(host_, strand, 0);
  co_await enable_ats(host_, strand, 0);
  write_msix(host_, 0, queue_, message_.address, message_.data);
  co_await enable_msix(host_, strand, 0);
}

void HostNic::follow_interrupts() { line_ = &follow(host_, message_); }

Task HostNic::interrupt(host::Strand& strand) {
  if (line_) {
    line_->advance(InterruptStage::host_handler, InterruptStage::in_service);
    line_->handled(host_.timeline.now());
  }
  co_await driver_.interrupt(strand);
}

void HostNic::start() {
  task_ = initialise();
  task_.start();
}

Task HostNic::initialise() {
  co_await driver_.initialise(setup_);
  if (leaving_) co_await driver_.stop(setup_);
}

void HostNic::shut_down() {
  driver_.set_carrier(false);
  leaving_ = true;
  if (!task_.done()) return;  // it still comes up, and goes down then
  task_ = driver_.stop(setup_);
  task_.start();
}

Uplink::Uplink(const sc_core::sc_module_name& name, HostSystem& host)
    : sc_module(name),
      nic("nic", host, host.params.driver, host.host_memory, 0, host.core(host.params.network_core)),
      network("network", host.services, host.params.network, host.costs) {
  network.set_uplink(nic.driver());
}

RepresentorHost::RepresentorHost(const sc_core::sc_module_name& name, HostSystem& host, unsigned pool)
    : sc_module(name),
      nic("nic", host, host.params.driver, host.host_memory, pool, host.core(host.params.network_core)),
      representor("switch", host.services, host.costs, nic.driver()) {}

Task Uplink::set_up() { co_await nic.set_up(); }

Task set_up(HostSystem& host) {
  host.recovery->start();
  if (host.ports) co_await host.ports->set_up();
  for (const auto& pf : host.pfs)
    if (pf) co_await pf->set_up();
  if (!host.uplink && !host.representor) co_return;
  if (host.iommu) host.iommu->attach_pass_through(host.nic.requester(0));
  if (host.uplink) co_await host.uplink->set_up();
  if (host.representor) co_await host.representor->nic.set_up();
}

void start(HostSystem& host) {
  if (host.uplink) host.uplink->nic.start();
  if (host.representor) host.representor->nic.start();
}

void shut_down(HostSystem& host) {
  host.recovery->shut_down();
  if (host.uplink) host.uplink->nic.shut_down();
  if (host.representor) host.representor->nic.shut_down();
}

namespace {
/// The host itself moves packets through the PF.
void use_pf(HostSystem& host) {
  if (host.uplink || host.representor) return;
  const std::string refusal = host.nic.claim(0, {software::Owner::Kind::host, "kernel"});
  if (!refusal.empty()) throw SimError(host.timeline.now(), "host", "the PF is assigned: " + refusal);
}
}  // namespace

void need_representor(HostSystem& host) {
  if (host.representor || host.params.pf_driver.switch_mode != nic::SwitchMode::representor) return;
  use_pf(host);
  const unsigned pool = host.nic.add_pool();
  host.representor = std::make_shared<RepresentorHost>("representor", host, pool);
  pf_of(host).assign_pool(pool, pool, 1);
  pf_of(host).use_representor(pool);
}

Uplink& uplink_of(HostSystem& host) {
  if (!host.uplink) {
    use_pf(host);
    host.uplink = std::make_shared<Uplink>("uplink", host);
  }
  return *host.uplink;
}

}  // namespace iov::io_path
