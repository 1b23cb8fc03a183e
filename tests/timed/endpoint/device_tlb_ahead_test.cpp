// SPDX-License-Identifier: Apache-2.0
/// Several translations per request, translations ahead of streams and descriptors, partitions, global entries.
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/dma_bench.h"
using namespace iov;
using namespace iov::test;

namespace {
endpoint::DeviceTlb::Params wide(unsigned translations) {
  auto p = DmaBench::ats();
  p.translations_per_request = translations;
  return p;
}
}  // namespace

TEST_CASE("a transfer over several pages asks for all of them in one request", "[E1]") {
  AtsBench b(wide(8));
  b.write(0x1f00, 0x2200, 1);  // pages 1 to 4
  b.timeline.run(3_us);
  REQUIRE(b.requests().size() == 1);
  CHECK(b.requests()[0].length == 32);
  CHECK(b.dmas().front().address == 0x41f00);
  CHECK(b.dmas().back().address == 0x44000);
  b.audit(Invariant::at_rest);
}

TEST_CASE("fewer translations than asked for are used, and the rest is asked for again", "[E1]") {
  AtsBench b(wide(8));
  b.host.most_translations = 2;
  b.write(0x1f00, 0x2200, 1);
  for (std::uint32_t i = 2; i < 5; ++i) b.read(i * 0x1000, 64, i);  // join the request for pages 1 to 4
  b.timeline.run(9_us);
  CHECK(b.done.size() == 4);
  REQUIRE(b.requests().size() >= 2);
  CHECK(b.requests()[1].address == 0x3000);
  for (const Sent& dma : b.dmas()) CHECK(dma.at == AddressType::translated);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a stream finds its next page translated before it comes there", "[E2]") {
  auto p = wide(1);
  p.prefetch_pages = 1;
  AtsBench b(p);
  std::uint32_t n = 0;
  for (std::uint64_t at = 0x1000; at < 0x9000; at += 0x400) {
    b.write(at, 0x400, ++n);
    b.timeline.run(b.timeline.now() + 600_ns);  // an answer takes 500 ns, a page four writes
  }
  // pages 1 and 2 are missed (a stream is known on its second page), then none; page 9 is asked for ahead
  REQUIRE(b.requests().size() == 9);
  const auto dmas = b.dmas();
  REQUIRE(dmas.size() == 4 * n);  // of 256 B
  for (std::size_t i = 4 * 8; i < dmas.size(); ++i) CHECK(dmas[i].when == 600_ns * static_cast<double>(i / 4) + 2_ns);  // hits only
  b.audit(Invariant::at_rest);
}

TEST_CASE("accesses at random pages prefetch nothing", "[E2]") {
  auto p = wide(4);
  p.prefetch_pages = 4;
  AtsBench b(p);
  for (const std::uint64_t page : {7, 3, 11, 1, 14}) {
    b.write(page << 12, 64, 1);
    b.timeline.run(b.timeline.now() + 1_us);
  }
  CHECK(b.requests().size() == 5);
  for (const Sent& request : b.requests()) CHECK(request.length == 8);
}

TEST_CASE("what a descriptor names is translated before its transfer, which then hits", "[E2]") {
  auto p = wide(4);
  p.prefetch_descriptors = true;
  AtsBench b(p);
  b.dma.expect(b.channel, 0x3f80, 256, true);  // pages 3 and 4
  REQUIRE(b.requests().size() == 1);
  CHECK(b.requests()[0].address == 0x3000);
  CHECK(b.requests()[0].length == 16);
  b.dma.expect(b.channel, 0x4000, 64, true);  // on its way already
  CHECK(b.requests().size() == 1);
  b.timeline.run(1_us);
  b.write(0x3f80, 256, 1);
  b.timeline.run(2_us);
  CHECK(b.requests().size() == 1);
  CHECK(b.dmas()[0].when == 1_us + 2_ns);
  b.audit(Invariant::at_rest);
}

TEST_CASE("prefetches take only requests that demand leaves free, and none where ATS is off", "[E2]") {
  auto p = wide(1);
  p.prefetch_descriptors = true;
  p.outstanding = 2;
  AtsBench b(p);
  b.write(0x1000, 64, 1);
  b.write(0x2000, 64, 2);
  b.dma.expect(b.channel, 0x3000, 64, true);
  CHECK(b.requests().size() == 2);
  b.timeline.run(1_us);
  b.host.ats_status = CompletionStatus::unsupported_request;
  b.dma.expect(b.channel, 0x3000, 64, true);
  b.timeline.run(2_us);
  CHECK(b.requests().size() == 3);
  b.dma.expect(b.channel, 0x4000, 64, true);
  CHECK(b.requests().size() == 3);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a prefetched translation that an invalidation crosses is thrown away too", "[E2][E5]") {
  auto p = wide(1);
  p.prefetch_descriptors = true;
  AtsBench b(p);
  b.dma.expect(b.channel, 0x1000, 64, true);
  b.timeline.run(100_ns);
  b.host.translations[1] = DmaBench::entry(0x90);
  b.host.send_invalidate(DmaBench::function, 0, 0x1000);
  b.timeline.run(2_us);
  b.write(0x1000, 64, 1);
  b.timeline.run(3_us);
  CHECK(b.dmas()[0].address == 0x90000);
}

TEST_CASE("partitioned, a tenant cannot evict another's translations, shared, it can", "[E3]") {
  for (const bool partitioned : {false, true}) {
    endpoint::TranslationCache cache({4, 2, Replacement::lru}, partitioned ? 2 : 1);
    const endpoint::AddressSpace victim{{0x100}, {}, 0}, attacker{{0x102}, {}, 1};
    const endpoint::Translation t{0x8000, 12, true, true, false, false, false};
    cache.fill(victim, 0x1000, t);
    for (std::uint64_t page = 1; page <= 64; ++page) cache.fill(attacker, page << 12, t);
    CHECK((cache.lookup(victim, 0x1000) != nullptr) == partitioned);
    CHECK(cache.size() == (partitioned ? 3 : 4));
    cache.invalidate({0x102}, {}, {0, 64, false});
    CHECK(cache.size() == (partitioned ? 1 : 0));
  }
}

TEST_CASE("a global translation serves every PASID of its function and no other function", "[E1]") {
  endpoint::TranslationCache cache({16, 4, Replacement::lru}, 1);
  endpoint::Translation t = endpoint::decode_translation(0x8000 | 1 << 5 | 3);
  REQUIRE(t.global);
  cache.fill({{0x100}, {7}, 0}, 0x1000, t);
  CHECK(cache.lookup({{0x100}, {9}, 1}, 0x1000) != nullptr);
  CHECK(cache.lookup({{0x102}, {7}, 2}, 0x1000) == nullptr);
  CHECK(cache.lookup({{0x100}, {}, 3}, 0x1000) == nullptr);  // without PASID it is another address space
  CHECK(cache.invalidate({0x100}, {9}, {0x1000, 12, false}) == 1);
  CHECK(cache.lookup({{0x100}, {7}, 0}, 0x1000) == nullptr);
  cache.fill({{0x100}, {7}, 0}, 0x1000, endpoint::decode_translation(0x8003));
  CHECK(cache.lookup({{0x100}, {9}, 1}, 0x1000) == nullptr);
}

TEST_CASE("a privileged translation permits nothing to a device that never asks for privilege", "[E1]") {
  const endpoint::Translation t = endpoint::decode_translation(0x8000 | 1 << 4 | 3);
  CHECK_FALSE(t.permits(false));
  CHECK_FALSE(t.permits(true));
}
