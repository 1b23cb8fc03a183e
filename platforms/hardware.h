// SPDX-License-Identifier: Apache-2.0
/// Hardware -- what every platform has, whatever its devices: memory, root complex, IOMMU, links and switches, and the tables
/// that the host's IOMMU driver keeps.
///
/// Address map  host memory from 0, the host's own tables and rings from 16 MiB on.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/host/io_apic.h"
#include "models/host/memory.h"
#include "models/iommu/gart.h"
#include "models/iommu/iommu.h"
#include "models/iommu/register_window.h"
#include "models/pcie/port.h"
#include "models/pcie/root_complex.h"
#include "models/protocol/interrupt_ledger.h"
#include "models/software/gart_driver.h"
#include "models/software/iommu_driver.h"
#include "platforms/modules.h"
#include "platforms/pcie_tree.h"
#include "platforms/simulation.h"

namespace iov::platform {

class Hardware {
 public:
  Timeline timeline{"timeline"};
  std::unique_ptr<host::Memory> memory;
  std::unique_ptr<pcie::RootComplex> root_complex;
  std::unique_ptr<host::Processors> processors;  ///< null: the platform has none
  std::unique_ptr<iommu::Iommu> iommu;           ///< null: the platform has none
  std::unique_ptr<host::IoApic> io_apic;         ///< null: no processors
  std::unique_ptr<iommu::Gart> gart;             ///< instead of it; null: the platform has none
  std::unique_ptr<PcieTree> tree;
  std::unique_ptr<InterruptLedger> interrupts;   ///< of a platform with software that handles them
  std::unique_ptr<MemoryPort> cpu_memory;
  HostModule host_params;
  unsigned walkers = 1;  ///< of the IOMMU
  unsigned slots = 0, slots_used = 0;  ///< for devices; 0: as many as are used
  std::string host_name;

 protected:
  /// @throws BadInput naming the module when one that others need is missing or there twice
  void make_hardware(const nlohmann::json& config, const std::vector<std::string>& devices, bool needs_host, std::uint64_t seed);
  void connect_iommu();
  void make_drivers();  ///< of IOMMU or aperture

  std::unique_ptr<software::MemoryView> host_memory_;
  std::unique_ptr<iommu::RegisterWindow> iommu_registers_;
  std::unique_ptr<software::IommuDriver> iommu_driver_;
  std::unique_ptr<software::GartDriver> gart_driver_;

 private:
  /// Where interrupts go on a platform without processors.
  struct NoProcessors : InterruptBus {
    void deliver(const ProcessorInterrupt&) override {}
  };
  void make_iommu(const nlohmann::json& config);
  void make_gart(const nlohmann::json& config);
  void write_iommu(std::uint32_t offset, std::uint64_t value, unsigned bytes) { iommu->write_register(offset, value, bytes); }
  std::uint64_t read_iommu(std::uint32_t offset, unsigned bytes) { return iommu->read_register(offset, bytes); }
  NoProcessors no_processors_;
  iommu::GartParams gart_params_;
};

}  // namespace iov::platform
