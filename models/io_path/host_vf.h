// SPDX-License-Identifier: Apache-2.0
/// HostVf -- a VF used on the host without a VM: by a container, whose network device the host's kernel drives, or by a
/// process with a poll-mode driver in user space.
///
/// Spec    Linux ixgbevf in a network namespace; DPDK on vfio-pci.
/// Models  VF driver and NIC driver in the kernel or in the process; the kernel's function passes the IOMMU untranslated,
///         the process's reaches the process's memory only; hot-add, removal and reset as of a VM's, without a guest to ask.
/// Omits   the container's share of processors (cgroups): its application is a process like any other.
#pragma once
#include "models/io_path/grant.h"

namespace iov::io_path {

class HostVf : public VmPath {
 public:
  HostVf(const sc_core::sc_module_name& name, HostSystem& host, const VmParams& params, MacAddress mac,
         software::MemoryView& memory, GuestTraffic& traffic, unsigned function);
  Task set_up() override;
  void start() override;
  void stop() override { driver_.stop_polling(); }
  void shut_down() override { vf_.leave({}); }
  void stop_service() override { vf_.stop_service(); }
  Task plug(std::string& refusal) override;
  Task unplug(std::string& refusal) override;
  Task reset_function(bool notice, std::string& refusal) override;
  std::uint64_t interrupts() const override { return driver_.interrupts(); }
  software::VfDriver* vf_driver() override { return &vf_; }
  GuestDevice guest_device() override { return {&registers_, &thread_, 1, grant_.function()}; }

 private:
  static constexpr unsigned data_vector = 0, mailbox_vector = 1;
  bool process() const { return params_.path == PathKind::process; }
  host::Context home() const { return process() ? host::Context::host_user : host::Context::host_kernel; }
  Task give(std::string& refusal);
  Task enable(host::Strand& strand);
  Task restore(host::Strand& strand);
  void route_interrupts();
  void gone() { admin_.wake(); }

  HostSystem& host_;
  const VmParams params_;
  host::Thread thread_;
  host::Strand application_strand_, poller_, service_, softirq_;
  host::Thread admin_thread_;
  host::Strand admin_;  ///< of whoever hands out functions
  Grant grant_;
  software::MappedRegisters registers_;
  software::NicDriver driver_;
  software::Application application_;
  software::VfDriver vf_;
  Delegate<void()> ready_{bind<&software::Application::start>(&application_)};  ///< once
};

}  // namespace iov::io_path
