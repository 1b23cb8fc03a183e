// SPDX-License-Identifier: Apache-2.0
#include "platforms/dma_machine.h"

namespace iov::platform {

namespace {
constexpr std::uint64_t windows_begin = std::uint64_t{1} << 32;  // 64-bit addresses, as in pcie-bench
}

DmaMachine::DmaMachine(const nlohmann::json& config, std::uint64_t seed) {
  const auto names = modules_of(config, "dma_bench");
  make_hardware(config, names, false, seed);
  for (const std::string& name : names) devices.push_back(std::make_unique<DmaDevice>(name, config, timeline, *tree, seed));
  for (const auto& device : devices)
    if (device->active() && !measured_) measured_ = device.get();
  if (!measured_) throw BadInput(names.front() + ".target: no device has transfers");
  check_translation();
  connect_iommu();
  make_drivers();
  make_page_fault_handler();
  for (const auto& device : devices) {
    unsigned vfs = 0;
    for (const auto& other : devices)
      if (peer_of(*other) == device.get()) vfs = std::max(vfs, other->params.peer_function);
    device->enable_functions(vfs);
  }
  DmaDevice::HostSpace space{windows_begin, memory->params().size.count};
  for (const auto& device : devices) device->place_windows(space, peer_of(*device));
}

const DmaDevice* DmaMachine::peer_of(const DmaDevice& device) const {
  if (device.params.target != DmaTarget::peer) return nullptr;
  for (const auto& other : devices)
    if (other->name == device.params.peer) return other.get();
  throw BadInput(device.name + ".peer = \"" + device.params.peer + "\": no module of kind \"dma_bench\" has this name");
}

void DmaMachine::make_page_fault_handler() {
  const auto paged = std::find_if(devices.begin(), devices.end(), [](const auto& device) { return device->paged(); });
  if (paged == devices.end()) return;
  if (!processors)
    throw BadInput((*paged)->name + ".device_tlb.page_requests needs a module of kind \"host\" whose software brings pages in");
  std::vector<host::Core*> cores;
  for (std::size_t i = 0; i < processors->size(); ++i) cores.push_back(&processors->core(i));
  page_faults = std::make_unique<software::PageFaultHandler>("page_faults", timeline, host_params.page_faults, host_params.costs,
                                                             *iommu_driver_, *iommu_registers_, cores, *host_memory_);
}

void DmaMachine::check_translation() const {
  for (const auto& device : devices) {
    if (!device->active()) continue;
    if (!iommu && (device->translated() || device->params.device.device_tlb.enabled))
      throw BadInput(device->name + ".translation: the platform has no module of kind \"iommu\"");
    if (device->translated() != measured_->translated())
      throw BadInput(device->name + ".translation: the IOMMU is on for all devices or for none, and " + measured_->name + " has it " +
                     (measured_->translated() ? "on" : "off"));
  }
}

void DmaMachine::prepare() {
  Time ready = timeline.now();
  for (const auto& device : devices) ready = std::max(ready, timeline.now() + device->start_up());
  timeline.run(ready);
  warm_up_cache(BufferCache::host_warm);
  const auto each = [this](auto work) {
    for (const auto& device : devices) try {
        work(*device);
      } catch (const SimError& impossible) {
        throw BadInput(device->name + ".translation: " + impossible.what());
      }
  };
  if (iommu_driver_) {
    each([this](DmaDevice& d) { if (d.scalable()) iommu_driver_->use_scalable_mode(); });  // for all, before one is attached
    each([this](DmaDevice& d) { d.map(*iommu_driver_, *cpu_memory, page_faults.get()); });
  }
  if (iommu_driver_ && measured_->translated()) iommu_driver_->enable(true, true);
  if (page_faults) page_faults->start(bind<&iommu::Iommu::write_register>(iommu.get()));
  warm_up_cache(BufferCache::device_warm);
}

void DmaMachine::warm_up_cache(BufferCache which) {
  Time ready = timeline.now();
  for (const auto& device : devices)
    if (device->params.cache == which) ready = device->write_windows(*cpu_memory, which == BufferCache::host_warm, ready);
  timeline.run(ready);
}

void DmaMachine::start() {
  for (const auto& device : devices)
    if (device->active()) device->device->transfers().start();
}

void DmaMachine::release() {
  for (const auto& device : devices) device->stop_paging();
  if (page_faults) page_faults->release();
}

void DmaMachine::stop() {
  for (const auto& device : devices) device->device->transfers().stop();
}

}  // namespace iov::platform
