// SPDX-License-Identifier: Apache-2.0
/// Requests that a device TLB has translated: who may send them, and what the check costs.
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
struct Translated : Rig {
  TranslationRequest translated(RequesterId rid, std::uint64_t address, Access access = Access::read) {
    TranslationRequest q = request(rid, address, access);
    q.at = AddressType::translated;
    return q;
  }
};
}  // namespace

TEST_CASE("a translated request costs a context-cache lookup and never asks the IOTLB", "[E1][E3]") {
  Translated r;
  r.attach(vf_a, r.allocate(), 1, vtd::TranslationType::with_ats);
  r.enable_translation();
  const TranslationReply cold = r.answer(r.translated(vf_a, 0x7654'3128));
  CHECK(cold.outcome == Outcome::granted);
  CHECK(cold.address == Hpa(0x7654'3128));
  CHECK(r.memory.reads == 2);  // root and context entry
  const Time now = r.timeline.now();
  const std::uint32_t ticket = r.ask(r.translated(vf_a, 0x1111'1040, Access::write));
  REQUIRE(r.client.replies.count(ticket) == 1);  // within the call
  CHECK(r.client.replies[ticket].ready == now + r.params.context_cache.hit_latency);
  CHECK(r.memory.reads == 2);
  CHECK(r.unit.translation.iotlb_cache.hits.value() + r.unit.translation.iotlb_cache.misses.value() == 0);
}

TEST_CASE("a translated request of a function without ATS is blocked and recorded, read or written", "[E1][N5]") {
  Translated r;
  r.attach(vf_a, r.allocate(), 1);
  r.enable_translation();
  for (const Access access : {Access::read, Access::write})
    CHECK(r.answer(r.translated(vf_a, 0x5000, access)).outcome == Outcome::blocked);
  for (unsigned i = 0; i < 2; ++i) {
    const vtd::FaultRecord record = r.unit.fault_record(i);
    CHECK(record.valid());
    CHECK(record.source() == vf_a.value);
    CHECK(record.page() == 0x5000);
    CHECK(record.reason() == 0x0d);
    CHECK(record.address_type() == static_cast<unsigned>(AddressType::translated));
    CHECK(record.read() == (i == 0));
  }
}

TEST_CASE("a translated request to the interrupt range or beyond host memory is blocked and recorded", "[E1][F2]") {
  Translated r;
  r.attach(vf_a, r.allocate(), 1, vtd::TranslationType::with_ats);
  r.enable_translation();
  CHECK(r.answer(r.translated(vf_a, 0xfee0'0000, Access::write)).outcome == Outcome::blocked);
  CHECK(r.answer(r.translated(vf_a, std::uint64_t{1} << r.params.features.host_address_bits)).outcome == Outcome::blocked);
  CHECK(r.unit.fault_record(0).valid());
  CHECK(r.unit.fault_record(1).reason() == 0x04);
}

TEST_CASE("a function that loses ATS has its translated requests blocked after the context invalidation", "[E1][E5]") {
  Translated r;
  const std::uint64_t table = r.allocate();
  r.attach(vf_a, table, 1, vtd::TranslationType::with_ats);
  r.enable_translation();
  r.enable_queue();
  CHECK(r.answer(r.translated(vf_a, 0x5000)).outcome == Outcome::granted);
  r.attach(vf_a, table, 1);
  r.invalidate(vtd::invalidate_context(3, {}, vf_a));
  CHECK(r.answer(r.translated(vf_a, 0x5000)).outcome == Outcome::blocked);
}
