// SPDX-License-Identifier: Apache-2.0
#include "models/host/processors.h"

#include <catch2/catch.hpp>

#include "models/core/tree.h"
using namespace iov;
using namespace iov::host;

namespace {

/// Works for 10 us from a time on.
struct TenMicroseconds {
  TenMicroseconds(Timeline& t, Core& core, Time at) : strand(core, Level::host_softirq), event(t, bind<&TenMicroseconds::wake>(this)) {
    task = run();
    task.start();
    event.at(at);
  }
  void wake() { strand.wake(); }
  Task run() {
    co_await strand.wait();
    co_await strand.spend(Context::host_kernel, Work::application, 10_us);
  }
  Strand strand;
  Task task;
  Event event;
};

double share_awake() {
  std::vector<StatRow> rows;
  for_each<Stat>([&](const Stat& stat) {
    if (std::string(stat.basename()) == "any_awake") stat.append_rows(rows);
  });
  return rows.at(0).value;
}

}  // namespace

TEST_CASE("cores are not all at rest from the first that wakes to the last that is done") {
  Timeline timeline{"timeline"};
  Processors::Params params;
  params.cores = 2;
  params.core.world.idle_exit = 2_us;
  Processors processors{"host", timeline, params};
  // 2 us from rest and 10 us of work each: 0..12 us, 6..18 us, then rest until the end
  TenMicroseconds first(timeline, processors.core(0), {}), second(timeline, processors.core(1), 6_us);
  timeline.run(Time(24, sc_core::SC_US));
  processors.settle();
  CHECK(share_awake() == Approx(18.0 / 24));
  CHECK(to_ps(processors.core(0).busy()) == 10'000'000);
}
