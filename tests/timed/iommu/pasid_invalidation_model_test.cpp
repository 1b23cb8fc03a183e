// SPDX-License-Identifier: Apache-2.0
// IOTLB and PASID-IOTLB invalidations of every granularity through the queue, over random spaces of first stage, second stage
// and nested, against a model that only knows the words of the specification (6.5.2.3, 6.5.2.4): after every step the IOTLB
// holds exactly what the model holds.
#include <set>

#include "models/core/random.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
constexpr unsigned tagged_pasids = 6, tagged_pages = 8;
constexpr std::uint64_t tagged_seeds = 120;
constexpr unsigned tagged_steps = 80;  // each

struct TaggedModel : Rig {
  enum class Kind : std::uint8_t { first = 1, second = 2, nested = 3 };
  struct Space {
    Kind kind;
    std::uint16_t domain;
    std::uint64_t leaves;  ///< its first stage's table of level 1
  };
  struct Entry {
    std::uint16_t domain;
    std::uint32_t pasid;  ///< no_pasid: second stage
    std::uint64_t page;
    bool nested, global;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  static constexpr std::uint32_t no_pasid = 0xffff'ffff;
  static constexpr std::uint64_t guest = 0x40'0000'0000;  // host address of guest-physical 0

  TaggedModel() : Rig(roomy()) {
    root = allocate();
    const std::uint64_t contexts_page = allocate(), directory = allocate();
    pasid_table = allocate(), below = allocate();
    store(root + vf_a.bus() * 16u, contexts_page | 1);
    store(contexts_page + vf_a.devfn() * 32u, directory | 1 | 1 << 3);
    store(directory, pasid_table | 1);
    for (std::uint64_t gpa = 0; gpa < 0x30'0000; gpa += 4096) map(below, gpa, guest + gpa);  // of every domain: one table per domain ID
    enable_translation(vtd::rtaddr_scalable);
    enable_queue();
    for (unsigned pasid = 0; pasid < tagged_pasids; ++pasid) make(pasid);
  }
  static Params roomy() {
    Params p = test_params();
    p.iotlb.geometry = {256, 256, Replacement::lru};
    return p;
  }
  /// Two spaces of each kind.
  void make(unsigned pasid) {
    Space& s = spaces[pasid];
    s.kind = static_cast<Kind>(1 + pasid % 3);
    if (s.kind == Kind::second) return;
    const std::uint64_t base = s.kind == Kind::nested ? guest : 0;
    std::uint64_t table = tables[pasid] = s.kind == Kind::nested ? 0x10'0000 + 0x1'0000 * pasid : allocate();
    for (unsigned level = 4; level > 1; --level) {
      const std::uint64_t next = s.kind == Kind::nested ? table + 4096 : allocate();
      store(base + table, next | 0x27);
      table = next;
    }
    s.leaves = base + table;
  }
  void begin(std::uint64_t seed) {
    random = Random(seed, "tagged");
    for (unsigned pasid = 0; pasid < tagged_pasids; ++pasid) {
      Space& s = spaces[pasid];
      s.domain = static_cast<std::uint16_t>(1 + random.below(3));
      const std::uint64_t entry = pasid_table + pasid * 64u;
      store(entry, (s.kind == Kind::first ? 0 : below | 2 << 2) | static_cast<std::uint64_t>(s.kind) << 6 | 1);
      store(entry + 8, s.domain);
      store(entry + 16, s.kind == Kind::second ? 0 : tables[pasid]);
      for (std::uint64_t page = 0; page < tagged_pages; ++page) {
        globals[pasid][page] = s.kind != Kind::second && random.below(3) == 0;
        if (s.kind == Kind::second) continue;
        store(s.leaves + page * 8, (0x20'0000 + pasid * 0x1'0000 + page * 4096) | 0x67u | (globals[pasid][page] ? 0x100u : 0u));
      }
    }
    invalidate(vtd::invalidate_pasid_cache(3));
    invalidate(vtd::invalidate_iotlb_global());
    entries.clear();
  }
  void access() {
    const auto pasid = static_cast<std::uint32_t>(random.below(tagged_pasids));
    const std::uint64_t page = random.below(tagged_pages);
    const Space& s = spaces[pasid];
    TranslationRequest q = request(vf_a, page << 12);
    q.pasid.value = pasid;
    const auto hits = unit.translation.iotlb_cache.hits.value();
    const TranslationReply reply = answer(q);
    REQUIRE(reply.outcome == Outcome::granted);
    const Entry e{s.domain, s.kind == Kind::second ? no_pasid : pasid, page, s.kind == Kind::nested, globals[pasid][page]};
    CHECK(unit.translation.iotlb_cache.hits.value() - hits == entries.count(e));
    entries.insert(e);
  }
  void invalidate_some() {
    const DomainId domain{static_cast<std::uint16_t>(1 + random.below(3))};
    const auto pasid = static_cast<std::uint32_t>(random.below(tagged_pasids));
    const std::uint64_t page = random.below(tagged_pages);
    const auto mask = static_cast<unsigned>(random.below(4));
    const bool leaf = random.below(2) == 0;
    const auto in_range = [&](const Entry& e) { return e.page >> mask == page >> mask; };
    const auto drop = [&](const vtd::Pair& descriptor, auto named) {
      invalidate(descriptor);
      std::erase_if(entries, named);
    };
    const auto of_domain = [&](const Entry& e) { return e.domain == domain.value; };
    switch (random.below(5)) {
      case 0: return drop(vtd::invalidate_iotlb_global(), [](const Entry&) { return true; });
      case 1: return drop(vtd::invalidate_iotlb_domain(domain), of_domain);
      case 2:  // of the second stage; which nested translations went through it is not known
        return drop(vtd::invalidate_iotlb_pages(domain, Iova(page << 12), mask, leaf),
                    [&](const Entry& e) { return of_domain(e) && (e.nested || (e.pasid == no_pasid && in_range(e))); });
      case 3:
        return drop(vtd::invalidate_pasid_iotlb(domain, pasid),
                    [&](const Entry& e) { return of_domain(e) && e.pasid == pasid && !e.global; });
      default:
        return drop(vtd::invalidate_pasid_iotlb_pages(domain, pasid, Iova(page << 12), mask, leaf),
                    [&](const Entry& e) { return of_domain(e) && e.pasid == pasid && in_range(e); });
    }
  }
  Random random{0, "tagged"};
  std::uint64_t pasid_table, below, tables[tagged_pasids];
  Space spaces[tagged_pasids];
  bool globals[tagged_pasids][tagged_pages];
  std::set<Entry> entries;
};
}  // namespace

TEST_CASE("IOTLB and PASID-IOTLB invalidations of every granularity leave exactly what a model leaves, in every mode of scalable tables",
          "[D2][E5][L6]") {
  TaggedModel m;
  for (std::uint64_t seed = 0; seed < tagged_seeds; ++seed) {
    m.begin(seed);
    for (unsigned step = 0; step < tagged_steps; ++step) {
      m.random.below(3) ? m.access() : m.invalidate_some();
      INFO("seed " << seed << " step " << step);
      REQUIRE(m.unit.translation.iotlb().size() == m.entries.size());
    }
  }
  CHECK(m.unit.translation.iotlb_cache.invalidated.value() > 2000);
  CHECK(m.unit.translation.audit_finding().empty());
}
