// SPDX-License-Identifier: Apache-2.0
#include "platforms/hardware.h"

namespace iov::platform {

namespace {
constexpr std::uint64_t host_area_begin = 16u << 20, host_area = 512u << 20;  // the host's rings and tables
}

void Hardware::make_hardware(const nlohmann::json& config, const std::vector<std::string>& devices, bool needs_host,
                             std::uint64_t seed) {
  const std::string memory_name = the_one(config, "memory"), root_name = the_one(config, "root_complex");
  if (needs_host || !modules_of(config, "host").empty()) host_name = the_one(config, "host");
  memory = std::make_unique<host::Memory>(memory_name.c_str(), timeline, read_params<host::Memory::Params>(config, memory_name));
  const auto root = read_params<RootComplexModule>(config, root_name);
  slots = root.slots, slots_used = static_cast<unsigned>(devices.size());
  if (slots != 0 && slots_used > slots)
    throw BadInput(root_name + ".slots = " + std::to_string(slots) + ": the platform has " + std::to_string(slots_used) + " devices");
  root_complex = std::make_unique<pcie::RootComplex>(root_name.c_str(), timeline, root.root_complex);
  if (!host_name.empty()) {
    host_params = read_params<HostModule>(config, host_name);
    processors = std::make_unique<host::Processors>(host_name.c_str(), timeline, host_params.processors);
    io_apic = std::make_unique<host::IoApic>("io_apic", timeline, host_params.io_apic);
    processors->set_interrupt_pins(*io_apic);
    root_complex->set_interrupt_pins(io_apic.get());
  }
  make_iommu(config);
  tree = std::make_unique<PcieTree>(config, timeline, *root_complex, root_name, devices, seed);
  cpu_memory = std::make_unique<MemoryPort>("software_memory", timeline);
  root_complex->memory.socket.bind(memory->socket);
  cpu_memory->socket.bind(memory->socket);
}

void Hardware::make_iommu(const nlohmann::json& config) {
  const auto iommus = modules_of(config, "iommu");
  if (iommus.size() > 1)
    throw BadInput("the platform has " + std::to_string(iommus.size()) + " modules of kind \"iommu\"; one is supported");
  if (iommus.empty()) return make_gart(config);
  if (!modules_of(config, "gart").empty())
    throw BadInput("the platform has modules of kind \"iommu\" and of kind \"gart\"; it is one or the other");
  const auto params = read_params<iommu::Params>(config, iommus[0]);
  walkers = params.walkers;
  InterruptBus& interrupts = processors ? static_cast<InterruptBus&>(*processors) : no_processors_;
  iommu = std::make_unique<iommu::Iommu>(iommus[0].c_str(), timeline, params, interrupts);
  iommu_registers_ = std::make_unique<iommu::RegisterWindow>((iommus[0] + "_registers").c_str(), timeline, params, *iommu);
}

void Hardware::make_gart(const nlohmann::json& config) {
  if (modules_of(config, "gart").empty()) return;
  const std::string name = the_one(config, "gart");
  gart_params_ = read_params<iommu::GartParams>(config, name);
  if (gart_params_.aperture_base < memory->params().size.count)
    throw BadInput(name + ".aperture_base: the aperture would hide host memory, which ends at " +
                   std::to_string(memory->params().size.count));
  gart = std::make_unique<iommu::Gart>(name.c_str(), timeline, gart_params_);
}

void Hardware::connect_iommu() {
  InterruptRemapper* remapper = iommu ? static_cast<InterruptRemapper*>(iommu.get()) : processors.get();
  if (interrupts) interrupts->set_remapper(remapper);
  root_complex->set_interrupt_remapper(interrupts ? interrupts.get() : remapper);
  if (io_apic) io_apic->set_remapper(*remapper);
  if (gart) {
    gart->memory.socket.bind(memory->socket);
    root_complex->set_translator(gart.get());
  }
  if (!iommu) return;
  iommu->memory.socket.bind(memory->socket);
  iommu->set_ats_fabric(root_complex.get());
  root_complex->set_translator(iommu.get());
  root_complex->set_ats_agent(iommu.get());
}

void Hardware::make_drivers() {
  host_memory_ = std::make_unique<software::MemoryView>(*cpu_memory, Hpa(host_area_begin), host_area, host_area_begin);
  if (iommu)
    iommu_driver_ = std::make_unique<software::IommuDriver>(
        *host_memory_,
        software::IommuDriver::Registers{bind<&Hardware::write_iommu>(this), bind<&Hardware::read_iommu>(this)}, host_params.costs);
  if (!gart) return;
  gart_driver_ = std::make_unique<software::GartDriver>(*host_memory_, gart_params_.aperture_base, gart_params_.aperture.count);
  gart->set_table(gart_driver_->table());
}

}  // namespace iov::platform
