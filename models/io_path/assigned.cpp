// SPDX-License-Identifier: Apache-2.0
#include "models/io_path/assigned.h"

#include "models/io_path/recovery.h"
#include "models/io_path/uplink.h"
#include "models/software/pci_scan.h"

namespace iov::io_path {

using host::Context;
using host::Strand;
using software::NicDriver;
using software::VfDriver;

namespace {
constexpr std::uint64_t guest_mmio = 0x380'0000'0000;  ///< the guest's window for 64-bit BARs
}

Assigned::Assigned(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, software::MemoryView& guest,
                   GuestTraffic& traffic, unsigned function)
    : VmPath(name),
      host_(host),
      params_(params),
      vcpu_("vcpu0", host.core(params.vcpu_core), params.vcpu, host.costs, host.posting),
      vmm_thread_(host.core(params.vcpu_core), host::Thread::Kind::process, "vmm"),
      vmm_(vmm_thread_.core(), host::Level::thread_low, &vmm_thread_),
      grant_(host, {function, {software::Owner::Kind::vm, VmPath::name()}, guest, params.iommu_log2_page}, vmm_),
      config_("config", host.config, host.costs, {host.nic.description(function), host.nic.name_of(function).vf == 0}),
      registers_(host.mmio, Context::guest, host.costs),
      driver_("driver", host.services, params.driver, host.costs, registers_, guest,
              {polled(params) ? poller_ : vcpu_.softirq(), Context::guest, Context::guest, 0, 0, polled(params)}),
      application_(host.services, host.costs, traffic, driver_, vcpu_.application(), Context::guest) {
  const auto refuse = [&](const std::string& why) { throw SimError(host.timeline.now(), VmPath::name(), why); };
  if (!host.iommu && !host.aperture) refuse("assigning a function needs an IOMMU in the platform");
  if (!host.iommu && params.assigned_interrupts == InterruptDelivery::posted)
    refuse("assigned_interrupts = \"posted\" needs an IOMMU in the platform");
  const std::string refusal = params.attached ? grant_.claim() : std::string();
  if (!refusal.empty()) refuse("the function is assigned already, an assigned function is exclusive: " + refusal);
  host.core(params.interrupt_core);
}

Task Assigned::set_up() {
  std::string refusal;
  if (!params_.attached) co_return;
  co_await give(refusal);
  if (!refusal.empty()) throw SimError(host_.timeline.now(), VmPath::name(), refusal);
  co_await find(vcpu_.application());
}

Task Assigned::give(std::string& refusal) {
  co_await grant_.give(refusal);
  if (!refusal.empty()) co_return;
  registers_.map(host_.nic.bar(grant_.function()));
  config_.attach(grant_.id(), host_.functions.id({grant_.name().pf, 0}), bind<&Assigned::msix_enabled>(this));
}

Task Assigned::find(Strand& strand) {
  software::PciTree tree;
  software::PciScan scan(config_, software::PciPolicy{}, guest_mmio, 512);
  co_await scan.run(strand, tree);
  found_ = tree.functions.at(0);
  co_await software::enable_function(config_, strand, found_);
}

void Assigned::add_to(WorkingSet& set) const {
  set.add(this, sizeof(void*));  // its virtual functions
  vcpu_.add_to(set);
  driver_.add_to(set);
  set.add_object(registers_);
  application_.add_to(set);
  vcpu_.core().add_to(set);
  grant_.add_to(set);
}

void Assigned::prefetch_memory() const {
  driver_.prefetch_memory();
  vcpu_.core().prefetch();
}

Task Assigned::restore(Strand& strand) { co_await software::restore_function(config_, strand, found_); }

void Assigned::stop() {
  vcpu_.stop();
  driver_.stop_polling();
}

void Assigned::shut_down() {
  driver_.set_carrier(false);
  shutting_down_ = driver_.stop(kernel_);
  shutting_down_.start();
}

/// Of a whole device nobody outside the guest can give notice: the guest's driver finds it reset.
Task Assigned::reset_function(bool notice, std::string& refusal) {
  if (!grant_.begin(true, refusal)) co_return;
  co_await grant_.reset(notice, refusal);
  grant_.end();
}

// --- interrupts ---------------------------------------------------------------------------------------------

/// A driver enables MSI-X when it begins, and when it begins anew: what took it has taken what only the host gives, too.
void Assigned::msix_enabled() {
  if (!grant_.routed())
    route_interrupts();
  else if (!grant_.busy())
    host_.recovery->give_again(grant_);
  grant_.write_table();
}

void Assigned::route_interrupts() {
  if (params_.assigned_interrupts == InterruptDelivery::posted)
    guest_vector_ = post(data_vector, bind<&NicDriver::interrupt>(&driver_));
  if (params_.assigned_interrupts == InterruptDelivery::vmm_inject)
    guest_vector_ = take_vector(route_through_host(data_vector, bind<&Assigned::inject>(this)), bind<&NicDriver::interrupt>(&driver_));
}

std::uint8_t Assigned::take_vector(const InterruptMessage& message, software::Vcpu::Handler handler) {
  return vcpu_.allocate_vector(handler, &follow(host_, message));
}

InterruptMessage Assigned::route_through_host(unsigned vector, host::Core::IrqHandler handler) {
  const InterruptMessage message = message_to_host(host_, grant_.id(), host_.core(params_.interrupt_core), handler);
  grant_.route(vector, message);
  return message;
}

/// A vector of the function through the posted-interrupt descriptor. @returns the guest's vector
std::uint8_t Assigned::post(unsigned vector, software::Vcpu::Handler handler) {
  InterruptMessage message{grant_.id()};
  const std::uint16_t index = host_.iommu->allocate_irte({});
  message.address = vtd::remappable_msi_address(index);
  const std::uint8_t guest_vector = take_vector(message, handler);
  host_.iommu->set_irte(index, vtd::posted_irte(vcpu_.descriptor(), guest_vector, message.requester));
  grant_.route(vector, message);
  return guest_vector;
}

Task Assigned::inject(Strand& strand) {  // VFIO's handler and irqfd
  const JourneyRef journey = strand.core().interrupting();
  co_await strand.spend(Context::irq, host::Work::emulation, vcpu_.injection_cost());
  const bool waits = journey && journey.get()->stage == Stage::interrupt;  // else the guest found it by polling
  vcpu_.inject(guest_vector_, waits ? journey : JourneyRef());
}

// --- the PF -------------------------------------------------------------------------------------------------

Passthrough::Passthrough(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac,
                         software::MemoryView& guest, GuestTraffic& traffic)
    : Assigned(name, host, params, guest, traffic, 0),
      pf_("pf_driver", host.timeline, host.params.pf_driver, host.costs, registers_,
          {vcpu_.application(), Context::guest, Context::guest, event_vector(host, 0)}),
      watch_(host.timeline, {params.vf_driver.service_interval, params.vf_driver.transmit_timeout, params.vf_driver.retry_interval},
             {registers_, driver_, service_, bind<&Passthrough::restore>(static_cast<Assigned*>(this))}) {
  pf_.assign_pool(0, 0, 1);
  pf_.add_filter(mac, 0);
}

void Passthrough::start() {
  vcpu_.start();
  task_ = bring_up();
  task_.start();
}

Task Passthrough::bring_up() {
  co_await pf_.carry_out(vcpu_.application());
  co_await driver_.initialise(vcpu_.application());
  application_.start();
  watch_.start();
  service_task_ = serve();
  service_task_.start();
}

void Passthrough::shut_down() {
  leaving_ = true;
  watch_.stop();
  Assigned::shut_down();
}

/// ixgbe_service_task()
Task Passthrough::serve() {
  for (;;) {
    bool lost = false;
    co_await service_.wait();
    if (watch_.due()) co_await watch_.look(lost);
    if (lost && !leaving_) co_await begin_anew();
  }
}

/// ixgbe_reinit_locked(): the device knows nothing any more of what this driver set.
Task Passthrough::begin_anew() {
  co_await driver_.stop(service_);
  co_await watch_.find_again(leaving_);
  if (leaving_) co_return;
  co_await pf_.write_again(service_);
  if (leaving_) co_return;
  co_await driver_.initialise(service_);
  ++restarts_;
  watch_.start();
}

// --- a VF ---------------------------------------------------------------------------------------------------

Sriov::Sriov(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac,
             software::MemoryView& guest, GuestTraffic& traffic, unsigned function)
    : Assigned(name, host, params, guest, traffic, function),
      vf_("vf_driver", host.timeline, params.vf_driver, host.costs, registers_, driver_,
          {service_, Context::guest, Context::guest, mailbox_vector, bind<&Sriov::restore>(static_cast<Assigned*>(this))}) {
  software::VfSettings settings = params.vf;
  settings.mac = mac;
  pf_of(host, grant_.name().pf).manage(grant_.name().vf, settings);
}

void Sriov::start() {
  vcpu_.start();
  if (grant_.given()) start_driver();
}

void Sriov::route_interrupts() {
  Assigned::route_interrupts();
  const auto handler = bind<&VfDriver::interrupt>(&vf_);
  if (params_.assigned_interrupts != InterruptDelivery::vmm_inject)  // a guest that polls its queue still sleeps here
    mailbox_guest_vector_ = post(mailbox_vector, handler);
  else
    mailbox_guest_vector_ = take_vector(route_through_host(mailbox_vector, bind<&Sriov::inject_mailbox>(this)), handler);
}

Task Sriov::inject_mailbox(Strand& strand) {
  co_await strand.spend(Context::irq, host::Work::emulation, host_.costs.interrupt_injection);
  vcpu_.inject(mailbox_guest_vector_, {});
}

// --- while the VM runs --------------------------------------------------------------------------------------

Task Sriov::plug(std::string& refusal) {
  if (!grant_.begin(false, refusal)) co_return;
  co_await give(refusal);
  if (refusal.empty()) co_await ask_guest(true);
  grant_.end();
}

Task Sriov::unplug(std::string& refusal) {
  if (!grant_.begin(true, refusal)) co_return;
  co_await ask_guest(false);
  co_await grant_.take_back();
  grant_.end();
}

/// The slot's registers change and its interrupt says so; over when the guest has written that it is done.
Task Sriov::ask_guest(bool occupied) {
  if (slot_vector_ == 0) slot_vector_ = vcpu_.allocate_vector(bind<&Sriov::slot_interrupt>(this));
  slot_done_ = false;
  slot_task_ = change_slot(occupied);
  slot_task_.start();
  co_await vmm_.spend(Context::host_user, host::Work::emulation, host_.costs.register_emulation);
  co_await vmm_.spend(Context::host_kernel, host::Work::emulation, vcpu_.injection_cost());
  vcpu_.inject(slot_vector_, {});
  while (!slot_done_) co_await vmm_.wait();
}

Task Sriov::slot_interrupt(Strand& strand) {
  co_await strand.spend(Context::guest, host::Work::driver, host_.costs.driver_interrupt);
  kernel_.wake();
}

/// The guest's hot-plug driver, once.
Task Sriov::change_slot(bool occupied) {
  co_await kernel_.wait();
  if (occupied) {
    co_await find(kernel_);
    start_driver();
  } else {
    bool gone = false;
    struct Waiter {
      bool& gone;
      Strand& strand;
      void told() { gone = true, strand.wake(); }
    } waiter{gone, kernel_};
    vf_.leave(bind<&Waiter::told>(&waiter));
    while (!gone) co_await kernel_.wait();
    co_await software::disable_function(config_, kernel_, found_);
  }
  co_await kernel_.vm_exit(host::ExitCause::config);  // Slot Control
  co_await kernel_.spend(Context::host_user, host::Work::emulation, host_.costs.register_emulation);
  co_await kernel_.resume_guest();
  slot_done_ = true;
  vmm_.wake();
}

}  // namespace iov::io_path
