// SPDX-License-Identifier: Apache-2.0
// Walk against the straightforward oracle, over random tables full of holes, denials and damage.
#include <map>

#include "tests/unit/iommu/tables.h"
namespace walk_property_test {
using namespace tables;

namespace {
constexpr u64 root = 0x1000, contexts = 0x2000, arena = 0x10000;
constexpr unsigned arena_pages = 6;  // few, so that random pointers meet

u64 random_entry(Random& random, const Features& f) {
  u64 e = (arena + 4096 * random.below(arena_pages)) | random.below(4);
  if (random.below(3) != 0) e |= 3;
  switch (random.below(16)) {
    case 0: return 0;
    case 1: e |= 1 << 7; break;
    case 2: e = (random.below(64) << 30) | 3 | 1 << 7; break;
    case 3: e = (random.below(4096) << 21) | 3 | 1 << 7; break;
    case 4: e |= u64{1} << (f.host_address_bits - 3 + random.below(6)); break;
    case 5: e |= 1 << 11; break;
    case 6: e |= u64{1} << (52 + random.below(12)); break;
    default: break;
  }
  return e;
}
u64 random_address(Random& random, unsigned levels) {
  u64 a = random.below(4096);
  for (unsigned level = 1; level <= levels; ++level) a |= random.below(4) << (12 + 9 * (level - 1));
  return random.below(50) == 0 ? a | u64{1} << (12 + 9 * levels) : a;
}
/// Pass-through: the address itself, as far as host and tables of the largest width reach.
Verdict identical(const Features& f, u64 address) {
  if (address >> std::min(f.host_address_bits, 12 + 9 * f.max_levels) != 0) return {4, 0, 0};
  return {0, address, 0};
}
}  // namespace

TEST_CASE("a walk says what the straightforward walk says, over thousands of random legacy tables of each depth", "[D1][D2]") {
  unsigned granted_walks = 0, refused_walks = 0;
  std::map<unsigned, unsigned> tables_of;  // by levels; 0: pass-through
  for (u64 seed = 0; seed < 10000; ++seed) {
    Random random(seed, "legacy tables");
    Features f;
    const bool through = seed % 5 == 0;
    const unsigned levels = 3 + static_cast<unsigned>(random.below(3));
    f.max_levels = through ? levels : levels + static_cast<unsigned>(random.below(6 - levels));
    ++tables_of[through ? 0 : levels];
    f.page_1g = random.below(4) != 0;
    f.page_2m = random.below(8) != 0;
    f.device_tlb = random.below(4) != 0;
    f.snoop_control = random.below(4) != 0;
    Words words;
    words.put(root, vtd::root_entry(Hpa(contexts)));
    words.put(contexts, vtd::context_entry(Hpa(arena), levels, {1},
                                           through ? vtd::TranslationType::pass_through : vtd::TranslationType::untranslated_only));
    for (u64 page = 0; page < arena_pages; ++page)
      for (u64 i = 0; i < 4; ++i) words.at[arena + 4096 * page + 8 * i] = random_entry(random, f);
    const TableRoot where{true, TableRoot::Mode::legacy, root};
    PagingCaches caches({CacheGeometry{8, 2, Replacement::lru}, CacheGeometry{4, 4, Replacement::lru},
                         CacheGeometry{4, 4, Replacement::lru}, CacheGeometry{2, 2, Replacement::lru}});
    for (unsigned i = 0; i < 12; ++i) {
      const bool write = random.below(2);
      const TranslationRequest q =
          request(0, random_address(random, levels), write ? Access::write : Access::read);
      const Verdict want = through ? identical(f, q.address.value)
                                   : Oracle{words, f}.second(arena, levels, q.address.value, !write, write, false, 0);
      Walk walk;
      const TranslationReply got = resolve(f, where, q, words.memory(), walk);
      // and the same with paging-structure caches warmed by the requests before
      Walk cached;
      cached.start(f, where, q, &caches);
      while (!cached.done()) {
        std::array<u64, 8> buffer{};
        const std::span<u64> bytes(buffer.data(), cached.wanted().bytes / 8);
        const bool ok = words.read(cached.wanted().address, bytes);
        cached.feed(bytes, ok);
      }
      INFO("seed " << seed << " address " << std::hex << q.address.value << " write " << write);
      REQUIRE(static_cast<int>(cached.fault()) == static_cast<int>(walk.fault()));
      if (is_interrupt_address(want.host)) continue;
      REQUIRE(static_cast<int>(got.fault_reason) == want.reason);
      want.reason ? ++refused_walks : ++granted_walks;
      if (want.reason) continue;
      REQUIRE(got.address.value == want.host);
      if (!through) REQUIRE(unsigned{got.log2_page} == want.log2);
      REQUIRE(walk.mapping().snoop == want.snoop);
      REQUIRE(cached.mapping().page == walk.mapping().page);
    }
  }
  CHECK(granted_walks > 5000);
  CHECK(refused_walks > 5000);
  for (const unsigned levels : {0u, 3u, 4u, 5u}) CHECK(tables_of[levels] >= 1900);
}
}  // namespace walk_property_test
