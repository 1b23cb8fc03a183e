// SPDX-License-Identifier: Apache-2.0
// Every reason code that applies: provoked by exactly one thing wrong, blocked, and in a fault record with source, address,
// PASID and kind of access. (What provokes what in detail: tests/unit/iommu/*fault_test.cpp.)
#include <set>

#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
constexpr std::uint64_t unreachable = std::uint64_t{1} << 40;  // below the host's width, but no memory there

struct Recorder : Rig {
  explicit Recorder(const Params& p = all_records()) : Rig(p) {}
  static Params all_records() {
    Params p = test_params();
    p.features.fault_records = 256;
    return p;
  }
  void forget() {  // whatever the caches know of the tables before
    submit(vtd::invalidate_context(1));
    submit(vtd::invalidate_pasid_cache(3));
    invalidate(vtd::invalidate_iotlb_global());
  }
  void provoke(int reason, const TranslationRequest& q) {
    forget();
    provoke_now(reason, q);
  }
  void provoke_now(int reason, const TranslationRequest& q) {
    INFO("reason " << std::hex << reason);
    const TranslationReply reply = answer(q);
    CHECK(reply.outcome != Outcome::granted);
    const vtd::FaultRecord record = unit.fault_record(records++);
    REQUIRE(record.valid());
    CHECK(int{record.reason()} == reason);
    CHECK(record.source() == q.requester.value);
    CHECK(record.page() == (q.address.value & vtd::page_mask));
    CHECK(record.read() == (q.access != Access::write));
    CHECK(record.has_pasid() == q.pasid.present());
    if (q.pasid.present()) CHECK(record.pasid() == q.pasid.value);
    provoked.insert(reason);
  }
  /// With one word of memory changed.
  void provoke(int reason, std::uint64_t slot, std::uint64_t value, const TranslationRequest& q) {
    const std::uint64_t whole = load(slot);
    store(slot, value);
    provoke(reason, q);
    store(slot, whole);
  }
  unsigned records = 0;
  std::set<int> provoked;
};
}  // namespace

TEST_CASE("every reason of legacy mode is recorded", "[D4]") {
  Recorder r;
  const std::uint64_t table = r.allocate(), leaf = r.map(table, 0x1000, 0xaaaa'0000);
  const std::uint64_t directory = r.load(table) & vtd::page_mask;
  r.attach(vf_a, table, 1);
  r.enable_translation();
  r.enable_queue();
  const std::uint64_t root_slot = r.root + vf_a.bus() * 16u, context = r.context_slot(vf_a);
  const TranslationRequest read = r.request(vf_a, 0x1000), write = r.request(vf_a, 0x1000, Access::write);
  REQUIRE(r.answer(read).outcome == Outcome::granted);
  r.provoke(0x01, root_slot, 0, read);
  r.provoke(0x02, context, 0, read);
  r.provoke(0x03, context, r.load(context) | 3 << 2, read);
  r.provoke(0x04, r.request(vf_a, std::uint64_t{1} << 48));
  r.provoke(0x05, leaf, r.load(leaf) & ~vtd::pte_write, write);
  r.provoke(0x06, leaf, r.load(leaf) & ~vtd::pte_read, read);
  r.provoke(0x07, table, unreachable | 3, read);
  r.provoke(0x09, root_slot, unreachable | 1, read);
  r.provoke(0x0a, root_slot, r.load(root_slot) | 2, read);
  r.provoke(0x0b, context, r.load(context) | 0x100, read);
  r.provoke(0x0c, directory, r.load(directory) | 1 << 11, write);
  TranslationRequest translated = read;
  translated.at = AddressType::translated;
  r.provoke(0x0d, translated);
  r.provoke(0x0e, leaf, 0xfee0'0003, read);
  TranslationRequest with_pasid = read;
  with_pasid.pasid.value = 5;
  r.provoke(0x31, with_pasid);
  const std::uint64_t root = r.root;
  r.root = unreachable;
  r.enable_translation();
  r.provoke(0x08, read);
  r.root = root;
  r.enable_translation(vtd::rtaddr_abort);
  r.provoke(0x33, read);
  r.forget();
  r.enable_translation(std::uint64_t{2} << 10);  // reserved mode, in which the queue takes no descriptors
  r.provoke_now(0x30, read);
  CHECK(r.provoked.size() == 17);
}

namespace {
/// PASIDs 1: first stage, 2: second stage, 3: nested, 4: pass-through; every address 0x1000 granted.
struct Scalable : Recorder {
  static constexpr std::uint64_t guest = 0x40'0000'0000;  // host address of guest-physical 0, a 1 GiB page
  explicit Scalable(const Params& p = all_records(), bool granted = true) : Recorder(p) {
    root = allocate(), contexts = allocate(), directory = allocate(), pasids = allocate();
    store(root_slot(), contexts | 1);
    store(context(), directory | 1 | 1 << 3 | 1 << 4);  // PASIDE, PRE; PDTS = 0
    store(directory, pasids | 1);
    second = allocate(), leaf = map(second, 0x1000, 0xaaaa'0000);
    for (unsigned level = 4, at = 0; level > 0; --level, ++at) first[at] = allocate();
    for (unsigned at = 0; at < 3; ++at) store(first[at], first[at + 1] | 0x27);
    store(first[3] + 8, 0xbbbb'0067);
    for (unsigned at = 0; at < 3; ++at) store(guest + 0x10'0000 + 0x1000 * at, (0x10'0000 + 0x1000 * (at + 1)) | 0x27);
    store(guest + 0x10'3008, 0x5067);
    nested_second = allocate();
    nested_leaf = map(nested_second, 0, guest, true, true, 30);
    entry(1, 1 | 1 << 6, 1, first[0]);
    entry(2, second | 1 | 2 << 2 | 2 << 6, 2, 0);
    entry(3, nested_second | 1 | 2 << 2 | 3 << 6, 3, 0x10'0000);
    entry(4, 1 | 4 << 6, 4, 0);
    enable_translation(vtd::rtaddr_scalable);
    enable_queue();
    for (std::uint32_t pasid = 1; pasid <= 4 && granted; ++pasid) REQUIRE(answer(as(pasid)).outcome == Outcome::granted);
  }
  void entry(std::uint32_t pasid, std::uint64_t word0, std::uint16_t domain, std::uint64_t first_table) {
    store(slot(pasid), word0), store(slot(pasid) + 8, domain), store(slot(pasid) + 16, first_table);
  }
  std::uint64_t slot(std::uint32_t pasid) const { return pasids + pasid * 64u; }
  std::uint64_t root_slot() const { return root + vf_a.bus() * 16u; }
  std::uint64_t context() const { return contexts + vf_a.devfn() * 32u; }
  TranslationRequest as(std::uint32_t pasid, Access access = Access::read, std::uint64_t address = 0x1000) {
    TranslationRequest q = request(vf_a, address, access);
    q.pasid.value = pasid;
    return q;
  }
  using Recorder::provoke;
  std::uint64_t contexts, directory, pasids, second, leaf, first[4], nested_second, nested_leaf;
};
}  // namespace

TEST_CASE("every reason of scalable mode before the page tables is recorded", "[D4]") {
  Scalable r;
  const std::uint64_t whole = r.load(r.context());
  const std::uint64_t root = r.root;
  r.root = unreachable;
  r.enable_translation(vtd::rtaddr_scalable);
  r.provoke(0x38, r.as(2));
  r.root = root;
  r.enable_translation(vtd::rtaddr_scalable);
  r.provoke(0x39, r.root_slot(), 0, r.as(2));
  r.provoke(0x3a, r.root_slot(), r.load(r.root_slot()) | 2, r.as(2));
  r.provoke(0x40, r.root_slot(), unreachable | 1, r.as(2));
  r.provoke(0x41, r.context(), 0, r.as(2));
  r.provoke(0x42, r.context() + 16, 1, r.as(2));
  TranslationRequest translated = r.as(2);
  translated.at = AddressType::translated;
  r.provoke(0x44, translated);
  r.provoke(0x45, r.context(), whole & ~std::uint64_t{1 << 3}, r.as(2));
  r.provoke(0x46, r.as(128 * 64));
  r.provoke(0x48, r.context() + 8, 128 * 64, r.request(vf_a, 0x1000));
  r.provoke(0x50, r.context(), unreachable | 1 | 1 << 3, r.as(2));
  r.provoke(0x51, r.directory, 0, r.as(2));
  r.provoke(0x52, r.directory, r.load(r.directory) | 4, r.as(2));
  r.provoke(0x58, r.directory, unreachable | 1, r.as(2));
  r.provoke(0x59, r.as(9));
  r.provoke(0x5a, r.slot(2) + 32, 1, r.as(2));
  r.provoke(0x5b, r.slot(2), r.load(r.slot(2)) | 5 << 6, r.as(2));
  CHECK(r.provoked.size() == 17);
}

TEST_CASE("every reason of first-stage, second-stage and nested tables is recorded", "[D4]") {
  Scalable r;
  const auto first = [&](unsigned at) { return r.load(r.first[at]); };
  const std::uint64_t leaf = r.first[3] + 8, no_execute = std::uint64_t{1} << 63;
  r.provoke(0x5c, r.as(1, Access::execute));
  r.provoke(0x70, r.first[1], unreachable | 0x27, r.as(1));
  r.provoke(0x71, r.first[1], 0, r.as(1));
  r.provoke(0x72, r.first[1], first(1) | no_execute, r.as(1));  // NXE is off
  r.provoke(0x73, r.slot(1) + 16, unreachable, r.as(1));
  r.provoke(0x80, r.as(1, Access::read, std::uint64_t{1} << 47));
  r.provoke(0x81, leaf, r.load(leaf) & ~std::uint64_t{4}, r.as(1));
  r.store(r.slot(1) + 16, r.first[0] | 2 | 1 << 5);  // ERE, NXE
  r.provoke(0x82, leaf, r.load(leaf) | no_execute, r.as(1, Access::execute));
  r.provoke(0x78, r.second, unreachable | 3, r.as(2));
  r.provoke(0x79, r.leaf, 0, r.as(2));
  r.provoke(0x7a, r.leaf, r.load(r.leaf) | std::uint64_t{1} << 50, r.as(2));
  r.provoke(0x7b, r.slot(2), unreachable | 1 | 2 << 2 | 2 << 6, r.as(2));
  r.provoke(0x83, r.as(4, Access::read, std::uint64_t{1} << r.params.features.host_address_bits));
  r.provoke(0x84, r.as(2, Access::read, std::uint64_t{1} << 48));
  r.provoke(0x85, r.leaf, r.load(r.leaf) & ~vtd::pte_write, r.as(2, Access::write));
  r.provoke(0x86, r.leaf, r.load(r.leaf) & ~vtd::pte_read, r.as(2));
  r.provoke(0x87, r.leaf, 0xfee0'0003, r.as(2));
  // nested: the guest's tables go through the second stage
  r.store(r.slot(3), r.nested_second | 1 | 1 << 2 | 3 << 6);  // three levels: 39 bits
  r.provoke(0x74, r.slot(3) + 16, std::uint64_t{1} << 45, r.as(3));
  r.store(r.slot(3), r.nested_second | 1 | 2 << 2 | 3 << 6);
  r.provoke(0x75, r.nested_leaf, r.load(r.nested_leaf) & ~vtd::pte_read, r.as(3));
  const std::uint64_t top = Scalable::guest + 0x10'0000;
  r.store(r.nested_leaf + 8, vtd::leaf_entry(Hpa(Scalable::guest), false, true, 30));  // the same memory, write-only
  r.provoke(0x76, top, 0x4000'0000 + 0x10'1000 + 0x27, r.as(3));
  r.store(r.nested_leaf + 8, vtd::leaf_entry(Hpa(Scalable::guest), true, false, 30));  // read-only: A cannot be set
  r.store(top + 0x1000, r.load(top + 0x1000) & ~std::uint64_t{0x20});
  r.provoke(0x77, top, 0x4000'0000 + 0x10'1000 + 0x27, r.as(3));
  CHECK(r.provoked.size() == 21);
}

TEST_CASE("a context entry that asks for what the unit cannot do is recorded", "[D4]") {
  Params p = Recorder::all_records();
  p.features.page_requests = false;
  Scalable r(p, false);
  r.provoke(0x43, r.as(2));
}

TEST_CASE("a page request in legacy mode is recorded", "[D4]") {
  Recorder r;
  r.attach(vf_a, r.allocate(), 1);
  r.enable_translation();
  r.unit.page_requested(vf_a, {}, 0x1000 | 1);
  r.run();
  CHECK(int{r.unit.fault_record(0).reason()} == 0x32);
}
