// SPDX-License-Identifier: Apache-2.0
#include "platforms/machine.h"

#include "platforms/kind.h"

namespace iov::platform {

namespace {

constexpr Hpa pf_bar(0x40'0000'0000), vf_bar(0x41'0000'0000);  // 64-bit BARs, above any host memory of 256 GiB
constexpr std::uint64_t vf_window = std::uint64_t{1} << 32;    // 65 536 VFs of 64 KiB
constexpr std::uint64_t gib = std::uint64_t{1} << 30;
constexpr std::uint64_t host_area = 512u << 20;                // host's rings, tables; from 16 MiB on
constexpr std::uint64_t first_mac = 0x02'00'00'00'00'01ull;    // locally administered

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

unsigned count_sriov(const std::vector<Machine::Vm>& vms) {
  return static_cast<unsigned>(std::count_if(vms.begin(), vms.end(),
                                             [](const Machine::Vm& vm) { return vm.params.path == io_path::PathKind::sriov; }));
}

template <class Params>
Params read(const nlohmann::json& config, const std::string& name) {
  return params_of<Params>(config.at(name));
}

}  // namespace

Machine::Machine(const nlohmann::json& config, std::uint64_t seed) {
  make_hardware(config);
  const std::string traffic = the_one(config, "workload");
  try {
    workload = std::make_unique<workload::Workload>(traffic.c_str(), timeline, read<workload::Params>(config, traffic), seed);
  } catch (const workload::TraceError& bad) {
    throw BadInput(traffic + ".trace: " + bad.what());
  }
  auto nic_params = read<endpoint::Nic::Params>(config, nic_name);
  nic_params.carry_payload |= workload->params().carry_payload;  // a frame is whole everywhere or nowhere
  nic = std::make_unique<endpoint::Nic>(nic_name.c_str(), timeline, nic_params, link->device, workload->book());
  const auto wires = {read<endpoint::Nic::Params>(config, nic_name).wire_rate, workload->params().wire.rate};
  if (wires.begin()[0] != wires.begin()[1])
    throw BadInput(traffic + ".wire.rate and " + nic_name + ".wire_rate differ: both are ends of one Ethernet link");
  connect();
  make_software(config);
}

void Machine::make_hardware(const nlohmann::json& config) {
  const std::string memory_name = the_one(config, "memory"), root_name = the_one(config, "root_complex");
  host_name = the_one(config, "host");
  nic_name = the_one(config, "nic");
  const std::string link_name = the_one(config, "link");
  host_params = read<HostModule>(config, host_name);
  memory = std::make_unique<host::Memory>(memory_name.c_str(), timeline, read<host::Memory::Params>(config, memory_name));
  root_complex = std::make_unique<pcie::RootComplex>(root_name.c_str(), timeline, read<pcie::RootComplexParams>(config, root_name));
  processors = std::make_unique<host::Processors>(host_name.c_str(), timeline, host_params.processors);
  const auto iommus = modules_of(config, "iommu");
  if (iommus.size() > 1) throw BadInput("the platform has " + std::to_string(iommus.size()) + " modules of kind \"iommu\"; one is supported");
  if (!iommus.empty()) {
    const auto params = read<iommu::Params>(config, iommus[0]);
    walkers = params.walkers;
    iommu = std::make_unique<iommu::Iommu>(iommus[0].c_str(), timeline, params, *processors);
  }
  const auto link_params = read<LinkModule>(config, link_name);
  if (link_params.device != nic_name)
    throw BadInput(link_name + ".device = \"" + link_params.device + "\": no such device; there is \"" + nic_name + "\"");
  link = std::make_unique<Link>(link_name.c_str(), timeline, link_params.link);
  cpu_memory = std::make_unique<MemoryPort>("software_memory", timeline);
}

void Machine::connect() {
  root_complex->memory.socket.bind(memory->socket);
  cpu_memory->socket.bind(memory->socket);
  const unsigned port = root_complex->add_root_port(link->root);
  root_complex->map_bar(pf_bar, nic::bar_bytes, port);
  root_complex->map_bar(vf_bar, vf_window, port);
  root_complex->route_ids(RequesterId{0x0100}, RequesterId{0xffff}, port);
  nic->set_wire(&workload->wire(), workload->params().wire.propagation);
  workload->connect(*nic);
  if (!iommu) return root_complex->set_interrupt_remapper(nullptr);
  iommu->memory.socket.bind(memory->socket);
  iommu->set_ats_fabric(root_complex.get());
  root_complex->set_translator(iommu.get());
  root_complex->set_interrupt_remapper(iommu.get());
  root_complex->set_ats_agent(iommu.get());
}

void Machine::make_software(const nlohmann::json& config) {
  const auto names = modules_of(config, "vm");
  if (names.empty()) throw BadInput("the platform has no module of kind \"vm\"");
  vms.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    vms[i].name = names[i];
    vms[i].params = read<io_path::VmParams>(config, names[i]);
  }
  management_ = std::make_unique<NicManagement>(*nic, pf_bar, vf_bar, count_sriov(vms));
  host_memory_ = std::make_unique<software::MemoryView>(*cpu_memory, Hpa(16u << 20), host_area, 16u << 20);
  if (iommu)
    iommu_driver_ = std::make_unique<software::IommuDriver>(
        *host_memory_, software::IommuDriver::Registers{bind<&Machine::write_iommu>(this), bind<&Machine::read_iommu>(this)});
  software::PacketServices services{timeline, workload->book(), workload->params().carry_payload ? &payload_ : nullptr};
  host_.reset(new io_path::HostSystem{timeline, services, host_params.software, host_params.costs, *processors, *cpu_memory,
                                      *root_complex, *management_, iommu_driver_.get(), *host_memory_, nullptr});
  std::uint64_t base = gib;
  for (std::size_t i = 0; i < vms.size(); ++i) {
    Vm& vm = vms[i];
    const bool native = vm.params.path == io_path::PathKind::native;
    const std::uint64_t bytes = vm.params.memory.count;
    if (base + bytes > memory->params().size.count)
      throw BadInput(vm.name + ".memory: the VMs' memory does not fit into the host's " +
                     std::to_string(memory->params().size.count >> 20) + " MiB");
    vm.memory = std::make_unique<software::MemoryView>(*cpu_memory, Hpa(base), bytes, native ? base : 0);
    const MacAddress mac{first_mac + i};
    GuestTraffic& traffic = workload->add_vm(mac);
    try {
      vm.path = io_path::make_path(vm.name.c_str(), *host_, vm.params, mac, *vm.memory, traffic);
    } catch (const SimError& refused) {
      throw BadInput(refused.what());
    }
    base += (bytes + gib - 1) / gib * gib;
  }
  if (iommu_driver_) iommu_driver_->enable(true, true);
}

void Machine::start() {
  for (Vm& vm : vms) vm.path->start();
  workload->start();
}

}  // namespace iov::platform
