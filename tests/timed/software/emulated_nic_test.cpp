// SPDX-License-Identifier: Apache-2.0
// The emulated NIC's interrupts, to the picosecond: the I/O thread on one core, the guest on another.
#include "models/software/emulated_nic.h"
#include "tests/timed/software/vcpu_bench.h"

namespace emulated_nic_test {
using namespace iov;
using namespace iov::host;
using namespace iov::software;
using namespace iov::nic;

namespace {
struct Book : PacketBook {
  void dropped(PacketId, DropReason reason) override {
    CHECK(reason == DropReason::no_receive_descriptor);
    ++lost;
  }
  JourneyRef journey(PacketId) override { return {}; }
  bool under_way(PacketId) const override { return false; }
  unsigned lost = 0;
};

/// A guest that posts eight buffers, reads the cause of each interrupt and does nothing else.
struct EmulatedBench : VcpuBench {
  const Time throttle = 50_us;
  // back from the look 0.02, system call 0.03, tap 0.35, copy 0.06, to user 0.02, model 1, copy 0.055, then the interrupt is decided;
  // injected a system call 0.03 and 0.3 later
  const Time decided = 1535_ns, injected = 1865_ns;
  const Time seen = 1350_ns;     ///< IPI 1, delivery 0.1, gate 0.25
  const Time callback = 350_ns;  ///< of the timer: to user space 0.02, system call 0.03, injection 0.3
  explicit EmulatedBench(const EmulatedNic::Params& params = {})
      : model("nic", services, params, {}, costs, EmulatedNic::Location::user, guest_memory, vcpu, network, tap, processors.core(1)) {
    costs.event_loop = Time();
    set_up = programs();
    set_up.start();
    model.start();
    run(100_us);
  }
  Task programs() {
    Strand& s = vcpu.application();
    model.set_vector(vcpu.allocate_vector(bind<&EmulatedBench::interrupted>(this), &ledger.open()));
    const Gpa ring = guest_memory.allocate(16 * 16), buffers = guest_memory.allocate(16 * 2048);
    for (unsigned i = 0; i < 8; ++i) {
      RxDescriptor d{};
      d.read = {buffers.value + 2048 * i, 0};
      guest_memory.store(ring + 16 * i, d);
    }
    co_await model.write(s, rx_register(0, queue_base), ring.value, 8, {});
    co_await model.write(s, rx_register(0, queue_length), 16, 4, {});
    co_await model.write(s, reg_throttle, throttle.value() / 1'000'000, 4, {});
    co_await model.write(s, rx_register(0, queue_control), 1, 4, {});
    co_await model.write(s, rx_register(0, queue_tail), 8, 4, {});
    co_await model.write(s, reg_interrupt_mask_set, 1, 4, {});
  }
  Task interrupted(Strand& strand) {
    handled.push_back(to_ps(timeline.now()));
    std::uint64_t cause = 0;
    co_await model.read(strand, reg_interrupt_cause, 4, cause);
    CHECK(cause == 1);
  }
  Task reads_status() {
    std::uint64_t status = 0;
    co_await model.read(vcpu.application(), reg_status, 4, status);
  }
  void arrives(JourneyRef journey = {}) {
    Frame frame;
    frame.bytes = 60;
    frame.journey = journey;
    REQUIRE(tap.push(std::move(frame)));
    if (Strand* reader = tap.take_reader()) reader->wake();
  }
  Time io_busy() {
    processors.core(1).settle();
    return processors.core(1).busy();
  }

  Book book;
  PacketServices services{timeline, book, nullptr};
  MemoryView guest_memory{port, Hpa(0x100000), 0x100000, 0};
  Vcpu vcpu{"vcpu", core, idles, costs, posting};
  HostNetwork network{"network", services, {}, costs};
  Tap& tap = network.add_tap(MacAddress{2});
  EmulatedNic model;
  JourneyLog journeys{"journeys"};
  std::vector<std::uint64_t> handled;  ///< ps
  Task set_up;
};
}  // namespace

TEST_CASE("an emulated NIC's mitigated interrupt comes when its I/O thread has run the timer and paid for the injection", "[A2][F4]") {
  EmulatedBench b;
  b.arrives();
  b.run(110_us);
  b.arrives();
  const Time timer = 100_us + b.decided + b.throttle;
  b.run(timer + b.callback + b.seen - 1_ps);
  CHECK(b.handled == std::vector<std::uint64_t>{to_ps(100_us + b.injected + b.seen)});
  b.run(timer + b.callback + b.seen);
  REQUIRE(b.handled.size() == 2);
  CHECK(b.handled[1] == to_ps(timer + b.callback + b.seen));
}

TEST_CASE("a packet's journey waits with the mitigated interrupt and goes on with its injection", "[A2]") {
  EmulatedBench b;
  b.arrives();
  b.run(110_us);
  const JourneyRef journey = b.journeys.begin(Stage::wire, b.timeline.now());
  b.arrives(journey);
  b.run(200_us);
  const auto& spent = journey.get()->spent;
  CHECK(spent[static_cast<std::size_t>(Stage::interrupt)] == 100_us + b.decided + b.throttle + b.callback - (110_us + b.decided));
  CHECK(spent[static_cast<std::size_t>(Stage::injection)] == b.seen);
  b.journeys.finish(journey, b.timeline.now(), false);
}

TEST_CASE("the mitigation timer waits for the emulator's mutex", "[A2]") {
  EmulatedBench b;
  b.arrives();
  b.run(110_us);
  b.arrives();
  const Time timer = 100_us + b.decided + b.throttle;
  b.run(timer - 1700_ns - b.costs.instruction_emulation);
  Task read = b.reads_status();  // exit 0.6, decoded, to user 0.9: has the mutex from 0.2 before the timer for 0.554
  read.start();
  b.run(200_us);
  REQUIRE(b.handled.size() == 2);
  // mutex free 0.354 after the timer, the vCPU's thread wakes the I/O thread 0.03 + 0.7, which comes back 0.02; system call 0.03, injection 0.3
  CHECK(b.handled[1] == to_ps(timer + 1434_ns + b.seen));
}

TEST_CASE("a mitigation timer with nothing to tell costs the I/O thread its wake-up and the guest nothing", "[A2]") {
  EmulatedBench b;
  b.arrives();
  b.run(140_us);
  const Time before = b.io_busy();
  b.run(200_us);
  CHECK(b.handled.size() == 1);
  CHECK(b.io_busy() - before == 50_ns);  // back from its system call and into the next
}

TEST_CASE("a mitigated interrupt costs the I/O thread its wake-up, the system call and the injection", "[A2]") {
  EmulatedBench b;
  for (const Time& injection : {300_ns, 30_us}) {
    b.costs.interrupt_injection = injection;
    const Time start = b.timeline.now();
    b.arrives();
    b.run(start + 40_us);
    b.arrives();
    b.run(start + 45_us);
    const Time before = b.io_busy();
    b.run(start + 100_us);
    CHECK(b.io_busy() - before == 50_ns + injection);
    b.run(start + 200_us);  // the timer that this interrupt started
  }
  CHECK(b.handled.size() == 4);
}

TEST_CASE("a register access waits while the I/O thread receives a burst, and the burst ends when the tap is empty", "[A2][mutex]") {
  EmulatedBench b;
  for (int i = 0; i < 4; ++i) b.arrives();
  b.run(100_us + 100_ns);
  Task read = b.reads_status();
  read.start();
  // Four packets: system call 0.03, tap 0.35, copy 0.06, to user 0.02, model 1, copy 0.055. One injection 0.03 + 0.3, after which the next
  // read is in the kernel already; a last read 0.03 finds nothing.
  const Time burst = 20_ns + 4 * 1515_ns + 330_ns - 30_ns + 30_ns;
  b.run(100_us + burst);
  CHECK(!read.done());
  // woken by the I/O thread's system call, back from its own; then its work, the way back and the entry
  const Time granted = 100_us + burst + 700_ns + 20_ns;
  const Time back = granted + b.costs.register_emulation + 30_ns + 700_ns + 400_ns;
  b.run(back - 1_ps);
  CHECK(!read.done());
  b.run(back);
  CHECK(read.done());
}

TEST_CASE("packets that find no buffer stay in the tap, and the next tail write lets them in", "[A2]") {
  EmulatedBench b;
  for (int i = 0; i < 20; ++i) b.arrives();
  b.run(200_us);
  CHECK(b.tap.size() == 12);  // eight buffers
  CHECK(b.book.lost == 0);
  const auto refills = [&]() -> Task { co_await b.model.write(b.vcpu.application(), rx_register(0, queue_tail), 12, 4, {}); };
  Task task = refills();
  task.start();
  b.run(300_us);
  CHECK(b.tap.size() == 8);
}

TEST_CASE("the e1000 of 2010 reads packets without a buffer from the tap, at the tap's cost each, and loses them", "[A2]") {
  EmulatedBench b({.waits_for_buffers = false});
  for (int i = 0; i < 8; ++i) b.arrives();
  b.run(200_us);
  CHECK(b.book.lost == 0);
  const Time before = b.io_busy();
  for (int i = 0; i < 12; ++i) b.arrives();
  b.run(400_us);
  CHECK(b.tap.empty());
  CHECK(b.book.lost == 12);
  // each is a turn of the main loop: back from the look 0.02, system call 0.03, tap 0.35, copy 0.06; the next look is in the kernel
  CHECK(b.io_busy() - before == 12 * 460_ns);
}

}  // namespace emulated_nic_test
