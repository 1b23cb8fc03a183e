// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "models/host/core.h"
using namespace iov;
using namespace iov::host;

namespace {
Core::Params owed_costs() {
  Core::Params p;
  p.world.interrupt_entry = 300_ns, p.world.interrupt_exit = 200_ns, p.world.idle_exit = 2_us;
  return p;
}
/// Driver 1 us, stack 2 us and application 4 us, one after the other, in the kernel: owed, or each by itself.
struct OwedBench {
  Timeline timeline{"timeline"};
  Core core{"core", timeline, owed_costs(), 0};
  Strand softirq{core, Level::host_softirq};
  Time end;
  Task task;

  void begin(bool owed) {
    task = owed ? together() : apart();
    task.start();
    softirq.wake();
  }
  Task together() {
    co_await softirq.wait();
    softirq.owe(Work::driver, 1_us);
    softirq.owe(Work::stack, 2_us);
    co_await softirq.spend(Context::host_kernel, Work::application, 4_us);
    end = timeline.now();
  }
  Task apart() {
    co_await softirq.wait();
    co_await softirq.spend(Context::host_kernel, Work::driver, 1_us);
    co_await softirq.spend(Context::host_kernel, Work::stack, 2_us);
    co_await softirq.spend(Context::host_kernel, Work::application, 4_us);
    end = timeline.now();
  }
  Time spent(Work work) {
    core.settle();
    return core.spent(Context::host_kernel, work);
  }
};
struct OwedHandler {
  Task run(Strand& s) { co_await s.spend(Context::irq, Work::interrupt, 1_us); }
};
/// From a core at rest. @returns the events it took
std::uint64_t owed_round(OwedBench& b, bool owed) {
  const Time begin = b.timeline.now();
  const auto before = b.timeline.events();
  b.core.reset_accounts();
  b.begin(owed);
  b.timeline.run(begin + 100_us);
  CHECK(b.end - begin == 9_us);
  CHECK(b.spent(Work::driver) == 1_us);
  CHECK(b.spent(Work::stack) == 2_us);
  CHECK(b.spent(Work::application) == 4_us);
  return b.timeline.events() - before;
}
}  // namespace

TEST_CASE("owed work takes its time, is accounted to its kind, and needs no event of its own", "[A18]") {
  OwedBench b;
  const auto many = owed_round(b, false), few = owed_round(b, true);
  CHECK(many == few + 2);
}

TEST_CASE("owed work is accounted as far as it came at any moment", "[A18]") {
  OwedBench b;
  b.begin(true);
  b.timeline.run(2500_ns);  // 0.5 us of it after the idle exit
  CHECK(b.spent(Work::driver) == 500_ns);
  CHECK(b.spent(Work::stack) == Time());
  b.timeline.run(4_us);
  CHECK(b.spent(Work::driver) == 1_us);
  CHECK(b.spent(Work::stack) == 1_us);
  b.core.reset_accounts();
  b.timeline.run(100_us);
  CHECK(b.spent(Work::driver) == Time());
  CHECK(b.spent(Work::stack) == 1_us);
  CHECK(b.spent(Work::application) == 4_us);
  CHECK(b.end == 9_us);
}

TEST_CASE("an interrupt in the middle of owed work delays the rest of it", "[F4]") {
  OwedBench b;
  OwedHandler handler;
  const std::uint8_t vector = b.core.allocate_vector(bind<&OwedHandler::run>(&handler));
  b.begin(true);
  b.timeline.run(4_us);  // in the stack's part
  b.core.interrupt({.destination = 0, .vector = vector, .notification = false, .journey = {}});
  b.timeline.run(100_us);
  CHECK(b.end == 10500_ns);  // handler 1 us, entry and exit 0.5 us
  CHECK(b.spent(Work::driver) == 1_us);
  CHECK(b.spent(Work::stack) == 2_us);
  CHECK(b.spent(Work::application) == 4_us);
}

TEST_CASE("softirqs of the host may owe nothing, for their deferral is decided between two pieces of work", "[A18]") {
  OwedBench b;
  Thread vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  CHECK_FALSE(b.softirq.may_owe());
  CHECK(Strand(b.core, Level::thread_middle, &vcpu).may_owe());
}

TEST_CASE("owed work of no cost leaves nothing behind", "[A18]") {
  OwedBench b;
  const auto rounds = [](OwedBench& bench) -> Task {
    for (int i = 0; i < 10; ++i) {
      bench.softirq.owe(Work::driver, Time());
      bench.softirq.owe(Work::stack, Time());
      co_await bench.softirq.spend(Context::host_kernel, Work::application, Time());
    }
    bench.end = bench.timeline.now();
  };
  b.task = rounds(b);
  b.task.start();
  b.timeline.run(100_us);
  CHECK(b.end == 2_us);  // the idle exit
  CHECK(b.spent(Work::driver) + b.spent(Work::stack) + b.spent(Work::application) == Time());
}
