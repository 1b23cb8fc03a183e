// SPDX-License-Identifier: Apache-2.0
// Isolation, asked of an aperture and of VT-d in the same words: one fails, the other does not.
#include "models/iommu/gart.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
constexpr std::uint64_t aperture = 0x4000'0000, table = 0x20'0000;
struct Aperture {
  explicit Aperture(GartParams p = {}) : gart("gart", timeline, at_1_gib(p)) {
    gart.set_table(Hpa(table));
    gart.memory.socket.bind(memory.socket);
  }
  static GartParams& at_1_gib(GartParams& p) {
    p.aperture_base = aperture;
    return p;
  }
  void map(std::uint64_t page, std::uint64_t hpa) {
    gart.memory.poke_value(Hpa(table + 4 * page), gart::entry(Hpa(hpa)));
  }
  TranslationReply dma(RequesterId rid, std::uint64_t address, Access access = Access::read) {
    TranslationRequest q;
    q.requester = rid, q.address = Iova(address), q.access = access, q.bytes = 64;
    REQUIRE(gart.translate(q, ++ticket, client));
    timeline.run(timeline.now() + 10_us);
    return client.replies.at(ticket);
  }
  Timeline timeline{"timeline"};
  FixedMemory memory{"ram"};
  Gart gart;
  Client client{timeline};
  std::uint32_t ticket = 0;
};
}  // namespace

TEST_CASE("an aperture translates, but a rogue function reaches its neighbour's page and all memory beside it", "[D3]") {
  Aperture a;
  a.map(5, 0x12'3456'7000);  // for function A
  CHECK(a.dma(vf_a, aperture + 0x5040).address == Hpa(0x12'3456'7040));
  CHECK(a.dma(vf_b, aperture + 0x5000, Access::write).outcome == Outcome::granted);  // no isolation
  CHECK(a.dma(vf_b, 0x1234'5000, Access::write).address == Hpa(0x1234'5000));        // nor outside
  CHECK(a.dma(vf_a, aperture + 0x6000).outcome == Outcome::blocked);                 // only holes are blocked
}

TEST_CASE("the same attack against VT-d is blocked and recorded", "[D3][D4][N5]") {
  Rig r;
  const std::uint64_t table_a = r.allocate(), table_b = r.allocate();
  r.map(table_a, 0x5000, 0x12'3456'7000);
  r.attach(vf_a, table_a, 1);
  r.attach(vf_b, table_b, 2);
  r.enable_translation();
  CHECK(r.dma(vf_a, 0x5040).address == Hpa(0x12'3456'7040));
  CHECK(r.dma(vf_b, 0x5000, Access::write).outcome == Outcome::blocked);
  CHECK(r.dma(vf_b, 0x1234'5000, Access::write).outcome == Outcome::blocked);
  CHECK(r.unit.fault_record(1).source() == vf_b.value);
}

TEST_CASE("an aperture's hit takes its lookup, its miss one table read, a flush makes it read again") {
  Aperture a;
  a.map(5, 0x7000);
  const Time start = a.timeline.now();
  CHECK(a.dma(vf_a, aperture + 0x5000).ready == start + 2_ns + a.memory.latency);
  const Time now = a.timeline.now();
  CHECK(a.dma(vf_b, aperture + 0x5000).ready == now + 2_ns);
  a.map(5, 0x8000);
  CHECK(a.dma(vf_a, aperture + 0x5000).address == Hpa(0x7000));
  a.gart.flush();
  CHECK(a.dma(vf_a, aperture + 0x5000).address == Hpa(0x8000));
}

TEST_CASE("an aperture with all its reads under way turns requests away and calls back") {
  GartParams p;
  p.outstanding = 1;
  Aperture a(p);
  a.map(5, 0x7000);
  TranslationRequest q;
  q.requester = vf_a, q.address = Iova(aperture + 0x5000);
  CHECK(a.gart.translate(q, 100, a.client));
  CHECK_FALSE(a.gart.translate(q, 101, a.client));
  a.timeline.run(a.timeline.now() + 10_us);
  CHECK(a.client.ready_calls == 1);
  CHECK(a.client.replies.count(100) == 1);
}

TEST_CASE("an aperture that reads its table is not at rest") {
  Aperture a;
  a.map(5, 0x7000);
  TranslationRequest q;
  q.requester = vf_a, q.address = Iova(aperture + 0x5000);
  CHECK_NOTHROW(audit(Invariant::at_rest, a.timeline.now()));
  CHECK(a.gart.translate(q, 100, a.client));
  CHECK_NOTHROW(audit(Invariant::always, a.timeline.now()));
  CHECK_THROWS_WITH(audit(Invariant::at_rest, a.timeline.now()), Catch::Contains("gart.rest") && Catch::Contains("reads under way"));
  a.timeline.run(a.timeline.now() + 10_us);
  CHECK_NOTHROW(audit(Invariant::at_rest, a.timeline.now()));
}
