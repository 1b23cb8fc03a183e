// SPDX-License-Identifier: Apache-2.0
// Invalidation by register: takes time, one command per register, ends when what is older has drained.
#include "models/core/invariant.h"
#include "models/core/sim_error.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
/// Two domains with one page each in the IOTLB, then both pages moved in memory; the queue is off.
struct Moved : Rig {
  explicit Moved(const Params& p = test_params()) : Rig(p) {
    table_a = allocate(), table_b = allocate();
    leaf_a = map(table_a, 0x1000, 0xaaaa'0000);
    leaf_b = map(table_b, 0x1000, 0xbbbb'0000);
    attach(vf_a, table_a, 1);
    attach(vf_b, table_b, 2);
    enable_translation();
    dma(vf_a, 0x1000), dma(vf_b, 0x1000);
    store(leaf_a, vtd::leaf_entry(Hpa(0xa111'0000), true, true, 12));
    store(leaf_b, vtd::leaf_entry(Hpa(0xb111'0000), true, true, 12));
  }
  std::uint64_t a() { return dma(vf_a, 0x1000).address.value; }
  std::uint64_t b() { return dma(vf_b, 0x1000).address.value; }
  std::uint64_t iotlb_register() { return unit.read_register(vtd::reg_iotlb_invalidate, 8); }
  std::uint64_t context_register() { return unit.read_register(vtd::reg_context_command, 8); }
  bool iotlb_busy() { return iotlb_register() >> 63; }
  unsigned iotlb_done() { return static_cast<unsigned>(iotlb_register() >> 57 & 3); }  // IAIG
  std::uint64_t table_a, table_b, leaf_a, leaf_b;
};
}  // namespace

TEST_CASE("an IOTLB command by register shows IVT for exactly the time an invalidation takes") {
  Moved m;
  const Time start = m.timeline.now();
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(1));
  m.timeline.run(start + m.params.invalidation_time - 1_ps);
  CHECK(m.iotlb_busy());
  CHECK(m.iotlb_done() == 0);
  m.timeline.run(start + m.params.invalidation_time);
  CHECK_FALSE(m.iotlb_busy());
  CHECK(m.iotlb_done() == 1);
  CHECK(m.a() == 0xa111'0000);
  CHECK(m.b() == 0xb111'0000);
}

TEST_CASE("page and domain commands touch only what they name, and say what was done") {
  Moved m;
  m.write64(vtd::reg_invalidate_address, 0x1000);
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(3, 1));
  m.run();
  CHECK(m.iotlb_done() == 3);
  CHECK(m.a() == 0xa111'0000);
  CHECK(m.b() == 0xbbbb'0000);
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(2, 2));
  m.run();
  CHECK(m.iotlb_done() == 2);
  CHECK(m.b() == 0xb111'0000);
}

TEST_CASE("a context command shows ICC until it is done, then the granularity") {
  Moved m;
  m.attach(vf_b, m.table_a, 1);
  const Time start = m.timeline.now();
  m.write64(vtd::reg_context_command, vtd::context_command(3, 2, vf_b.value));
  m.timeline.run(start + m.params.invalidation_time - 1_ps);
  CHECK((m.context_register() >> 63) == 1);
  m.timeline.run(start + m.params.invalidation_time);
  CHECK((m.context_register() >> 63) == 0);
  CHECK((m.context_register() >> 59 & 3) == 3);  // CAIG
  CHECK(m.b() == 0xaaaa'0000);                   // domain 1's translation, still cached
}

TEST_CASE("a second command while the first is under way is ignored, the other register is free") {
  Moved m;
  m.attach(vf_b, m.table_a, 1);
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(2, 1));
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(1));
  m.write64(vtd::reg_context_command, vtd::context_command(2, 7));
  m.run();
  CHECK(m.iotlb_done() == 2);
  CHECK((m.context_register() >> 59 & 3) == 2);
  CHECK(m.unit.register_invalidation.commands.value() == 2);
  CHECK(m.b() == 0xbbbb'0000);
}

TEST_CASE("a command by register waits for the walk it overtook, whose result is not cached", "[E5]") {
  Moved m;
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(1));
  m.run();
  m.memory.latency = 1_us;
  const std::uint32_t old = m.ask(m.request(vf_a, 0x1000));
  m.timeline.run(m.timeline.now() + 3600_ns);  // its leaf read is under way and has seen 0xa111
  m.store(m.leaf_a, vtd::leaf_entry(Hpa(0xa333'0000), true, true, 12));
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(2, 1));
  m.timeline.run(m.timeline.now() + 400_ns);  // long enough for an invalidation alone
  CHECK(m.client.replies.count(old) == 0);
  CHECK(m.iotlb_busy());
  std::string finding;
  try {
    audit(Invariant::at_rest, m.timeline.now());
  } catch (const InvariantBroken& e) {
    finding = e.what();
  }
  CHECK_THAT(finding, Catch::Contains("iommu.rest"));
  m.run();
  CHECK_FALSE(m.iotlb_busy());
  CHECK(m.client.replies[old].address == Hpa(0xa111'0000));
  CHECK(m.a() == 0xa333'0000);
}

TEST_CASE("commands that mean nothing are refused at once: granularity 0, mask too large, queue on") {
  Moved m;
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(0));
  CHECK_FALSE(m.iotlb_busy());
  m.write64(vtd::reg_invalidate_address, 0x1000 | (max_address_mask + 1));
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(3, 1));
  CHECK_FALSE(m.iotlb_busy());
  CHECK(m.iotlb_done() == 0);
  m.enable_queue();
  m.write64(vtd::reg_iotlb_invalidate, vtd::iotlb_command(1));
  m.write64(vtd::reg_context_command, vtd::context_command(1));
  CHECK_FALSE(m.iotlb_busy());
  CHECK((m.context_register() >> 63) == 0);      // not under way
  CHECK((m.context_register() >> 59 & 3) == 0);  // nothing done (CAIG)
  CHECK(m.unit.register_invalidation.commands.value() == 0);
  CHECK(m.a() == 0xaaaa'0000);
}
