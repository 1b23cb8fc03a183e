// SPDX-License-Identifier: Apache-2.0
#include "models/io_path/host_vf.h"

#include "models/io_path/uplink.h"

namespace iov::io_path {

using host::Context;
using host::Level;
using software::NicDriver;
using software::Owner;
using software::VfDriver;

HostVf::HostVf(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac,
               software::MemoryView& memory, GuestTraffic& traffic, unsigned function)
    : VmPath(name),
      host_(host),
      params_(params),
      thread_(host.core(params.vcpu_core), host::Thread::Kind::process, process() ? "process" : "container"),
      application_strand_(thread_.core(), Level::thread_low, &thread_),
      poller_(thread_.core(), Level::thread_low, &thread_),
      service_(thread_.core(), Level::thread_middle, &thread_),
      softirq_(thread_.core(), Level::host_softirq),
      admin_thread_(thread_.core(), host::Thread::Kind::process, "admin"),
      admin_(thread_.core(), Level::thread_low, &admin_thread_),
      grant_(host,
             {function,
              {process() ? Owner::Kind::process : Owner::Kind::container, VmPath::name()},
              memory,
              params.iommu_log2_page,
              process() ? Grant::Reach::owners_memory : Grant::Reach::everything},
             admin_),
      registers_(host.mmio, home(), host.costs),
      driver_("driver", host.services, params.driver, host.costs, registers_, memory,
              {process() ? poller_ : softirq_, home(), Context::irq, 0, data_vector, process()}),
      application_(host.services, host.costs, traffic, driver_, application_strand_, home()),
      vf_("vf_driver", host.timeline, params.vf_driver, host.costs, registers_, driver_,
          {service_, home(), Context::irq, mailbox_vector, bind<&HostVf::restore>(this)}) {
  const auto refuse = [&](const std::string& why) { throw SimError(host.timeline.now(), VmPath::name(), why); };
  if (process() && !host.iommu) refuse("a process gets a function only behind an IOMMU: the platform has none");
  const std::string refusal = params.attached ? grant_.claim() : std::string();
  if (!refusal.empty()) refuse("the function is assigned already: " + refusal);
  software::VfSettings settings = params.vf;
  settings.mac = mac;
  pf_of(host, grant_.name().pf).manage(grant_.name().vf, settings);
}

Task HostVf::set_up() {
  std::string refusal;
  if (params_.attached) co_await give(refusal);
  if (!refusal.empty()) throw SimError(host_.timeline.now(), VmPath::name(), refusal);
}

/// To the kernel's own driver, or to the process by vfio-pci.
Task HostVf::give(std::string& refusal) {
  co_await grant_.give(refusal);
  if (!refusal.empty()) co_return;
  registers_.map(host_.nic.bar(grant_.function()));
  if (!grant_.routed()) route_interrupts();
  co_await enable(admin_);
}

/// What took the function's state took all of it: the driver is the host's, and so gives itself what only the host gives.
Task HostVf::restore(host::Strand& strand) {
  co_await enable_ats(host_, strand, grant_.function());
  co_await enable(strand);
}

Task HostVf::enable(host::Strand& strand) {
  co_await enable_bus_master(host_, strand, grant_.function());
  grant_.write_table();
  co_await enable_msix(host_, strand, grant_.function());
}

void HostVf::route_interrupts() {
  host::Core& core = host_.core(params_.interrupt_core);
  if (!process()) grant_.route(data_vector, message_to_host(host_, grant_.id(), core, bind<&NicDriver::interrupt>(&driver_)));
  grant_.route(mailbox_vector, message_to_host(host_, grant_.id(), core, bind<&VfDriver::interrupt>(&vf_)));
}

void HostVf::start() {
  if (grant_.given()) vf_.start(std::exchange(ready_, {}));
}

Task HostVf::plug(std::string& refusal) {
  if (!grant_.begin(false, refusal)) co_return;
  co_await give(refusal);
  if (refusal.empty()) vf_.start(std::exchange(ready_, {}));
  grant_.end();
}

Task HostVf::unplug(std::string& refusal) {
  if (!grant_.begin(true, refusal)) co_return;
  vf_.leave(bind<&HostVf::gone>(this));
  co_await admin_.wait();
  co_await grant_.take_back();
  grant_.end();
}

Task HostVf::reset_function(bool notice, std::string& refusal) {
  if (!grant_.begin(true, refusal)) co_return;
  co_await grant_.reset(notice, refusal);
  grant_.end();
}

}  // namespace iov::io_path
