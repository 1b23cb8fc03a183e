// SPDX-License-Identifier: Apache-2.0
// A driver on bare metal that maps each packet: every byte arrives through mappings that live for one packet, and what
// invalidation costs shows per packet.
#include "tests/contract/platforms/apart.h"

using namespace iov;
using namespace iov::platform;

namespace {
Settings mapped(const char* policy) {
  return {{"vm0.path", "native"}, {"vm0.native_iommu", "translate"}, {"vm0.iommu_mapping", policy}};
}
void every_byte_arrives(const Settings& settings) {
  MachineBench m(with_payload + short_run + Settings{{"workload.direction", "bidirectional"}} + settings);
  m.measure();
  CHECK(m.workload->results().delivered > 150);
  CHECK(m.dropped(DropReason::malformed) == 0);
  CHECK(m.dropped(DropReason::blocked_by_iommu) == 0);
  CHECK(m.iommu->fault_record(0).valid() == false);
  CHECK(m.counter("vm0.dma.mapped") > 150);
}
}  // namespace

TEST_CASE("buffers mapped for one packet, strict: every byte arrives, no access fails", "[E5]") { every_byte_arrives(mapped("strict")); }

TEST_CASE("buffers mapped for one packet, deferred: every byte arrives, no access fails", "[E5]") {
  every_byte_arrives(mapped("deferred"));
}

TEST_CASE("buffers mapped for one packet with a device TLB: its entries go before the page is used again", "[E5]") {
  every_byte_arrives(mapped("strict") + Settings{{"nic0.device_tlb.enabled", true}});
}

TEST_CASE("a driver that is mapping a packet does not take what the last lap left in its descriptor for its report", "[E5]") {
  for (const char* arrivals : {"constant", "poisson"})
    for (const char* throttle : {"0 ns", "10 us", "20 us"}) {  // else the ring is overrun sooner or later
      INFO(arrivals << " " << throttle);
      CHECK(apart([&] {
              MachineBench m(with_payload + mapped("strict") +
                             Settings{{"workload.sizes", "imix"}, {"workload.arrivals", arrivals}, {"workload.bit_rate", "1 Gb/s"},
                                      {"vm0.driver.tx_descriptors", 16}, {"vm0.driver.report_interval", 4},
                                      {"vm0.driver.throttle", throttle}});
              m.result = platform::run(m, {});
              return std::to_string(m.workload->in_flight()) + (m.timeline.idle() ? " under way, at rest" : " under way, not at rest");
            }) == "0 under way, at rest");
    }
}

TEST_CASE("a host without translation works with an IOMMU that walks five levels, which pass-through entries must name", "[D2]") {
  MachineBench m(short_run + Settings{{"vm0.path", "native"}, {"iommu.features.max_levels", 5}});
  m.measure();
  CHECK(m.workload->results().delivered > 150);
  CHECK_FALSE(m.iommu->fault_record(0).valid());
}

TEST_CASE("an unmapped receive buffer cannot be reached by a descriptor that kept its address", "[E5]") {
  MachineBench m(silent + mapped("strict") + Settings{{"iommu.audit", true}});
  m.start();
  m.workload->begin_window(m.timeline.now());
  m.run(2000_us);  // 511 buffers are mapped
  const Gpa ring(0x1000 + 512 * 16);  // NicDriver's layout: transmit ring, then receive ring
  const auto stale = m.vms[0].memory->load<nic::RxDescriptor>(ring).read;
  REQUIRE(stale.address != 0);
  m.frame_arrives(m.mac(0));
  m.run(200_us);
  REQUIRE(m.counter("vm0.dma.unmapped") == 1);
  TranslationRequest q;
  q.requester = m.nic->requester(0);
  q.address = Iova(stale.address);
  q.access = Access::write;
  struct Client : TranslationClient {
    void translated(std::uint32_t, const TranslationReply& reply) override { outcome = reply.outcome; }
    void translator_ready() override {}
    TranslationReply::Outcome outcome = TranslationReply::Outcome::granted;
  } client;
  REQUIRE(m.iommu->translate(q, 0, client));
  m.run(100_us);
  CHECK(client.outcome == TranslationReply::Outcome::blocked);
}

TEST_CASE("with one driver core and strict mapping a packet costs a map, an unmap and an invalidation more", "[E5]") {
  MachineBench m(short_run + Settings{{"workload.direction", "transmit"}, {"workload.packet_bytes", 64}} + mapped("strict"));
  m.measure();
  const double packets = m.result.summary["packet_rate_mpps"].get<double>() * 400;
  CHECK(static_cast<double>(m.counter("iommu_driver.submissions")) == Approx(packets).epsilon(0.15));
  const auto& costs = m.host_params.costs;
  const Time named = costs.dma_map + costs.iova_allocate + costs.iommu_map + costs.dma_unmap + costs.iova_find + costs.iommu_unmap +
                     costs.iova_free + costs.invalidation_submit;
  const double cycles = m.result.summary["cpu_cycles_per_packet"];
  CHECK(cycles > 1500 + named.to_seconds() * m.host_params.processors.core.frequency.hertz);  // and the waiting beside it
}

TEST_CASE("mapping each packet is refused where nothing would map it") {
  ProblemSink problems;
  const auto kinds = catalog();
  const auto vm = std::find_if(kinds.begin(), kinds.end(), [](const Kind& k) { return k.name == "vm"; });
  vm->effective({{"path", "sriov"}, {"iommu_mapping", "strict"}}, problems);
  CHECK_THAT(problems.text(), Catch::Contains("iommu_mapping strict or deferred needs path native"));
}
