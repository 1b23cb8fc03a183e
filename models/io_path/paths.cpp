// SPDX-License-Identifier: Apache-2.0
// Each path as a composition; what they share is in GuestSide.
#include "models/io_path/uplink.h"
#include "models/software/pci_scan.h"
#include "models/software/vmdq_backend.h"

namespace iov::io_path {

using host::Context;
using host::Strand;
using sc_core::sc_module_name;
using software::Application;
using software::CopyAccount;
using software::DmaApi;
using software::EmulatedNic;
using software::MappedRegisters;
using software::MemoryView;
using software::NetDevice;
using software::NicDriver;
using software::Vcpu;
using software::VirtioBackend;
using software::VirtioNet;
using software::VmdqBackend;

namespace {

/// A domain of the function with all of a memory, at the addresses that its owner knows.
void give_memory(HostSystem& host, const MemoryView& memory, unsigned function, unsigned log2_page) {
  const DomainId domain = host.iommu->create_domain();
  host.iommu->map(domain, Iova(memory.dma_base()), memory.base(), memory.size(), log2_page);
  host.iommu->attach(host.nic.requester(function), domain, vtd::TranslationType::with_ats);
}

/// NIC driver and application in the host kernel of a machine without VMs.
class Native : public VmPath {
 public:
  Native(const sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac, MemoryView& memory,
         GuestTraffic& traffic)
      : VmPath(name),
        host_(host),
        params_(params),
        memory_(memory),
        thread_(host.core(params.vcpu_core), host::Thread::Kind::process, "application"),
        strand_(thread_.core(), host::Level::thread_low, &thread_),
        dma_(packet_mapping(host, params, thread_.core())),
        nic_("nic", host, params.driver, memory, 0, thread_.core(), dma_.get()),
        application_(host.services, host.costs, traffic, nic_.driver(), strand_, Context::host_kernel) {
    const std::string refusal = host.nic.claim(0, {software::Owner::Kind::process, VmPath::name()});
    if (!refusal.empty()) throw SimError(host.timeline.now(), VmPath::name(), "the PF is in use: " + refusal);
    pf_of(host).add_filter(mac, 0);
  }
  Task set_up() override {
    if (dma_) dma_->attach({host_.nic.requester(0), host_.functions.ats(host_.nic.name_of(0)) != 0});
    const bool passes = params_.native_iommu == HostIommu::pass_through;
    if (host_.iommu && !dma_ && passes) host_.iommu->attach_pass_through(host_.nic.requester(0));
    if (host_.iommu && !dma_ && !passes) give_memory(host_, memory_, 0, params_.iommu_log2_page);
    co_await nic_.set_up();
    nic_.follow_interrupts();
  }
  void start() override {
    nic_.start();
    application_.start();
  }
  std::uint64_t interrupts() const override { return nic_.driver().interrupts(); }

 private:
  /// Null: every buffer stays mapped.
  static std::unique_ptr<DmaApi> packet_mapping(HostSystem& host, const VmParams& params, host::Core& core) {
    if (params.iommu_mapping == software::MappingPolicy::persistent) return nullptr;
    if (!host.iommu) throw SimError(host.timeline.now(), "native", "iommu_mapping needs an IOMMU in the platform");
    return std::make_unique<DmaApi>("dma", host.timeline, params.dma_api, params.iommu_mapping, host.costs, *host.iommu,
                                    *host.iommu_registers, core);
  }
  HostSystem& host_;
  const VmParams params_;
  const MemoryView& memory_;
  host::Thread thread_;
  Strand strand_;
  std::unique_ptr<DmaApi> dma_;
  HostNic nic_;
  Application application_;
};

/// A whole function, PF or VF, given to a VM: the VM's own NIC driver on the mapped BAR.
class Assigned : public VmPath {
 public:
  Assigned(const sc_module_name& name, HostSystem& host, const VmParams& params, MemoryView& guest, GuestTraffic& traffic,
           unsigned function)
      : VmPath(name),
        host_(host),
        params_(params),
        guest_(guest),
        function_(function),
        vcpu_("vcpu0", host.core(params.vcpu_core), params.vcpu, host.costs, host.posting),
        vmm_thread_(host.core(params.vcpu_core), host::Thread::Kind::process, "vmm"),
        vmm_(vmm_thread_.core(), host::Level::thread_low, &vmm_thread_),
        config_("config", host.config, host.costs,
                {host.nic.description(function), host.nic.name_of(function).vf == 0}),
        registers_(host.mmio, Context::guest, host.costs),
        driver_("driver", host.services, params.driver, host.costs, registers_, guest,
                {polled(params) ? poller_ : vcpu_.softirq(), Context::guest, Context::guest, 0, 0, polled(params)}),
        application_(host.services, host.costs, traffic, driver_, vcpu_.application(), Context::guest) {
    const auto refuse = [&](const std::string& why) { throw SimError(host.timeline.now(), VmPath::name(), why); };
    if (!host.iommu && !host.aperture) refuse("assigning a function needs an IOMMU in the platform");
    if (!host.iommu && params.assigned_interrupts == InterruptDelivery::posted)
      refuse("assigned_interrupts = \"posted\" needs an IOMMU in the platform");
    const std::string refusal = host.nic.claim(function, {software::Owner::Kind::vm, VmPath::name()});
    if (!refusal.empty()) refuse("the function is assigned already, an assigned function is exclusive: " + refusal);
    host.core(params.interrupt_core);
  }
  const software::GuestConfig* guest_config() const override { return &config_; }
  /// The hypervisor gives the function away, then the guest's kernel finds it on its own bus 0 and enables it.
  Task set_up() override {
    const software::FunctionName function = host_.nic.name_of(function_);
    const std::string refusal = host_.functions.assign(function, {software::Owner::Kind::vm, VmPath::name()});
    if (!refusal.empty()) throw SimError(host_.timeline.now(), VmPath::name(), refusal);
    if (host_.iommu) give_memory(host_, guest_, function_, params_.iommu_log2_page);
    co_await enable_ats(host_, vmm_, function_);
    registers_.map(host_.nic.bar(function_));
    config_.attach(host_.nic.requester(function_), host_.functions.id({function.pf, 0}),
                   bind<&Assigned::route_interrupts>(this));
    software::PciTree tree;
    software::PciScan scan(config_, software::PciPolicy{}, guest_mmio, 512);
    co_await scan.run(vcpu_.application(), tree);
    co_await software::enable_function(config_, vcpu_.application(), tree.functions.at(0));
  }
  void stop() override {
    vcpu_.stop();
    driver_.stop_polling();
  }
  std::uint64_t interrupts() const override { return driver_.interrupts(); }
  GuestDevice guest_device() override { return {&registers_, &vcpu_, 1, function_}; }

 protected:
  static constexpr unsigned data_vector = 0;
  static bool polled(const VmParams& params) { return params.assigned_interrupts == InterruptDelivery::none; }
  virtual void route_interrupts() {
    if (params_.assigned_interrupts == InterruptDelivery::posted)
      guest_vector_ = post(data_vector, bind<&NicDriver::interrupt>(&driver_));
    if (params_.assigned_interrupts == InterruptDelivery::vmm_inject)
      guest_vector_ = take_vector(route_to_host(host_, function_, data_vector, host_.core(params_.interrupt_core),
                                                bind<&Assigned::inject>(this)),
                                  bind<&NicDriver::interrupt>(&driver_));
  }
  std::uint8_t take_vector(const InterruptMessage& message, Vcpu::Handler handler) {
    return vcpu_.allocate_vector(handler, &follow(host_, message));
  }
  /// A vector of the function through the posted-interrupt descriptor. @returns the guest's vector
  std::uint8_t post(unsigned vector, Vcpu::Handler handler) {
    InterruptMessage message{host_.nic.requester(function_)};
    const std::uint16_t index = host_.iommu->allocate_irte({});
    message.address = vtd::remappable_msi_address(index);
    const std::uint8_t guest_vector = take_vector(message, handler);
    host_.iommu->set_irte(index, vtd::posted_irte(vcpu_.descriptor(), guest_vector, message.requester));
    write_msix(host_, function_, vector, message.address, message.data);
    return guest_vector;
  }
  Task inject(Strand& strand) {  // VFIO's handler and irqfd
    co_await strand.spend(Context::irq, host::Work::emulation, vcpu_.injection_cost());
    vcpu_.inject(guest_vector_, {});
  }
  static constexpr std::uint64_t guest_mmio = 0x380'0000'0000;  ///< the guest's window for 64-bit BARs
  HostSystem& host_;
  const VmParams params_;
  const MemoryView& guest_;
  const unsigned function_;
  Vcpu vcpu_;
  Strand poller_{vcpu_.core(), host::Level::thread_low, &vcpu_, Context::guest};
  host::Thread vmm_thread_;
  Strand vmm_;
  software::GuestConfig config_;
  MappedRegisters registers_;
  NicDriver driver_;
  Application application_;
  std::uint8_t guest_vector_ = 0;
};

/// The PF, and with it the whole NIC: the guest's driver also governs the device.
class Passthrough : public Assigned {
 public:
  Passthrough(const sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac, MemoryView& guest,
              GuestTraffic& traffic)
      : Assigned(name, host, params, guest, traffic, 0),
        pf_("pf_driver", host.timeline, host.params.pf_driver, host.costs, registers_,
            {vcpu_.application(), Context::guest, Context::guest, event_vector(host, 0)}) {
    pf_.assign_pool(0, 0, 1);
    pf_.add_filter(mac, 0);
  }
  void start() override {
    vcpu_.start();
    task_ = bring_up();
    task_.start();
  }

 private:
  Task bring_up() {
    co_await pf_.carry_out(vcpu_.application());
    co_await driver_.initialise(vcpu_.application());
    application_.start();
  }
  software::PfDriver pf_;
  Task task_;
};

/// A VF: its driver in the guest comes up through the mailbox, by leave of the host's PF driver.
class Sriov : public Assigned {
 public:
  Sriov(const sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac, MemoryView& guest,
        GuestTraffic& traffic, unsigned function)
      : Assigned(name, host, params, guest, traffic, function),
        service_(vcpu_.core(), host::Level::thread_middle, &vcpu_, Context::guest),
        vf_("vf_driver", host.timeline, params.vf_driver, host.costs, registers_, driver_,
            {service_, Context::guest, Context::guest, mailbox_vector}) {
    software::VfSettings settings = params.vf;
    settings.mac = mac;
    const software::FunctionName name_on_bus = host.nic.name_of(function);
    pf_of(host, name_on_bus.pf).manage(name_on_bus.vf, settings);
  }
  void start() override {
    vcpu_.start();
    vf_.start(bind<&Application::start>(&application_));
  }
  software::VfDriver* vf_driver() override { return &vf_; }

 private:
  static constexpr unsigned mailbox_vector = 1;
  void route_interrupts() override {
    Assigned::route_interrupts();
    if (params_.assigned_interrupts != InterruptDelivery::vmm_inject)  // a guest that polls its queue still sleeps here
      mailbox_guest_vector_ = post(mailbox_vector, bind<&software::VfDriver::interrupt>(&vf_));
    else
      mailbox_guest_vector_ = take_vector(route_to_host(host_, function_, mailbox_vector, host_.core(params_.interrupt_core),
                                                        bind<&Sriov::inject_mailbox>(this)),
                                          bind<&software::VfDriver::interrupt>(&vf_));
  }
  Task inject_mailbox(Strand& strand) {
    co_await strand.spend(Context::irq, host::Work::emulation, host_.costs.interrupt_injection);
    vcpu_.inject(mailbox_guest_vector_, {});
  }
  Strand service_;  ///< a work queue of the guest's kernel
  software::VfDriver vf_;
  std::uint8_t mailbox_guest_vector_ = 0;
};

/// An unmodified driver on a NIC that is software.
class Emulation : public VmPath {
 public:
  Emulation(const sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac, MemoryView& guest,
            GuestTraffic& traffic)
      : VmPath(name),
        vcpu_("vcpu0", host.core(params.vcpu_core), params.vcpu, host.costs, host.posting),
        model_("nic", host.services, host.costs, params.emulation_location, guest, vcpu_, uplink_of(host).network,
               uplink_of(host).network.add_tap(mac), host.core(params.backend_core)),
        driver_("driver", host.services, params.emulated_driver, host.costs, model_, guest,
                {vcpu_.softirq(), Context::guest, Context::guest, 0, 0}),
        application_(host.services, host.costs, traffic, driver_, vcpu_.application(), Context::guest) {
    pf_of(host).add_filter(mac, 0);
    model_.set_vector(vcpu_.allocate_vector(bind<&NicDriver::interrupt>(&driver_), &host.interrupts.open()));
  }
  void start() override {
    vcpu_.start();
    model_.start();
    task_ = bring_up();
    task_.start();
  }
  void stop() override { vcpu_.stop(); }
  CopyAccount copied() const override { return model_.copied(); }
  void reset_copies() override { model_.reset_copies(); }
  GuestDevice guest_device() override { return {&model_, &vcpu_, 1, std::nullopt}; }
  std::uint64_t interrupts() const override { return driver_.interrupts(); }

 private:
  Task bring_up() {
    co_await driver_.initialise(vcpu_.application());
    application_.start();
  }
  Vcpu vcpu_;
  EmulatedNic model_;
  NicDriver driver_;
  Application application_;
  Task task_;
};

/// A virtio-net guest; `Backend` serves its queues.
class Paravirtual : public VmPath {
 public:
  Paravirtual(const sc_module_name& name, HostSystem& host, const VmParams& params, MemoryView& guest, GuestTraffic& traffic)
      : VmPath(name),
        vcpu_("vcpu0", host.core(params.vcpu_core), params.vcpu, host.costs, host.posting),
        front_("driver", host.services, params.virtio, host.costs, guest, vcpu_, &host.interrupts.open()),
        application_(host.services, host.costs, traffic, front_, vcpu_.application(), Context::guest) {}
  void start() override {
    vcpu_.start();
    start_backend();
    task_ = bring_up();
    task_.start();
  }
  void stop() override { vcpu_.stop(); }
  std::uint64_t interrupts() const override { return vcpu_.interrupts(); }

 protected:
  virtual void start_backend() = 0;
  Vcpu vcpu_;
  VirtioNet front_;

 private:
  Task bring_up() {
    co_await front_.initialise(vcpu_.application());
    application_.start();
  }
  Application application_;
  Task task_;
};

class Virtio : public Paravirtual {
 public:
  Virtio(const sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac, MemoryView& guest,
         GuestTraffic& traffic, VirtioBackend::Location location)
      : Paravirtual(name, host, params, guest, traffic),
        backend_("backend", host.services, params.backend, host.costs, location, front_, guest, vcpu_,
                 uplink_of(host).network, uplink_of(host).network.add_tap(mac), host.core(params.backend_core)) {
    pf_of(host).add_filter(mac, 0);
  }
  CopyAccount copied() const override { return backend_.copied(); }
  void reset_copies() override { backend_.reset_copies(); }

 private:
  void start_backend() override { backend_.start(); }
  VirtioBackend backend_;
};

class Vmdq : public Paravirtual {
 public:
  Vmdq(const sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac, MemoryView& guest,
       GuestTraffic& traffic)
      : Paravirtual(name, host, params, guest, traffic),
        pool_("pool", host, host.params.driver, host.host_memory, claim_pool(host, mac), host.core(params.backend_core)),
        backend_("backend", host.services, host.costs, params.zero_copy, front_, guest, vcpu_, pool_.driver(),
                 host.core(params.backend_core)) {}
  Task set_up() override { co_await pool_.set_up(); }
  CopyAccount copied() const override { return backend_.copied(); }
  void reset_copies() override { backend_.reset_copies(); }

 private:
  static unsigned claim_pool(HostSystem& host, MacAddress mac) {
    const unsigned pool = host.nic.add_pool();
    pf_of(host).assign_pool(pool, pool, 1);
    pf_of(host).add_filter(mac, pool);
    return pool;
  }
  void start_backend() override {
    pool_.start();
    backend_.start();
  }
  HostNic pool_;
  VmdqBackend backend_;
};

bool needs_uplink(PathKind path) {
  return path == PathKind::emulation || path == PathKind::virtio || path == PathKind::vhost || path == PathKind::vmdq;
}

}  // namespace

VmParams VmParams::instance(unsigned index, unsigned cores) const {
  VmParams one = *this;
  one.count = 1;
  const unsigned rest = std::max(cores, vcpu_core + 1) - vcpu_core, step = index % (vcpu_cores ? vcpu_cores : rest);
  one.vcpu_core += step;
  one.backend_core += index % backend_cores;
  one.interrupt_core = (interrupt_core + step) % std::max(cores, interrupt_core + 1);
  return one;
}

std::unique_ptr<VmPath> make_path(const char* name, HostSystem& host, const VmParams& params, MacAddress mac,
                                  MemoryView& guest, GuestTraffic& traffic) {
  if (params.path != PathKind::passthrough) pf_of(host);
  if (needs_uplink(params.path)) uplink_of(host);  // here, so that it does not become a part of the VM
  switch (params.path) {
    case PathKind::native: return std::make_unique<Native>(name, host, params, mac, guest, traffic);
    case PathKind::emulation: return std::make_unique<Emulation>(name, host, params, mac, guest, traffic);
    case PathKind::virtio:
      return std::make_unique<Virtio>(name, host, params, mac, guest, traffic, VirtioBackend::Location::user);
    case PathKind::vhost:
      return std::make_unique<Virtio>(name, host, params, mac, guest, traffic, VirtioBackend::Location::kernel);
    case PathKind::vmdq: return std::make_unique<Vmdq>(name, host, params, mac, guest, traffic);
    case PathKind::passthrough: return std::make_unique<Passthrough>(name, host, params, mac, guest, traffic);
    case PathKind::sriov:
    {
      const unsigned function = host.nic.take_vf();
      pf_of(host, host.nic.name_of(function).pf);
      need_representor(host);
      return std::make_unique<Sriov>(name, host, params, mac, guest, traffic, function);
    }
  }
  throw SimError(host.timeline.now(), name, "unknown path");
}

}  // namespace iov::io_path
