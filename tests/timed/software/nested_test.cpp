// SPDX-License-Identifier: Apache-2.0
// Guests with first-stage tables of their own above the host's second stage, as the IOMMU driver sets them up, against a real
// unit: how many tables a walk reads, what a device reaches, and that nothing stale is used after either stage changed.
#include "models/iommu/register_window.h"
#include "models/software/iommu_driver.h"
#include "tests/timed/iommu/rig.h"
namespace nested_test {
using namespace rig;
using namespace iov::software;

namespace {
constexpr std::uint64_t guest_bytes = 1u << 20, buffer = 0x7f00'0000'1000;

struct Guest {
  Guest(MemoryPort& port, std::uint64_t host_base, RequesterId f, Pasid p)
      : host(host_base), function(f), pasid(p), memory(port, Hpa(host_base), guest_bytes, 0) {}
  const std::uint64_t host;  ///< where its memory lies
  const RequesterId function;
  const Pasid pasid;
  MemoryView memory;
  PageTable table{memory, TableStage::first, 4};
  DomainId domain;
};

Params without_paging_caches() {
  Params p = test_params();
  for (CacheParams* c : {&p.pde_cache, &p.pdpe_cache, &p.pml4e_cache, &p.pml5e_cache}) c->geometry.entries = 0;
  return p;
}

/// Two guests on one function, told apart by PASID; both call their buffer by the same address, at their page 0x80000.
struct Nested : Rig {
  explicit Nested(const Params& p = test_params()) : Rig(p) {
    driver.use_scalable_mode();
    driver.add_function(vf_a, {2, true, false});
    for (Guest* g : {&one, &two}) {
      g->domain = driver.create_domain();
      driver.map(g->domain, Iova(0), Hpa(g->host), guest_bytes, 12);
      g->table.map(buffer, page, 4096, 12, {});
      driver.attach_nested(g->function, g->pasid, g->domain, Gpa(g->table.root()));
    }
    driver.enable(true, false);
  }
  static constexpr std::uint64_t page = 0x8'0000;
  TranslationReply dma(const Guest& g, Access access = Access::read, std::uint64_t address = buffer) {
    TranslationRequest q = request(g.function, address, access);
    q.pasid = g.pasid;
    return answer(q);
  }
  /// As a kernel does it, by the driver's queue and a core that waits.
  template <std::size_t n>
  void invalidate(const std::array<vtd::Pair, n>& batch) {
    bool done = false;
    const auto work = [&]() -> Task {
      co_await driver.queue().submit(strand, host::Context::host_kernel, registers, batch);
      done = true;
    };
    Task task = work();
    task.start();
    run();
    for (const auto& sent : fabric.sent) unit.invalidate_completed(sent.function, 1u << sent.itag, 1);
    run();
    REQUIRE(done);
  }
  host::Core core{"core0", timeline, {}, 0};
  MemoryView view{unit.memory, Hpa(0x1000'0000), 64u << 20, 0x1000'0000};
  SoftwareCosts costs;
  IommuDriver driver{view, {bind<&Iommu::write_register>(&unit), bind<&Iommu::read_register>(&unit)}, costs};
  RegisterWindow window{"window", timeline, params, unit};
  host::Thread thread{core, host::Thread::Kind::process, "driver"};
  host::Strand strand{core, host::Level::thread_low, &thread};
  MappedRegisters registers{window, host::Context::host_kernel, costs};
  bool mapped = (registers.map(Hpa(0)), true);
  Guest one{unit.memory, 0x4000'0000, vf_a, {1}}, two{unit.memory, 0x5000'0000, vf_a, {2}};
};
}  // namespace

TEST_CASE("a guest's DMA through tables that the driver and the guest built reads 24 of them when nothing is cached, at exactly their cost",
          "[D1][L6]") {
  Nested b(without_paging_caches());
  b.unit.memory.peek<std::uint64_t>(Hpa(0));
  const unsigned before = b.memory.reads;
  TranslationRequest q = b.request(vf_a, buffer + 0x40);
  q.pasid = b.one.pasid;
  const Time start = b.timeline.now();
  const std::uint32_t ticket = b.ask(q);
  b.run();
  CHECK(b.client.replies[ticket].address == Hpa(b.one.host + Nested::page + 0x40));
  constexpr unsigned context = 4, nested = 4 * (4 + 1) + 4;  // root, context, PASID directory and entry; 24
  CHECK(b.memory.reads - before == context + nested);
  const Time read = b.memory.latency + b.params.walk_read_overhead;
  CHECK(b.client.replies[ticket].ready == start + 1_ns + b.params.walk_setup + (context + nested) * read + 2_ns);
}

TEST_CASE("paging-structure caches of both stages leave two reads to a nested walk of a neighbouring page", "[D1][L6]") {
  Nested b;
  b.one.table.map(buffer + 4096, Nested::page + 4096, 4096, 12, {});
  b.dma(b.one);
  const auto reads = b.unit.translation.walk_reads.value();
  CHECK(b.dma(b.one, Access::read, buffer + 4096).address == Hpa(b.one.host + Nested::page + 4096));
  CHECK(b.unit.translation.walk_reads.value() - reads == 3);  // the first stage's leaf through its table's page, the page itself
}

TEST_CASE("guests on one function reach their own memory only, whatever their tables say", "[B7][D4][L6][N5]") {
  Nested b;
  CHECK(b.dma(b.one).address == Hpa(b.one.host + Nested::page));
  CHECK(b.dma(b.two).address == Hpa(b.two.host + Nested::page));
  CHECK(b.dma(b.one, Access::write).outcome == Outcome::granted);
  b.one.table.map(buffer + 0x1000, guest_bytes, 4096, 12, {});        // just behind its memory
  b.one.table.map(buffer + 0x2000, b.two.host + Nested::page, 4096, 12, {});  // the other's, by host address
  b.one.table.map(buffer + 0x3000, std::uint64_t{1} << 48, 4096, 12, {});
  CHECK(b.dma(b.one, Access::read, buffer + 0x1000).fault_reason == 0x79);
  CHECK(b.dma(b.one, Access::write, buffer + 0x2000).fault_reason == 0x79);
  CHECK(b.dma(b.one, Access::read, buffer + 0x3000).fault_reason == 0x84);
  for (unsigned i = 0; i < 3; ++i) {
    CHECK(b.unit.fault_record(i).valid());
    CHECK(b.unit.fault_record(i).pasid() == b.one.pasid.value);
  }
}

TEST_CASE("after a guest changed its table nothing stale is used once its invalidation is over, and the other guest's stays", "[E5][L6]") {
  Nested b;
  b.dma(b.one), b.dma(b.two);
  for (Guest* g : {&b.one, &b.two}) g->table.map(buffer, Nested::page + 0x1000, 4096, 12, {});
  CHECK(b.dma(b.one).address == Hpa(b.one.host + Nested::page));  // still cached
  b.invalidate(b.driver.invalidate_guest_page(vf_a, b.one.pasid, b.one.domain, Iova(buffer)));
  CHECK(b.dma(b.one).address == Hpa(b.one.host + Nested::page + 0x1000));
  CHECK(b.dma(b.two).address == Hpa(b.two.host + Nested::page));
  REQUIRE(b.fabric.sent.size() == 1);  // the device TLB is told which page, of which PASID
  CHECK(b.fabric.sent[0].pasid == b.one.pasid);
  CHECK(b.fabric.sent[0].body == buffer);
  b.one.table.unmap(buffer, 1);
  b.invalidate(b.driver.invalidate_guest_page(vf_a, b.one.pasid, b.one.domain, Iova(buffer)));
  CHECK(b.dma(b.one).fault_reason == 0x71);
}

TEST_CASE("after the host moved a page of a guest nothing stale is used once its invalidation is over, and the other guest's stays",
          "[E5][L6]") {
  Nested b;
  b.dma(b.one), b.dma(b.two);
  for (Guest* g : {&b.one, &b.two}) b.driver.map(g->domain, Iova(Nested::page), Hpa(0x6000'0000), 4096, 12);
  CHECK(b.dma(b.one).address == Hpa(b.one.host + Nested::page));
  b.invalidate(b.driver.invalidate_guest_memory(vf_a, b.one.pasid, b.one.domain, Gpa(Nested::page)));
  CHECK(b.dma(b.one).address == Hpa(0x6000'0000));
  CHECK(b.dma(b.two).address == Hpa(b.two.host + Nested::page));
  REQUIRE(b.fabric.sent.size() == 1);  // which of the device TLB's pages lead there is not known: all go
  CHECK(b.fabric.sent[0].body == (0x7fff'ffff'ffff'f000 | 0x800));
  b.driver.unmap(b.one.domain, Iova(Nested::page), 1);
  b.invalidate(b.driver.invalidate_guest_memory(vf_a, b.one.pasid, b.one.domain, Gpa(Nested::page)));
  CHECK(b.dma(b.one).fault_reason == 0x79);
}

TEST_CASE("after the host moved a guest's table to another frame walks read it there", "[E5][L6]") {
  Nested b;
  b.dma(b.one);
  const std::uint64_t root = b.one.table.root(), moved = 0x6000'0000;
  for (std::uint64_t at = 0; at < 4096; at += 8) b.store(moved + at, b.load(b.one.host + root + at));
  b.driver.map(b.one.domain, Iova(root), Hpa(moved), 4096, 12);
  for (std::uint64_t at = 0; at < 4096; at += 8) b.store(b.one.host + root + at, 0);  // the old frame is somebody else's
  b.invalidate(b.driver.invalidate_guest_memory(vf_a, b.one.pasid, b.one.domain, Gpa(root)));
  CHECK(b.dma(b.one).address == Hpa(b.one.host + Nested::page));
  CHECK(b.unit.translation.faults.value() == 0);
}

TEST_CASE("a guest that loses its PASID reaches nothing once that is invalidated", "[E5][L6]") {
  Nested b;
  b.dma(b.one), b.dma(b.two);
  b.invalidate(b.driver.detach(vf_a, b.one.pasid, b.one.domain));
  CHECK(b.dma(b.one).fault_reason == 0x59);
  CHECK(b.dma(b.two).outcome == Outcome::granted);
}

TEST_CASE("a guest of a function without PASIDs goes through RID_PASID", "[L6]") {
  Nested b;
  Guest third{b.unit.memory, 0x7000'0000, vf_b, {}};
  b.driver.add_function(vf_b, {0, false, false});
  const DomainId domain = b.driver.create_domain();
  b.driver.map(domain, Iova(0), Hpa(third.host), guest_bytes, 12);
  third.table.map(buffer, Nested::page, 4096, 12, {});
  b.driver.attach_nested(vf_b, {}, domain, Gpa(third.table.root()));
  CHECK(b.dma(third).address == Hpa(third.host + Nested::page));
}

TEST_CASE("a driver refuses to nest where the unit cannot, and above a first stage") {
  Params p = test_params();
  p.features.nested = false;
  Rig r(p);
  SoftwareCosts costs;
  MemoryView view{r.unit.memory, Hpa(0x1000'0000), 64u << 20, 0x1000'0000};
  IommuDriver driver{view, {bind<&Iommu::write_register>(&r.unit), bind<&Iommu::read_register>(&r.unit)}, costs};
  CHECK_THROWS_WITH(driver.attach_nested(vf_a, {}, driver.create_domain(), Gpa(0)), Catch::Contains("scalable mode"));
  driver.use_scalable_mode();
  CHECK_THROWS_WITH(driver.attach_nested(vf_a, {}, driver.create_domain(), Gpa(0)), Catch::Contains("does not nest"));
}

}  // namespace nested_test
