// SPDX-License-Identifier: Apache-2.0
#include "models/host/core.h"

#include <catch2/catch.hpp>

#include "models/host/processors.h"
using namespace iov;
using namespace iov::host;

namespace {
Core::Params round_costs() {
  Core::Params p;
  p.time_slice = 100_us;
  p.world = {.vm_exit = 600_ns, .vm_entry = 400_ns, .exit_to_user = 900_ns, .user_to_entry = 700_ns,
             .syscall_entry = 30_ns, .syscall_exit = 20_ns, .context_switch = 500_ns, .interrupt_entry = 300_ns,
             .interrupt_exit = 200_ns, .guest_interrupt = 250_ns, .inter_processor_interrupt = 1_us,
             .idle_exit = 2_us, .posted_delivery = 100_ns};
  return p;
}
struct CoreBench {
  Timeline timeline{"timeline"};
  Core core{"core", timeline, round_costs(), 0};
  std::vector<std::pair<std::string, std::uint64_t>> log;  ///< what, at which ps
  void mark(const char* what) { log.emplace_back(what, to_ps(timeline.now())); }
  Time total(Context c) {
    core.settle();
    return core.spent(c);
  }
};
Task work(CoreBench& b, Strand& s, Context c, Time cost, int times, const char* name) {
  co_await s.wait();
  for (int i = 0; i < times; ++i) co_await s.spend(c, Work::application, cost);
  b.mark(name);
}
Task guest_mmio(CoreBench& b, Strand& s) {
  co_await s.wait();
  co_await s.spend(Context::guest, Work::driver, 1_us);
  co_await s.vm_exit(ExitCause::mmio_write);
  co_await s.spend(Context::host_kernel, Work::emulation, 2_us);
  co_await s.spend(Context::host_user, Work::emulation, 3_us);
  co_await s.spend(Context::guest, Work::driver, 1_us);
  b.mark("done");
}
/// Wakes a strand at a time, as the last of a chain of events of that instant.
struct Waker {
  Waker(CoreBench& bench, Strand& s, Time when) : b(bench), strand(s) { first.at(when); }
  void chain() { second.at(b.timeline.now()); }
  void wake() { strand.wake(); }
  CoreBench& b;
  Strand& strand;
  Event first{b.timeline, bind<&Waker::chain>(this)}, second{b.timeline, bind<&Waker::wake>(this)};
};
struct Handler {
  CoreBench& b;
  Task run(Strand& s) {
    b.mark("irq");
    co_await s.spend(Context::irq, Work::driver, 1_us);
  }
};
}  // namespace

TEST_CASE("an emulated register write pays exit, user leg and entry, each once", "[A2][A3]") {
  CoreBench b;
  Thread vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  Strand s(b.core, Level::thread_low, &vcpu);
  Task task = guest_mmio(b, s);
  task.start();
  s.wake();
  b.timeline.run(100_us);
  // idle exit 2, entry 0.4, guest 1, exit 0.6, kernel 2, to user 0.9, user 3, back 0.7, entry 0.4, guest 1
  REQUIRE(b.log.size() == 1);
  CHECK(b.log[0].second == 12'000'000);
  CHECK(b.core.exits(ExitCause::mmio_write) == 1);
  CHECK(b.total(Context::guest) == 2_us);
  CHECK(b.core.spent(Context::host_user) == 3_us);
}

TEST_CASE("an interrupt takes a running guest out, and it continues where it was", "[F4]") {
  CoreBench b;
  Thread vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  Strand s(b.core, Level::thread_low, &vcpu);
  Handler handler{b};
  const auto vector = b.core.allocate_vector(bind<&Handler::run>(&handler));
  Task task = work(b, s, Context::guest, 10_us, 1, "guest");
  task.start();
  s.wake();
  b.timeline.run(5_us);
  b.core.interrupt({.destination = 0, .vector = vector, .notification = false, .journey = {}});
  b.timeline.run(100_us);
  // wakes at 2.4; interrupted at 5: exit 0.6, entry 0.3, handler at 5.9
  REQUIRE(b.log.size() == 2);
  CHECK(b.log[0] == std::pair<std::string, std::uint64_t>("irq", 5'900'000));
  // handler 1, end 0.2, vm entry 0.4, the remaining 7.4
  CHECK(b.log[1] == std::pair<std::string, std::uint64_t>("guest", 14'900'000));
  CHECK(b.core.exits(ExitCause::external_interrupt) == 1);
  CHECK(b.total(Context::irq) == 2100_ns);
}

TEST_CASE("an interrupt during a world switch waits for its end") {
  CoreBench b;
  Thread vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  Strand s(b.core, Level::thread_low, &vcpu);
  Handler handler{b};
  const auto vector = b.core.allocate_vector(bind<&Handler::run>(&handler));
  Task task = work(b, s, Context::guest, 10_us, 1, "guest");
  task.start();
  s.wake();
  b.timeline.run(2100_ns);  // idle exit until 2, then VM entry until 2.4
  b.core.interrupt({.destination = 0, .vector = vector, .notification = false, .journey = {}});
  b.timeline.run(100_us);
  CHECK(b.log[0] == std::pair<std::string, std::uint64_t>("irq", 3'300'000));  // 2.4 + 0.6 + 0.3
}

TEST_CASE("threads share a core by run time, each change pays a context switch") {
  CoreBench b;
  Thread one(b.core, Thread::Kind::process, "one"), two(b.core, Thread::Kind::process, "two");
  Strand s1(b.core, Level::thread_low, &one), s2(b.core, Level::thread_low, &two);
  Task t1 = work(b, s1, Context::host_kernel, 10_us, 15, "one");
  Task t2 = work(b, s2, Context::host_kernel, 10_us, 15, "two");
  t1.start(), t2.start();
  s1.wake(), s2.wake();
  b.timeline.run(Time(1, sc_core::SC_MS));
  REQUIRE(b.log.size() == 2);
  // idle exit 2; one runs 100 ahead; switch 0.5; two needs 150, less than the 200 it may run; switch 0.5; one's last 50
  CHECK(b.log[0] == std::pair<std::string, std::uint64_t>("two", 252'500'000));
  CHECK(b.log[1] == std::pair<std::string, std::uint64_t>("one", 303'000'000));
  b.core.settle();
  CHECK(b.core.busy() + b.core.idle_time() == Time(1, sc_core::SC_MS));
  CHECK(b.core.busy() == 301_us);  // the exit from idle is idle time
}

TEST_CASE("a thread that slept takes the core from one that ran ahead") {
  CoreBench b;
  Thread hog(b.core, Thread::Kind::process, "hog"), sleeper(b.core, Thread::Kind::process, "sleeper");
  Strand s1(b.core, Level::thread_low, &hog), s2(b.core, Level::thread_low, &sleeper);
  Task t1 = work(b, s1, Context::host_kernel, 1000_us, 1, "hog");
  Task t2 = work(b, s2, Context::host_kernel, 10_us, 1, "sleeper");
  t1.start(), t2.start();
  s1.wake();
  b.timeline.run(500_us);
  s2.wake();
  b.timeline.run(Time(2, sc_core::SC_MS));
  REQUIRE(b.log.size() == 2);
  CHECK(b.log[0] == std::pair<std::string, std::uint64_t>("sleeper", 510'500'000));
}

TEST_CASE("a posted notification reaches a running vCPU without an exit", "[F5][A17]") {
  CoreBench b;
  struct Vcpu : Thread {
    using Thread::Thread;
    int notified = 0;
    void posted_notification() override { ++notified; }
  } vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  vcpu.notification_vector = 0xf2;
  Strand s(b.core, Level::thread_low, &vcpu);
  Task task = work(b, s, Context::guest, 10_us, 1, "guest");
  task.start();
  s.wake();
  b.timeline.run(5_us);
  b.core.interrupt({.destination = 0, .vector = 0xf2, .notification = true, .journey = {}});
  b.timeline.run(100_us);
  CHECK(vcpu.notified == 1);
  CHECK(b.log[0].second == 12'400'000);  // undisturbed
  for (std::size_t c = 0; c < exit_causes; ++c) CHECK(b.core.exits(static_cast<ExitCause>(c)) == 0);
}

TEST_CASE("HLT leaves the guest only when the VM is configured so") {
  CoreBench b;
  Thread vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  vcpu.halt_exits = true;
  Strand s(b.core, Level::thread_low, &vcpu);
  Task task = work(b, s, Context::guest, 1_us, 1, "guest");
  task.start();
  s.wake();
  b.timeline.run(100_us);
  CHECK(b.core.exits(ExitCause::halt) == 1);
  CHECK(b.total(Context::host_kernel) == 1_us);  // entry 0.4, exit 0.6
}

TEST_CASE("a vCPU without work idles inside its guest, and goes back there after an interrupt") {
  CoreBench b;
  Thread vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  Strand s(b.core, Level::thread_low, &vcpu);
  Handler handler{b};
  const auto vector = b.core.allocate_vector(bind<&Handler::run>(&handler));
  auto leaves = [](Strand& strand) -> Task {
    co_await strand.vm_exit(ExitCause::kick);
    co_await strand.spend(Context::host_kernel, Work::emulation, 1_us);
    co_await strand.resume_guest();
    co_await strand.wait();
  };
  Task task = leaves(s);
  task.start();
  b.timeline.run(50_us);
  CHECK(b.core.in_guest(vcpu));
  // entry 0.4, exit 0.6, kernel 1, entry 0.4
  CHECK(b.total(Context::host_kernel) == 2400_ns);
  b.core.interrupt({.destination = 0, .vector = vector, .notification = false, .journey = {}});
  b.timeline.run(100_us);
  CHECK(b.core.exits(ExitCause::external_interrupt) == 1);
  CHECK(b.core.in_guest(vcpu));
}

TEST_CASE("a vCPU that waits in the middle of an exit stays out of its guest") {
  CoreBench b;
  Thread vcpu(b.core, Thread::Kind::vcpu, "vcpu");
  Strand s(b.core, Level::thread_low, &vcpu);
  auto blocks = [](Strand& strand) -> Task {
    co_await strand.vm_exit(ExitCause::mmio_write);
    co_await strand.wait();  // a lock of the device model
    co_await strand.resume_guest();
    co_await strand.wait();
  };
  Task task = blocks(s);
  task.start();
  b.timeline.run(50_us);
  CHECK_FALSE(b.core.in_guest(vcpu));
  CHECK(b.total(Context::host_kernel) == 1_us);  // entry 0.4, exit 0.6
  s.wake();
  b.timeline.run(100_us);
  CHECK(b.core.in_guest(vcpu));
}

TEST_CASE("a stalled core takes no interrupt until the read is answered") {
  CoreBench b;
  Thread thread(b.core, Thread::Kind::process, "thread");
  Strand s(b.core, Level::thread_low, &thread);
  Handler handler{b};
  const auto vector = b.core.allocate_vector(bind<&Handler::run>(&handler));
  auto reader = [](CoreBench& bench, Strand& strand) -> Task {
    co_await strand.wait();
    co_await strand.stall(Context::host_kernel);
    bench.mark("answered");
    co_await strand.spend(Context::host_kernel, Work::driver, 1_us);
  };
  Task task = reader(b, s);
  task.start();
  s.wake();
  b.timeline.run(4_us);
  b.core.interrupt({.destination = 0, .vector = vector, .notification = false, .journey = {}});
  b.timeline.run(9_us);
  CHECK(b.log.empty());
  s.stall_done();
  b.timeline.run(20_us);
  REQUIRE(b.log.size() == 2);
  CHECK(b.log[0] == std::pair<std::string, std::uint64_t>("answered", 9'000'000));
  CHECK(b.log[1] == std::pair<std::string, std::uint64_t>("irq", 9'300'000));
}

TEST_CASE("softirqs under sustained load share the core with the threads") {
  CoreBench b;
  Thread thread(b.core, Thread::Kind::process, "thread");
  Strand softirq(b.core, Level::host_softirq), s(b.core, Level::thread_low, &thread);
  Task flood = work(b, softirq, Context::irq, 10_us, 100000, "flood");
  Task user = work(b, s, Context::host_kernel, 10_us, 100000, "user");
  flood.start(), user.start();
  softirq.wake(), s.wake();
  b.timeline.run(2_us + 2000_us);
  CHECK(b.total(Context::host_kernel) == 0_us);  // two milliseconds of softirq, nothing for the thread
  b.timeline.run(22_us + 22000_us);
  const double share = b.total(Context::irq).to_seconds() / 22e-3;
  CHECK(share == Approx(12.0 / 22).margin(0.03));  // from then on one time slice each
}

// --- going on ----------------------------------------------------------------------------------------------------

namespace {
/// Works for 2 us, and wakes another strand of its vCPU in the middle, in the instant in which it asks for the second.
Task work_and_wake(CoreBench& b, Strand& s, Strand& other) {
  co_await s.wait();
  co_await s.spend(Context::guest, Work::application, 1_us);
  other.wake();
  co_await s.spend(Context::guest, Work::application, 1_us);
  b.mark("first");
}
using Log = std::vector<std::pair<std::string, std::uint64_t>>;
Log first_wakes_second(Level first, Level second) {
  CoreBench b;
  Thread vcpu{b.core, Thread::Kind::vcpu, "vcpu"};
  Strand one{b.core, first, &vcpu, Context::guest}, two{b.core, second, &vcpu, Context::guest};
  Task a = work_and_wake(b, one, two), c = work(b, two, Context::guest, 1_us, 1, "second");
  a.start(), c.start();
  one.wake();
  b.timeline.run(100_us);
  audit(Invariant::always, b.timeline.now());
  return b.log;
}
}  // namespace

TEST_CASE("a strand that asks for more gives way to one of a higher level that it woke") {
  CHECK(first_wakes_second(Level::thread_low, Level::thread_middle) == Log{{"second", 4'400'000}, {"first", 5'400'000}});
}

TEST_CASE("a strand that asks for more goes on before one of a lower level that it woke") {
  CHECK(first_wakes_second(Level::thread_middle, Level::thread_low) == Log{{"first", 4'400'000}, {"second", 5'400'000}});
}

TEST_CASE("a strand in the middle of an exit goes on before one of a higher level of its vCPU") {
  CoreBench b;
  Thread vcpu{b.core, Thread::Kind::vcpu, "vcpu"};
  Strand driver{b.core, Level::thread_low, &vcpu, Context::guest}, handler{b.core, Level::thread_high, &vcpu, Context::guest};
  Task a = guest_mmio(b, driver), c = work(b, handler, Context::guest, 1_us, 1, "handler");
  a.start(), c.start();
  driver.wake();
  Waker during_emulation(b, handler, 5_us);  // exits at 3.4, in the kernel until 6, in user space until 9.9, in the guest at 11
  b.timeline.run(100_us);
  CHECK(b.log == Log{{"handler", 12'000'000}, {"done", 13'000'000}});
}

// --- at rest ------------------------------------------------------------------------------------------------------

namespace {
/// A vCPU whose softirq runs for 1 us from 2.4 us on, and an application that is made ready at `wakes`.
struct SoftirqThenApplication : CoreBench {
  SoftirqThenApplication(bool halts, Time wakes) : waker(*this, application, wakes) {
    vcpu.halt_exits = halts;
    first.start(), second.start();
    softirq.wake();
    timeline.run(100_us);
  }
  Thread vcpu{core, Thread::Kind::vcpu, "vcpu"};
  Strand softirq{core, Level::thread_middle, &vcpu, Context::guest}, application{core, Level::thread_low, &vcpu, Context::guest};
  Task first = work(*this, softirq, Context::guest, 1_us, 1, "softirq"), second = work(*this, application, Context::guest, 1_us, 1, "application");
  Waker waker;
};
}  // namespace

TEST_CASE("work made ready in the instant in which another strand ends finds the core awake") {
  const SoftirqThenApplication b(false, 3400_ns);
  CHECK(b.log == std::vector<std::pair<std::string, std::uint64_t>>{{"softirq", 3'400'000}, {"application", 4'400'000}});
}

TEST_CASE("work made ready a picosecond after another strand ended waits for the exit from idle") {
  const SoftirqThenApplication b(false, 3400_ns + 1_ps);
  CHECK(b.log == std::vector<std::pair<std::string, std::uint64_t>>{{"softirq", 3'400'000}, {"application", 6'400'001}});
}

TEST_CASE("a vCPU with work in the instant in which it would halt does not halt") {
  const SoftirqThenApplication b(true, 3400_ns);
  CHECK(b.log.back().second == 4'400'000);
  CHECK(b.core.exits(ExitCause::halt) == 1);  // when all is done
}

TEST_CASE("work made ready while HLT leaves the guest keeps the core awake, after that it waits for the exit from idle") {
  const SoftirqThenApplication b(true, 3999_ns);
  CHECK(b.log.back().second == 5'400'000);  // HLT's exit 0.6, entry 0.4, 1
  CHECK(b.core.exits(ExitCause::halt) == 2);
}

TEST_CASE("work made ready a picosecond after HLT left the guest waits for the exit from idle") {
  const SoftirqThenApplication b(true, 4_us + 1_ps);
  CHECK(b.log.back().second == 7'400'001);  // 2, entry 0.4, 1
}

namespace iov::host {
struct CoreAccess {
  static void charge_twice(Core& core) { core.spent_[0][0] += 1_ns; }
};
}  // namespace iov::host

TEST_CASE("the accounts invariant notices time that was charged twice") {
  CoreBench b;
  b.timeline.run(5_us);
  b.core.settle();
  CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  CoreAccess::charge_twice(b.core);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("core.accounts") && Catch::Contains("sum to elapsed time"));
}
