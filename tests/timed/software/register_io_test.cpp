// SPDX-License-Identifier: Apache-2.0
#include "models/software/register_io.h"

#include <catch2/catch.hpp>
#include <deque>

#include "models/host/processors.h"
using namespace iov;
using namespace iov::host;

namespace {

/// Answers each read with its address, 500 ns later.
struct EchoBus : MmioBus {
  explicit EchoBus(Timeline& t) : timeline(t) {}
  void write(Hpa, std::uint64_t, unsigned, JourneyRef) override {}
  void read(Hpa address, unsigned, Delegate<void(std::uint64_t)> done) override {
    under_way.push_back({timeline.now() + 500_ns, address.value, done});
    event.before(under_way.front().when);
  }
  void answer() {
    while (!under_way.empty() && under_way.front().when <= timeline.now()) {
      const Read r = under_way.front();
      under_way.pop_front();
      r.done(r.address);
    }
    if (!under_way.empty()) event.at(under_way.front().when);
  }
  struct Read {
    Time when;
    std::uint64_t address;
    Delegate<void(std::uint64_t)> done;
  };
  Timeline& timeline;
  std::deque<Read> under_way;
  Event event{timeline, bind<&EchoBus::answer>(this)};
};

}  // namespace

// The handler becomes ready after the thread has issued its read and before the core stalls for it.
TEST_CASE("a thread and the handler that comes between its read and its stall each get their own register") {
  Timeline timeline{"timeline"};
  Core core{"core", timeline, Core::Params{}, 0};
  const software::SoftwareCosts costs;
  EchoBus bus(timeline);
  software::MappedRegisters registers(bus, Context::host_kernel, costs);
  registers.map(Hpa(0x1000));
  Thread thread(core, Thread::Kind::process, "driver");
  Strand driver(core, Level::thread_low, &thread), handler(core, Level::host_softirq);
  std::uint64_t of_driver = 0, of_handler = 0;
  const auto drive = [&]() -> Task {
    co_await driver.spend(Context::host_kernel, Work::driver, 1_us);
    handler.wake();
    co_await registers.read(driver, 0x10, 4, of_driver);
  };
  const auto handle = [&]() -> Task {
    co_await handler.wait();
    co_await registers.read(handler, 0x20, 4, of_handler);
  };
  Task handles = handle(), drives = drive();
  handles.start();
  drives.start();
  timeline.run(100_us);
  CHECK(of_handler == 0x1020);
  CHECK(of_driver == 0x1010);
}
