// SPDX-License-Identifier: Apache-2.0
/// Hardware -- what every platform has, whatever its device: memory, root complex, IOMMU, link, and the tables that the
/// host's IOMMU driver keeps.
///
/// Address map  host memory from 0, the host's own tables and rings from 16 MiB on.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/host/io_apic.h"
#include "models/host/memory.h"
#include "models/iommu/iommu.h"
#include "models/pcie/port.h"
#include "models/pcie/root_complex.h"
#include "models/protocol/interrupt_ledger.h"
#include "models/software/iommu_driver.h"
#include "platforms/kind.h"
#include "platforms/modules.h"
#include "platforms/simulation.h"

namespace iov::platform {

/// Names of the modules of one kind, in the order of a config.
std::vector<std::string> modules_of(const nlohmann::json& config, const char* kind);
/// @throws BadInput unless there is exactly one
std::string the_one(const nlohmann::json& config, const char* kind);

template <class Params>
Params read_params(const nlohmann::json& config, const std::string& name) {
  return params_of<Params>(config.at(name));
}

/// A link with both its ends: `root` at the root complex, `device` at the device.
struct Link : sc_core::sc_module {
  Link(const sc_core::sc_module_name& name, Timeline& timeline, const pcie::LinkParams& params)
      : sc_module(name), root("root", timeline, params), device("device", timeline, params) {
    root.connect(device);
  }
  pcie::Port root, device;
};

class Hardware {
 public:
  Timeline timeline{"timeline"};
  std::unique_ptr<host::Memory> memory;
  std::unique_ptr<pcie::RootComplex> root_complex;
  std::unique_ptr<host::Processors> processors;  ///< null: the platform has none
  std::unique_ptr<iommu::Iommu> iommu;           ///< null: the platform has none
  std::unique_ptr<host::IoApic> io_apic;         ///< null: no processors
  std::unique_ptr<Link> link;
  std::unique_ptr<InterruptLedger> interrupts;   ///< of a platform with software that handles them
  std::unique_ptr<MemoryPort> cpu_memory;
  HostModule host_params;
  unsigned walkers = 1;  ///< of the IOMMU
  std::string host_name;

 protected:
  /// @throws BadInput naming the module when one that others need is missing or there twice
  void make_hardware(const nlohmann::json& config, const std::string& device, bool needs_host);
  /// @returns the root port's number
  unsigned connect_root_port();
  void connect_iommu();
  void make_iommu_driver();

  std::unique_ptr<software::MemoryView> host_memory_;
  std::unique_ptr<software::IommuDriver> iommu_driver_;

 private:
  /// Where interrupts go on a platform without processors.
  struct NoProcessors : InterruptBus {
    void deliver(const ProcessorInterrupt&) override {}
  };
  void make_iommu(const nlohmann::json& config);
  void write_iommu(std::uint32_t offset, std::uint64_t value, unsigned bytes) { iommu->write_register(offset, value, bytes); }
  std::uint64_t read_iommu(std::uint32_t offset, unsigned bytes) { return iommu->read_register(offset, bytes); }
  NoProcessors no_processors_;
};

}  // namespace iov::platform
