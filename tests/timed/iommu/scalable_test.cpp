// SPDX-License-Identifier: Apache-2.0
// Scalable mode in time: assignable interfaces told apart by PASID under one requester ID, nested walks.
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
struct Scalable : Rig {
  explicit Scalable(const Params& p = test_params()) : Rig(p) {
    root = allocate();
    const std::uint64_t contexts_page = allocate();
    directory = allocate(), pasids = allocate();
    store(root + vf_a.bus() * 16u, contexts_page | 1);
    store(contexts_page + vf_a.devfn() * 32u, directory | 1 | 1 << 2 | 1 << 3 | 1 << 4);  // DTE, PASIDE, PRE
    store(directory, pasids | 1);
    enable_translation(vtd::rtaddr_scalable);
  }
  void second_stage(std::uint32_t pasid, std::uint64_t table, std::uint16_t domain) {
    store(pasids + pasid * 64u, table | 1 | 2 << 2 | 2 << 6);
    store(pasids + pasid * 64u + 8, domain);
  }
  void nested(std::uint32_t pasid, std::uint64_t first, std::uint64_t second, std::uint16_t domain) {
    store(pasids + pasid * 64u, second | 1 | 2 << 2 | 3 << 6);
    store(pasids + pasid * 64u + 8, domain);
    store(pasids + pasid * 64u + 16, first);
  }
  /// Guest tables at guest-physical addresses, which the second stage maps one to one 1 GiB higher.
  static constexpr std::uint64_t guest_base = 0x4000'0000;
  std::uint64_t guest_map(std::uint64_t first_gpa, std::uint64_t va, std::uint64_t gpa) {
    std::uint64_t table = first_gpa;
    for (unsigned level = 4;; --level) {
      const std::uint64_t at = guest_base + table + (va >> (12 + 9 * (level - 1)) & 511) * 8;
      if (level == 1) return store(at, gpa | 7 | 0x60), at;
      if (load(at) == 0) store(at, (table = next_guest_page += 4096) | 7 | 0x20);
      table = load(at) & vtd::page_mask;
    }
  }
  std::uint64_t next_guest_page = 0x10000;
  TranslationReply dma_as(std::uint32_t pasid, std::uint64_t address, Access access = Access::read) {
    TranslationRequest q = request(vf_a, address, access);
    q.pasid.value = pasid;
    return answer(q);
  }
  std::uint64_t directory, pasids;
};
}  // namespace

TEST_CASE("PASIDs that take turns keep their entries in order of use") {
  Params p = test_params();
  p.pasid_cache.geometry = {2, 2, Replacement::lru};
  Scalable r(p);
  const std::uint64_t table = r.allocate();
  r.map(table, 0x1000, 0xaaaa'0000);
  for (std::uint32_t pasid = 1; pasid <= 3; ++pasid) r.second_stage(pasid, table, 1);
  const auto hits_of = [&](std::initializer_list<std::uint32_t> pasids) {
    const std::uint64_t before = r.unit.translation.pasid_cache.hits.value();
    for (const std::uint32_t pasid : pasids) CHECK(r.dma_as(pasid, 0x1000).address == Hpa(0xaaaa'0000));
    return r.unit.translation.pasid_cache.hits.value() - before;
  };
  CHECK(hits_of({1, 2, 1, 2, 1}) == 3);
  CHECK(hits_of({3}) == 0);  // takes the place of 2
  CHECK(hits_of({1, 3, 1}) == 3);
  CHECK(hits_of({2}) == 0);  // takes that of 3
  CHECK(hits_of({1, 2}) == 2);
}

TEST_CASE("two PASIDs under one requester ID reach different pages at one address", "[B7][L6]") {
  Scalable r;
  const std::uint64_t one = r.allocate(), two = r.allocate();
  r.map(one, 0x1000, 0xaaaa'0000), r.map(two, 0x1000, 0xbbbb'0000);
  r.second_stage(1, one, 1), r.second_stage(2, two, 2);
  for (unsigned round = 0; round < 2; ++round) {
    CHECK(r.dma_as(1, 0x1000).address == Hpa(0xaaaa'0000));
    CHECK(r.dma_as(2, 0x1000).address == Hpa(0xbbbb'0000));
  }
  CHECK(r.unit.translation.iotlb_cache.hits.value() == 2);
  CHECK(r.dma_as(3, 0x1000).fault_reason == 0x59);
  CHECK(r.unit.fault_record(0).has_pasid());
  CHECK(r.unit.fault_record(0).pasid() == 3);
}

TEST_CASE("a cold nested walk reads 24 table entries after its context, at exactly their cost") {
  Scalable r;
  const std::uint64_t second = r.allocate();
  for (unsigned i = 0; i < 64; ++i) r.map(second, 0x1000 * i, Scalable::guest_base + 0x1000 * i);
  r.guest_map(0x10000, 0x7f00'0000'1000, 0x5000);
  r.nested(1, 0x10000, second, 9);
  TranslationRequest q = r.request(vf_a, 0x7f00'0000'1040);
  q.pasid.value = 1;
  const Time start = r.timeline.now();
  Params p = r.params;
  const std::uint32_t ticket = r.ask(q);
  r.run();
  CHECK(r.client.replies[ticket].address == Hpa(Scalable::guest_base + 0x5040));
  // paging-structure caches help within the walk: the second stage's upper levels are read once
  const unsigned reads =
      4 + 4 + 4 * 1 + 4 * 1;  // context and PASID; first second-stage walk; then leaf and entry each
  CHECK(r.memory.reads == reads);
  const Time read = r.memory.latency + p.walk_read_overhead;
  CHECK(r.client.replies[ticket].ready == start + 1_ns + p.walk_setup + reads * read + 2_ns);
}

TEST_CASE("without paging-structure caches the nested walk takes all its 24 reads") {
  Params p = test_params();
  for (CacheParams* c : {&p.pde_cache, &p.pdpe_cache, &p.pml4e_cache, &p.pml5e_cache})
    c->geometry.entries = 0;
  Scalable r(p);
  const std::uint64_t second = r.allocate();
  for (unsigned i = 0; i < 64; ++i) r.map(second, 0x1000 * i, Scalable::guest_base + 0x1000 * i);
  r.guest_map(0x10000, 0x7f00'0000'1000, 0x5000);
  r.nested(1, 0x10000, second, 9);
  r.dma_as(1, 0x7f00'0000'1000);
  CHECK(r.memory.reads == 4 + 24);
}

TEST_CASE("PASID-selective invalidations touch their PASID, the PASID cache follows its own", "[E5]") {
  Scalable r;
  const std::uint64_t second = r.allocate(), other = r.allocate();
  for (unsigned i = 0; i < 64; ++i) r.map(second, 0x1000 * i, Scalable::guest_base + 0x1000 * i);
  for (unsigned i = 0; i < 64; ++i) r.map(other, 0x1000 * i, Scalable::guest_base + 0x1000 * i);
  const std::uint64_t leaf = r.guest_map(0x10000, 0x1000, 0x5000);
  r.next_guest_page = 0x20000;
  const std::uint64_t leaf2 = r.guest_map(0x20000, 0x1000, 0x6000);
  r.nested(1, 0x10000, second, 9), r.nested(2, 0x20000, second, 9);
  r.enable_queue();
  r.dma_as(1, 0x1000), r.dma_as(2, 0x1000);
  r.store(leaf, 0x7000 | 0x67), r.store(leaf2, 0x8000 | 0x67);
  r.invalidate(vtd::invalidate_pasid_iotlb({9}, 2));
  CHECK(r.dma_as(1, 0x1000).address == Hpa(Scalable::guest_base + 0x5000));
  CHECK(r.dma_as(2, 0x1000).address == Hpa(Scalable::guest_base + 0x8000));
  r.invalidate(vtd::invalidate_pasid_iotlb_pages({9}, 1, Iova(0x4000)));
  CHECK(r.dma_as(1, 0x1000).address == Hpa(Scalable::guest_base + 0x5000));
  r.invalidate(vtd::invalidate_pasid_iotlb_pages({9}, 1, Iova(0x1000)));
  CHECK(r.dma_as(1, 0x1000).address == Hpa(Scalable::guest_base + 0x7000));
  r.nested(1, 0x20000, other, 10);
  CHECK(r.dma_as(1, 0x1000).address == Hpa(Scalable::guest_base + 0x7000));
  r.invalidate(vtd::invalidate_pasid_cache(1, {9}, 2));
  CHECK(r.dma_as(1, 0x1000).address == Hpa(Scalable::guest_base + 0x7000));
  r.invalidate(vtd::invalidate_pasid_cache(1, {9}, 1));
  CHECK(r.dma_as(1, 0x1000).address == Hpa(Scalable::guest_base + 0x8000));
}

TEST_CASE("a write to a page whose dirty bit is clear walks once more and sets it, reads do not") {
  Scalable r;
  const std::uint64_t table = r.allocate();
  const std::uint64_t leaf = r.map(table, 0x1000, 0xaaaa'0000);
  r.second_stage(1, table, 1);
  r.store(r.pasids + 64, r.load(r.pasids + 64) | 1 << 9);  // SSADE
  r.dma_as(1, 0x1000);
  CHECK((r.load(leaf) >> 8 & 3) == 1);  // accessed
  CHECK(r.dma_as(1, 0x1000, Access::write).outcome == Outcome::granted);
  CHECK((r.load(leaf) >> 8 & 3) == 3);  // dirty
  const auto walks = r.unit.translation.walks.value();
  r.dma_as(1, 0x1000, Access::write);
  CHECK(r.unit.translation.walks.value() == walks);
}

TEST_CASE("a function that may not ask for pages is refused, recorded and told so") {
  Scalable r;
  r.unit.page_requested(vf_b, {5}, 0x1234'5000 | 7 << 3 | 4 | 1);  // has no context at all
  r.run();
  CHECK(r.unit.fault_record(0).reason() == 0x41);
  CHECK(r.unit.fault_record(0).source() == vf_b.value);
  REQUIRE(r.fabric.responses.size() == 1);
  CHECK(r.fabric.responses[0].code == 1);
  CHECK(r.unit.read_register(vtd::reg_page_request_tail, 8) == 0);
  const std::uint64_t context = (r.load(r.root + vf_a.bus() * 16u) & vtd::page_mask) + vf_a.devfn() * 32u;
  r.store(context, r.load(context) & ~(std::uint64_t{1} << 4));
  r.unit.page_requested(vf_a, {5}, 0x1234'5000 | 7 << 3 | 4 | 1);
  CHECK(r.unit.fault_record(1).reason() == 0x47);
}

namespace {
/// A page request arrives 1 ns before a wait that was fetched is carried out.
void check_page_request_drain(bool drains) {
  Scalable r;
  r.enable_queue();
  r.write64(vtd::reg_page_request_address, r.allocate());
  r.memory.latency = 2_us;
  const Time fetched = r.timeline.now() + r.memory.latency + r.params.descriptor_overhead;
  const vtd::Pair wait = vtd::wait_status(Hpa(r.status), 1);
  r.submit(drains ? vtd::draining_page_requests(wait) : wait);
  r.timeline.run(fetched - 1_ns);
  r.unit.page_requested(vf_a, {5}, 0x1234'5000 | 7 << 3 | 4 | 1);
  const Time end = drains ? fetched - 1_ns + r.memory.latency : fetched;
  r.timeline.run(end - 1_ps);
  CHECK(r.load(r.status) == 0);
  CHECK(r.unit.read_register(vtd::reg_page_request_tail, 8) == 0);
  r.timeline.run(end);
  CHECK(r.load(r.status) == 1);
  CHECK(r.unit.read_register(vtd::reg_page_request_tail, 8) == (drains ? 32 : 0));
  r.run();
  audit(Invariant::at_rest, r.timeline.now());
}
}  // namespace

TEST_CASE("a wait that drains page requests ends when those that were taken are in their queue, not 1 ps before", "[E5]") {
  check_page_request_drain(true);
}
TEST_CASE("a wait that does not drain page requests ends before one that is still being written", "[E5]") {
  check_page_request_drain(false);
}

TEST_CASE("page requests land in the queue with an event, overflow is answered, responses go out") {
  Scalable r;
  r.enable_queue();
  const std::uint64_t requests = r.allocate();
  r.write64(vtd::reg_page_request_address, requests);
  r.write32(vtd::reg_page_request_event_data, 0x66);
  r.write32(vtd::reg_page_request_event_address, 0xfee0'1000);
  r.write32(vtd::reg_page_request_event_control, 0);
  r.unit.page_requested(vf_a, {5}, 0x1234'5000 | 7 << 3 | 1);
  r.unit.page_requested(vf_a, {5}, 0x1234'6000 | 7 << 3 | 4 | 2);
  r.run();
  CHECK(r.unit.read_register(vtd::reg_page_request_tail, 8) == 64);
  CHECK(r.load(requests) == (1 | 1 << 8 | std::uint64_t{vf_a.value} << 16 | std::uint64_t{5} << 32));
  CHECK(r.load(requests + 40) == (0x1234'6000 | 7 << 3 | 4 | 2));
  REQUIRE(r.processors.taken.size() == 1);
  CHECK(r.processors.taken[0].interrupt.vector == 0x66);
  r.submit(vtd::respond_page_group(vf_a, 7, 0, {5}));
  r.run();
  REQUIRE(r.fabric.responses.size() == 1);
  CHECK(r.fabric.responses[0].group == 7);
  CHECK(r.fabric.responses[0].pasid.value == 5);
  for (unsigned i = 0; i < 126; ++i) r.unit.page_requested(vf_a, {5}, 0x1000 | 9 << 3 | 1);
  r.unit.page_requested(vf_a, {5}, 0x1000 | 9 << 3 | 4 | 1);
  r.run();
  CHECK(r.unit.page_requests.overflows.value() == 2);
  CHECK((r.unit.read_register(vtd::reg_page_request_status, 4) & vtd::prs_overflow) != 0);
  REQUIRE(r.fabric.responses.size() == 2);  // success, so that the device asks again
  CHECK(r.fabric.responses[1].code == 0);
  r.write64(vtd::reg_page_request_head, 64);  // room again, but overflow is not acknowledged yet
  r.unit.page_requested(vf_a, {5}, 0x1000 | 9 << 3 | 4 | 1);
  CHECK(r.fabric.responses.size() == 3);
  r.write32(vtd::reg_page_request_status, vtd::prs_overflow);
  r.unit.page_requested(vf_a, {5}, 0x1000 | 9 << 3 | 4 | 1);
  CHECK(r.fabric.responses.size() == 3);
}
