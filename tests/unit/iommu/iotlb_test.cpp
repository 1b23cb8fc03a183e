// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <map>

#include "models/core/random.h"
#include "models/iommu/iotlb.h"
using namespace iov;
using namespace iov::iommu;

namespace {
using Scope = IotlbInvalidation::Scope;
struct Entry {
  unsigned domain, pasid;  // pasid 0xffffffff: none
  std::uint64_t first, last, log2;
  bool nested, global;
  friend auto operator<=>(const Entry&, const Entry&) = default;
};

/// What the specification's words say, page by page.
bool named(const IotlbInvalidation& what, const Entry& e) {
  std::uint64_t low = what.address;
  for (unsigned i = 0; i < what.mask; ++i) low &= ~(std::uint64_t{4096} << i);
  bool touches = false;
  for (std::uint64_t page = 0; page < (std::uint64_t{1} << what.mask); ++page)
    touches = touches || (low + page * 4096 >= e.first && low + page * 4096 <= e.last);
  if (what.scope == Scope::global) return true;
  if (what.domain.value != e.domain) return false;
  if (what.scope == Scope::domain) return true;
  if (what.scope == Scope::pages) return e.nested || (e.pasid == Binding::no_tag && touches);
  if (what.pasid != e.pasid) return false;
  return what.scope == Scope::pasid ? !e.global : touches;
}
}  // namespace

TEST_CASE("each invalidation removes exactly what it names, against brute force over random contents", "[D2]") {
  std::size_t removed_in_all = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed, "iotlb");
    Iotlb iotlb({512, 512, Replacement::lru}, 1);
    std::map<Entry, bool> model;
    for (unsigned step = 0; step < 120; ++step) {
      if (random.below(4) != 0) {
        Binding b;
        b.domain.value = static_cast<std::uint16_t>(random.below(3));
        const auto kind = random.below(3);
        b.tag = kind == 0 ? Binding::no_tag : static_cast<std::uint32_t>(random.below(3));
        Mapping m;
        m.log2_page = static_cast<std::uint8_t>(12 + 9 * random.below(3));
        m.nested = kind == 2;
        m.global = kind != 0 && random.below(4) == 0;
        const std::uint64_t address = random.below(64) << 12 << (random.below(3) * 9);
        std::erase_if(model, [&](const auto& e) {  // a fill of the same page replaces
          return e.first.domain == b.domain.value && e.first.pasid == b.tag && e.first.log2 == m.log2_page &&
                 e.first.first == address >> m.log2_page << m.log2_page;
        });
        iotlb.fill(b, address, m);
        const std::uint64_t first = address >> m.log2_page << m.log2_page;
        model[{b.domain.value, b.tag, first, first + (std::uint64_t{1} << m.log2_page) - 1, m.log2_page,
               m.nested, m.global}] = true;
        continue;
      }
      IotlbInvalidation what;
      what.scope = static_cast<Scope>(random.below(5));
      what.domain.value = static_cast<std::uint16_t>(random.below(3));
      what.pasid = static_cast<std::uint32_t>(random.below(3));
      what.mask = static_cast<std::uint8_t>(random.below(8));
      what.address = random.below(64) << 12 << (random.below(3) * 9);
      const std::size_t expected = std::erase_if(model, [&](const auto& e) { return named(what, e.first); });
      INFO("seed " << seed << " step " << step << " scope " << static_cast<int>(what.scope));
      REQUIRE(iotlb.invalidate(what) == expected);
      REQUIRE(iotlb.size() == model.size());
      removed_in_all += expected;
    }
  }
  CHECK(removed_in_all > 3000);
}

TEST_CASE("a larger fully associative LRU IOTLB never hits less (stack property)") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    unsigned last = 0;
    for (const unsigned entries : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
      Random random(seed, "stack");
      Iotlb iotlb({entries, entries, Replacement::lru}, 1);
      unsigned hits = 0;
      for (unsigned i = 0; i < 3000; ++i) {
        Binding b;
        b.domain.value = static_cast<std::uint16_t>(random.below(2));
        const std::uint64_t page = random.below(8) == 0 ? random.below(200) : random.below(24);
        if (iotlb.lookup(b, page << 12))
          ++hits;
        else
          iotlb.fill(b, page << 12, Mapping{page << 12});
      }
      CHECK(hits >= last);
      last = hits;
    }
    CHECK(last > 500);
  }
}

TEST_CASE("a partitioned IOTLB keeps a busy domain from evicting a quiet one's entry") {
  for (const unsigned partitions : {1u, 2u}) {
    Iotlb iotlb({16, 4, Replacement::lru}, partitions);
    Binding quiet, busy;
    quiet.domain.value = 0, busy.domain.value = 1;
    iotlb.fill(quiet, 0x1000, Mapping{0x9000});
    for (std::uint64_t page = 0; page < 256; ++page) iotlb.fill(busy, page << 12, Mapping{page << 12});
    CHECK((iotlb.lookup(quiet, 0x1000) != nullptr) == (partitions == 2));
    CHECK(iotlb.size() <= iotlb.capacity());
  }
}
