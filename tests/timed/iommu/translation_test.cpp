// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
/// What one table read costs on this bench: memory and the unit's own way there.
Time read_cost(const Rig& r) { return r.memory.latency + r.params.walk_read_overhead; }
}  // namespace

TEST_CASE("a guest-physical address becomes the host-physical one that the table says", "[D1]") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x4000, 0x7654'3000);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  const TranslationReply reply = r.dma(vf_a, 0x4128);
  CHECK(reply.outcome == Outcome::granted);
  CHECK(reply.address == Hpa(0x7654'3128));
  CHECK(reply.log2_page == 12);
}

TEST_CASE("two functions with the same address reach different pages, and swapped contexts swap them", "[B7][D1]") {
  Rig r;
  const std::uint64_t table_a = r.allocate(), table_b = r.allocate();
  r.map(table_a, 0x1000, 0xaaaa'0000);
  r.map(table_b, 0x1000, 0xbbbb'0000);
  r.attach(vf_a, table_a, 1);
  r.attach(vf_b, table_b, 2);
  r.enable_translation();
  r.enable_queue();
  CHECK(r.dma(vf_a, 0x1000).address == Hpa(0xaaaa'0000));
  CHECK(r.dma(vf_b, 0x1000).address == Hpa(0xbbbb'0000));
  r.attach(vf_a, table_b, 2);
  r.attach(vf_b, table_a, 1);
  r.invalidate(vtd::invalidate_context(1));
  CHECK(r.dma(vf_a, 0x1000).address == Hpa(0xbbbb'0000));
  CHECK(r.dma(vf_b, 0x1000).address == Hpa(0xaaaa'0000));
}

TEST_CASE("DMA to an unmapped page is blocked and recorded with source, address and reason", "[D4]") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0xaaaa'0000, true, false);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  CHECK(r.dma(vf_a, 0x9000'0123, Access::write).outcome == Outcome::blocked);
  const vtd::FaultRecord record = r.unit.fault_record(0);
  CHECK(record.valid());
  CHECK(record.source() == vf_a.value);
  CHECK(record.page() == 0x9000'0000);
  CHECK(record.reason() == 0x05);
  CHECK_FALSE(record.read());
  CHECK(r.fault_status() == vtd::fsts_pending);
  CHECK(r.dma(vf_a, 0x1000, Access::read).outcome == Outcome::granted);
  CHECK(r.dma(vf_a, 0x1000, Access::write).fault_reason == 0x05);  // now from the IOTLB
}

TEST_CASE("a cold walk takes exactly its lookups, set-up and six table reads") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0xaaaa'0000);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  const std::uint32_t ticket = r.ask(r.request(vf_a, 0x1000));
  // the IOTLB can be asked only once the context has been read
  const Time expected = 1_ns + r.params.walk_setup + 2 * read_cost(r) + 2_ns + 4 * read_cost(r);
  r.timeline.run(expected - 1_ps);
  CHECK(r.client.replies.empty());
  r.timeline.run(expected);
  REQUIRE(r.client.replies.size() == 1);
  CHECK(r.client.replies[ticket].ready == expected);
  CHECK(r.memory.reads == 6);
}

TEST_CASE("a hit is answered within the call, ready after its lookups, and makes no event") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0xaaaa'0000);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  r.dma(vf_a, 0x1000);
  const Time now = r.timeline.now();
  const auto events = r.timeline.events();
  const std::uint32_t ticket = r.ask(r.request(vf_a, 0x1fc0));
  REQUIRE(r.client.replies.count(ticket) == 1);
  CHECK(r.client.replies[ticket].ready == now + 3_ns);  // context 1 ns, then IOTLB 2 ns
  const std::uint32_t second = r.ask(r.request(vf_a, 0x1f80));
  CHECK(r.client.replies[second].ready == now + 4_ns);  // one lookup per cycle of 1 ns
  CHECK(r.timeline.idle());
  CHECK(r.timeline.events() == events);
}

TEST_CASE("a miss whose directory entry is cached reads the leaf only") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0xaaaa'0000);
  r.map(table, 0x2000, 0xbbbb'0000);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  r.dma(vf_a, 0x1000);
  const Time now = r.timeline.now();
  const std::uint32_t ticket = r.ask(r.request(vf_a, 0x2000));
  r.run();
  CHECK(r.client.replies[ticket].ready == now + 3_ns + 5_ns + r.params.walk_setup + read_cost(r));
  CHECK(r.client.replies[ticket].ready == now + 260_ns);  // the measured miss adder: pcie-bench, SIGCOMM 2018
  CHECK(r.memory.reads == 7);
}

TEST_CASE("misses for one page share one walk and are answered together, in order") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0xaaaa'0000);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  for (unsigned i = 0; i < 4; ++i) r.ask(r.request(vf_a, 0x1000 + 64 * i));
  r.run();
  CHECK(r.memory.reads == 6);
  CHECK(r.unit.translation.merges.value() == 3);
  CHECK(r.client.order == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(r.client.replies[4].address == Hpa(0xaaaa'00c0));
  CHECK(r.client.replies[1].ready == r.client.replies[4].ready);
}

TEST_CASE("no more walks run at once than there are walkers, and hits pass waiting misses") {
  Params p = test_params();
  p.walkers = 2;
  Rig r(p);
  const std::uint64_t table = r.allocate();
  for (unsigned i = 0; i < 8; ++i) r.map(table, 0x1000 * i, 0xaaaa'0000 + 0x1000 * i);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  r.dma(vf_a, 0x0000);
  const Time now = r.timeline.now();
  for (unsigned i = 1; i < 4; ++i) r.ask(r.request(vf_a, 0x1000 * i));
  const std::uint32_t hit = r.ask(r.request(vf_a, 0x0040));
  CHECK(r.client.replies.count(hit) == 1);  // hit under miss
  r.run();
  const Time first = now + 260_ns;
  CHECK(r.client.replies[2].ready == first);
  CHECK(r.client.replies[3].ready == first + 1_ns);  // lookups are a cycle apart
  // the third waits for the first walker, then sets up and reads its leaf
  CHECK(r.client.replies[4].ready == first + 5_ns + r.params.walk_setup + read_cost(r));
}

TEST_CASE("a full translation queue turns requests away and calls back when there is room") {
  Params p = test_params();
  p.translation_queue = 2;
  p.walkers = 1;
  Rig r(p);
  const std::uint64_t table = r.allocate();
  for (unsigned i = 0; i < 4; ++i) r.map(table, 0x1000 * i, 0xaaaa'0000 + 0x1000 * i);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  r.ask(r.request(vf_a, 0x0000));
  r.ask(r.request(vf_a, 0x1000));
  CHECK_FALSE(r.unit.translate(r.request(vf_a, 0x2000), 99, r.client));
  CHECK_FALSE(r.unit.translate(r.request(vf_a, 0x2000), 99, r.client));
  CHECK(r.client.ready_calls == 0);
  r.run();
  CHECK(r.client.ready_calls == 1);
  CHECK(r.client.replies.count(99) == 0);
  CHECK(r.dma(vf_a, 0x2000).address == Hpa(0xaaaa'2000));
  CHECK(r.unit.translation.queue_full.value() == 2);
}

TEST_CASE("large pages are one IOTLB entry for all their bytes", "[D5]") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x4000'0000, 0x8000'0000, true, true, 30);
  r.map(table, 0x20'0000, 0x1240'0000, true, true, 21);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  CHECK(r.dma(vf_a, 0x4000'0000).log2_page == 30);
  CHECK(r.dma(vf_a, 0x7fff'f040).address == Hpa(0xbfff'f040));
  CHECK(r.dma(vf_a, 0x20'0000).log2_page == 21);
  CHECK(r.dma(vf_a, 0x3f'f000).address == Hpa(0x125f'f000));
  CHECK(r.unit.translation.iotlb_cache.misses.value() == 2);
  CHECK(r.unit.translation.iotlb_cache.hits.value() == 2);
}

TEST_CASE("pass-through gives every address itself, and nothing when translation is off either") {
  Rig r;
  r.attach(vf_a, 0, 1, vtd::TranslationType::pass_through);
  CHECK(r.dma(vf_a, 0x1234'5678).address == Hpa(0x1234'5678));  // off
  r.enable_translation();
  CHECK(r.dma(vf_a, 0x1234'5678).address == Hpa(0x1234'5678));
  const unsigned reads = r.memory.reads;
  CHECK(r.dma(vf_a, 0x9999'0000, Access::write).address == Hpa(0x9999'0000));
  CHECK(r.memory.reads == reads);  // the context is cached
  CHECK(r.dma(vf_b, 0x1000).fault_reason == 0x02);
}

TEST_CASE("reads of the interrupt range and pages mapped onto it are refused") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x5000, 0xfee0'0000);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  CHECK(r.dma(vf_a, 0xfee0'1000).fault_reason == 0x0e);
  CHECK(r.dma(vf_a, 0x5000, Access::write).fault_reason == 0x0e);
}
