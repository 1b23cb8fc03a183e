// SPDX-License-Identifier: Apache-2.0
// Each invariant, broken on purpose.
#include "models/core/random.h"
#include "models/core/sim_error.h"
#include "models/core/stat.h"
#include "models/core/tree.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
struct Audited : Rig {
  Audited() {
    const std::uint64_t table = allocate();
    leaf = map(table, 0x1000, 0xaaaa'0000);
    attach(vf_a, table, 1);
    enable_translation();
    enable_queue();
    dma(vf_a, 0x1000);
    REQUIRE_NOTHROW(audit(Invariant::at_rest, timeline.now()));
    binding.domain.value = 1;
  }
  Binding binding;
  std::uint64_t leaf;
};
std::string broken(Rig& r) {
  try {
    audit(Invariant::at_rest, r.timeline.now());
  } catch (const InvariantBroken& e) {
    return e.what();
  }
  return {};
}
}  // namespace

TEST_CASE("isolation breaks when the IOTLB grants a page that no walk found", "[D4]") {
  Audited r;
  Mapping forged;
  forged.page = 0x6666'0000, forged.read = forged.write = true;
  r.unit.translation.iotlb().fill(r.binding, 0x7000, forged);
  CHECK(broken(r).empty());  // not used yet
  CHECK(r.dma(vf_a, 0x7000).address == Hpa(0x6666'0000));
  CHECK_THAT(broken(r), Catch::Contains("isolation") && Catch::Contains("iommu.grants"));
}

TEST_CASE("freshness breaks when a translation survives its invalidation", "[E5]") {
  Audited r;
  const Mapping old = *r.unit.translation.iotlb().peek(r.binding, 0x1000);
  r.invalidate(vtd::invalidate_iotlb_global());
  r.unit.translation.iotlb().fill(r.binding, 0x1000, old);  // as if it had never been removed
  r.dma(vf_a, 0x1000);
  CHECK_THAT(broken(r), Catch::Contains("freshness"));
}

TEST_CASE("rest breaks while a walk is under way") {
  Audited r;
  r.ask(r.request(vf_a, 0x5000));
  CHECK_THAT(broken(r), Catch::Contains("1 translations pending"));
  r.run();
  CHECK(broken(r).empty());
}

namespace iov::iommu {
struct TranslationAccess {
  static void lose_an_answer(TranslationUnit& unit) { --unit.answered_; }
  static void overfill_queue(TranslationUnit& unit) {
    const std::size_t more = unit.pending_.size() + 1 - unit.used_;
    unit.used_ += more, unit.accepted_ += more;  // as many were accepted: nothing but the size is wrong
  }
};
}  // namespace iov::iommu

TEST_CASE("conservation breaks when a request was accepted and neither waits nor was answered") {
  Audited r;
  TranslationAccess::lose_an_answer(r.unit.translation);
  CHECK_THAT(broken(r), Catch::Contains("iommu.conservation") && Catch::Contains("counts differ"));
}

TEST_CASE("capacity breaks when the translation queue holds one request more than it has entries") {
  Audited r;
  TranslationAccess::overfill_queue(r.unit.translation);
  CHECK_THAT(broken(r), Catch::Contains("iommu.capacity") && Catch::Contains("exceeded"));
}

TEST_CASE("conservation holds across the end of warm-up, when statistics restart") {
  Audited r;
  r.ask(r.request(vf_a, 0x5000));
  for_each<Stat>([](Stat& s) { s.reset(); });
  CHECK_NOTHROW(audit(Invariant::always, r.timeline.now()));
  r.run();
  CHECK_NOTHROW(audit(Invariant::at_rest, r.timeline.now()));
}

TEST_CASE("an invalidation that no device answers is not rest") {
  Audited r;
  r.submit(vtd::invalidate_device_tlb(vf_a, 0x1000));
  r.run();
  CHECK_THAT(broken(r), Catch::Contains("an invalidation is not finished"));
}

TEST_CASE("every accepted request is answered once under random load with invalidations and faults") {
  Params p = test_params();
  p.translation_queue = 8;
  p.walkers = 3;
  Rig r(p);
  Random random(1, "load");
  const std::uint64_t table = r.allocate();
  for (unsigned i = 0; i < 40; ++i) r.map(table, 0x1000 * i, 0x100'0000 + 0x1000 * i, random.below(8) != 0);
  r.attach(vf_a, table, 1);
  r.attach(vf_b, table, 1, vtd::TranslationType::with_ats);
  r.enable_translation();
  r.enable_queue();
  unsigned accepted = 0;
  for (unsigned i = 0; i < 3000; ++i) {
    TranslationRequest q = r.request(random.below(2) ? vf_a : vf_b, 0x1000 * random.below(50),
                                     random.below(2) ? Access::read : Access::write);
    if (q.requester == vf_b && random.below(2))
      q.at = AddressType::translation_request, q.access = Access::read;
    if (r.unit.translate(q, r.next_ticket, r.client)) ++accepted, ++r.next_ticket;
    if (random.below(50) == 0)
      r.submit(vtd::invalidate_iotlb_pages({1}, Iova(0x1000 * random.below(50)), 0, false));
    if (random.below(3) == 0)
      r.timeline.run(r.timeline.now() + Time(static_cast<double>(random.below(400)), sc_core::SC_NS));
  }
  r.run();
  CHECK(r.client.replies.size() == accepted);
  CHECK(accepted > 2000);
  CHECK(r.unit.translation.merges.value() > 50);
  CHECK(r.unit.translation.queue_full.value() > 50);
  CHECK(r.unit.translation.audit()->checks() > 500);
  CHECK(broken(r).empty());
}
