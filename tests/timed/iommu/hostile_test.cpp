// SPDX-License-Identifier: Apache-2.0
// Nothing that software, a device or a table can contain stops the simulator or loses a request.
#include "models/core/random.h"
#include "models/core/sim_error.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
struct Hostile : Rig {
  explicit Hostile(std::uint64_t seed) : Rig(parameters()), random(seed, "hostile") {
    memory.limit = 0x40'0000;
  }
  static Params parameters() {
    Params p;
    p.device_tlb_timeout = 20_us;
    p.translation_queue = 8;
    return p;
  }
  Random random;
  std::uint64_t word() {
    switch (random.below(5)) {
      case 0: return random.below(~std::uint64_t{0});
      case 1: return 0x1000 * random.below(0x500) | random.below(16);
      case 2: return random.below(256);
      case 3: return std::uint64_t{1} << random.below(64);
      default: return 0x10'0000 + 0x1000 * random.below(16) + 1 + 2 * random.below(2);
    }
  }
  void scribble() {
    for (unsigned i = 0; i < 64; ++i) store(0x10'0000 + 8 * random.below(0x2000), word());
    // descriptors of every type, with random fields
    for (unsigned i = 0; i < 16; ++i)
      store(0x10'0000 + 16 * random.below(0x1000), (word() & ~std::uint64_t{15}) | random.below(10));
  }
  void registers() {
    static constexpr std::uint32_t tables[] = {vtd::reg_root_table, vtd::reg_interrupt_table,
                                               vtd::reg_queue_address, vtd::reg_page_request_address};
    for (const std::uint32_t t : tables)
      if (random.below(4) == 0) write64(t, (0x10'0000 + 0x1000 * random.below(16)) | random.below(0x1000));
    const std::uint32_t at = static_cast<std::uint32_t>(random.below(random.below(2) ? 0x100 : 0x1200)) & ~3u;
    unit.write_register(at, word(), random.below(2) ? 4 : 8);
    unit.read_register(static_cast<std::uint32_t>(random.below(0x4000)),
                       static_cast<unsigned>(random.below(10)));
    constexpr std::uint32_t usual =
        vtd::gcmd_translation_enable | vtd::gcmd_queue_enable | vtd::gcmd_interrupt_remapping;
    if (random.below(8) == 0)
      write32(vtd::reg_global_command, random.below(0x1'0000'0000) | (random.below(8) ? usual : 0));
    if (random.below(4) == 0) write32(vtd::reg_fault_status, 0xff);
    if (random.below(4) == 0) write64(vtd::reg_queue_tail, 16 * random.below(64));
  }
  void device() {
    TranslationRequest q = request({static_cast<std::uint16_t>(random.below(0x400))}, word(),
                                   static_cast<Access>(random.below(3)));
    if (random.below(3) == 0) q.pasid.value = static_cast<std::uint32_t>(random.below(1 << 20));
    q.at = static_cast<AddressType>(random.below(3));
    if (unit.translate(q, next_ticket, client)) ++next_ticket;
    if (random.below(3) == 0)
      unit.interrupt({q.requester,
                      static_cast<std::uint32_t>(0xfee0'0000 | random.below(0x10'0000)),
                      static_cast<std::uint32_t>(word()),
                      {}});
    if (random.below(4) == 0)
      unit.invalidate_completed(q.requester, static_cast<std::uint32_t>(word()),
                                static_cast<std::uint8_t>(random.below(8)));
    if (random.below(4) == 0) unit.page_requested(q.requester, q.pasid, word());
  }
};
}  // namespace

TEST_CASE(
    "random registers, tables, descriptors and devices: every request is answered, all invariants hold") {
  Hostile h(20);
  std::uint64_t walked = 0;
  for (unsigned step = 0; step < 30000; ++step) {
    if (step % 4 == 0) h.scribble();
    h.registers();
    for (unsigned i = 0; i < 4; ++i) h.device();
    if (h.random.below(2))
      h.timeline.run(h.timeline.now() + Time(static_cast<double>(h.random.below(600)), sc_core::SC_NS));
  }
  h.write32(vtd::reg_global_command, 0);
  h.run(1000_us);
  walked = h.unit.translation.walks.value();
  CHECK(h.client.replies.size() == h.next_ticket - 1);
  CHECK_NOTHROW(audit(Invariant::at_rest, h.timeline.now()));
  CHECK(walked > 1000);
  CHECK(h.unit.invalidation.errors.value() > 20);
  CHECK(h.unit.invalidation.descriptors.value() > 20);
  CHECK(h.unit.interrupts.blocked.value() > 100);
  CHECK(h.unit.page_requests.refused.value() > 100);
}
