// SPDX-License-Identifier: Apache-2.0
// First-stage, second-stage and nested walks against the straightforward oracle, accessed and dirty bits
// included.
#include <map>

#include "tests/unit/iommu/scalable_oracle.h"
namespace scalable_property_test {
using namespace tables;

namespace {
constexpr u64 root = 0x1000, contexts = 0x2000, directory = 0x3000, pasids = 0x4000;
constexpr u64 guest_tables = 0x10000, second_tables = 0x30000;  // host addresses
constexpr unsigned pages = 6;

u64 damage(Random& random, u64 e, const Features& f) {
  switch (random.below(40)) {
    case 0: return 0;
    case 1: return e | 1 << 7;
    case 2: return e | u64{1} << (f.host_address_bits - 2 + random.below(5));
    case 3: return e | 1 << 11;
    case 4: return e | u64{1} << (52 + random.below(12));
    case 5: return e & ~u64{2};
    case 6: return e & ~u64{1};
    case 7: return e & ~u64{4};
    case 8: return e | u64{1} << 63;
    default: return e;
  }
}
/// Guest tables at guest-physical pages 0..5 (nested) or at their host pages.
void make_first(Random& random, const Features& f, const AddressSpace& s, Words& words) {
  const u64 base = s.second ? 0 : guest_tables;
  for (u64 page = 0; page < pages; ++page)
    for (u64 i = 0; i < 4; ++i) {
      u64 e = (base + 4096 * random.below(pages)) | 7 | (random.below(2) ? 0x60 : 0);
      if (random.below(8) == 0) e = random.below(4) << 21 | 7 | 1 << 7;
      words.at[guest_tables + 4096 * page + 8 * i] = damage(random, e, f);
    }
}
void make_second(Random& random, const Features& f, const AddressSpace& s, Words& words) {
  u64 table = second_tables;
  for (unsigned level = s.second_levels; level > 1; --level, table += 4096)
    words.at[table] = damage(random, (table + 4096) | 7, f);
  for (u64 page = 0; page < pages + 2; ++page)
    words.at[table + 8 * page] = damage(random, (guest_tables + 4096 * random.below(pages)) | 7, f);
}
AddressSpace random_space(Random& random, const Features& f, u64 kind) {
  AddressSpace s;
  s.first = kind == 1 || kind == 2, s.second = kind == 0 || kind == 2;
  s.first_levels = f.max_levels == 5 && random.below(2) ? 5 : 4;
  s.second_levels = 3 + static_cast<unsigned>(random.below(f.max_levels - 2));
  s.first_table = s.second ? 4096 * random.below(pages) : guest_tables;
  s.second_table = second_tables;
  s.second_dirty = random.below(2), s.no_execute = random.below(2), s.execute_requests = random.below(4) != 0;
  s.extended = random.below(2), s.snoop = f.snoop_control && random.below(2);
  return s;
}
void make_contexts(const AddressSpace& s, Words& words) {
  words.at[root] = contexts | 1;
  words.at[contexts] = directory | 1 | 1 << 2 | 1 << 3;  // DTE, PASIDE
  words.at[directory] = pasids | 1;
  const u64 type = s.first && s.second ? 3 : s.first ? 1 : s.second ? 2 : 4;
  words.at[pasids + 5 * 64] =
      s.second_table | 1 | u64{s.second_levels - 2} << 2 | type << 6 | (s.second_dirty ? 1 << 9 : 0);
  words.at[pasids + 5 * 64 + 8] = 17 | u64{s.snoop} << 24;
  words.at[pasids + 5 * 64 + 16] = s.first_table | (s.execute_requests ? 2 : 0) |
                                   u64{s.first_levels - 4} << 2 | (s.no_execute ? 1 << 5 : 0) |
                                   (s.extended ? 1 << 7 : 0);
}
TranslationRequest random_request(Random& random) {
  TranslationRequest q = request(0, random.below(4096), static_cast<Access>(random.below(3)));
  for (unsigned level = 1; level <= 4; ++level)
    q.address = q.address + (random.below(4) << (12 + 9 * (level - 1)));
  if (random.below(3) == 0) q.address = Iova((random.below(pages + 2) << 12));
  if (random.below(40) == 0) q.address = Iova(q.address.value | u64{1} << (47 + random.below(16)));
  q.pasid.value = 5;
  if (random.below(3) == 0)
    q.at = AddressType::translation_request, q.no_write = random.below(2), q.access = Access::read;
  return q;
}
/// `walk` must say what the oracle said, and leave memory as the oracle left its copy.
void compare(const Walk& walk, const ScalableOracle& oracle, const ScalableOracle::Fault* fault,
             const Mapping& want, const Words& words) {
  REQUIRE(walk.not_present() == (fault && fault->denial && oracle.ats()));
  if (!walk.not_present()) REQUIRE(static_cast<int>(walk.fault()) == (fault ? fault->reason : 0));
  REQUIRE(words.at == oracle.words.at);
  if (fault) return;
  REQUIRE(walk.mapping().page == want.page);
  REQUIRE(walk.mapping().log2_page == want.log2_page);
  REQUIRE(walk.mapping().write == want.write);
  REQUIRE(walk.mapping().execute == want.execute);
  REQUIRE(walk.mapping().dirty == want.dirty);
  REQUIRE(walk.mapping().snoop == want.snoop);
}
/// The same walk with caches warmed by the walks before must say the same.
void compare_cached(const Features& f, const TableRoot& where, const TranslationRequest& q,
                    PagingCaches& caches, Words& words, const Walk& walk) {
  Walk cached;
  cached.start(f, where, q, &caches);
  while (!cached.done()) {
    std::array<u64, 8> buffer{};
    const std::span<u64> bytes(buffer.data(), cached.wanted().bytes / 8);
    REQUIRE_FALSE(cached.wanted().update);  // the walk before has set what was to be set
    const bool ok = words.read(cached.wanted().address, bytes);
    cached.feed(bytes, ok);
  }
  REQUIRE(cached.fault() == walk.fault());
  REQUIRE(cached.not_present() == walk.not_present());
  REQUIRE(cached.mapping().page == walk.mapping().page);
  REQUIRE(cached.mapping().write == walk.mapping().write);
  REQUIRE(cached.mapping().execute == walk.mapping().execute);
  REQUIRE(cached.mapping().snoop == walk.mapping().snoop);
  REQUIRE(cached.reads() <= walk.reads());
}
}  // namespace

TEST_CASE(
    "first-stage, second-stage, nested and pass-through walks say what the straightforward walk says, over thousands of "
    "random tables of each, and set the same bits",
    "[D1][L6]") {
  std::map<int, unsigned> seen;
  unsigned longest = 0;
  std::map<std::pair<unsigned, unsigned>, unsigned> tables_of;  // by levels of first and second stage; 0: has none
  for (u64 seed = 0; seed < 40000; ++seed) {
    Random random(seed, "scalable tables");
    Features f;
    f.max_levels = random.below(3) == 0 ? 4 : 5;
    f.page_1g = random.below(4) != 0;
    f.snoop_control = random.below(4) != 0;
    constexpr u64 kinds[] = {0, 1, 2, 2, 2, 3};  // second stage, first stage, nested, pass-through
    const AddressSpace s = random_space(random, f, kinds[seed % std::size(kinds)]);
    ++tables_of[{s.first ? s.first_levels : 0, s.second ? s.second_levels : 0}];
    Words words;
    words.limit = random.below(3) ? u64{1} << 40 : 0x38000;
    if (s.first) make_first(random, f, s, words);
    if (s.second) make_second(random, f, s, words);
    make_contexts(s, words);
    const TableRoot where{true, TableRoot::Mode::scalable, root};
    const CacheGeometry geometry{8, 4, Replacement::lru};
    PagingCaches caches({geometry, geometry, geometry, geometry});
    for (unsigned i = 0; i < 8; ++i) {
      ScalableOracle oracle{words, f, s, random_request(random)};
      std::optional<ScalableOracle::Fault> fault;
      Mapping want;
      try {
        want = oracle.walk();
        if (is_interrupt_address(want.page)) continue;
      } catch (const ScalableOracle::Fault& e) {
        fault = e;
      }
      Walk walk;
      resolve(f, where, oracle.q, words.memory(), walk);
      INFO("seed " << seed << " request " << i << " address " << std::hex << oracle.q.address.value << " got "
                   << static_cast<int>(walk.fault()) << " want " << (fault ? fault->reason : 0));
      compare(walk, oracle, fault ? &*fault : nullptr, want, words);
      compare_cached(f, where, oracle.q, caches, words, walk);
      ++seen[fault ? fault->reason : 0];
      longest = std::max(longest, walk.reads());
    }
  }
  for (const int reason : {0, 0x5c, 0x70, 0x71, 0x72, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x80, 0x81,
                           0x82, 0x84, 0x85, 0x86}) {
    INFO("reason " << std::hex << reason);
    CHECK(seen[reason] > 0);
  }
  CHECK(seen[0] > 3000);
  for (const unsigned levels : {3u, 4u, 5u}) CHECK(tables_of[{0, levels}] >= 1000);
  for (const unsigned levels : {4u, 5u}) CHECK(tables_of[{levels, 0}] >= 1000);
  for (const unsigned first : {4u, 5u})
    for (const unsigned second : {3u, 4u, 5u}) CHECK(tables_of[{first, second}] >= 2000);
  CHECK(tables_of[{0, 0}] >= 3000);
  CHECK(longest == 4 + 5 * 6 + 5);  // context, PASID, and a nested walk of 5 by 5 levels
}
}  // namespace scalable_property_test
