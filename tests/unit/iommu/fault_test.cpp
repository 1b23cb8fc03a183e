// SPDX-License-Identifier: Apache-2.0
// Every fault reason of legacy mode, provoked by exactly one thing wrong.
#include "tests/unit/iommu/tables.h"
using namespace tables;

namespace {
constexpr u64 root = 0x1000, contexts = 0x2000, top = 0x10000, l3 = 0x11000, l2 = 0x12000, l1 = 0x13000;
constexpr std::uint16_t rid = 0x0310;
constexpr u64 root_slot = root + 3 * 16, context_slot = contexts + 0x10 * 16;

struct Good {
  Words words;
  Features features;
  TableRoot where{true, TableRoot::Mode::legacy, root};
  Good() {
    words.put(root_slot, vtd::root_entry(Hpa(contexts)));
    context(vtd::TranslationType::untranslated_only);
    words.at[top] = vtd::table_entry(Hpa(l3));
    words.at[l3] = vtd::table_entry(Hpa(l2));
    words.at[l2] = vtd::table_entry(Hpa(l1));
    words.at[l1 + 8] = vtd::leaf_entry(Hpa(0x5'5000), true, true, 12);
  }
  void context(vtd::TranslationType type, unsigned levels = 4, std::uint16_t domain = 7) {
    words.put(context_slot, vtd::context_entry(Hpa(top), levels, {domain}, type));
  }
  TranslationReply ask(u64 address = 0x1000, Access access = Access::read,
                       AddressType at = AddressType::untranslated) {
    Walk walk;
    return resolve(features, where, request(rid, address, access, at), words.memory(), walk);
  }
  int reason(u64 address = 0x1000, Access access = Access::read, AddressType at = AddressType::untranslated) {
    const TranslationReply reply = ask(address, access, at);
    CHECK(reply.outcome != TranslationReply::Outcome::granted);
    return reply.fault_reason;
  }
};
}  // namespace

TEST_CASE("the tables that the fault tests damage grant when whole") {
  Good t;
  CHECK(t.ask().address == Hpa(0x5'5000));
}

TEST_CASE("reason 1, 8, A: root entry absent, out of reach, reserved bits") {
  Good absent, reserved, reserved_high, far;
  absent.words.at[root_slot] = 0;
  CHECK(absent.reason() == 0x01);
  reserved.words.at[root_slot] |= 4;
  CHECK(reserved.reason() == 0x0a);
  reserved_high.words.at[root_slot + 8] = 1;
  CHECK(reserved_high.reason() == 0x0a);
  far.where.table = far.words.limit;
  CHECK(far.reason() == 0x08);
}

TEST_CASE("reason 2, 3, 9, B: context entry absent, invalid, out of reach, reserved bits") {
  Good absent, aw, type3, no_dt, no_pt, far, reserved, high, domain;
  absent.words.at[context_slot] &= ~u64{1};
  CHECK(absent.reason() == 0x02);
  aw.context(vtd::TranslationType::untranslated_only, 5);
  CHECK(aw.reason() == 0x03);
  type3.words.at[context_slot] |= 3 << 2;
  CHECK(type3.reason() == 0x03);
  no_dt.features.device_tlb = false;
  no_dt.context(vtd::TranslationType::with_ats);
  CHECK(no_dt.reason() == 0x03);
  no_pt.features.pass_through = false;
  no_pt.context(vtd::TranslationType::pass_through);
  CHECK(no_pt.reason() == 0x03);
  far.words.put(root_slot, vtd::root_entry(Hpa(far.words.limit)));
  CHECK(far.reason() == 0x09);
  reserved.words.at[context_slot] |= 0x100;
  CHECK(reserved.reason() == 0x0b);
  high.words.at[context_slot + 8] |= u64{1} << 24;
  CHECK(high.reason() == 0x0b);
  domain.features.domain_id_bits = 8;
  domain.context(vtd::TranslationType::untranslated_only, 4, 0x100);
  CHECK(domain.reason() == 0x0b);
}

TEST_CASE("reason 4: an address wider than the tables") {
  Good t;
  CHECK(t.reason(u64{1} << 48) == 0x04);
  t.context(vtd::TranslationType::untranslated_only, 3);
  CHECK(t.reason(u64{1} << 39) == 0x04);
  t.context(vtd::TranslationType::pass_through);
  CHECK(t.reason(u64{1} << 48) == 0x04);
}

TEST_CASE("reason 5, 6: permission missing at any level") {
  for (const u64 slot : {top, l3, l2, l1 + 8}) {
    Good t;
    t.words.at[slot] &= ~vtd::pte_write;
    CHECK(t.reason(0x1000, Access::write) == 0x05);
    CHECK(t.ask(0x1000, Access::read).outcome == TranslationReply::Outcome::granted);
    t.words.at[slot] |= vtd::pte_write;
    t.words.at[slot] &= ~vtd::pte_read;
    CHECK(t.reason(0x1000, Access::read) == 0x06);
    CHECK(t.ask(0x1000, Access::write).outcome == TranslationReply::Outcome::granted);
  }
}

TEST_CASE("reason 7, C: a table out of reach, reserved bits in an entry") {
  Good far, wide, snoop, big, huge;
  far.words.at[l2] = vtd::table_entry(Hpa(far.words.limit));
  CHECK(far.reason() == 0x07);
  wide.words.at[l2] |= u64{1} << wide.features.host_address_bits;
  CHECK(wide.reason() == 0x0c);
  snoop.features.snoop_control = false;
  snoop.words.at[l1 + 8] |= 1 << 11;
  CHECK(snoop.reason() == 0x0c);
  big.words.at[l2] = vtd::leaf_entry(Hpa(0x20'0000), true, true, 21);
  CHECK(big.ask().address == Hpa(0x20'1000));
  big.words.at[l2] |= 0x1000;  // not aligned to 2 MiB
  CHECK(big.reason() == 0x0c);
  huge.features.page_1g = false;
  huge.words.at[l3] = vtd::leaf_entry(Hpa(0x4000'0000), true, true, 30);
  CHECK(huge.reason() == 0x0c);
}

TEST_CASE("reason D: translation and translated requests where the context does not allow them") {
  for (const auto type : {vtd::TranslationType::untranslated_only, vtd::TranslationType::pass_through}) {
    Good t;
    t.context(type);
    CHECK(t.reason(0x1000, Access::read, AddressType::translation_request) == 0x0d);
    CHECK(t.reason(0x5'5000, Access::read, AddressType::translated) == 0x0d);
  }
  Good allowed;
  allowed.context(vtd::TranslationType::with_ats);
  CHECK(allowed.ask(0x1000, Access::read, AddressType::translation_request).address == Hpa(0x5'5000));
  CHECK(allowed.ask(0x5'5000, Access::read, AddressType::translated).address == Hpa(0x5'5000));
}

TEST_CASE("a translation request is told what is allowed, and not present is no fault") {
  Good t;
  t.context(vtd::TranslationType::with_ats);
  t.words.at[l1 + 8] &= ~vtd::pte_write;
  const TranslationReply readable = t.ask(0x1000, Access::read, AddressType::translation_request);
  CHECK(readable.readable);
  CHECK_FALSE(readable.writable);
  const TranslationReply gone = t.ask(0x7000, Access::read, AddressType::translation_request);
  CHECK(gone.outcome == TranslationReply::Outcome::not_present);
  CHECK(gone.fault_reason == 0);
  t.words.at[l2] |= u64{1} << t.features.host_address_bits;
  CHECK(t.ask(0x1000, Access::read, AddressType::translation_request).outcome ==
        TranslationReply::Outcome::abort);
  t.words.at[context_slot] = 0;
  CHECK(t.ask(0x1000, Access::read, AddressType::translation_request).outcome ==
        TranslationReply::Outcome::blocked);
}

TEST_CASE("reason 31, 33, 30: a PASID in legacy mode, abort mode, a reserved mode") {
  Good t;
  Walk walk;
  TranslationRequest q = request(rid, 0x1000, Access::read);
  q.pasid.value = 5;
  CHECK(resolve(t.features, t.where, q, t.words.memory(), walk).fault_reason == 0x31);
  t.where.mode = TableRoot::Mode::abort;
  CHECK(t.reason() == 0x33);
  t.where.mode = TableRoot::Mode::reserved;
  CHECK(t.reason() == 0x30);
}
