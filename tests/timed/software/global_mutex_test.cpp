// SPDX-License-Identifier: Apache-2.0
// The emulator's mutex, to the picosecond: threads on cores of their own, system calls 0.03 in and 0.02 out, a wake-up 0.7.
#include "models/software/main_loop.h"
#include "tests/timed/software/vcpu_bench.h"

namespace iov::software {
struct GlobalMutexAccess {
  static void forget_sleepers(GlobalMutex& mutex) { mutex.sleepers_known_ = false; }
};
}  // namespace iov::software

namespace global_mutex_test {
using namespace iov;
using namespace iov::host;
using namespace iov::software;

namespace {
host::Processors::Params four_cores() {
  auto p = round_costs();
  p.cores = 4;
  return p;
}

struct Worker {
  Worker(Core& core, const char* name) : thread(core, Thread::Kind::process, name), strand(core, Level::thread_low, &thread) {}
  Thread thread;
  Strand strand;
  std::vector<std::uint64_t> got, left;  ///< ps: when it had the mutex, when it could go on after letting go
  Task task;
};

struct MutexBench {
  explicit MutexBench(Context where = Context::host_user) : own(where) {}
  /// Works until `at`, then takes the mutex `times` times for `hold`.
  Task use(Worker& w, Time at, Time hold, unsigned times = 1) {
    co_await w.strand.spend(own, Work::backend, at - (own == Context::host_user ? 20_ns : 0_ns));
    for (unsigned n = 0; n < times; ++n) {
      co_await mutex.acquire(w.strand);
      w.got.push_back(to_ps(timeline.now()));
      co_await w.strand.spend(own, Work::backend, hold);
      co_await mutex.release(w.strand);
      w.left.push_back(to_ps(timeline.now()));
    }
  }
  void start(Worker& w, Time at, Time hold, unsigned times = 1) {
    w.task = use(w, at, hold, times);
    w.task.start();
  }
  void run(const Time& until) {
    timeline.run(until);
    for (unsigned c = 0; c < 4; ++c) processors.core(c).settle();
    audit(Invariant::always, timeline.now());
  }
  std::uint64_t counted(const char* name) {
    std::vector<StatRow> rows;
    for_each<Stat>([&](Stat& s) { s.append_rows(rows); });
    for (const StatRow& row : rows)
      if (row.path == std::string("mutex.") + name) return static_cast<std::uint64_t>(row.value);
    FAIL("no statistic " << name);
    return 0;
  }
  const Context own;
  Timeline timeline{"timeline"};
  Processors processors{"cpu", timeline, four_cores()};
  SoftwareCosts costs = VcpuBench::round_software();
  GlobalMutex mutex{"mutex", timeline, costs, own};
  Worker a{processors.core(0), "a"}, b{processors.core(1), "b"}, c{processors.core(2), "c"}, d{processors.core(3), "d"};
};
using Times = std::vector<std::uint64_t>;
}  // namespace

TEST_CASE("a free mutex costs nothing", "[mutex]") {
  MutexBench m;
  m.start(m.a, 1_us, 10_us);
  m.run(20_us);
  CHECK(m.a.got == Times{to_ps(1_us)});
  CHECK(m.a.left == Times{to_ps(11_us)});
  CHECK(m.counted("contended") == 0);
}

TEST_CASE("a waiter has the mutex when its owner let go, woke it by a system call, and it came back from its own", "[mutex]") {
  MutexBench m;
  m.start(m.a, 1_us, 10_us);
  m.start(m.b, 2_us, 1_us);
  const Time woken = 11_us + 30_ns + 700_ns;
  m.run(woken + 20_ns - 1_ps);
  CHECK(m.b.got.empty());
  m.run(woken + 20_ns);
  CHECK(m.b.got == Times{to_ps(woken + 20_ns)});
  CHECK(m.a.left == Times{to_ps(woken)});
  m.run(20_us);
  // it cannot know that nobody else sleeps: its futex(FUTEX_WAKE) finds nobody
  CHECK(m.b.left == Times{to_ps(woken + 20_ns + 1_us + 30_ns)});
}

TEST_CASE("who waits sleeps: its core is free meanwhile", "[mutex]") {
  MutexBench m;
  m.start(m.a, 1_us, 10_us);
  m.start(m.b, 2_us, 1_us);
  m.run(10_us);
  CHECK(m.processors.core(1).busy() == 2_us + 30_ns);  // its work and the way into the system call
}

TEST_CASE("sleepers get the mutex in the order in which they fell asleep", "[mutex]") {
  MutexBench m;
  m.start(m.a, 1_us, 10_us);
  m.start(m.d, 2_us, 5_us);
  m.start(m.b, 3_us, 5_us);
  m.start(m.c, 4_us, 5_us);
  m.run(60_us);
  const Time wake = 30_ns + 700_ns + 20_ns, d = 11_us + wake, b = d + 5_us + wake, c = b + 5_us + wake;
  CHECK(m.d.got == Times{to_ps(d)});
  CHECK(m.b.got == Times{to_ps(b)});
  CHECK(m.c.got == Times{to_ps(c)});
  CHECK(m.counted("contended") == 3);
  CHECK(m.counted("overtaken") == 0);
}

TEST_CASE("in user space whoever is faster than the woken sleeper overtakes it, and it sleeps again", "[mutex]") {
  MutexBench m;
  m.start(m.a, 1_us, 10_us, 3);  // takes it again at once
  m.start(m.b, 2_us, 1_us);
  const Time round = 10_us + 30_ns + 700_ns + 20_ns;  // it wakes b before it takes the mutex again
  m.run(1_us + 3 * round - 20_ns);
  CHECK(m.b.got.empty());
  CHECK(m.counted("overtaken") == 2);
  m.run(60_us);
  REQUIRE(m.b.got.size() == 1);
  CHECK(m.b.got[0] == to_ps(1_us + 3 * round));
}

TEST_CASE("in the kernel a sleeper that was overtaken once is handed the mutex", "[mutex]") {
  MutexBench m(Context::host_kernel);
  m.start(m.a, 1_us, 10_us, 4);
  m.start(m.b, 2_us, 1_us);
  m.start(m.c, 3_us, 1_us);
  m.run(100_us);
  CHECK(m.a.got.size() == 4);
  CHECK(m.b.got == Times{to_ps(1_us + 2 * (10_us + 700_ns))});  // after two turns of the other
  CHECK(m.c.got.size() == 1);
  CHECK(m.counted("overtaken") <= 3);
}

TEST_CASE("a wake-up that was meant for a thread's other work is there after it got the mutex", "[mutex]") {
  MutexBench m;
  m.start(m.a, 1_us, 10_us);
  std::uint64_t went_on = 0;
  const auto works = [&]() -> Task {
    co_await m.b.strand.spend(Context::host_user, Work::backend, 2_us);
    co_await m.mutex.acquire(m.b.strand);
    m.b.got.push_back(to_ps(m.timeline.now()));
    co_await m.mutex.release(m.b.strand);
    co_await m.b.strand.wait();
    went_on = to_ps(m.timeline.now());
  };
  Task task = works();
  task.start();
  m.run(5_us);
  m.b.strand.wake();
  m.run(10_us);
  CHECK(m.b.got.empty());
  m.run(30_us);
  CHECK(m.b.got.size() == 1);
  CHECK(went_on > 0);
}

TEST_CASE("a sleeper that nobody will wake breaks an invariant", "[mutex]") {
  MutexBench m;
  m.start(m.a, 1_us, 10_us);
  m.start(m.b, 2_us, 1_us);
  m.run(5_us);
  GlobalMutexAccess::forget_sleepers(m.mutex);
  CHECK_THROWS_WITH(audit(Invariant::always, m.timeline.now()), Catch::Contains("1 sleep and nobody will wake them"));
}

TEST_CASE("the main loop looks without the mutex, sleeps until something is ready, and serves it with the mutex", "[mutex]") {
  MutexBench m;
  m.costs.event_loop = 600_ns;
  MainLoop loop("loop", m.timeline, {.tap_burst = 50, .look_spread = 0}, m.costs, m.a.strand, Context::host_user, 1);
  struct Device {
    bool set = false;
    bool ready() { return set; }
  } device;
  Times served;
  const auto lives = [&]() -> Task {
    co_await loop.mutex().acquire(m.a.strand);
    for (;;) {
      co_await loop.poll(bind<&Device::ready>(&device));
      served.push_back(to_ps(m.timeline.now()));
      device.set = false;
    }
  };
  Task task = lives();
  task.start();
  m.run(10_us);
  CHECK(served.empty());
  CHECK(loop.asleep());
  CHECK(m.processors.core(0).busy() == 600_ns);
  device.set = true;
  loop.wake();
  m.run(10_us + 20_ns - 1_ps);
  CHECK(served.empty());
  m.run(10_us + 20_ns);
  CHECK(served == Times{to_ps(10_us + 20_ns)});
}

}  // namespace global_mutex_test
