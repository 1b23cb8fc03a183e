// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/remapping_function.h"

#include <catch2/catch.hpp>

#include "models/iommu/memory_image.h"
#include "models/protocol/translation_completion.h"
using namespace iov;
using namespace iov::iommu;

namespace {
void put(MemoryImage& image, std::uint64_t at, const vtd::Pair& p) {
  image.write(at, p.lo), image.write(at + 8, p.hi);
}

/// A dump with one 2 MiB page, and the unit's function on it.
struct Dump {
  explicit Dump(bool updating = false) : tables(image.tables(updating)) {
    put(image, 0x1000 + 1 * 16, vtd::root_entry(Hpa(0x2000)));
    put(image, 0x2000 + 8 * 16, vtd::context_entry(Hpa(0x3000), 3, {1}, vtd::TranslationType::with_ats));
    image.write(0x3000, vtd::table_entry(Hpa(0x4000)));
    image.write(0x4000 + 8, vtd::leaf_entry(Hpa(0x4000'0000), true, false, 21));
  }
  RemappingFunction::Translation translate(const TranslationRequest& q) { return function().translate(q); }
  InterruptReply interrupt(RequesterId source, std::uint64_t address, std::uint32_t data) {
    return function().interrupt(source, address, data);
  }
  RemappingFunction function() { return {Features{}, {0x1000, 0x8000 | 5, true, true, false}, tables}; }
  MemoryImage image;
  TableMemory tables;
};
TranslationRequest read_at(std::uint64_t address, AddressType at = AddressType::untranslated) {
  TranslationRequest q;
  q.requester.value = 0x0108;
  q.address = Iova(address);
  q.at = at;
  return q;
}
}  // namespace

TEST_CASE("a dump of tables explains a DMA: address, page size, permissions, reads, or the reason") {
  Dump f;
  const auto good = f.translate(read_at(0x23'4567));
  CHECK(good.reply.address == Hpa(0x4003'4567));
  CHECK(good.reply.log2_page == 21);
  CHECK(good.reply.readable);
  CHECK_FALSE(good.reply.writable);
  CHECK(good.reads == 4);
  TranslationRequest write = read_at(0x23'4567);
  write.access = Access::write;
  const auto bad = f.translate(write);
  CHECK(std::string(fault_name(static_cast<FaultReason>(bad.reply.fault_reason))) == "write_denied");
  CHECK(bad.recorded);
}

TEST_CASE("a translation completion carries its size in the address and its permissions below") {
  Dump f;
  const std::uint64_t entry =
      translation_entry(f.translate(read_at(0x23'4000, AddressType::translation_request)).reply);
  CHECK(entry == (0x4000'0000 | 0xf'f000 | 0x800 | 1));  // ones in 19:12, zero in 20: 2 MiB
  CHECK(translation_entry(f.translate(read_at(0x40'0000, AddressType::translation_request)).reply) == 0);
}

namespace {
struct Listener {
  void heard(const TableRead& r) { lines.push_back(table_name(r) + ": " + table_text(r)); }
  std::vector<std::string> lines;
};
}  // namespace

TEST_CASE("an observer is told every entry that a translation reads, level by level") {
  Dump f;
  Listener listener;
  f.tables.observe = bind<&Listener::heard>(&listener);
  f.translate(read_at(0x23'4567));
  REQUIRE(listener.lines.size() == 4);
  CHECK(listener.lines[0] == "root entry: P=1 context_table=0x2000");
  CHECK(listener.lines[1] == "context entry: P=1 FPD=0 TT=with_ats second_stage_table=0x3000 levels=3 domain=1");
  CHECK(listener.lines[2] == "second-stage entry, level 3: R=1 W=1 X=0 PS=0 A=0 D=0 SNP=0 TM=0 next_table=0x4000");
  CHECK(listener.lines[3] == "second-stage entry, level 2: R=1 W=0 X=0 PS=1 A=0 D=0 SNP=0 TM=0 page=0x40000000");
}

TEST_CASE("an observer is told the interrupt entry and the posted descriptor behind it") {
  Dump f;
  Listener listener;
  f.tables.observe = bind<&Listener::heard>(&listener);
  put(f.image, 0x8000 + 4 * 16, vtd::posted_irte(Hpa(0x9'0040), 0x55, {0x0108}));
  f.image.write(0x9'0040 + 32, vtd::posted_control(0xf2, 2));
  f.interrupt({0x0108}, vtd::remappable_msi_address(4), 0);
  REQUIRE(listener.lines.size() == 2);
  CHECK(listener.lines[0] == "interrupt remapping entry: P=1 FPD=0 IM=1 vector=0x55 URG=0 descriptor=0x90040 SID=0x108 SQ=0 SVT=1");
  CHECK(listener.lines[1] == "posted-interrupt descriptor: ON=0 SN=0 NV=0xf2 NDST=0x200");
}

TEST_CASE("memory that was never dumped reads as zero, or is an access error when strict") {
  Dump f;
  f.image.write(0x3008, vtd::table_entry(Hpa(0x77'0000)));
  CHECK(f.translate(read_at(0x4000'0000)).reply.fault_reason == 0x06);
  f.image.set_strict(true);
  CHECK(f.translate(read_at(0x4000'0000)).reply.fault_reason == 0x07);
}

TEST_CASE("interrupts are explained: remapped, posted with and without notification, blocked") {
  Dump f(true);
  const RequesterId vf{0x0108};
  put(f.image, 0x8000 + 3 * 16, vtd::remapped_irte(7, 0x44, vf));
  put(f.image, 0x8000 + 4 * 16, vtd::posted_irte(Hpa(0x9'0040), 0x55, vf));
  f.image.write(0x9'0040 + 32, vtd::posted_control(0xf2, 2));
  const auto remapped = f.interrupt(vf, vtd::remappable_msi_address(3), 0);
  CHECK(remapped.outcome == InterruptReply::Outcome::delivered);
  CHECK(remapped.interrupt.destination == 7);
  CHECK(remapped.interrupt.vector == 0x44);
  const auto posted = f.interrupt(vf, vtd::remappable_msi_address(4), 0);
  CHECK(posted.outcome == InterruptReply::Outcome::posted);
  CHECK(posted.descriptor == 0x9'0040);
  CHECK(posted.virtual_vector == 0x55);
  CHECK(posted.notified);
  CHECK(posted.interrupt.destination == 2);
  CHECK_FALSE(f.interrupt(vf, vtd::remappable_msi_address(4), 0).notified);  // ON is set now
  CHECK(f.interrupt({0x0110}, vtd::remappable_msi_address(3), 0).fault == FaultReason::source_mismatch);
  CHECK(f.interrupt(vf, vtd::remappable_msi_address(64), 0).fault == FaultReason::interrupt_index);
  CHECK(f.interrupt(vf, vtd::compatibility_msi_address(1), 0x41).fault == FaultReason::compatibility_blocked);
}

TEST_CASE("an IOAPIC's remappable entry names an index, its compatibility entry a destination") {
  const InterruptMessage remappable =
      ioapic_message(std::uint64_t{0x1234} << 49 | std::uint64_t{1} << 48 | 1 << 11 | 0x30, {0xf0});
  InterruptRoot root{true, false, false, 0, 65536};
  CHECK(decode_message(root, remappable.address, remappable.data).index == (0x8000 | 0x1234));
  const InterruptMessage plain = ioapic_message(std::uint64_t{5} << 56 | 0x30, {0xf0});
  CHECK(direct_interrupt(plain.address, plain.data).destination == 5);
  CHECK(direct_interrupt(plain.address, plain.data).vector == 0x30);
}
