// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "models/endpoint/fifo.h"
#include "models/endpoint/function.h"
#include "models/endpoint/l2_sorter.h"
#include "models/endpoint/splitter.h"
#include "models/endpoint/translation_cache.h"
#include "models/endpoint/types/descriptor_ring.h"
using namespace iov;
using namespace iov::endpoint;

TEST_CASE("a fifo keeps order while it grows and wraps") {
  Fifo<int> f;
  int in = 0, out = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 5; ++i) f.push(in++);
    for (int i = 0; i < 4; ++i) REQUIRE(f.pop() == out++);
  }
  CHECK(f.size() == 50);
  CHECK(f[49] == in - 1);
}

TEST_CASE("pieces of any request keep the rules, cover it without gap, and none is needless") {
  for (std::uint64_t start = 4096 - 70; start < 4096 + 70; ++start)
    for (std::uint32_t length : {1u, 3u, 128u, 129u, 700u, 5000u}) {
      std::uint32_t done = 0, pieces = 0;
      while (done < length) {
        const std::uint32_t n = next_piece(start + done, length - done, 128);
        REQUIRE(keeps_rules(start + done, n, 128));
        done += n, ++pieces;
      }
      REQUIRE(done == length);
      REQUIRE(pieces <= (length + 127) / 128 + 3);
    }
  CHECK_FALSE(keeps_rules(0x1002, 127, 128));  // 33 DWs
  CHECK_FALSE(keeps_rules(0xfff, 2, 128));
}

TEST_CASE("translation completions and invalidate ranges decode as the specification draws them") {
  CHECK(decode_translation(0x12345003).log2_page == 12);
  CHECK(decode_translation(0x12345003).address == 0x12345000);
  CHECK(decode_translation(0x12344801).log2_page == 13);  // S, bit 12 clear: 8 KiB
  CHECK(decode_translation(0x12341801).log2_page == 14);  // S, bit 12 set: 16 KiB
  const Translation large = decode_translation(0x400ff803);
  CHECK(large.log2_page == 21);
  CHECK(large.address == 0x40000000);
  CHECK(decode_translation(0x1007).untranslated_only);
  CHECK(decode_translation(0x1403).snoop_only);
  CHECK_FALSE(decode_translation(0x1001).writable);
  CHECK(decode_invalidate(0x5000).overlaps(0x5fff, 0x6000));
  CHECK_FALSE(decode_invalidate(0x5000).overlaps(0x6000, 0x6fff));
  CHECK(decode_invalidate(0x7fff'ffff'ffff'f800).overlaps(0, 0));
  CHECK(decode_invalidate(0x7fff'ffff'ffff'f800).overlaps(~0ull, ~0ull));
}

TEST_CASE("the translation cache finds pages of all sizes and drops exactly what is invalidated") {
  TranslationCache cache({16, 4, Replacement::lru}, 1);
  const RequesterId a{1}, b{2};
  cache.fill({a, {}, 0}, 0x1000, decode_translation(0x9000 | 3));
  cache.fill({b, {}, 0}, 0x1000, decode_translation(0xa000 | 3));
  cache.fill({a, {}, 0}, 0x20'0000, decode_translation(0x400ff803));
  REQUIRE(cache.lookup({a, {}, 0}, 0x1fff));
  CHECK(cache.lookup({a, {}, 0}, 0x1fff)->address == 0x9000);
  CHECK(cache.lookup({b, {}, 0}, 0x1000)->address == 0xa000);
  CHECK(cache.lookup({a, {}, 0}, 0x3f'ffff)->address == 0x40000000);
  CHECK_FALSE(cache.lookup({a, Pasid{5}, 0}, 0x1000));
  CHECK(cache.invalidate(a, {}, decode_invalidate(0x30'0000)) == 1);  // inside the 2 MiB page
  CHECK_FALSE(cache.lookup({a, {}, 0}, 0x20'0000));
  CHECK(cache.lookup({a, {}, 0}, 0x1000));
  cache.forget(b);
  CHECK_FALSE(cache.lookup({b, {}, 0}, 0x1000));
  CHECK(cache.size() == 1);
}

TEST_CASE("a sorter prefers MAC with VLAN, then MAC, then its default, and its table is finite", "[G1]") {
  L2Sorter sorter(2);
  const MacAddress mac{0x0200'0000'0001};
  REQUIRE(sorter.add_filter(mac, std::nullopt, {1}));
  REQUIRE(sorter.add_filter(mac, std::uint16_t{7}, {2}));
  CHECK_FALSE(sorter.add_filter({5}, std::nullopt, {3}));
  CHECK(sorter.add_filter(mac, std::nullopt, {4}));  // overwriting needs no room
  FrameHeader h;
  h.destination = mac;
  const auto target = [&] {
    const Destination* const to = sorter.unicast(h);
    return to ? std::optional(*to) : std::nullopt;
  };
  CHECK(target() == Destination{4});
  h.vlan = 7;
  CHECK(target() == Destination{2});
  h.vlan = 8;
  CHECK(target() == Destination{4});
  h.destination = {9};
  CHECK_FALSE(target());
  sorter.set_default(Destination{0, 3});
  CHECK(target() == Destination{0, 3});
  CHECK_FALSE(sorter.match(h));
}

TEST_CASE("a ring fetches by its thresholds, never past its end or the tail") {
  DescriptorRing r;
  r.length = 64, r.control = 1, r.tail = 60;
  const PrefetchParams p{40, 32, 4};
  CHECK(r.plan_fetch(0, p) == 40);
  r.start_fetch(40);
  CHECK(r.plan_fetch(0, p) == 0);  // one at a time
  r.fetching = 0;
  CHECK(r.plan_fetch(32, p) == 0);
  CHECK(r.plan_fetch(31, p) == 9);
  r.tail = 43;
  CHECK(r.plan_fetch(5, p) == 0);  // three are not worth a fetch
  CHECK(r.plan_fetch(0, p) == 3);
  r.tail = 10;
  CHECK(r.plan_fetch(0, p) == 24);  // to the end of the ring
  r.tail = 43;
  CHECK(r.plan_fetch(5, p, 5) == 0);
  CHECK(r.plan_fetch(5, p, 7) == 3);  // a frame waits for two of them
  r.tail = 60;
  CHECK(r.plan_fetch(41, p, 43) == 2);  // beyond what it holds without need
  CHECK(r.plan_fetch(41, p) == 0);
  r.control = 0;
  CHECK(r.plan_fetch(0, p) == 0);
}
