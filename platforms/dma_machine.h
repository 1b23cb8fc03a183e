// SPDX-License-Identifier: Apache-2.0
/// DmaMachine -- a platform whose device is a DMA microbenchmark: no VM, no workload, no software but the IOMMU driver.
///
/// Models  a window of host memory per function; translated, each function has a domain in which its window begins at
///         the same IOVA, as tenants' memories do; a trace's requesters have a domain each with the pages they touch.
///         The tables are built last, so that they are in the LLC.
/// Omits   time for mapping: the tables are there before the first transfer.
#pragma once
#include "models/endpoint/types/dma_bench.h"
#include "platforms/hardware.h"
#include "platforms/placement.h"

namespace iov::platform {

class DmaMachine : public Hardware {
 public:
  /// @throws BadInput
  DmaMachine(const nlohmann::json& config, std::uint64_t seed);

  /// Brings the windows into the LLC, or not, and maps them. Takes simulated time when the device does it.
  void prepare();
  endpoint::TransferSource& transfers() { return device->transfers(); }

  std::string device_name;
  DmaBenchModule params;
  std::unique_ptr<endpoint::DmaBench> device;

 private:
  struct Mapping {  ///< of a requester's domain: IOVA and host address of each piece
    RequesterId requester;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pieces;
    std::uint64_t bytes = 0;  ///< of every piece
  };
  void place_windows();
  void place_trace();
  void warm_up_cache();
  void map(const Mapping& mapping);
  std::uint64_t page_bytes() const { return std::uint64_t{1} << log2_page_sizes[static_cast<std::size_t>(params.page_size)]; }
  std::uint64_t take_memory(std::uint64_t bytes);

  std::unique_ptr<Placement> placement_;
  std::vector<std::uint64_t> windows_;  ///< in host memory; of a trace the pages
  std::vector<Mapping> mappings_;
  std::uint64_t next_free_ = 0;
};

}  // namespace iov::platform
