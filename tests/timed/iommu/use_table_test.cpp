// SPDX-License-Identifier: Apache-2.0
// Who used the unit: rows per requester and per domain that add up to the unit's own counts.
#include "models/core/random.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;
using U = UseTable;

TEST_CASE("one miss, one hit and one merge are in the row of their requester and of its domain") {
  Rig r;
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0xaaaa'0000);
  r.attach(vf_a, table, 7);
  r.attach(vf_b, table, 7);
  r.enable_translation();
  const Time start = r.timeline.now();
  const std::uint32_t first = r.ask(r.request(vf_a, 0x1000)), second = r.ask(r.request(vf_a, 0x1040));
  r.run();
  r.dma(vf_a, 0x1080);
  TranslationUnit& t = r.unit.translation;
  const Time one = r.client.answered_at[first] - start, other = r.client.answered_at[second] - start;
  CHECK(t.requesters.of(vf_a.value, TranslationUnit::requests) == 3);
  CHECK(t.requesters.of(vf_a.value, U::iotlb_hits) == 1);
  CHECK(t.requesters.of(vf_a.value, U::merges) == 1);
  CHECK(t.requesters.of(vf_a.value, U::walks) == 1);
  CHECK(t.requesters.of(vf_a.value, U::walk_reads) == 6);
  CHECK(t.requesters.of(vf_a.value, U::queue_time) == (one + other).value() / 1000);
  CHECK(t.domains.row_name(0) == "7");
  CHECK(t.domains.of(7, U::iotlb_hits) == 1);
  CHECK(t.domains.of(7, U::merges) == 1);
  CHECK(t.domains.of(7, U::walk_time) == t.requesters.of(vf_a.value, U::walk_time));
  CHECK(t.domains.of(7, U::queue_time) == t.requesters.of(vf_a.value, U::queue_time));
  CHECK(t.requesters.row_name(0) == "01:01.0");
  CHECK(t.requesters.rows() == 1);
}

TEST_CASE("over random load the rows add up to what the unit counts, and evictions have a cause and a loser") {
  Params p = test_params();
  p.iotlb.geometry.entries = 16, p.iotlb.geometry.ways = 4;
  Rig r(p);
  Random random(3, "load");
  for (unsigned d = 0; d < 3; ++d) {
    const std::uint64_t table = r.allocate();
    for (unsigned i = 0; i < 20; ++i) r.map(table, 0x1000 * i, 0x100'0000 * (d + 1) + 0x1000 * i, i != 5);
    r.attach(d == 0 ? vf_a : d == 1 ? vf_b : vf_c, table, static_cast<std::uint16_t>(d + 1));
  }
  r.enable_translation();
  for (unsigned i = 0; i < 2000; ++i) {
    const RequesterId ids[] = {vf_a, vf_b, vf_c};
    if (r.unit.translate(r.request(ids[random.below(3)], 0x1000 * random.below(24)), r.next_ticket, r.client)) ++r.next_ticket;
    r.timeline.run(r.timeline.now() + Time(static_cast<double>(random.below(300)), sc_core::SC_NS));
  }
  r.run();
  const TranslationUnit& t = r.unit.translation;
  for (const UseTable* table : {&t.requesters, &t.domains}) {
    CHECK(table->sum(U::merges) == t.merges.value());
    CHECK(table->sum(U::walks) == t.walks.value());
    CHECK(table->sum(U::walk_reads) == t.walk_reads.value());
    CHECK(table->sum(U::evictions) == t.iotlb_cache.evictions.value());
  }
  CHECK(t.requesters.sum(TranslationUnit::requests) == r.next_ticket - 1);
  CHECK(t.requesters.sum(TranslationUnit::refusals) == t.faults.value());
  CHECK(t.merges.value() > 20);
  CHECK(t.iotlb_cache.evictions.value() > 100);
  CHECK(t.requesters.sum(U::queue_time) == t.domains.sum(U::queue_time));
}

TEST_CASE("a page asked for again and again stays the most recently used, and only that one") {
  Params p = test_params();
  p.iotlb.geometry = {2, 2, Replacement::lru};
  Rig r(p);
  const std::uint64_t table = r.allocate();
  for (unsigned i = 1; i < 6; ++i) r.map(table, 0x1000 * i, 0x100'0000 + 0x1000 * i);
  r.attach(vf_a, table, 1);
  r.enable_translation();
  r.enable_queue();
  const auto hits_of = [&](std::initializer_list<unsigned> pages) {
    const std::uint64_t before = r.unit.translation.iotlb_cache.hits.value();
    for (const unsigned page : pages) CHECK(r.dma(vf_a, 0x1000 * page + 8 * page).address == Hpa(0x100'0000 + 0x1000 * page + 8 * page));
    return r.unit.translation.iotlb_cache.hits.value() - before;
  };
  CHECK(hits_of({1, 2, 1, 1, 1}) == 3);
  CHECK(hits_of({3, 1}) == 1);     // 3 took the place of 2
  CHECK(hits_of({3, 3, 1, 3}) == 4);
  CHECK(hits_of({4, 3, 1}) == 1);  // 4 took that of 1
  CHECK(hits_of({1, 1}) == 2);
  r.invalidate(vtd::invalidate_iotlb_pages({1}, Iova(0x1000), 0, false));
  CHECK(hits_of({1, 1}) == 1);
  CHECK(r.unit.translation.requesters.of(vf_a.value, TranslationUnit::requests) == 18);
}

TEST_CASE("functions that take turns keep their context entries in order of use, and one that was invalidated is read again") {
  Params p = test_params();
  p.context_cache.geometry = {2, 2, Replacement::lru};
  Rig r(p);
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0x100'0000);
  const RequesterId a{0x0100}, b{0x0101}, c{0x0102};
  for (const RequesterId f : {a, b, c}) r.attach(f, table, 1);
  r.enable_translation();
  r.enable_queue();
  const auto hits_of = [&](std::initializer_list<RequesterId> functions) {
    const std::uint64_t before = r.unit.translation.context_cache.hits.value();
    for (const RequesterId f : functions) CHECK(r.dma(f, 0x1000).address == Hpa(0x100'0000));
    return r.unit.translation.context_cache.hits.value() - before;
  };
  CHECK(hits_of({a, b, a, b, a}) == 3);
  CHECK(hits_of({c}) == 0);        // takes the place of b
  CHECK(hits_of({a, c, a}) == 3);
  CHECK(hits_of({b}) == 0);        // takes that of c
  CHECK(hits_of({a, b, a, b}) == 4);
  r.invalidate(vtd::invalidate_context(3, {1}, a, 0));
  CHECK(hits_of({b, a, b}) == 2);
}

TEST_CASE("several domains at once: the row of each says what it moved and what it was refused", "[D6]") {
  Rig r;
  constexpr unsigned domains = 8;
  std::vector<RequesterId> ids;
  for (unsigned d = 0; d < domains; ++d) {
    const std::uint64_t table = r.allocate();
    for (unsigned i = 0; i < 4; ++i) r.map(table, 0x1000 * i, 0x100'0000 * (d + 1) + 0x1000 * i);
    ids.push_back({static_cast<std::uint16_t>(0x0100 + d)});
    r.attach(ids.back(), table, static_cast<std::uint16_t>(10 + d));
  }
  r.enable_translation();
  for (unsigned round = 0; round < 4; ++round)
    for (unsigned d = 0; d < domains; ++d) {
      for (unsigned i = 0; i <= d; ++i) r.ask(r.request(ids[d], 0x1000 * (i % 4) + 64 * i));  // 64 B each
      if (d % 2) r.ask(r.request(ids[d], 0x9000, Access::write));                             // not mapped
      r.run(2_us);
    }
  r.run();
  TranslationUnit& t = r.unit.translation;
  for (unsigned d = 0; d < domains; ++d) {
    INFO("domain " << 10 + d);
    CHECK(t.domains.of(static_cast<std::uint16_t>(10 + d), TranslationUnit::granted_bytes) == 4 * (d + 1) * 64);
    CHECK(t.domains.of(static_cast<std::uint16_t>(10 + d), TranslationUnit::blocked) == (d % 2 ? 4 : 0));
  }
  CHECK(t.domains.rows() == domains);
  CHECK(t.domains.sum(TranslationUnit::blocked) == t.faults.value());
}
