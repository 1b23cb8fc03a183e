// SPDX-License-Identifier: Apache-2.0
#include "platforms/dma_device.h"

#include <cmath>
#include <map>
#include <set>

namespace iov::platform {

namespace {
constexpr std::uint64_t iova_begin = std::uint64_t{1} << 32;  // as host memory for windows: 64-bit addresses
constexpr std::uint64_t first_guest_page = 4096;          // guest-physical 0 stays unused

constexpr std::uint64_t rounded(std::uint64_t bytes, std::uint64_t unit) { return (bytes + unit - 1) / unit * unit; }
}  // namespace

DmaDevice::DmaDevice(const std::string& device_name, const nlohmann::json& config, Timeline& timeline, const PcieTree& tree,
                     std::uint64_t seed)
    : name(device_name),
      params(params_of<DmaBenchModule>(config.at(name))),
      link(tree.link_to(name)),
      place_(tree.place_of(name)) {
  if (params.page_tables != PageTables::second_stage && !scalable())
    throw BadInput(name + ".page_tables = \"" + page_tables_names[static_cast<std::size_t>(params.page_tables)] + "\" needs " +
                   name + ".scalable_mode");
  if (by_pasid() && params.translation != Translation::on)
    throw BadInput(name + ".tenants = \"pasids\" needs " + name + ".translation = \"on\"");
  if (params.translation == Translation::off && params.device.device_tlb.enabled)
    throw BadInput(name + ".device_tlb.enabled needs " + name + ".translation = \"on\" or \"pass_through\"");
  try {
    device = std::make_unique<endpoint::DmaBench>(name.c_str(), timeline, params.device, link.device, seed);
  } catch (const endpoint::AddressTraceError& bad) {
    throw BadInput(name + ".trace: " + bad.what());
  }
  link.device.on_link(bind<&endpoint::Endpoint::link_changed>(static_cast<endpoint::Endpoint*>(device.get())));
  placement_ = std::make_unique<Placement>(*device, place_, link.device.limits());
}

void DmaDevice::enable_functions(unsigned vfs_for_peers) {
  if (vfs_for_peers > 0) start_up_ = params.device.functions.vf_start_up;
  const unsigned own = active() && !by_pasid() && device->transfers().trace().empty() ? params.device.transfers.access.requesters - 1 : 0;
  if (const unsigned vfs = std::max(own, vfs_for_peers); placement_->enable_vfs(vfs) != vfs)
    throw BadInput(name + (own < vfs_for_peers ? ".functions: a peer's target is VF " + std::to_string(vfs) + ", more than the device can have"
                                               : ".requesters: more than the device can have"));
}

void DmaDevice::place_windows(HostSpace& space, const DmaDevice* peer) {
  if (!active()) return;
  if (peer) return place_peer(*peer);
  if (paged()) return place_frames(space);
  if (params.page_tables == PageTables::nested) return place_guests(space);
  device->transfers().trace().empty() ? place_pattern(space) : place_trace(space);
}

std::uint64_t DmaDevice::take_memory(HostSpace& space, std::uint64_t bytes, std::uint64_t unit) const {
  const std::uint64_t at = rounded(space.next, unit);
  space.next = at + rounded(bytes, unit);
  if (space.next > space.size)
    throw BadInput(name + ".window: the functions' windows do not fit into the host's " + std::to_string(space.size >> 20) + " MiB");
  return at;
}

void DmaDevice::place_pattern(HostSpace& space) {
  const auto& access = params.device.transfers.access;
  window_bytes_ = access.window.count;
  for (unsigned f = 0; f < access.requesters; ++f) windows_.push_back(take_memory(space, access.window.count, page_bytes()));
  const std::vector<std::uint64_t> same(windows_.size(), iova_begin);
  device->set_windows(params.translation == Translation::on ? same : windows_);
  for (unsigned f = 0; f < access.requesters; ++f)
    mappings_.push_back({device->tenant(f), {{iova_begin, windows_[f]}}, rounded(access.window.count, page_bytes())});
}

/// A guest's memory: its tables, then its window, which begins at one address for all of them.
void DmaDevice::place_guests(HostSpace& space) {
  const unsigned tenants = params.device.transfers.access.requesters;
  window_bytes_ = params.device.transfers.access.window.count;
  const std::uint64_t mapped = rounded(window_bytes_, page_bytes()), host_page = std::uint64_t{1} << log2_host_page();
  const std::uint64_t tables = software::PageTable::bytes_for(mapped, software::IommuDriver::first_stage_levels);
  const std::uint64_t window = rounded(first_guest_page + tables, page_bytes());
  const std::uint64_t memory = rounded(window + mapped, host_page);
  device->set_windows(std::vector<std::uint64_t>(tenants, iova_begin));
  for (unsigned t = 0; t < tenants; ++t) {
    const std::uint64_t guest = take_memory(space, memory, std::max(host_page, page_bytes()));
    windows_.push_back(guest + window);
    mappings_.push_back({device->tenant(t), {{iova_begin, window}}, mapped, guest});
  }
}

/// Every tenant's window begins at one address; the frames below them all are one range of host memory.
void DmaDevice::place_frames(HostSpace& space) {
  const unsigned tenants = params.device.transfers.access.requesters;
  const auto wanted = params.paging.resident_share * static_cast<double>(window_pages() * tenants);
  window_bytes_ = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(wanted))) * page_bytes();
  windows_ = {take_memory(space, window_bytes_, page_bytes())};
  const unsigned group = params.device.device_tlb.page_requests.pages_per_group;
  if (window_bytes_ / page_bytes() < group)
    throw BadInput(name + ".paging.resident_share: " + std::to_string(window_bytes_ / page_bytes()) +
                   " frames cannot hold the pages of one group, " + std::to_string(group) + "; its transfer would never end");
  device->set_windows(std::vector<std::uint64_t>(tenants, iova_begin));
  for (unsigned t = 0; t < tenants; ++t) mappings_.push_back({device->tenant(t), {}, page_bytes()});
}

void DmaDevice::place_peer(const DmaDevice& peer) {
  const auto& access = params.device.transfers.access;
  if (access.window.count > peer.params.device.bar_size.count)
    throw BadInput(name + ".window does not fit into " + peer.name + ".bar_size");
  if (params.page_size != PageSize::small)
    throw BadInput(name + ".page_size: a peer's BAR is mapped in pages of 4 KiB");
  const std::uint64_t bar = peer.placement_->bar(params.peer_function).value;
  const bool own_iova = params.translation == Translation::on && params.device.device_tlb.enabled;
  const std::uint64_t address = own_iova ? iova_begin : bar;
  device->set_windows(std::vector<std::uint64_t>(access.requesters, address));
  for (unsigned f = 0; f < access.requesters; ++f)
    mappings_.push_back({device->tenant(f), {{address, bar}}, peer.params.device.bar_size.count});
}

/// Translated, each page a requester touches has a page of host memory of its own; otherwise addresses are host memory's.
void DmaDevice::place_trace(HostSpace& space) {
  const bool own_pages = params.translation == Translation::on;
  window_bytes_ = page_bytes();
  std::map<std::pair<std::uint16_t, Pasid>, std::set<std::uint64_t>> pages;
  for (const endpoint::TracedAccess& a : device->transfers().trace()) {
    if (a.requester.bus() < place_.first_bus || a.requester.bus() > place_.last_bus)
      throw BadInput(name + ".trace: requester " + std::to_string(a.requester.value) + " is on bus " +
                     std::to_string(a.requester.bus()) + "; the device has buses " + std::to_string(place_.first_bus) + " to " +
                     std::to_string(place_.last_bus) + ", requesters from " + std::to_string(place_.first_bus << 8) + " on");
    if (!own_pages && a.address.value + a.bytes > space.size)
      throw BadInput(name + ".trace: address " + std::to_string(a.address.value) + " lies outside the host's memory");
    const bool known = scalable() && a.pasid.value != software::ScalableTables::rid_pasid;  // legacy tables block PASIDs
    for (std::uint64_t at = a.address.value / page_bytes() * page_bytes(); at < a.address.value + a.bytes; at += page_bytes())
      pages[{a.requester.value, known ? a.pasid : Pasid{}}].insert(at);
  }
  for (const auto& [tenant, touched] : pages) {
    Mapping mapping{{RequesterId{tenant.first}, tenant.second}, {}, page_bytes()};
    for (const std::uint64_t page : touched) {
      windows_.push_back(own_pages ? take_memory(space, page_bytes(), page_bytes()) : page);
      mapping.pieces.emplace_back(page, windows_.back());
    }
    mappings_.push_back(std::move(mapping));
  }
}

/// In scalable mode each function is known first, with the largest PASID that it uses.
void DmaDevice::add_functions(software::IommuDriver& driver) const {
  std::map<std::uint16_t, std::uint32_t> pasids;
  for (const Mapping& m : mappings_) {
    std::uint32_t& largest = pasids[m.tenant.requester.value];
    if (m.tenant.pasid.present()) largest = std::max(largest, m.tenant.pasid.value);
  }
  for (const auto& [requester, largest] : pasids)
    driver.add_function(RequesterId{requester}, {largest, params.device.device_tlb.enabled, paged()});
}

/// The guest maps its window in its own tables; the host maps the guest's memory below.
void DmaDevice::map_guest(const Mapping& guest, software::IommuDriver& driver, DomainId domain, MemoryPort& memory) const {
  const auto& [iova, window] = guest.pieces.front();
  const std::uint64_t bytes = rounded(window + guest.bytes, std::uint64_t{1} << log2_host_page());
  driver.check_page(log2_page());
  driver.map(domain, Iova(0), Hpa(guest.guest), bytes, log2_host_page());
  software::MemoryView view(memory, Hpa(guest.guest), window, 0);  // its tables end where its window begins
  software::PageTable table(view, software::TableStage::first, software::IommuDriver::first_stage_levels);
  table.map(iova, window, guest.bytes, log2_page(), {});
  driver.attach_nested(guest.tenant.requester, guest.tenant.pasid, domain, Gpa(table.root()));
}

void DmaDevice::map(software::IommuDriver& driver, MemoryPort& memory, software::PageFaultHandler* page_faults) const {
  if (!translated()) return;
  if (paged()) {
    page_faults->give_frames(Hpa(windows_[0]), window_bytes_ / page_bytes());
    const unsigned wanted = page_faults->params().allocation;
    placement_->enable_page_requests(wanted == 0 ? ~0u : wanted);
  }
  if (scalable()) add_functions(driver);
  for (const Mapping& mapping : mappings_) {
    const auto [requester, pasid] = mapping.tenant;
    if (params.translation == Translation::pass_through) {
      driver.attach_pass_through(requester);
      continue;
    }
    using software::TableStage;
    const bool first = params.page_tables == PageTables::first_stage;
    const DomainId domain = driver.create_domain(first ? TableStage::first : TableStage::second, params.force_snoop);
    if (params.page_tables == PageTables::nested) {
      map_guest(mapping, driver, domain, memory);
      continue;
    }
    if (paged()) page_faults->add({requester, pasid, domain, Iova(iova_begin), window_pages()}, params.paging.populated);
    for (const auto& [iova, host] : mapping.pieces) driver.map(domain, Iova(iova), Hpa(host), mapping.bytes, log2_page());
    if (pasid.present())
      driver.attach_pasid(requester, pasid, domain);
    else
      driver.attach(requester, domain,
                    params.device.device_tlb.enabled ? vtd::TranslationType::with_ats : vtd::TranslationType::untranslated_only);
  }
}

void DmaDevice::stop_paging() {
  if (!paged()) return;
  for (const Mapping& mapping : mappings_)
    device->device_tlb().page_requests().stop(mapping.tenant.requester, mapping.tenant.pasid);
}

Time DmaDevice::write_windows(MemoryPort& memory, bool by_host, Time ready) const {
  constexpr std::uint32_t chunk = 4096;
  const std::uint8_t zero = 0;
  for (const std::uint64_t window : windows_)
    for (std::uint64_t at = 0; at < window_bytes_; at += chunk) {
      const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk, window_bytes_ - at));
      if (by_host)
        memory.poke(Hpa(window + at), {&zero, 1}, length);
      else
        ready = memory.write(Hpa(window + at), {}, length, ready);
    }
  return ready;
}

}  // namespace iov::platform
