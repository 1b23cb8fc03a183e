// SPDX-License-Identifier: Apache-2.0
#include "models/core/timeline.h"

#include <catch2/catch.hpp>

#include "models/core/sim_error.h"
#include "models/core/task.h"
using namespace iov;

namespace {
struct Log {
  std::vector<std::string> lines;
  Timeline timeline{"timeline"};
  void say(const std::string& what) { lines.push_back(std::to_string(to_ps(timeline.now())) + " " + what); }
};
struct Bell {
  Log& log;
  std::string name;
  Event event{log.timeline, bind<&Bell::ring>(this)};
  Bell(Log& l, std::string n) : log(l), name(std::move(n)) {}
  void ring() { log.say(name); }
};
Task sleeper(Log& log, Time first, Time second) {
  co_await log.timeline.until(first);
  log.say("awake");
  co_await log.timeline.until(second);
  log.say("again");
}
Task thrower(Log& log) {
  co_await log.timeline.until(5_ns);
  throw SimError(log.timeline.now(), "thrower", "on purpose");
}
struct Foreign : sc_core::sc_module {
  SC_HAS_PROCESS(Foreign);
  Log& log;
  Foreign(const sc_core::sc_module_name& n, Log& l) : sc_module(n), log(l) { SC_THREAD(tick); }
  void tick() {
    for (int i = 0; i < 3; ++i) {
      wait(3, sc_core::SC_NS);
      log.lines.push_back(std::to_string(to_ps(sc_core::sc_time_stamp())) + " tick");
    }
  }
};
}  // namespace

TEST_CASE("events happen in order of time, and equal times in order of scheduling") {
  Log log;
  Bell a(log, "a"), b(log, "b"), c(log, "c");
  c.event.at(2_ns), a.event.at(1_ns), b.event.at(2_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines == std::vector<std::string>{"1000 a", "2000 c", "2000 b"});
  CHECK(log.timeline.now() == 10_ns);
}

TEST_CASE("what is last in its instant follows what that instant itself schedules, and may schedule more") {
  Log log;
  struct Chain {
    Log& log;
    Bell& next;
    Event event{log.timeline, bind<&Chain::happen>(this)};
    void happen() { next.event.at(log.timeline.now()); }
  };
  Bell first(log, "first"), second(log, "second"), third(log, "third");
  Chain last{log, third}, chain{log, second};
  last.event.last_at(2_ns), first.event.at(2_ns), chain.event.at(2_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines == std::vector<std::string>{"2000 first", "2000 second", "2000 third"});
}

TEST_CASE("at() takes an event that was to be the last of an instant back into its turn, and the other way round") {
  Log log;
  Bell a(log, "a"), b(log, "b");
  a.event.last_at(2_ns), a.event.at(2_ns), b.event.at(2_ns);
  log.timeline.run(2_ns);
  a.event.at(3_ns), a.event.last_at(3_ns), b.event.at(3_ns);
  log.timeline.run(3_ns);
  CHECK(log.lines == std::vector<std::string>{"2000 a", "2000 b", "3000 b", "3000 a"});
}

TEST_CASE("a rescheduled event happens once, a cancelled one never") {
  Log log;
  Bell a(log, "a"), b(log, "b");
  a.event.at(1_ns), b.event.at(2_ns);
  a.event.at(3_ns), b.event.cancel();
  a.event.before(4_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines == std::vector<std::string>{"3000 a"});
}

TEST_CASE("scheduling in the past is an error that names the time") {
  Log log;
  Bell a(log, "a");
  log.timeline.run(10_ns);
  CHECK_THROWS_WITH(a.event.at(9_ns), Catch::Contains("scheduled in the past"));
}

TEST_CASE("coroutines sleep on the timeline to the picosecond") {
  Log log;
  Task task = sleeper(log, 1500_ps, 2_ns);
  task.start();
  log.timeline.run(1499_ps);
  CHECK(log.lines.empty());
  log.timeline.run(1500_ps);
  CHECK(log.lines == std::vector<std::string>{"1500 awake"});
  log.timeline.run(3_ns);
  CHECK(log.lines.back() == "2000 again");
  CHECK(task.done());
}

TEST_CASE("a coroutine that is destroyed in its sleep is not woken") {
  Log log;
  Bell a(log, "a");
  a.event.at(2_ns);
  {
    Task task = sleeper(log, 1_ns, 2_ns);
    task.start();
  }
  log.timeline.run(10_ns);
  CHECK(log.lines == std::vector<std::string>{"2000 a"});
}

TEST_CASE("an exception in a coroutine ends the run and reaches the caller") {
  Log log;
  Task task = thrower(log);
  task.start();
  CHECK_THROWS_WITH(log.timeline.run(10_ns), Catch::Contains("thrower: on purpose"));
  CHECK(log.timeline.now() == 5_ns);
}

TEST_CASE("stop ends the run after the current event and it can go on") {
  Log log;
  Bell a(log, "a"), b(log, "b");
  struct Stopper {
    Log& log;
    Event event{log.timeline, bind<&Stopper::stop>(this)};
    void stop() { log.timeline.stop(); }
  } stopper{log};
  a.event.at(1_ns), stopper.event.at(2_ns), b.event.at(3_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines.size() == 1);
  CHECK(log.timeline.now() == 2_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines.size() == 2);
}

TEST_CASE("beside a foreign SystemC process the timeline falls back to lockstep") {
  Log log;
  Foreign foreign("foreign", log);
  Bell a(log, "a"), b(log, "b");
  a.event.at(4_ns), b.event.at(8_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines == std::vector<std::string>{"3000 tick", "4000 a", "6000 tick", "8000 b", "9000 tick"});
}

namespace {
/// Waits for an event that an event of the timeline notifies.
struct Woken : sc_core::sc_module {
  SC_HAS_PROCESS(Woken);
  Log& log;
  sc_core::sc_event event{"event"};
  Woken(const sc_core::sc_module_name& n, Log& l) : sc_module(n), log(l) {
    SC_METHOD(wake);
    sensitive << event;
    dont_initialize();
  }
  void wake() { log.lines.push_back(std::to_string(to_ps(sc_core::sc_time_stamp())) + " woken"); }
};
struct Notifier {
  Log& log;
  Woken& woken;
  bool tells;
  Event event{log.timeline, bind<&Notifier::happen>(this)};
  void happen() {
    log.say("notifies");
    woken.event.notify(log.timeline.lead() + 3_ns);
    if (tells) log.timeline.kernel_touched();
  }
};
}  // namespace

TEST_CASE("a kernel event notified from the timeline happens before what is due later") {
  Log log;
  Woken woken("woken", log);
  Bell a(log, "a"), b(log, "b");
  Notifier notifier{log, woken, true};
  a.event.at(1_ns), notifier.event.at(2_ns), b.event.at(6_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines == std::vector<std::string>{"1000 a", "2000 notifies", "5000 woken", "6000 b"});
}

TEST_CASE("a kernel event notified without a word is found out") {
  Log log;
  Woken woken("woken", log);
  Bell a(log, "a"), b(log, "b");
  Notifier notifier{log, woken, false};
  a.event.at(1_ns), notifier.event.at(2_ns), b.event.at(6_ns);
  CHECK_THROWS_WITH(log.timeline.run(10_ns), Catch::Contains("kernel_touched"));
}

TEST_CASE("an event may schedule itself and others while it happens, or nothing") {
  Log log;
  struct Chain {
    Log& log;
    Bell &other, &doomed;
    int left = 3;
    Event event{log.timeline, bind<&Chain::happen>(this)};
    void happen() {
      log.say("chain");
      CHECK_FALSE(event.scheduled());
      if (left == 2) doomed.event.cancel();
      if (--left == 0) return;
      other.event.at(log.timeline.now());
      event.at(log.timeline.now() + 1_ns);
      other.event.at(log.timeline.now() + 500_ps);
    }
  };
  Bell other(log, "other"), doomed(log, "doomed");
  Chain chain{log, other, doomed};
  chain.event.at(1_ns), doomed.event.at(4_ns);
  log.timeline.run(10_ns);
  CHECK(log.lines == std::vector<std::string>{"1000 chain", "1500 other", "2000 chain", "2500 other", "3000 chain"});
  CHECK(log.timeline.idle());
}

TEST_CASE("a random heap of events comes out sorted") {
  Log log;
  std::vector<std::unique_ptr<Bell>> bells;
  std::uint64_t x = 1;
  for (int i = 0; i < 500; ++i) {
    bells.push_back(std::make_unique<Bell>(log, ""));
    bells.back()->event.at(Time(static_cast<double>((x = x * 6364136223846793005u + 1) >> 50), sc_core::SC_PS));
    if (i % 3 == 0) bells[static_cast<std::size_t>(i / 2)]->event.at(Time(static_cast<double>(x >> 49), sc_core::SC_PS));
    if (i % 7 == 0) bells[static_cast<std::size_t>(i / 3)]->event.cancel();
  }
  const auto expected = static_cast<std::size_t>(
      std::count_if(bells.begin(), bells.end(), [](auto& b) { return b->event.scheduled(); }));
  log.timeline.run(1_us);
  REQUIRE(log.lines.size() == expected);
  CHECK(std::is_sorted(log.lines.begin(), log.lines.end(),
                       [](auto& l, auto& r) { return std::stoull(l) < std::stoull(r); }));
}
