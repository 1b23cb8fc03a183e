// SPDX-License-Identifier: Apache-2.0
// Each path as a composition; what they share is in GuestSide.
#include "models/io_path/assigned.h"
#include "models/io_path/host_vf.h"
#include "models/io_path/uplink.h"
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
    if (host_.iommu && !dma_ && !passes) give_memory();
    co_await nic_.set_up();
    nic_.follow_interrupts();
  }
  void start() override {
    nic_.start();
    application_.start();
  }
  void shut_down() override { nic_.shut_down(); }
  std::uint64_t interrupts() const override { return nic_.driver().interrupts(); }

 private:
  /// A domain of the function with all of the memory, at the addresses that its owner knows.
  void give_memory() {
    const DomainId domain = host_.iommu->create_domain();
    host_.iommu->map(domain, Iova(memory_.dma_base()), memory_.base(), memory_.size(), params_.iommu_log2_page);
    host_.iommu->attach(host_.nic.requester(0), domain, vtd::TranslationType::with_ats);
  }
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

/// An unmodified driver on a NIC that is software.
class Emulation : public VmPath {
 public:
  Emulation(const sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac, MemoryView& guest,
            GuestTraffic& traffic)
      : VmPath(name),
        vcpu_("vcpu0", host.core(params.vcpu_core), params.vcpu, host.costs, host.posting),
        model_("nic", host.services, params.emulated_nic, params.main_loop, host.costs, params.emulation_location, guest, vcpu_,
               uplink_of(host).network, uplink_of(host).network.add_tap(mac), host.core(params.backend_core), host.seed),
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
        backend_("backend", host.services, params.backend, params.main_loop, host.costs, location, front_, guest, vcpu_,
                 uplink_of(host).network, uplink_of(host).network.add_tap(mac), host.core(params.backend_core),
                 host.seed) {
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
  void shut_down() override { pool_.shut_down(); }
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
    case PathKind::container:
    case PathKind::process:
    {
      const unsigned function = host.nic.take_vf();
      pf_of(host, host.nic.name_of(function).pf);
      need_representor(host);
      if (params.path != PathKind::sriov) return std::make_unique<HostVf>(name, host, params, mac, guest, traffic, function);
      return std::make_unique<Sriov>(name, host, params, mac, guest, traffic, function);
    }
  }
  throw SimError(host.timeline.now(), name, "unknown path");
}

}  // namespace iov::io_path
