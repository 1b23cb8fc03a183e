// SPDX-License-Identifier: Apache-2.0
/// A device whose pages are not all in memory: ATS, page requests, the host's handler and invalidations together.
#include <linux/pci_regs.h>

#include <array>
#include <map>

#include "models/core/invariant.h"
#include "models/core/random.h"
#include "models/protocol/vtd_registers.h"
#include "platforms/dma_machine.h"
#include "tests/reference/platforms/pcie_bench.h"
namespace demand_paging_test {
using namespace iov;
using namespace iov::platform;

namespace {
constexpr std::uint64_t window = std::uint64_t{1} << 32, pages = 64;

nlohmann::json paged(DmaSettings more = {}) {
  more.insert(more.begin(), {{"dma0.transfers", 2000}, {"dma0.warm_up", 200}, {"dma0.window", "256 KiB"}});
  return effective_dma(more, "platforms/demand_paging.json");
}

/// Writes and reads lines at random; a line says to which page it belongs.
struct Stamper : endpoint::DmaClient {
  explicit Stamper(DmaMachine& machine, Pasid pasid = {})
      : m(machine), channel(m.measured().device->dma_engine().add_channel({0x0100}, *this, pasid)) {}
  void run(unsigned accesses, unsigned at_once) {
    left = accesses;
    for (unsigned i = 0; i < at_once; ++i) issue();
    settle();
  }
  void settle() {
    while (!m.timeline.idle()) m.timeline.run(m.timeline.now() + Time(1, sc_core::SC_MS));
  }
  void issue() {
    if (left == 0) return;
    --left;
    const std::uint64_t page = random.below(pages);
    endpoint::DmaRequest r;
    r.write = writes && random.below(2) == 0;
    r.address = window + page * 4096 + random.below(64) * 64;
    r.length = 64;
    const std::uint64_t stamp = page + 1;
    if (r.write) r.data = pool.copy({reinterpret_cast<const std::uint8_t*>(&stamp), 8});
    m.measured().device->dma_engine().submit(channel, std::move(r));
  }
  void dma_done(std::uint32_t, endpoint::DmaStatus status, ByteBuffer&&) override {
    ++(status == endpoint::DmaStatus::success ? good : bad);
    issue();
  }
  DmaMachine& m;
  unsigned channel, left = 0, good = 0, bad = 0;
  bool writes = true;
  Random random{7, "stamper"};
  BytePool pool;
};

struct Asker : TranslationClient {
  void translated(std::uint32_t ticket, const TranslationReply& reply) override { replies[ticket] = reply; }
  void translator_ready() override {}
  std::map<std::uint32_t, TranslationReply> replies;
};
}  // namespace

TEST_CASE("pages that are absent at first are each asked for once, and no access fails", "[E1]") {
  DmaMachine m(paged({{"dma0.paging.populated", false}, {"dma0.warm_up", 0}}), 1);
  const auto s = run(m, {}).summary;
  CHECK(s.at("failed_transactions") == 0);
  CHECK(s.at("page_requests") == pages);
  CHECK(s.at("page_fault_p50_ns") > 20'000);  // the kernel's work alone
  CHECK(m.page_faults->handled.value() == pages);
  CHECK(m.page_faults->evictions.value() == 0);
}

TEST_CASE("a populated window with a frame per page never faults", "[E1]") {
  DmaMachine m(paged(), 1);
  const auto s = run(m, {}).summary;
  CHECK(s.at("page_requests") == 0);
  CHECK(s.at("page_fault_p50_ns").is_null());
  CHECK(s.at("failed_transactions") == 0);
}

TEST_CASE("no access under an old translation reaches a frame that was given to another page", "[E1][E5]") {
  DmaMachine m(paged({{"dma0.paging.resident_share", 0.5}, {"iommu.audit", true}}), 1);
  m.prepare();
  Stamper stamper(m);
  stamper.run(4000, 4);  // with more at once the pages are given away again before they are written
  CHECK(stamper.good == 4000);
  CHECK(m.page_faults->evictions.value() > 500);
  CHECK(m.page_faults->resident() == pages / 2);
  audit(Invariant::at_rest, m.timeline.now());
  Asker asker;
  for (std::uint32_t page = 0; page < pages; ++page) {
    TranslationRequest q;
    q.requester = {0x0100};
    q.address = Iova(window + page * 4096);
    REQUIRE(m.iommu->translate(q, page, asker));
    m.timeline.run(m.timeline.now() + Time(10, sc_core::SC_US));
  }
  unsigned present = 0, stamped = 0;
  for (const auto& [page, reply] : asker.replies) {
    if (reply.outcome != TranslationReply::Outcome::granted) continue;
    ++present;
    for (std::uint64_t line = 0; line < 64; ++line) {
      const auto stamp = m.cpu_memory->peek<std::uint64_t>(reply.address + line * 64);
      stamped += stamp != 0;
      if (stamp != 0) CHECK(stamp == page + 1);
    }
  }
  CHECK(present == pages / 2);
  CHECK(stamped > 16);
}

TEST_CASE("a page outside what the device may touch fails its access only", "[E1][N5]") {
  DmaMachine m(paged(), 1);
  m.prepare();
  Stamper stamper(m);
  endpoint::DmaRequest r;
  r.address = window + pages * 4096;
  r.length = 64;
  m.measured().device->dma_engine().submit(stamper.channel, std::move(r));
  stamper.run(10, 1);
  CHECK(stamper.bad == 1);
  CHECK(stamper.good == 10);
  CHECK(m.page_faults->refused.value() == 1);
}

TEST_CASE("a page request queue that overflows loses no access: the unit answers, the device asks again", "[E1]") {
  DmaMachine m(paged({{"dma0.paging.populated", false}, {"host.page_faults.log2_queue_pages", 0}, {"host.page_faults.request_cost", "5 us"},
                      {"dma0.window", "4 MiB"}, {"dma0.outstanding", 400}, {"dma0.dma_engine.outstanding_reads", 256},
                      {"dma0.dma_engine.outstanding_reads_per_channel", 256}, {"dma0.device_tlb.outstanding", 256},
                      {"dma0.device_tlb.page_requests.capacity", 512}}), 1);
  const auto s = run(m, {}).summary;
  CHECK(s.at("failed_transactions") == 0);
  CHECK(m.iommu->page_requests.overflows.value() > 0);
  CHECK(m.page_faults->overflows.value() > 0);
}

TEST_CASE("tenants by PASID fault in their own windows and share the frames", "[E1][L6]") {
  DmaMachine m(paged({{"dma0.tenants", "pasids"}, {"dma0.requesters", 4}, {"dma0.paging.resident_share", 0.75}}), 1);
  const auto s = run(m, {}).summary;
  CHECK(s.at("failed_transactions") == 0);
  CHECK(s.at("page_requests") > 200);
  CHECK(m.page_faults->resident() == 4 * pages * 3 / 4);
}

namespace {
/// How many descriptors of each type lie in the driver's invalidation queue, 32 bytes each.
std::map<unsigned, unsigned> descriptors(DmaMachine& m) {
  const std::uint64_t address = m.iommu->read_register(vtd::reg_queue_address, 8);
  CHECK((address & vtd::iqa_wide) != 0);
  CHECK((address & 7) == 1);  // 8 KiB
  std::map<unsigned, unsigned> found;
  for (unsigned i = 0; i < 256; ++i) {
    const Hpa at = Hpa(address & vtd::page_mask) + i * 32u;
    const auto words = m.cpu_memory->peek<std::array<std::uint64_t, 4>>(at);
    ++found[words[0] & 15];
    CHECK((words[2] | words[3]) == 0);
  }
  return found;
}
constexpr unsigned iotlb = 2, device_tlb = 3, pasid_iotlb = 6, pasid_cache = 7, pasid_device_tlb = 8, response = 9;
}  // namespace

TEST_CASE("first-stage pages of PASIDs are invalidated by PASID, in 256-bit descriptors", "[E1][E5][L6]") {
  DmaMachine m(paged({{"dma0.tenants", "pasids"}, {"dma0.requesters", 2}, {"dma0.page_tables", "first_stage"},
                      {"dma0.paging.resident_share", 0.5}, {"iommu.audit", true}}), 1);
  const auto s = run(m, {}).summary;
  CHECK(s.at("failed_transactions") == 0);
  auto found = descriptors(m);
  CHECK(found[pasid_iotlb] > 10);
  CHECK(found[pasid_device_tlb] > 10);
  CHECK(found[response] > 10);
  CHECK(found[iotlb] + found[device_tlb] == 0);
  CHECK(found[pasid_cache] == 2);  // at the end, each PASID
  CHECK(m.iommu->invalidation.errors.value() == 0);
}

TEST_CASE("second-stage pages of requests without PASID are invalidated by domain", "[E1][E5]") {
  DmaMachine m(paged({{"dma0.paging.resident_share", 0.5}}), 1);
  run(m, {});
  auto found = descriptors(m);
  CHECK(found[iotlb] > 10);
  CHECK(found[device_tlb] > 10);
  CHECK(found[pasid_iotlb] + found[pasid_device_tlb] == 0);
  CHECK(found[pasid_cache] == 1);
}

TEST_CASE("a device that stops using its PASIDs says so, and then reaches nothing by them", "[E1][E5][L6]") {
  DmaMachine m(paged({{"dma0.tenants", "pasids"}, {"dma0.requesters", 3}}), 1);
  m.prepare();
  Stamper stamper(m, {2});
  stamper.run(100, 4);
  REQUIRE(stamper.good == 100);
  m.release();
  stamper.settle();
  CHECK(m.page_faults->markers.value() == 3);
  CHECK(m.page_faults->released.value() == 3);
  stamper.writes = false;  // a blocked write is dropped without a word
  stamper.run(20, 1);
  CHECK(stamper.good == 100);
  CHECK(stamper.bad == 20);
  audit(Invariant::at_rest, m.timeline.now());
}

TEST_CASE("while the page request event is masked a device waits, unmasked everything ends", "[E1]") {
  DmaMachine m(paged({{"dma0.paging.populated", false}}), 1);
  m.prepare();
  m.iommu->write_register(vtd::reg_page_request_event_control, vtd::event_mask, 4);
  Stamper stamper(m);
  stamper.run(40, 8);
  CHECK(stamper.good + stamper.bad == 0);  // nobody answers: there is no timeout in PRI
  CHECK((m.iommu->read_register(vtd::reg_page_request_event_control, 4) & vtd::event_pending) != 0);
  CHECK_THROWS_AS(audit(Invariant::at_rest, m.timeline.now()), SimError);
  m.iommu->write_register(vtd::reg_page_request_event_control, 0, 4);
  stamper.settle();
  CHECK(stamper.good == 40);
  audit(Invariant::at_rest, m.timeline.now());
}

TEST_CASE("a function level reset frees a device that waits for pages that nobody brings", "[E1][B20]") {
  DmaMachine m(paged({{"dma0.paging.populated", false}}), 1);
  m.prepare();
  m.iommu->write_register(vtd::reg_page_request_event_control, vtd::event_mask, 4);
  Stamper stamper(m);
  stamper.run(4, 4);
  endpoint::DmaBench& device = *m.measured().device;
  const unsigned express = device.functions().config(0).layout().capability(PCI_CAP_ID_EXP);
  device.write_config({0x0100}, express + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
  stamper.left = 0;
  stamper.settle();
  CHECK(stamper.bad == 4);
}

TEST_CASE("page requests without a host are bad input", "[E1]") {
  const auto config = effective_dma({{"dma0.device_tlb.enabled", true}, {"dma0.device_tlb.page_requests.enabled", true}});
  CHECK_THROWS_WITH(simulate(config, 1, {}), Catch::Contains("needs a module of kind \"host\""));
}

TEST_CASE("frames that cannot hold one group's pages are bad input", "[E1]") {
  const auto config = paged({{"dma0.device_tlb.page_requests.pages_per_group", 8}, {"dma0.paging.resident_share", 0.05}});
  CHECK_THROWS_WITH(simulate(config, 1, {}), Catch::Contains("4 frames cannot hold the pages of one group, 8"));
}

TEST_CASE("page requests of an IOMMU that has none are bad input", "[E1]") {
  const auto config = paged({{"iommu.features.page_requests", false}});
  CHECK_THROWS_WITH(simulate(config, 1, {}), Catch::Contains("the IOMMU has no page requests (PRI)"));
}

}  // namespace demand_paging_test
