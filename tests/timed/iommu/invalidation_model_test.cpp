// SPDX-License-Identifier: Apache-2.0
// Context and PASID cache invalidations over random tables and operations, against a model that only knows the words of the
// specification: after every step the caches hold exactly what the model holds. (The IOTLB: tests/unit/iommu/iotlb_test.cpp;
// interrupt entries: below.)
#include <map>
#include <set>

#include "models/core/random.h"
#include "tests/timed/iommu/rig.h"
using namespace rig;

namespace {
Params fully_associative() {
  Params p = test_params();
  for (CacheParams* cache : {&p.context_cache, &p.pasid_cache, &p.iotlb, &p.interrupt_entry_cache})
    cache->geometry = {256, 256, Replacement::lru};
  return p;
}
/// Functions whose IDs differ in function, device and bus.
constexpr std::uint16_t ids[] = {0x0100, 0x0101, 0x0102, 0x0103, 0x0104, 0x0107, 0x0108, 0x0201, 0x0203};
constexpr std::uint64_t seeds = 200;
constexpr unsigned steps = 100;  // each
constexpr std::uint16_t left_out[] = {0, 4, 6, 7};  // FM: low function bits that are not compared

struct Model : Rig {
  Model() : Rig(fully_associative()) {}
  std::uint16_t any_id() { return ids[random.below(std::size(ids))]; }
  Random random{0, "invalidation"};
  std::set<std::uint16_t> contexts;
};

struct LegacyModel : Model {
  LegacyModel() {
    for (std::uint64_t& t : tables) {
      t = allocate();
      for (unsigned page = 0; page < 8; ++page) map(t, 0x1000 * page, 0x100'0000 + 0x1000 * page);
    }
    enable_translation();
    enable_queue();
  }
  /// Other random tables, and nothing cached.
  void begin(std::uint64_t seed) {
    random = Random(seed, "invalidation");
    for (const std::uint16_t id : ids) {
      domain[id] = static_cast<std::uint16_t>(1 + random.below(3));
      attach({id}, tables[domain[id]], domain[id]);
    }
    invalidate(vtd::invalidate_context(1));
    invalidate(vtd::invalidate_iotlb_global());
    contexts.clear(), pages.clear();
  }
  void access() {
    const std::uint16_t id = any_id();
    const std::uint64_t page = random.below(8);
    const auto context_hits = unit.translation.context_cache.hits.value(), hits = unit.translation.iotlb_cache.hits.value();
    dma({id}, page << 12);
    CHECK(unit.translation.context_cache.hits.value() - context_hits == contexts.count(id));
    CHECK(unit.translation.iotlb_cache.hits.value() - hits == pages.count({domain[id], page}));
    contexts.insert(id);
    pages.insert({domain[id], page});
  }
  void invalidate_some() {
    const auto d = static_cast<std::uint16_t>(1 + random.below(3));
    const auto granularity = static_cast<unsigned>(1 + random.below(3));
    if (random.below(2)) {
      const std::uint16_t source = any_id();
      const auto mask = static_cast<unsigned>(random.below(4));
      invalidate(vtd::invalidate_context(granularity, {d}, {source}, mask));
      std::erase_if(contexts, [&](std::uint16_t id) {
        return granularity == 1 || (granularity == 2 && domain[id] == d) ||
               (granularity == 3 && (id | left_out[mask]) == (source | left_out[mask]));
      });
      return;
    }
    const std::uint64_t page = random.below(8);
    const auto mask = static_cast<unsigned>(random.below(4));
    const std::uint64_t low = page >> mask << mask;
    invalidate(granularity == 1   ? vtd::invalidate_iotlb_global()
               : granularity == 2 ? vtd::invalidate_iotlb_domain({d})
                                  : vtd::invalidate_iotlb_pages({d}, Iova(low << 12), mask, random.below(2) == 0));
    std::erase_if(pages, [&](const auto& p) {
      return granularity == 1 || (p.first == d && (granularity == 2 || (p.second >= low && p.second < low + (1u << mask))));
    });
  }
  std::uint64_t tables[4];
  std::map<std::uint16_t, std::uint16_t> domain;
  std::set<std::pair<std::uint16_t, std::uint64_t>> pages;
};

struct ScalableModel : Model {
  ScalableModel() {
    const std::uint64_t directory = allocate();
    pasid_table = allocate(), table = allocate();
    map(table, 0x1000, 0x100'0000);
    root = allocate();
    std::map<unsigned, std::uint64_t> context_pages;
    for (const std::uint16_t id : ids) {
      std::uint64_t& page = context_pages[id >> 8];
      if (!page) page = allocate();
      store(root + (id >> 8) * 16u, page | 1);
      store(page + (id & 0x7f) * 32u, directory | 1 | 1 << 3);
    }
    store(directory, pasid_table | 1);
    enable_translation(vtd::rtaddr_scalable);
    enable_queue();
  }
  void begin(std::uint64_t seed) {
    random = Random(seed, "invalidation");
    for (unsigned pasid = 0; pasid < pasids_used; ++pasid) {
      domain[pasid] = static_cast<std::uint16_t>(1 + random.below(3));
      store(pasid_table + pasid * 64u, table | 1 | 2 << 2 | 2 << 6);
      store(pasid_table + pasid * 64u + 8, domain[pasid]);
    }
    invalidate(vtd::invalidate_pasid_cache(3));
    invalidate(vtd::invalidate_iotlb_global());
    entries.clear();
  }
  void access() {
    const std::uint16_t id = any_id();
    TranslationRequest q = request({id}, 0x1000);
    q.pasid.value = static_cast<std::uint32_t>(random.below(pasids_used));
    const auto hits = unit.translation.pasid_cache.hits.value();
    REQUIRE(answer(q).outcome == Outcome::granted);
    const bool known = contexts.count(id) && entries.count({id, q.pasid.value});
    CHECK(unit.translation.pasid_cache.hits.value() - hits == (known ? 1 : 0));
    contexts.insert(id);
    entries.insert({id, q.pasid.value});
  }
  void invalidate_some() {
    const auto d = static_cast<std::uint16_t>(1 + random.below(3));
    const auto pasid = static_cast<std::uint32_t>(random.below(pasids_used));
    constexpr unsigned codes[] = {0, 1, 3};  // domain, PASID within domain, global
    const unsigned code = codes[random.below(3)];
    invalidate(vtd::invalidate_pasid_cache(code, {d}, pasid));
    std::erase_if(entries, [&](const auto& e) {
      return code == 3 || (domain[e.second] == d && (code == 0 || e.second == pasid));
    });
  }
  static constexpr unsigned pasids_used = 6;
  std::uint64_t pasid_table, table;
  std::map<std::uint32_t, std::uint16_t> domain;
  std::set<std::pair<std::uint16_t, std::uint32_t>> entries;
};
}  // namespace

TEST_CASE("context and IOTLB invalidations of every granularity leave exactly what a model leaves", "[D2][E5]") {
  LegacyModel m;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    m.begin(seed);
    for (unsigned step = 0; step < steps; ++step) {
      m.random.below(3) ? m.access() : m.invalidate_some();
      INFO("seed " << seed << " step " << step);
      REQUIRE(m.unit.translation.cached_contexts() == m.contexts.size());
      REQUIRE(m.unit.translation.iotlb().size() == m.pages.size());
    }
  }
  CHECK(m.unit.translation.context_cache.invalidated.value() > 2000);
  CHECK(m.unit.translation.iotlb_cache.invalidated.value() > 2000);
}

TEST_CASE("PASID cache invalidations of every granularity leave exactly what a model leaves", "[D2][E5]") {
  ScalableModel m;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    m.begin(seed);
    for (unsigned step = 0; step < steps; ++step) {
      m.random.below(3) ? m.access() : m.invalidate_some();
      INFO("seed " << seed << " step " << step);
      REQUIRE(m.unit.translation.cached_pasids() == m.entries.size());
    }
  }
  CHECK(m.unit.translation.pasid_cache.invalidated.value() > 2000);
}

TEST_CASE("interrupt entry invalidations by index and mask leave exactly what a model leaves", "[F3]") {
  Model m;
  const std::uint64_t table = m.allocate();
  m.write64(vtd::reg_interrupt_table, vtd::interrupt_table_address(table, 6, false));
  m.command(vtd::gcmd_set_interrupt_table);
  m.enable_queue();
  m.command(vtd::gcmd_interrupt_remapping);
  for (std::uint16_t i = 0; i < 64; ++i) m.store(table + i * 16u, vtd::remapped_irte(1, 0x40, vf_a));
  std::set<std::uint16_t> model;
  for (unsigned step = 0; step < seeds * steps; ++step) {
    if (step % steps == 0) m.random = Random(step / steps, "invalidation");
    const auto index = static_cast<std::uint16_t>(m.random.below(64));
    if (m.random.below(4)) {
      const auto hits = m.unit.interrupts.interrupt_entry_cache.hits.value();
      m.unit.interrupt({vf_a, vtd::remappable_msi_address(index), 0, {}});
      m.run(1_us);
      REQUIRE(m.unit.interrupts.interrupt_entry_cache.hits.value() - hits == model.count(index));
      model.insert(index);
    } else if (m.random.below(20) == 0) {
      m.invalidate(vtd::invalidate_interrupt_entries_global());
      model.clear();
    } else {
      const auto mask = static_cast<unsigned>(m.random.below(5));
      m.invalidate(vtd::invalidate_interrupt_entries(index, mask));
      std::erase_if(model, [&](std::uint16_t i) { return i >> mask == index >> mask; });
    }
  }
  CHECK(m.unit.interrupts.interrupt_entry_cache.invalidated.value() > 2000);
}
