// SPDX-License-Identifier: Apache-2.0
// Mapping and unmapping on a core, against a real unit: what it costs to the picosecond, and what the device can still
// reach at which moment.
#include "models/software/dma_api.h"

#include "models/iommu/register_window.h"
#include "tests/timed/iommu/rig.h"
namespace dma_api_test {
using namespace rig;
using namespace iov::software;

using Direction = DmaApi::Direction;

namespace {
constexpr RequesterId device{0x0100};
constexpr Hpa buffer(0x2000'0800);

struct Mapped : Rig {
  explicit Mapped(MappingPolicy policy, bool device_tlb = false, const Params& p = test_params(), DmaApi::Params d = {})
      : Rig(p), dma("dma", timeline, d, policy, costs, driver, window, core) {
    dma.attach({device, device_tlb});
    driver.enable(true, false);
  }
  Task begin() {  // the core is awake from here on
    co_await strand.wait();
    co_await strand.spend(host::Context::host_kernel, host::Work::driver, 1_us);
  }
  Task one_map() {
    co_await begin();
    co_await dma.map(strand, host::Context::host_kernel, buffer, 1500, Direction::from_device, iova);
  }
  Task one_unmap() {
    co_await begin();
    started = timeline.now();
    co_await dma.unmap(strand, host::Context::host_kernel, iova, 1500);
    finished = timeline.now();
  }
  Task map_and_unmap(unsigned times) {
    co_await begin();
    for (unsigned i = 0; i < times; ++i) {
      co_await dma.map(strand, host::Context::host_kernel, buffer, 1500, Direction::from_device, iova);
      co_await dma.unmap(strand, host::Context::host_kernel, iova, 1500);
    }
    finished = timeline.now();
  }
  void start(Task&& what) {
    task = std::move(what);
    task.start();
    strand.wake();
  }
  /// A device's write as it is answered now: from the IOTLB without time, else by a walk.
  TranslationReply write() { return dma_write(iova.value); }
  TranslationReply dma_write(std::uint64_t at) { return Rig::dma(device, at, Access::write); }
  bool reaches() { return write().outcome == Outcome::granted; }
  /// What the IOTLB alone says at this very moment.
  bool cached() {
    Binding b;
    b.domain = dma.domain();
    return unit.translation.iotlb().peek(b, iova.value) != nullptr;
  }
  Time clearing() const { return costs.dma_unmap + costs.iova_find + costs.iommu_unmap; }

  SoftwareCosts costs;
  host::Core core{"core", timeline, {}, 0};
  MemoryView view{unit.memory, Hpa(0x1000'0000), 64u << 20, 0x1000'0000};
  RegisterWindow window{"window", timeline, params, unit};
  IommuDriver driver{view, {bind<&Iommu::write_register>(&unit), bind<&Iommu::read_register>(&unit)}, costs};
  host::Strand strand{core, host::Level::host_softirq};
  DmaApi dma;
  Iova iova;
  Time started, finished;
  Task task;
};
}  // namespace

TEST_CASE("a mapped buffer is reached by its address with its direction's permission only") {
  Mapped m(MappingPolicy::strict);
  m.start(m.one_map());
  m.run();
  CHECK((m.iova.value & 0xfff) == 0x800);
  CHECK(m.write().address == buffer);
  CHECK(m.Rig::dma(device, m.iova.value).outcome == Outcome::blocked);
  CHECK(m.dma_write(m.iova.value + 0x1000).outcome == Outcome::blocked);
  CHECK(m.core.spent(host::Context::host_kernel) == 1_us + m.costs.dma_map + m.costs.iova_allocate + m.costs.iommu_map);
}

TEST_CASE("a strict unmap takes its named costs and waits for the unit, to the picosecond") {
  Mapped m(MappingPolicy::strict);
  m.start(m.one_map());
  m.run();
  m.start(m.one_unmap());
  m.run();
  const Time fetch = m.memory.latency + m.params.descriptor_overhead;
  const Time submitted = m.clearing() + m.costs.invalidation_submit + m.costs.mmio_write;  // since the call
  const Time status = submitted + m.params.register_latency + fetch + m.params.invalidation_time + fetch;
  const Time round = m.params.register_latency * 2;
  Time seen = submitted;  // the status is looked at before every read of FSTS
  while (seen < status) seen = seen + round;
  CHECK(m.finished - m.started == seen + m.costs.iova_free);
  CHECK(m.dma.window.count() == 1);
  CHECK(m.dma.window.max_ns() == Approx((seen - m.clearing()).to_seconds() * 1e9));
  CHECK(m.driver.queue().spins.value() == static_cast<unsigned>((seen - submitted) / round));
}

TEST_CASE("after a strict unmap the device cannot reach the page, whatever its IOTLB held", "[E5]") {
  Mapped m(MappingPolicy::strict);
  m.start(m.one_map());
  m.run();
  REQUIRE(m.reaches());
  REQUIRE(m.cached());
  m.start(m.one_unmap());
  while (m.finished == Time()) {
    m.timeline.run(m.timeline.now() + 1_ns);
    if (m.dma.unmapped.value() == 1 && m.dma.window.count() == 0 && m.unit.invalidation.descriptors.value() == 0 &&
        m.timeline.now() < m.started + m.clearing() + 50_ns)
      CHECK(m.cached());  // the table no longer has it, the cache still does
  }
  CHECK_FALSE(m.cached());
  CHECK_FALSE(m.reaches());
  CHECK(m.unit.translation.audit()->finding().empty());
}

TEST_CASE("after a deferred unmap the device reaches the page until the flush timer has run out, never after", "[E5]") {
  DmaApi::Params d;
  d.flush_timeout = 1000_us;
  Mapped m(MappingPolicy::deferred, false, test_params(), d);
  m.start(m.one_map());
  m.run();
  REQUIRE(m.reaches());
  m.start(m.one_unmap());
  m.run(10_us);
  CHECK(m.finished - m.started == m.clearing() + m.costs.flush_queue_add);
  CHECK(m.driver.queue().submissions.value() == 0);
  const Iova old = m.iova;
  CHECK(m.reaches());  // the window
  m.timeline.run(m.finished + d.flush_timeout - 1_ps);
  CHECK(m.cached());
  m.start(m.one_map());  // its address must be another one: the old translation is alive
  m.timeline.run(m.timeline.now() + 1_us);
  m.run();
  CHECK(m.dma.timed_flushes.value() == 1);
  CHECK(m.iova != old);
  CHECK(m.dma_write(old.value).outcome == Outcome::blocked);
  CHECK(m.dma.window.count() == 1);
  CHECK(m.dma.window.min_ns() > 1e6);
  m.start(m.one_map());
  m.run();
  CHECK(m.iova == old);  // free again
}

TEST_CASE("a full flush queue is emptied by one domain-selective invalidation") {
  DmaApi::Params d;
  d.flush_queue_entries = 8;
  Mapped m(MappingPolicy::deferred, false, test_params(), d);
  m.start(m.map_and_unmap(7));  // one entry stays unused, as in Linux
  m.run();
  CHECK(m.driver.queue().submissions.value() == 0);
  m.start(m.map_and_unmap(1));
  m.run();
  CHECK(m.driver.queue().submissions.value() == 1);
  CHECK(m.driver.queue().descriptors.value() == 2);
  CHECK(m.dma.full_flushes.value() == 1);
  CHECK(m.dma.window.count() == 7);
}

TEST_CASE("a function with a device TLB is told in the same batch, and the unmap ends with its answer", "[E5]") {
  Mapped m(MappingPolicy::strict, true);
  m.start(m.one_map());
  m.run();
  m.start(m.one_unmap());
  m.run();
  REQUIRE(m.fabric.sent.size() == 1);
  CHECK(m.fabric.sent[0].function == device);
  CHECK((m.fabric.sent[0].body & vtd::page_mask) == (m.iova.value & vtd::page_mask));
  CHECK(m.finished == Time());
  m.unit.invalidate_completed(device, 1u << m.fabric.sent[0].itag, 1);
  m.run();
  CHECK(m.finished > Time());
  CHECK(m.driver.queue().descriptors.value() == 3);
}

TEST_CASE("a device that does not answer is asked again after the unit gave it up") {
  Params p = test_params();
  p.device_tlb_timeout = 20_us;
  Mapped m(MappingPolicy::strict, true, p);
  m.start(m.one_map());
  m.run();
  m.start(m.one_unmap());
  m.run(15_us);
  CHECK(m.fabric.sent.size() == 1);
  m.run(15_us);
  REQUIRE(m.fabric.sent.size() == 2);
  CHECK(m.driver.queue().retries.value() == 1);
  CHECK((m.fault_status() & vtd::fsts_timeout_error) == 0);
  m.unit.invalidate_completed(device, 1u << m.fabric.sent[1].itag, 1);
  m.run(10_us);
  CHECK(m.finished > Time());
}

TEST_CASE("a descriptor that the unit refuses is replaced, and the queue goes on") {
  Mapped m(MappingPolicy::strict);
  m.start(m.one_map());
  m.run();
  m.start(m.one_unmap());
  while (m.driver.queue().submissions.value() == 0) m.timeline.run(m.timeline.now() + 1_ns);
  m.store(m.driver.queue().ring() & vtd::page_mask, vtd::Pair{15, 0});  // somebody wrote into the ring
  m.run();
  CHECK(m.driver.queue().errors.value() == 1);
  CHECK(m.finished > Time());
  CHECK((m.fault_status() & vtd::fsts_queue_error) == 0);
  m.finished = {};
  m.start(m.map_and_unmap(1));
  m.run();
  CHECK(m.finished > Time());
}

TEST_CASE("the ring is used round and round") {
  Mapped m(MappingPolicy::strict);
  m.start(m.map_and_unmap(300));
  m.run(1000_us);
  CHECK(m.finished > Time());
  CHECK(m.driver.queue().descriptors.value() == 600);
  CHECK(m.unit.invalidation.descriptors.value() == 600);
  CHECK(m.unit.invalidation.errors.value() == 0);
}

namespace {
struct OtherCore {
  explicit OtherCore(Mapped& b) : m(b), core("core1", b.timeline, {}, 1), registers(b.window, host::Context::host_kernel, b.costs) {
    registers.map(Hpa(0));
  }
  Task invalidate(unsigned times) {
    co_await strand.wait();
    const std::array<vtd::Pair, 2> batch{vtd::invalidate_iotlb_global(), vtd::invalidate_iotlb_domain({9})};
    for (unsigned i = 0; i < times; ++i) co_await m.driver.queue().submit(strand, host::Context::host_kernel, registers, batch);
    done = true;
  }
  Mapped& m;
  host::Core core;
  MappedRegisters registers;
  host::Strand strand{core, host::Level::host_softirq};
  bool done = false;
};
}  // namespace

TEST_CASE("two cores have submissions in the queue at the same time, each waits for its own") {
  Mapped m(MappingPolicy::strict);
  OtherCore other(m);
  Task task = other.invalidate(40);
  task.start();
  other.strand.wake();
  m.start(m.map_and_unmap(40));
  m.run(200_us);
  CHECK(other.done);
  CHECK(m.finished > Time());
  CHECK(m.driver.queue().submissions.value() == 80);
  CHECK(m.unit.invalidation.descriptors.value() == 40 * 3 + 40 * 2);
}

namespace {
/// Interrupts a core again and again, so that one comes between any two steps of its software.
struct Ticker {
  Ticker(Mapped& mapped, unsigned ticks) : m(mapped), left(ticks), vector(m.core.allocate_vector(bind<&Ticker::handle>(this))) {
    event.at(m.timeline.now() + 2_us);
  }
  void tick() {
    m.core.interrupt({.destination = 0, .vector = vector});
    if (--left > 0) event.at(m.timeline.now() + 1237_ns);
  }
  Task handle(host::Strand& strand) { co_await strand.spend(host::Context::irq, host::Work::interrupt, 200_ns); }
  Mapped& m;
  unsigned left;
  const std::uint8_t vector;
  Event event{m.timeline, bind<&Ticker::tick>(this)};
};
}  // namespace

TEST_CASE("a core that is interrupted on its way to the queue's tail does not move it back", "[E5]") {
  Mapped m(MappingPolicy::strict);
  OtherCore other(m);
  Ticker ticker(m, 400);
  Task task = other.invalidate(300);
  task.start();
  other.strand.wake();
  m.start(m.map_and_unmap(300));
  m.run(2000_us);
  CHECK(other.done);
  CHECK(m.finished > Time());
  CHECK(m.driver.queue().submissions.value() == 600);
  CHECK(m.unit.invalidation.descriptors.value() == 300 * 3 + 300 * 2);
  CHECK(m.unit.invalidation.errors.value() == 0);
}
}  // namespace dma_api_test
