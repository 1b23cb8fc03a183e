// SPDX-License-Identifier: Apache-2.0
#include "platforms/hardware.h"

namespace iov::platform {

namespace {
constexpr std::uint64_t host_area_begin = 16u << 20, host_area = 512u << 20;  // the host's rings and tables
}

std::vector<std::string> modules_of(const nlohmann::json& config, const char* kind) {
  std::vector<std::string> names;
  for (const auto& [name, module] : config.items())
    if (module.at("kind") == kind) names.push_back(name);
  return names;
}

std::string the_one(const nlohmann::json& config, const char* kind) {
  const auto names = modules_of(config, kind);
  if (names.size() == 1) return names.front();
  throw BadInput("the platform needs exactly one module of kind \"" + std::string(kind) + "\", it has " +
                 std::to_string(names.size()));
}

void Hardware::make_hardware(const nlohmann::json& config, const std::string& device, bool needs_host) {
  const std::string memory_name = the_one(config, "memory"), root_name = the_one(config, "root_complex");
  const std::string link_name = the_one(config, "link");
  if (needs_host || !modules_of(config, "host").empty()) host_name = the_one(config, "host");
  memory = std::make_unique<host::Memory>(memory_name.c_str(), timeline, read_params<host::Memory::Params>(config, memory_name));
  root_complex =
      std::make_unique<pcie::RootComplex>(root_name.c_str(), timeline, read_params<pcie::RootComplexParams>(config, root_name));
  if (!host_name.empty()) {
    host_params = read_params<HostModule>(config, host_name);
    processors = std::make_unique<host::Processors>(host_name.c_str(), timeline, host_params.processors);
    io_apic = std::make_unique<host::IoApic>("io_apic", timeline, host_params.io_apic);
    processors->set_interrupt_pins(*io_apic);
    root_complex->set_interrupt_pins(io_apic.get());
  }
  make_iommu(config);
  const auto link_params = read_params<LinkModule>(config, link_name);
  if (link_params.device != device)
    throw BadInput(link_name + ".device = \"" + link_params.device + "\": no such device; there is \"" + device + "\"");
  link = std::make_unique<Link>(link_name.c_str(), timeline, link_params.link);
  cpu_memory = std::make_unique<MemoryPort>("software_memory", timeline);
}

void Hardware::make_iommu(const nlohmann::json& config) {
  const auto iommus = modules_of(config, "iommu");
  if (iommus.size() > 1)
    throw BadInput("the platform has " + std::to_string(iommus.size()) + " modules of kind \"iommu\"; one is supported");
  if (iommus.empty()) return;
  const auto params = read_params<iommu::Params>(config, iommus[0]);
  walkers = params.walkers;
  InterruptBus& interrupts = processors ? static_cast<InterruptBus&>(*processors) : no_processors_;
  iommu = std::make_unique<iommu::Iommu>(iommus[0].c_str(), timeline, params, interrupts);
}

unsigned Hardware::connect_root_port() {
  root_complex->memory.socket.bind(memory->socket);
  cpu_memory->socket.bind(memory->socket);
  return root_complex->add_root_port(link->root);
}

void Hardware::connect_iommu() {
  InterruptRemapper* remapper = iommu ? static_cast<InterruptRemapper*>(iommu.get()) : processors.get();
  if (interrupts) interrupts->set_remapper(remapper);
  root_complex->set_interrupt_remapper(interrupts ? interrupts.get() : remapper);
  if (io_apic) io_apic->set_remapper(*remapper);
  if (!iommu) return;
  iommu->memory.socket.bind(memory->socket);
  iommu->set_ats_fabric(root_complex.get());
  root_complex->set_translator(iommu.get());
  root_complex->set_ats_agent(iommu.get());
}

void Hardware::make_iommu_driver() {
  host_memory_ = std::make_unique<software::MemoryView>(*cpu_memory, Hpa(host_area_begin), host_area, host_area_begin);
  if (iommu)
    iommu_driver_ = std::make_unique<software::IommuDriver>(
        *host_memory_,
        software::IommuDriver::Registers{bind<&Hardware::write_iommu>(this), bind<&Hardware::read_iommu>(this)});
}

}  // namespace iov::platform
