// SPDX-License-Identifier: Apache-2.0
// What a rogue function can try, one row each: with remapping on every attack is blocked and recorded; with it off the ones
// that are documented to work do work, so that the suite is known to attack something.
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
/// The attacker is vf_b, domain 2; the victim vf_a, domain 1, with a page at host address 0x2aaa'0000 and interrupt entry 3.
struct Scene : Rig {
  explicit Scene(bool on) : Rig(all_records()) {
    const std::uint64_t victim = allocate(), attacker = allocate();
    map(victim, 0x1000, victims_page);
    map(attacker, 0x2000, 0x3bbb'0000, true, false);
    attach(vf_a, victim, 1);
    attach(vf_b, attacker, 2);
    interrupts = allocate();
    store(interrupts + 3 * 16, vtd::remapped_irte(1, 0x41, vf_a));
    store(interrupts + 4 * 16, vtd::Pair{1 | 0x1000, 0});  // reserved bit set
    write64(vtd::reg_interrupt_table, vtd::interrupt_table_address(interrupts, 5, false));
    command(vtd::gcmd_set_interrupt_table);
    if (!on) return;
    enable_translation();
    command(vtd::gcmd_interrupt_remapping);
  }
  static Params all_records() {
    Params p = test_params();
    p.features.fault_records = 256;
    return p;
  }
  static constexpr std::uint64_t victims_page = 0x2aaa'0000;
  std::uint64_t interrupts;
};

struct DmaAttack {
  const char* what;
  RequesterId from;
  std::uint64_t address;
  Access access;
  AddressType at;
  std::uint32_t pasid;
  int reason;     ///< recorded with remapping on
  bool works_off;  ///< reaches memory with it off
};
constexpr auto plain = AddressType::untranslated;
constexpr std::uint32_t no_pasid = Pasid::none;
const DmaAttack dma_attacks[] = {
    {"read the victim's host address", vf_b, 0x2aaa'0000, Access::read, plain, no_pasid, 0x06, true},
    {"write the victim's host address", vf_b, 0x2aaa'0000, Access::write, plain, no_pasid, 0x05, true},
    {"read the victim's I/O address", vf_b, 0x1000, Access::read, plain, no_pasid, 0x06, true},
    {"write a page that is mapped read-only", vf_b, 0x2000, Access::write, plain, no_pasid, 0x05, true},
    {"write just behind its page", vf_b, 0x3000, Access::write, plain, no_pasid, 0x05, true},
    {"write the IOMMU's own tables", vf_b, 0x10'0000, Access::write, plain, no_pasid, 0x05, true},
    {"claim that the address is translated already", vf_b, 0x2aaa'0000, Access::write, AddressType::translated, no_pasid, 0x0d, true},
    {"ask for a translation without permission", vf_b, 0x2000, Access::read, AddressType::translation_request, no_pasid, 0x0d, false},
    {"use a PASID that nobody gave it", vf_b, 0x1000, Access::read, plain, 1, 0x31, true},
    {"use a requester ID without context entry", vf_c, 0x2aaa'0000, Access::write, plain, no_pasid, 0x01, true},
    {"use an unused function of its own bus", {0x0117}, 0x2aaa'0000, Access::write, plain, no_pasid, 0x02, true},
    {"read from the interrupt range", vf_b, 0xfee0'0000, Access::read, plain, no_pasid, 0x0e, false},
    {"an address wider than its tables", vf_b, std::uint64_t{1} << 50, Access::write, plain, no_pasid, 0x04, true},
};

TranslationRequest request_of(Scene& s, const DmaAttack& a) {
  TranslationRequest q = s.request(a.from, a.address, a.access);
  q.at = a.at;
  q.pasid.value = a.pasid;
  return q;
}

struct MessageAttack {
  const char* what;
  RequesterId from;
  std::uint32_t address, data;
  int reason;
};
const MessageAttack message_attacks[] = {
    {"raise a vector by a compatibility-format message", vf_b, vtd::compatibility_msi_address(5), 0xf3, 0x25},
    {"an NMI by the same format", vf_b, vtd::compatibility_msi_address(0), 4 << 8, 0x25},
    {"use the victim's table entry", vf_b, vtd::remappable_msi_address(3), 0, 0x26},
    {"reach the victim's entry by a subhandle", vf_b, vtd::remappable_msi_address(1) | 1u << 3, 2, 0x26},
    {"an entry that is not there", vf_b, vtd::remappable_msi_address(7), 0, 0x22},
    {"an index beyond the table", vf_b, vtd::remappable_msi_address(32), 0, 0x21},
    {"a subhandle beyond the table", vf_b, vtd::remappable_msi_address(3) | 1u << 3, 0xffff, 0x21},
    {"reserved bits in the data", vf_b, vtd::remappable_msi_address(3), 0x10000, 0x20},
    {"an entry with reserved bits", vf_b, vtd::remappable_msi_address(4), 0, 0x24},
    {"a requester ID that owns nothing", vf_c, vtd::remappable_msi_address(3), 0, 0x26},
};
}  // namespace

TEST_CASE("every rogue DMA is blocked and recorded while remapping is on", "[D4][N5]") {
  Scene s(true);
  unsigned record = 0;
  for (const DmaAttack& a : dma_attacks) {
    INFO(a.what);
    CHECK(s.answer(request_of(s, a)).outcome != Outcome::granted);
    const vtd::FaultRecord r = s.unit.fault_record(record++);
    REQUIRE(r.valid());
    CHECK(int{r.reason()} == a.reason);
    CHECK(r.source() == a.from.value);
  }
  CHECK(s.dma(vf_a, 0x1000).address == Hpa(Scene::victims_page));  // the victim goes on
}

TEST_CASE("the same DMA reaches memory while remapping is off, where it is documented to", "[D4][N5]") {
  Scene s(false);
  for (const DmaAttack& a : dma_attacks) {
    INFO(a.what);
    const TranslationReply reply = s.answer(request_of(s, a));
    CHECK((reply.outcome == Outcome::granted) == a.works_off);
    if (a.works_off) CHECK(reply.address == Hpa(a.address));
  }
  CHECK_FALSE(s.unit.fault_record(0).valid());
}

TEST_CASE("every rogue message is blocked and recorded while remapping is on", "[F2][F3][N5]") {
  Scene s(true);
  unsigned record = 0;
  for (const MessageAttack& a : message_attacks) {
    INFO(a.what);
    s.unit.interrupt({a.from, a.address, a.data, {}});
    s.run();
    const vtd::FaultRecord r = s.unit.fault_record(record++);
    REQUIRE(r.valid());
    CHECK(int{r.reason()} == a.reason);
    CHECK(r.source() == a.from.value);
  }
  CHECK(s.processors.taken.empty());
  s.unit.interrupt({vf_a, vtd::remappable_msi_address(3), 0, {}});
  s.run();
  CHECK(s.processors.taken.size() == 1);  // the victim's own message arrives
}

TEST_CASE("the same messages interrupt processors while remapping is off", "[F2][N5]") {
  Scene s(false);
  for (const MessageAttack& a : message_attacks) s.unit.interrupt({a.from, a.address, a.data, {}});
  s.run();
  REQUIRE(s.processors.taken.size() == std::size(message_attacks));
  CHECK(s.processors.taken[0].interrupt.vector == 0xf3);
  CHECK(s.processors.taken[0].interrupt.destination == 5);
}
