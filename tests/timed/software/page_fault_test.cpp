// SPDX-License-Identifier: Apache-2.0
// The host's page fault handler on cores without world-switch costs, against a real unit: a page fault to the picosecond.
#include "models/software/page_fault_handler.h"

#include "models/iommu/register_window.h"
#include "tests/timed/iommu/rig.h"
namespace page_fault_test {
using namespace rig;
using namespace iov::software;

namespace {
constexpr RequesterId device{0x0100};
constexpr Pasid pasid{5};
constexpr std::uint64_t base = 0x1'0000'0000, frame = 0x4000'0000;
constexpr std::uint64_t read = 1, write = 2, last = 4;
constexpr unsigned success = 0, invalid = 1;

host::Core::Params free_switches() {
  host::Core::Params p;
  host::WorldSwitchCosts& w = p.world;
  for (Time* cost : {&w.context_switch, &w.interrupt_entry, &w.interrupt_exit, &w.idle_exit, &w.syscall_entry, &w.syscall_exit})
    *cost = Time();
  return p;
}

struct Paged : Rig {
  explicit Paged(std::uint64_t pages = 8, std::uint64_t frames = 8, TableStage stage = TableStage::second) {
    processors.core = bind<&host::Core::interrupt>(&first);
    driver.use_scalable_mode();
    driver.add_function(device, {pasid.value, true, true});
    domain = driver.create_domain(stage);
    driver.attach_pasid(device, pasid, domain);
    handler.give_frames(Hpa(frame), frames);
    handler.add({device, pasid, domain, Iova(base), pages}, false);
    driver.enable(true, false);
    handler.start(bind<&Iommu::write_register>(&unit));
  }
  void ask(std::uint64_t page, unsigned group, std::uint64_t bits) { unit.page_requested(device, pasid, (base + page * 4096) | group << 3 | bits); }
  TranslationReply dma(std::uint64_t page) {
    TranslationRequest q = request(device, base + page * 4096);
    q.pasid = pasid;
    return answer(q);
  }
  /// From a request's arrival at the unit until the reader has read it.
  Time noticed() const {
    const Time round = params.register_latency * 2;  // a register read; a posted write before it arrives on the way
    return memory.latency + costs.thread_wakeup + costs.mmio_write + round * 2 + p.request_cost;
  }
  /// From a handler's submission until the unit has carried out the first of its descriptors.
  Time carried_out() const {
    return costs.invalidation_submit + costs.mmio_write + params.register_latency + memory.latency + params.descriptor_overhead;
  }
  SoftwareCosts costs;
  PageFaultHandler::Params p;
  host::Core first{"core0", timeline, free_switches(), 0}, second{"core1", timeline, free_switches(), 1};
  MemoryView view{unit.memory, Hpa(0x1000'0000), 64u << 20, 0x1000'0000};
  RegisterWindow window{"window", timeline, params, unit};
  IommuDriver driver{view, {bind<&Iommu::write_register>(&unit), bind<&Iommu::read_register>(&unit)}, costs};
  PageFaultHandler handler{"page_faults", timeline, p, costs, driver, window, {&first, &second}, view};
  DomainId domain;
};
}  // namespace

TEST_CASE("a page fault takes its named costs and the unit's time, to the picosecond", "[E1]") {
  Paged b;
  CHECK(b.dma(3).outcome == Outcome::blocked);
  const Time asked = b.timeline.now();
  b.ask(3, 7, read | last);
  const Time answered = asked + b.noticed() + b.p.fault_cost + b.costs.iommu_map + b.carried_out();
  b.timeline.run(answered - 1_ps);
  CHECK(b.fabric.responses.empty());
  b.timeline.run(answered);
  REQUIRE(b.fabric.responses.size() == 1);
  CHECK(b.fabric.responses[0].function == device);
  CHECK(b.fabric.responses[0].pasid == pasid);
  CHECK(b.fabric.responses[0].group == 7);
  CHECK(b.fabric.responses[0].code == success);
  CHECK(b.dma(3).address == Hpa(frame));
  b.run();
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("a group is answered once, when all its pages are there", "[E1]") {
  Paged b;
  b.ask(1, 2, read);
  b.ask(2, 2, read);
  b.ask(3, 2, read | last);
  b.run(1000_us);
  REQUIRE(b.fabric.responses.size() == 1);
  CHECK(b.handler.handled.value() == 3);
  for (const std::uint64_t page : {1u, 2u, 3u}) CHECK(b.dma(page).outcome == Outcome::granted);
}

TEST_CASE("a group whose last request has not come is not answered, and breaks the rule at rest", "[E1]") {
  Paged b;
  b.ask(1, 2, read);
  b.run(1000_us);
  CHECK(b.fabric.responses.empty());
  CHECK(b.handler.requests.value() == 1);
  CHECK_THROWS_WITH(audit(Invariant::at_rest, b.timeline.now()), Catch::Contains("1 wait, 0 taken, 0 answered"));
}

TEST_CASE("requests for a page on its way wait for it and are answered with it", "[E1]") {
  Paged b;
  for (unsigned group = 0; group < 6; ++group) b.ask(1, group, (group % 2 ? read : write) | last);
  b.run(1000_us);
  CHECK(b.fabric.responses.size() == 6);
  CHECK(b.handler.handled.value() == 1);
  CHECK(b.handler.spurious.value() == 5);
  for (const auto& response : b.fabric.responses) CHECK(response.code == success);
}

TEST_CASE("a request for a page that is there already costs its answer and no work on the page, to the picosecond", "[E1]") {
  Paged b;
  b.ask(3, 7, read | last);
  b.run(1000_us);
  const Time asked = b.timeline.now(), answered = asked + b.noticed() + b.carried_out();
  b.ask(3, 8, write | last);
  b.timeline.run(answered - 1_ps);
  CHECK(b.fabric.responses.size() == 1);
  b.timeline.run(answered);
  REQUIRE(b.fabric.responses.size() == 2);
  CHECK(b.fabric.responses[1].code == success);
  CHECK(b.handler.handled.value() == 1);
  CHECK(b.handler.spurious.value() == 1);
}

TEST_CASE("a space that is released ends when no request of it can come any more, and those that still came are refused", "[E1][E5]") {
  Paged b;
  b.ask(0, 0, read | last);
  b.run(1000_us);
  b.handler.release();
  b.run(1000_us);
  REQUIRE(b.fabric.sent.size() == 1);  // the device TLB is told, and has not answered yet
  CHECK(b.handler.released.value() == 0);
  const Time usual = std::exchange(b.memory.latency, 50_us);
  b.ask(1, 1, read | last);  // what the device sent before its answer
  b.unit.invalidate_completed(device, 1u << b.fabric.sent[0].itag, 1);
  b.timeline.run(b.timeline.now() + 49_us);
  CHECK(b.handler.released.value() == 0);  // the request is not in the queue yet
  b.run(2000_us);
  CHECK(b.handler.released.value() == 1);
  REQUIRE(b.fabric.responses.size() == 2);
  CHECK(b.fabric.responses[1].group == 1);
  CHECK(b.fabric.responses[1].code == invalid);
  b.memory.latency = usual;
  CHECK(b.dma(0).fault_reason == 0x59);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("a page outside the space, of another PASID or another function is an invalid request", "[E1][N5]") {
  Paged b;
  b.ask(8, 1, read | last);
  b.unit.page_requested(device, pasid, (base - 4096) | 2 << 3 | read | last);
  b.unit.page_requested(device, {4}, base | 3 << 3 | read | last);
  b.ask(0, 4, read), b.ask(100, 4, read | last);  // one good page does not make the group good
  b.run(1000_us);
  REQUIRE(b.fabric.responses.size() == 4);
  for (const auto& response : b.fabric.responses) CHECK(response.code == invalid);
  CHECK(b.handler.refused.value() == 4);
}

TEST_CASE("a stop marker is read and not answered", "[E1][L6]") {
  Paged b;
  b.unit.page_requested(device, pasid, last);
  b.run(1000_us);
  CHECK(b.handler.markers.value() == 1);
  CHECK(b.fabric.responses.empty());
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("the page that came first makes room, and no cache knows it when its frame is used again", "[E1][E5]") {
  Paged b(8, 1, TableStage::first);
  b.ask(0, 0, write | last);
  b.run(1000_us);
  REQUIRE(b.dma(0).address == Hpa(frame));  // the IOTLB has it
  b.ask(5, 1, write | last);
  b.run(1000_us);
  REQUIRE(b.fabric.sent.size() == 1);  // the device TLB is told, and the host waits for its answer
  CHECK(b.fabric.sent[0].pasid == pasid);
  CHECK(b.fabric.sent[0].body == base);
  CHECK(b.fabric.responses.size() == 1);
  CHECK(b.dma(0).outcome == Outcome::blocked);
  CHECK(b.dma(5).outcome == Outcome::blocked);
  b.unit.invalidate_completed(device, 1u << b.fabric.sent[0].itag, 1);
  b.run(1000_us);
  REQUIRE(b.fabric.responses.size() == 2);
  CHECK(b.dma(5).address == Hpa(frame));
  CHECK(b.dma(0).outcome == Outcome::blocked);
}

TEST_CASE("an overflow is cleared when the queue has been read, and requests after it are handled", "[E1]") {
  Paged b;
  const unsigned entries = (4096u << b.p.log2_queue_pages) / 32;
  for (unsigned i = 0; i < entries + 10; ++i) b.ask(i % 8, i % 512, read | last);
  REQUIRE(b.unit.page_requests.overflows.value() == 11);  // a full queue has one entry free
  CHECK(b.fabric.responses.size() == 11);                 // the unit's own
  b.run(100000_us);
  CHECK(b.handler.overflows.value() == 1);
  CHECK((b.unit.read_register(vtd::reg_page_request_status, 4) & vtd::prs_overflow) == 0);
  CHECK(b.fabric.responses.size() == entries + 10);
  b.ask(7, 3, read | last);
  b.run(1000_us);
  CHECK(b.fabric.responses.size() == entries + 11);
  audit(Invariant::at_rest, b.timeline.now());
}

}  // namespace page_fault_test
