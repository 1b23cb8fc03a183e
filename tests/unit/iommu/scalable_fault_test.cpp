// SPDX-License-Identifier: Apache-2.0
// Every fault reason of scalable mode that comes before the page tables, provoked by exactly one thing wrong.
#include "tests/unit/iommu/tables.h"
namespace scalable_fault_test {
using namespace tables;

namespace {
constexpr u64 root = 0x1000, contexts = 0x2000, directory = 0x3000, pasids = 0x5000, top = 0x10000;
constexpr std::uint16_t rid = 0x0390;  // device-function 0x90: the upper half of the root entry
constexpr u64 root_slot = root + 3 * 16 + 8, context_slot = contexts + 0x10 * 32;
constexpr std::uint32_t pasid = 0x45, rid_pasid = 0x44;
constexpr u64 entry = pasids + 5 * 64;

struct Good {
  Words words;
  Features features;
  TableRoot where{true, TableRoot::Mode::scalable, root};
  Good() {
    words.at[root_slot] = contexts | 1;
    words.at[context_slot] = directory | 1 | 1 << 3;  // PASIDE, PDTS = 0: 128 entries of 64 PASIDs
    words.at[context_slot + 8] = rid_pasid;
    words.at[directory + 8] = pasids | 1;
    for (const u64 e : {entry - 64, entry}) {
      words.at[e] = top | 1 | 1 << 2 | 2 << 6;  // 3 levels, second stage
      words.at[e + 8] = 17;
    }
    for (u64 level = 0; level < 3; ++level) words.at[top + 4096 * level] = (top + 4096 * (level + 1)) | 3;
  }
  TranslationReply ask(std::uint32_t with = pasid, AddressType at = AddressType::untranslated) {
    Walk walk;
    TranslationRequest q = request(rid, 0x123, Access::read, at);
    q.pasid.value = with;
    return resolve(features, where, q, words.memory(), walk);
  }
  int reason(std::uint32_t with = pasid, AddressType at = AddressType::untranslated) {
    const TranslationReply reply = ask(with, at);
    CHECK(reply.outcome != TranslationReply::Outcome::granted);
    return reply.fault_reason;
  }
};
}  // namespace

TEST_CASE("scalable tables grant when whole, with a PASID and through RID_PASID") {
  Good t;
  CHECK(t.ask().address == Hpa(top + 3 * 4096 + 0x123));
  CHECK(t.ask(Pasid::none).address == Hpa(top + 3 * 4096 + 0x123));
  t.words.at[entry - 64] = 0;  // RID_PASID's entry
  CHECK(t.ask().outcome == TranslationReply::Outcome::granted);
  CHECK(t.reason(Pasid::none) == 0x59);
}

TEST_CASE("reason 30, 38, 39, 3A: root table") {
  Good mode, far, absent, reserved;
  mode.features.scalable_mode = false;
  CHECK(mode.reason() == 0x30);
  far.where.table = far.words.limit;
  CHECK(far.reason() == 0x38);
  absent.words.at[root_slot - 8] = absent.words.at[root_slot];
  absent.words.at[root_slot] = 0;  // the other half does not count
  CHECK(absent.reason() == 0x39);
  reserved.words.at[root_slot] |= 2;
  CHECK(reserved.reason() == 0x3a);
}

TEST_CASE("reason 40 to 48: context entry") {
  Good far, absent, reserved, no_prs, no_pasid, small, rid_beyond;
  far.words.at[root_slot] = far.words.limit | 1;
  CHECK(far.reason() == 0x40);
  absent.words.at[context_slot] &= ~u64{1};
  CHECK(absent.reason() == 0x41);
  reserved.words.at[context_slot + 16] = 1;
  CHECK(reserved.reason() == 0x42);
  no_prs.features.page_requests = false;
  no_prs.words.at[context_slot] |= 1 << 4;
  CHECK(no_prs.reason() == 0x43);
  CHECK(Good().reason(pasid, AddressType::translation_request) == 0x44);
  CHECK(Good().reason(pasid, AddressType::translated) == 0x44);
  no_pasid.words.at[context_slot] &= ~u64{1 << 3};
  CHECK(no_pasid.reason() == 0x45);
  CHECK(no_pasid.ask(Pasid::none).outcome == TranslationReply::Outcome::granted);
  CHECK(Good().reason(128 * 64) == 0x46);
  CHECK(Good().reason(128 * 64 - 1) == 0x51);
  rid_beyond.words.at[context_slot + 8] = 128 * 64;
  CHECK(rid_beyond.reason(Pasid::none) == 0x48);
}

TEST_CASE("reason 50, 51, 52: PASID directory") {
  Good far, absent, reserved;
  far.words.at[context_slot] = far.words.limit | 1 | 1 << 3;
  CHECK(far.reason() == 0x50);
  absent.words.at[directory + 8] = 0;
  CHECK(absent.reason() == 0x51);
  reserved.words.at[directory + 8] |= 4;
  CHECK(reserved.reason() == 0x52);
}

TEST_CASE("reason 58, 59, 5A, 5B: PASID table entry") {
  Good far, absent, reserved, type, levels, no_first, no_nested;
  far.words.at[directory + 8] = far.words.limit | 1;
  CHECK(far.reason() == 0x58);
  absent.words.at[entry] &= ~u64{1};
  CHECK(absent.reason() == 0x59);
  reserved.words.at[entry + 32] = 1;
  CHECK(reserved.reason() == 0x5a);
  type.words.at[entry] |= 5 << 6;
  CHECK(type.reason() == 0x5b);
  levels.words.at[entry] |= 7 << 2;
  CHECK(levels.reason() == 0x5b);
  no_first.features.first_stage = false;
  no_first.words.at[entry] = 1 | 1 << 6;
  CHECK(no_first.reason() == 0x5b);
  no_nested.features.nested = false;
  no_nested.words.at[entry] |= 3 << 6;
  CHECK(no_nested.reason() == 0x5b);
}

TEST_CASE("reason 83, 87: pass-through beyond the host's width, pages onto the interrupt range") {
  Good t;
  t.words.at[entry] = 1 | 4 << 6;
  Walk walk;
  TranslationRequest q = request(rid, u64{1} << t.features.host_address_bits, Access::read);
  q.pasid.value = pasid;
  CHECK(resolve(t.features, t.where, q, t.words.memory(), walk).fault_reason == 0x83);
  q.address = Iova(0x7000);
  CHECK(resolve(t.features, t.where, q, t.words.memory(), walk).address == Hpa(0x7000));
  Good range;
  range.words.at[top + 2 * 4096] = 0xfee0'0003;
  CHECK(range.reason() == 0x87);
  q.address = Iova(0xfee0'0000);
  CHECK(resolve(t.features, t.where, q, t.words.memory(), walk).fault_reason == 0x87);
}

TEST_CASE("fault processing disable in context, directory or table entry suppresses what follows it") {
  for (const u64 slot : {context_slot, directory + 8, entry}) {
    Good t;
    t.words.at[slot] |= 2;
    t.words.at[top] = 0;
    Walk walk;
    TranslationRequest q = request(rid, 0x123, Access::read);
    q.pasid.value = pasid;
    CHECK(resolve(t.features, t.where, q, t.words.memory(), walk).fault_reason == 0x79);
    CHECK(walk.suppress_faults());
  }
}
}  // namespace scalable_fault_test
