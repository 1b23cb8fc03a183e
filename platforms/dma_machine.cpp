// SPDX-License-Identifier: Apache-2.0
#include "platforms/dma_machine.h"

#include <map>
#include <set>

namespace iov::platform {

namespace {
constexpr std::uint64_t four_gib = std::uint64_t{1} << 32;  // windows lie above: 64-bit addresses, as in pcie-bench
constexpr std::uint64_t iova_begin = four_gib;

constexpr std::uint64_t rounded(std::uint64_t bytes, std::uint64_t unit) { return (bytes + unit - 1) / unit * unit; }
}  // namespace

DmaMachine::DmaMachine(const nlohmann::json& config, std::uint64_t seed) : device_name(the_one(config, "dma_bench")) {
  params = read_params<DmaBenchModule>(config, device_name);
  make_hardware(config, device_name, false);
  if (!iommu && (params.translation != Translation::off || params.device.device_tlb.enabled))
    throw BadInput(device_name + ".translation: the platform has no module of kind \"iommu\"");
  if (params.translation == Translation::off && params.device.device_tlb.enabled)
    throw BadInput(device_name + ".device_tlb.enabled needs " + device_name + ".translation = \"on\" or \"pass_through\"");
  try {
    device = std::make_unique<endpoint::DmaBench>(device_name.c_str(), timeline, params.device, link->device, seed);
  } catch (const endpoint::AddressTraceError& bad) {
    throw BadInput(device_name + ".trace: " + bad.what());
  }
  placement_ = std::make_unique<Placement>(*root_complex, connect_root_port(), *device, link->device.limits());
  connect_iommu();
  make_iommu_driver();
  next_free_ = four_gib;
  if (transfers().trace().empty())
    place_windows();
  else
    place_trace();
}

std::uint64_t DmaMachine::take_memory(std::uint64_t bytes) {
  const std::uint64_t at = rounded(next_free_, page_bytes());
  next_free_ = at + rounded(bytes, page_bytes());
  if (next_free_ > memory->params().size.count)
    throw BadInput(device_name + ".window: the functions' windows do not fit into the host's " +
                   std::to_string(memory->params().size.count >> 20) + " MiB");
  return at;
}

void DmaMachine::place_windows() {
  const auto& access = params.device.transfers.access;
  for (unsigned f = 0; f < access.requesters; ++f) windows_.push_back(take_memory(access.window.count));
  const bool translated = params.translation == Translation::on;
  const std::vector<std::uint64_t> same(windows_.size(), iova_begin);
  const auto vfs = static_cast<unsigned>(windows_.size()) - 1;
  if (placement_->enable_vfs(vfs) != vfs)
    throw BadInput(device_name + ".requesters: more than the device can have");
  device->set_windows(translated ? same : windows_);
  for (unsigned f = 0; f < access.requesters; ++f)
    mappings_.push_back({device->requester(f), {{iova_begin, windows_[f]}}, rounded(access.window.count, page_bytes())});
}

/// Translated, each page a requester touches has a page of host memory of its own; otherwise addresses are host memory's.
void DmaMachine::place_trace() {
  const bool translated = params.translation == Translation::on;
  std::map<std::uint16_t, std::set<std::uint64_t>> pages;
  for (const endpoint::TracedAccess& a : transfers().trace()) {
    if (a.requester.bus() == 0)
      throw BadInput(device_name + ".trace: requester " + std::to_string(a.requester.value) +
                     " is on bus 0; the device is behind a root port, from 01:00.0 (256) on");
    if (!translated && a.address.value + a.bytes > memory->params().size.count)
      throw BadInput(device_name + ".trace: address " + std::to_string(a.address.value) + " lies outside the host's memory");
    for (std::uint64_t at = a.address.value / page_bytes() * page_bytes(); at < a.address.value + a.bytes; at += page_bytes())
      pages[a.requester.value].insert(at);
  }
  for (const auto& [requester, touched] : pages) {
    Mapping mapping{RequesterId{requester}, {}, page_bytes()};
    for (const std::uint64_t page : touched) {
      windows_.push_back(translated ? take_memory(page_bytes()) : page);
      mapping.pieces.emplace_back(page, windows_.back());
    }
    mappings_.push_back(std::move(mapping));
  }
}

void DmaMachine::map(const Mapping& mapping) {
  if (params.translation == Translation::pass_through) return iommu_driver_->attach_pass_through(mapping.requester);
  const unsigned log2 = log2_page_sizes[static_cast<std::size_t>(params.page_size)];
  const DomainId domain = iommu_driver_->create_domain();
  for (const auto& [iova, host] : mapping.pieces) iommu_driver_->map(domain, Iova(iova), Hpa(host), mapping.bytes, log2);
  iommu_driver_->attach(mapping.requester, domain,
                        params.device.device_tlb.enabled ? vtd::TranslationType::with_ats
                                                         : vtd::TranslationType::untranslated_only);
}

void DmaMachine::prepare() {
  if (params.cache == BufferCache::host_warm) warm_up_cache();
  if (iommu_driver_ && params.translation != Translation::off) try {
      for (const Mapping& mapping : mappings_) map(mapping);
      iommu_driver_->enable(true, true);
    } catch (const SimError& impossible) {
      throw BadInput(device_name + ".translation: " + impossible.what());
    }
  if (params.cache == BufferCache::device_warm) warm_up_cache();
}

void DmaMachine::warm_up_cache() {
  constexpr std::uint32_t chunk = 4096;
  const std::uint64_t bytes = transfers().trace().empty() ? params.device.transfers.access.window.count : page_bytes();
  const std::uint8_t zero = 0;
  Time ready = timeline.now();
  for (const std::uint64_t window : windows_)
    for (std::uint64_t at = 0; at < bytes; at += chunk) {
      const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk, bytes - at));
      if (params.cache == BufferCache::host_warm)
        cpu_memory->poke(Hpa(window + at), {&zero, 1}, length);
      else
        ready = cpu_memory->write(Hpa(window + at), {}, length, ready);
    }
  timeline.run(ready);
}

}  // namespace iov::platform
