// SPDX-License-Identifier: Apache-2.0
/// DmaDevice -- a DMA microbenchmark in its platform: where its transfers go, and what the host maps for them.
///
/// Models  a window of host memory per tenant (function or PASID); translated, each tenant has a domain in which its window begins at
///         the same IOVA, as tenants' memories do; a trace's requesters have a domain each with the pages they touch.
///         A peer's BAR is mapped where it is, IOVA == host address: only so a switch sees who is meant. A device with a
///         device TLB has it at the same IOVA as memory: were that the BAR's address, the switch would send its
///         translation requests to the peer as well. Nested, each tenant is a guest: its memory holds first-stage tables that it
///         made itself, then its window.
/// Omits   time for mapping other than page faults: the tables are there before the first transfer.
#pragma once
#include "models/endpoint/types/dma_bench.h"
#include "models/protocol/memory_port.h"
#include "models/software/page_fault_handler.h"
#include "platforms/placement.h"

namespace iov::platform {

class DmaDevice {
 public:
  struct HostSpace {  ///< host memory that is not given away yet
    std::uint64_t next, size;
  };
  /// @throws BadInput
  DmaDevice(const std::string& device_name, const nlohmann::json& config, Timeline& timeline, const PcieTree& tree,
            std::uint64_t seed);

  bool active() const { return params.target != DmaTarget::none; }
  bool by_pasid() const { return params.device.transfers.access.tenants == endpoint::Tenants::pasids; }
  /// The IOMMU's tables must be those of scalable mode.
  bool scalable() const { return translated() && (params.scalable_mode || by_pasid() || paged()); }
  /// It asks for absent pages, for which there are frames for a part of its windows only.
  bool paged() const { return active() && params.device.device_tlb.page_requests.enabled; }
  bool translated() const { return active() && params.translation != Translation::off; }
  /// The VFs that its transfers and its peers ask for; once, before the windows are placed. @throws BadInput
  void enable_functions(unsigned vfs_for_peers);
  /// @param peer  whose BAR is the target; null: host memory. @throws BadInput
  void place_windows(HostSpace& space, const DmaDevice* peer);
  /// From VF Enable until the VFs that peers want answer.
  const Time& start_up() const { return start_up_; }
  /// @param memory  as the guests of nested tenants reach theirs; @param page_faults  whose pages the windows of a paged
  /// device are
  void map(software::IommuDriver& driver, MemoryPort& memory, software::PageFaultHandler* page_faults) const;
  /// Its tenants' address spaces are used no more: what waits for pages fails, stop markers go out.
  void stop_paging();
  /// Writes the windows: by the host at once, else by the device. @returns when that is done
  Time write_windows(MemoryPort& memory, bool by_host, Time ready) const;

  const std::string name;
  const DmaBenchModule params;
  Link& link;
  std::unique_ptr<endpoint::DmaBench> device;

 private:
  struct Mapping {  ///< of a tenant's domain: IOVA and host address of each piece
    endpoint::DmaBench::Tenant tenant;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pieces;
    std::uint64_t bytes = 0;  ///< of every piece
    std::uint64_t guest = 0;  ///< nested: host address of the guest's memory
  };
  void place_pattern(HostSpace& space);
  void place_guests(HostSpace& space);
  void place_trace(HostSpace& space);
  void place_peer(const DmaDevice& peer);
  void place_frames(HostSpace& space);
  void add_functions(software::IommuDriver& driver) const;
  void map_guest(const Mapping& guest, software::IommuDriver& driver, DomainId domain, MemoryPort& memory) const;
  unsigned log2_page() const { return log2_page_sizes[static_cast<std::size_t>(params.page_size)]; }
  unsigned log2_host_page() const { return log2_page_sizes[static_cast<std::size_t>(params.host_page_size)]; }
  std::uint64_t page_bytes() const { return std::uint64_t{1} << log2_page(); }
  std::uint64_t window_pages() const { return (params.device.transfers.access.window.count + page_bytes() - 1) / page_bytes(); }
  std::uint64_t take_memory(HostSpace& space, std::uint64_t bytes, std::uint64_t unit) const;

  const PcieTree::Place place_;
  std::unique_ptr<Placement> placement_;
  Time start_up_;
  std::vector<std::uint64_t> windows_;  ///< in host memory; of a trace the pages, of a paged device all frames
  std::uint64_t window_bytes_ = 0;      ///< of each
  std::vector<Mapping> mappings_;
};

}  // namespace iov::platform
