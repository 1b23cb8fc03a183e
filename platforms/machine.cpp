// SPDX-License-Identifier: Apache-2.0
#include "platforms/machine.h"

#include <set>

#include "models/io_path/port_host.h"
#include "models/io_path/recovery.h"
#include "models/io_path/uplink.h"
#include "platforms/kind.h"
#include "platforms/modules.h"

namespace iov::platform {

namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;
constexpr std::uint64_t first_mac = 0x02'00'00'00'00'01ull;    // locally administered

}  // namespace

Machine::Machine(const nlohmann::json& config, std::uint64_t seed) {
  nic_name = the_one(config, "nic");
  make_hardware(config, {nic_name}, true, seed);
  const std::string traffic = the_one(config, "workload");
  auto nic_params = read_params<endpoint::Nic::Params>(config, nic_name);
  if (nic_params.device_tlb.page_requests.enabled)
    throw BadInput(nic_name + ".device_tlb.page_requests.enabled: memory of VMs is pinned, no software of this platform brings its "
                   "pages in; it must be false");
  auto traffic_params = read_params<workload::Params>(config, traffic);
  traffic_params.wire.rate = nic_params.wire_rate;          // both are ends of one Ethernet link
  nic_params.carry_payload |= traffic_params.carry_payload;  // a frame is whole everywhere or nowhere
  try {
    workload = std::make_unique<workload::Workload>(traffic.c_str(), timeline, traffic_params, seed);
  } catch (const workload::TraceError& bad) {
    throw BadInput(traffic + ".trace: " + bad.what());
  }
  Link& link = tree->link_to(nic_name);
  nic = std::make_unique<endpoint::Nic>(nic_name.c_str(), timeline, nic_params, link.device, workload->book());
  interrupts = std::make_unique<InterruptLedger>("interrupts", timeline);
  nic->set_interrupt_watch(*interrupts);
  connect();
  link.device.on_link(bind<&endpoint::Endpoint::link_changed>(static_cast<endpoint::Endpoint*>(nic.get())));
  make_software(config, seed);
  if (config.contains("script")) script = std::make_unique<Script>(config["script"], *this);
}

void Machine::connect() {
  nic->set_wire(&workload->wire(), workload->params().wire.propagation);
  workload->connect(*nic);
  workload->on_next(bind<&Machine::prefetch>(this));
  connect_iommu();
}

void Machine::name_vms(const nlohmann::json& config) {
  std::set<std::string> taken;
  for (const auto& [name, module] : config.items()) taken.insert(name);
  for (const std::string& name : modules_of(config, "vm")) {
    const auto [params, load] = read_params<VmModule>(config, name);
    for (unsigned i = 0; i < params.count; ++i) {
      const MacAddress mac{first_mac + vms.size()};
      Vm& vm = vms.emplace_back();
      vm.name = params.count == 1 ? name : name + "_" + std::to_string(i);
      vm.params = params.instance(i, static_cast<unsigned>(processors->size()));
      vm.load = load;
      vm.mac = mac;
      if (params.count > 1 && !taken.insert(vm.name).second)
        throw BadInput(name + ".count: its VM " + vm.name + " has the name of another module");
    }
  }
  if (vms.empty()) throw BadInput("the platform has no module of kind \"vm\"");
}

void Machine::make_software(const nlohmann::json& config, std::uint64_t seed) {
  name_vms(config);
  boot_ = std::make_unique<BootSoftware>(timeline, *root_complex, host_params, processors->core(0),
                                         tree->link_to(nic_name).device.limits().max_read_request);
  management_ = std::make_unique<NicManagement>(*nic, boot_->vf_manager, boot_->owners);
  make_drivers();
  posting_ = std::make_unique<software::PostedInterrupts>("posted_interrupts", *processors, *host_memory_, host_params.costs,
                                                          iommu_driver_ && iommu_driver_->x2apic());
  software::PacketServices services{timeline, workload->book(), workload->params().carry_payload ? &payload_ : nullptr};
  host_.reset(new io_path::HostSystem{timeline, services, host_params.software, host_params.costs, *processors, *cpu_memory,
                                      *root_complex, boot_->config, boot_->tree, boot_->scan, boot_->vf_manager, *management_, iommu_driver_.get(),
                                      iommu_registers_.get(), gart != nullptr,
                                      *posting_, *interrupts, *host_memory_, {}, nullptr, nullptr, nullptr});
  host_->seed = seed;
  host_->recovery = std::make_shared<io_path::Recovery>("recovery", *host_);
  if (host_params.software.error_reporting || host_params.software.hot_plug)
    host_->ports = std::make_shared<io_path::PortHost>("ports", *host_);
  make_vms();
}

void Machine::make_vms() {
  std::uint64_t base = gib;
  for (Vm& vm : vms) {
    const std::uint64_t page = std::uint64_t{1} << std::max(vm.params.iommu_log2_page, 21u);
    base = (base + page - 1) / page * page;
    make_vm(vm, base);
    base += vm.params.memory.count;
  }
}

void Machine::make_vm(Vm& vm, std::uint64_t base) {
  const auto path = vm.params.path;
  const bool physical = path == io_path::PathKind::native || path == io_path::PathKind::container;  // the host kernel's own memory
  const std::uint64_t bytes = vm.params.memory.count;
  if (base + bytes > memory->params().size.count)
    throw BadInput(vm.name + ".memory: the VMs' memory does not fit into the host's " +
                   std::to_string(memory->params().size.count >> 20) + " MiB");
  vm.memory = std::make_unique<software::MemoryView>(*cpu_memory, Hpa(base), bytes, physical ? base : seen_by_devices(vm, base));
  if (const std::string ignored = vm.load.ignored(workload->params()); !ignored.empty())
    throw BadInput(vm.name + ".load: " + ignored);
  GuestTraffic& traffic = workload->add_vm(vm.mac, vm.load);
  try {
    vm.path = io_path::make_path(vm.name.c_str(), *host_, vm.params, vm.mac, *vm.memory, traffic);
  } catch (const SimError& refused) {
    throw BadInput(refused.what());
  }
  const auto number = static_cast<unsigned>(receiving_.size());
  constexpr std::size_t usual_runs = 80;
  receiving_.push_back({vm.path.get(), vm.path->guest_device().function, number, 0, {}});
  receiving_.back().lines.reserve(usual_runs);
}

/// The peer's next frame is for this VM, and the one after it for the VM that followed last time: sources serve their VMs in turn.
void Machine::prefetch(unsigned vm) {
  constexpr std::size_t few = 32;  // whose lines, 16 KiB each, stay in a second-level cache
  if (vm == next_vm_ || receiving_.size() < few) return;
  Receiving &leaving = receiving_[next_vm_], &next = receiving_[vm];
  next_vm_ = leaving.follower = vm;
  if (vm != foreseen_vm_) prefetch_lines(next);
  foreseen_vm_ = next.follower;
  Receiving& foreseen = receiving_[foreseen_vm_];
  prefetch_lines(foreseen);
  if (next.function) nic->prefetch(*next.function);
  next.path->prefetch_pages();
  leaving.path->prefetch_memory();
}

/// Listed after the first frames, which make what is made when it is needed, and anew from time to time: what has grown, or
/// was made again, lies elsewhere.
void Machine::prefetch_lines(Receiving& r) {
  constexpr unsigned some = 4, interval = 256;
  if (!r.function) return;
  if (r.frames % interval != some) return r.frames += r.frames != 0 || nic->requests(*r.function), timeline.prefetch(r.lines);
  const auto requests = nic->requests(*r.function);
  if (!requests) return void(r.frames = 0);
  ++r.frames;
  listing_.clear();
  nic->add_to(listing_, *r.function);
  r.path->add_to(listing_);
  receiving_[r.follower].lines.add_to(listing_);
  if (iommu) iommu->add_to(listing_, requests->addresses, requests->message);
  listing_.pack();
  timeline.prefetch_rest();
  r.lines = listing_;  // by copy: what is packed fits where it is, what was not needed more room
}

software::PfDriver* Machine::pf_driver(unsigned pf) {
  return pf < host_->pfs.size() && host_->pfs[pf] ? &host_->pfs[pf]->driver() : nullptr;
}

/// What a VM's device calls the beginning of the VM's memory: a guest-physical address behind an IOMMU, which keeps the
/// VMs apart; a range of the aperture that all share, and of which the guest has to know, behind a GART.
std::uint64_t Machine::seen_by_devices(const Vm& vm, std::uint64_t base) {
  const auto path = vm.params.path;
  const bool assigned = path == io_path::PathKind::sriov || path == io_path::PathKind::passthrough;
  if (!gart_driver_ || !assigned) return 0;
  try {
    return gart_driver_->map(Hpa(base), vm.params.memory.count);
  } catch (const SimError& full) {
    throw BadInput(vm.name + ".memory: " + full.what());
  }
}

}  // namespace iov::platform
