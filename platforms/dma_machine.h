// SPDX-License-Identifier: Apache-2.0
/// DmaMachine -- a platform whose devices are DMA microbenchmarks: no VM, no workload, no software but that of
/// the IOMMU: its driver, and the host's page fault handler when a device asks for pages.
///
/// Models  any number of devices, anywhere in the PCIe tree; the first by name that has transfers is the one measured, the
///         others keep theirs under way meanwhile. The tables are built last, so that they are in the LLC.
#pragma once
#include "platforms/dma_device.h"
#include "platforms/hardware.h"

namespace iov::platform {

class DmaMachine : public Hardware {
 public:
  /// @throws BadInput
  DmaMachine(const nlohmann::json& config, std::uint64_t seed);

  /// Brings the windows into the LLC, or not, and maps them. Takes simulated time when a device does it.
  void prepare();
  void start();
  void stop();  ///< what is under way still ends
  /// Takes paged devices' address spaces away, at the end. Takes simulated time.
  void release();
  DmaDevice& measured() { return *measured_; }
  const DmaDevice& measured() const { return *measured_; }
  endpoint::TransferSource& transfers() { return measured_->device->transfers(); }  ///< of the device measured

  std::vector<std::unique_ptr<DmaDevice>> devices;
  std::unique_ptr<software::PageFaultHandler> page_faults;  ///< null: all pages are there and stay

 private:
  const DmaDevice* peer_of(const DmaDevice& device) const;
  void check_translation() const;
  void make_page_fault_handler();
  void warm_up_cache(BufferCache which);

  DmaDevice* measured_ = nullptr;
};

}  // namespace iov::platform
