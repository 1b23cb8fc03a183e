// SPDX-License-Identifier: Apache-2.0
// The timed unit against the function alone: same tables, same requests, same answers, in every mode.
#include "models/core/random.h"
#include "models/core/sim_error.h"
#include "models/iommu/memory_image.h"
#include "models/iommu/remapping_function.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
/// Scalable mode with a random mix of spaces, never changed while the load runs.
struct Mixed : Rig {
  explicit Mixed(const Params& p, std::uint64_t seed) : Rig(p), random(seed, "mixed") {
    root = allocate();
    const std::uint64_t contexts_page = allocate(), directory = allocate(), pasids = allocate();
    store(root, contexts_page | 1);
    for (const unsigned devfn : {0u, 8u}) store(contexts_page + devfn * 32, directory | 1 | 1 << 2 | 1 << 3);
    store(directory, pasids | 1);
    const std::uint64_t second = allocate();
    for (unsigned i = 0; i < 24; ++i)
      map(second, 0x1000 * i, 0x80'0000 + 0x1000 * i, random.below(9) != 0, random.below(6) != 0);
    map(second, 0x20'0000, 0x160'0000, true, true, 21);
    for (unsigned pasid = 0; pasid < 8; ++pasid) make_space(pasids + pasid * 64, pasid, second);
    enable_translation(vtd::rtaddr_scalable);
  }
  void make_space(std::uint64_t entry, unsigned pasid, std::uint64_t second) {
    const unsigned kind = 1 + pasid % 4;  // first, second, nested, pass-through
    const std::uint64_t base = kind == 3 ? 0x80'0000 : 0;
    std::uint64_t guest = kind == 3 ? 0x1000 * (pasid % 8) : allocate();
    store(entry, second | 1 | 2 << 2 | std::uint64_t{kind} << 6 | (random.below(2) ? 1 << 9 : 0));
    store(entry + 8, kind == 2 ? 1 : 2 + pasid);
    store(entry + 16, guest);
    if (kind != 1 && kind != 3) return;
    for (unsigned level = 4; level > 1; --level) {
      const std::uint64_t next = kind == 3 ? 0x1000 * random.below(24) : allocate();
      store(base + guest, next | 7);
      guest = next;
    }
    for (unsigned i = 0; i < 24; ++i)
      store(base + guest + 8 * i,
            (0x1000 * random.below(kind == 3 ? 28 : 4096)) | 1 | (random.below(4) ? 6 : 4));
  }
  TranslationRequest next() {
    TranslationRequest q = request({static_cast<std::uint16_t>(8 * random.below(2))},
                                   0x1000 * random.below(26) + 64 * random.below(64),
                                   random.below(2) ? Access::read : Access::write);
    if (random.below(8) == 0) q.address = Iova(0x20'0000 + 0x1000 * random.below(512));
    if (random.below(8)) q.pasid.value = static_cast<std::uint32_t>(random.below(9));
    if (random.below(3) == 0)
      q.at = AddressType::translation_request, q.access = Access::read, q.no_write = random.below(2);
    return q;
  }
  Random random;
};

void run_load(std::uint64_t seed, unsigned iotlb_entries) {
  Params p = test_params();
  p.iotlb.geometry = {iotlb_entries, iotlb_entries, Replacement::lru};
  p.walkers = 3, p.translation_queue = 8;
  p.features.fault_records = 256;
  Mixed r(p, seed);
  MemoryImage image;
  for (const auto& [page, bytes] : r.memory.pages) image.put(page << 12, bytes);
  RemappingFunction function(p.features, {r.root | vtd::rtaddr_scalable, 0, true, true, false}, image.tables(true));
  std::map<std::uint32_t, TranslationRequest> asked;
  for (unsigned i = 0; i < 4000; ++i) {
    const TranslationRequest q = r.next();
    if (r.unit.translate(q, r.next_ticket, r.client)) asked[r.next_ticket++] = q;
    if (r.random.below(2))
      r.timeline.run(r.timeline.now() + Time(static_cast<double>(r.random.below(300)), sc_core::SC_NS));
  }
  r.run();
  REQUIRE(r.client.replies.size() == asked.size());
  unsigned granted_count = 0;
  for (const auto& [ticket, q] : asked) {
    const TranslationReply want = function.translate(q).reply;
    const TranslationReply& got = r.client.replies[ticket];
    INFO("seed " << seed << " ticket " << ticket << " address " << std::hex << q.address.value << " pasid "
                 << q.pasid.value << " reasons " << int{got.fault_reason} << " and "
                 << int{want.fault_reason});
    // a no-write request is told writable only where the dirty bit is set, which others may have done
    // meanwhile
    if (q.no_write && got.writable && !want.writable) continue;
    REQUIRE(got.outcome == want.outcome);
    REQUIRE(got.fault_reason == want.fault_reason);
    if (want.outcome != Outcome::granted) continue;
    ++granted_count;
    REQUIRE(got.address == want.address);
    REQUIRE(got.log2_page == want.log2_page);
    REQUIRE(got.readable == want.readable);
    REQUIRE(got.writable == want.writable);
  }
  for (const auto& [page, bytes] : r.memory.pages)  // the same accessed and dirty bits, whatever the order
    for (std::uint64_t at = 0; at < 4096; at += 8) {
      std::uint64_t mine = 0, other = 0;
      std::memcpy(&mine, bytes.data() + at, 8);
      image.read((page << 12) + at, {&other, 1});
      INFO("seed " << seed << " address " << std::hex << (page << 12) + at);
      REQUIRE(mine == other);
    }
  CHECK(granted_count > 500);
  CHECK(r.unit.translation.merges.value() > 20);
  CHECK(r.unit.translation.iotlb_cache.hits.value() > 100);
  CHECK_NOTHROW(audit(Invariant::at_rest, r.timeline.now()));
}
}  // namespace

TEST_CASE("under load, merged, queued and cached, every answer equals the function's (small IOTLB)") {
  run_load(1, 4);
}
TEST_CASE("under load, merged, queued and cached, every answer equals the function's (large IOTLB)") {
  run_load(2, 128);
}
