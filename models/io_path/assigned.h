// SPDX-License-Identifier: Apache-2.0
/// Assigned -- a whole function given to a VM: the VM's own NIC driver on the mapped BAR. Passthrough has the PF and with
/// it the NIC, whose driver in the guest also governs it, looks after it and begins anew when it was reset or gone; Sriov has a VF, whose driver comes up through the mailbox by leave
/// of the host's PF driver.
///
/// Spec    Linux vfio-pci, QEMU vfio; PCIe Base 5.0 6.7 (hot plug), Linux pciehp.
/// Models  the function found by the guest's own scan; hot removal and hot-add of a VF: the hypervisor asks by an interrupt
///         of the guest's hot-plug controller, the guest's kernel lets go or scans, and says so; reset by the host, of which
///         the PF's driver gives notice.
/// Omits   surprise removal in the guest, the guest's view of power and attention indicators.
#pragma once
#include "models/io_path/grant.h"

namespace iov::io_path {

class Assigned : public VmPath {
 public:
  Assigned(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, software::MemoryView& guest,
           GuestTraffic& traffic, unsigned function);
  const software::GuestConfig* guest_config() const override { return &config_; }
  /// The hypervisor gives the function away, then the guest's kernel finds it on its own bus 0 and enables it.
  Task set_up() override;
  void stop() override;
  void shut_down() override;
  Task reset_function(bool notice, std::string& refusal) override;
  std::uint64_t interrupts() const override { return driver_.interrupts(); }
  void add_to(WorkingSet& set) const override;
  void prefetch_pages() const override {
    driver_.prefetch_pages();
    vcpu_.core().prefetch_thread();
  }
  void prefetch_memory() const override;
  GuestDevice guest_device() override { return {&registers_, &vcpu_, 1, grant_.function()}; }

 protected:
  static constexpr unsigned data_vector = 0;
  static bool polled(const VmParams& params) { return params.assigned_interrupts == InterruptDelivery::none; }
  Task give(std::string& refusal);
  Task find(host::Strand& strand);
  Task restore(host::Strand& strand);
  void msix_enabled();
  virtual void route_interrupts();
  std::uint8_t take_vector(const InterruptMessage& message, software::Vcpu::Handler handler);
  std::uint8_t post(unsigned vector, software::Vcpu::Handler handler);
  InterruptMessage route_through_host(unsigned vector, host::Core::IrqHandler handler);
  Task inject(host::Strand& strand);

  HostSystem& host_;
  const VmParams params_;
  software::Vcpu vcpu_;
  host::Strand poller_{vcpu_.core(), host::Level::thread_low, &vcpu_, host::Context::guest};
  host::Strand kernel_{vcpu_.core(), host::Level::thread_low, &vcpu_, host::Context::guest};  ///< of the guest, for its devices
  host::Strand service_{vcpu_.core(), host::Level::thread_middle, &vcpu_, host::Context::guest};  ///< a work queue of the guest's kernel
  host::Thread vmm_thread_;
  host::Strand vmm_;
  Grant grant_;
  software::GuestConfig config_;
  software::MappedRegisters registers_;
  software::NicDriver driver_;
  software::Application application_;
  software::PciFunction found_;  ///< as the guest's scan found it
  std::uint8_t guest_vector_ = 0;
  Task shutting_down_;
};

class Passthrough : public Assigned {
 public:
  Passthrough(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac,
              software::MemoryView& guest, GuestTraffic& traffic);
  void start() override;
  void shut_down() override;
  void stop_service() override { watch_.stop(); }

 private:
  Task bring_up();
  Task serve();
  Task begin_anew();
  software::PfDriver pf_;
  software::FunctionWatch watch_;
  bool leaving_ = false;
  Task task_, service_task_;
  Counter restarts_{"restarts", "1", "times the NIC was brought up again"};
};

class Sriov : public Assigned {
 public:
  Sriov(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac,
        software::MemoryView& guest, GuestTraffic& traffic, unsigned function);
  void start() override;
  void shut_down() override { vf_.leave({}); }
  void stop_service() override { vf_.stop_service(); }
  Task plug(std::string& refusal) override;
  Task unplug(std::string& refusal) override;
  software::VfDriver* vf_driver() override { return &vf_; }

 private:
  static constexpr unsigned mailbox_vector = 1;
  void route_interrupts() override;
  Task inject_mailbox(host::Strand& strand);
  void start_driver() { vf_.start(std::exchange(ready_, {})); }
  Task slot_interrupt(host::Strand& strand);
  Task change_slot(bool occupied);
  Task ask_guest(bool occupied);

  software::VfDriver vf_;
  Delegate<void()> ready_{bind<&software::Application::start>(&application_)};  ///< once
  std::uint8_t mailbox_guest_vector_ = 0, slot_vector_ = 0;
  bool slot_done_ = false;
  Task slot_task_;
};

}  // namespace iov::io_path
