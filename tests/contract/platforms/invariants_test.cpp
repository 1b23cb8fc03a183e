// SPDX-License-Identifier: Apache-2.0
// The system-wide invariants, broken on purpose on a whole machine. (That they hold for every path and direction is part
// of the tests of byte-exact delivery.)
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
std::string broken(MachineBench& m, Invariant::When when) {
  try {
    audit(when, m.timeline.now());
  } catch (const InvariantBroken& what) {
    return what.what();
  }
  return "all hold";
}
struct BlackHole : FrameSink {
  void frame(Frame&&) override {}
};
}  // namespace

TEST_CASE("a wire that swallows frames breaks conservation at rest, by name and time") {
  MachineBench m(isolated("transmit", 1));
  BlackHole hole;
  m.nic->set_wire(&hole, 50_ns);
  m.start();
  m.timeline.run(m.timeline.now() + 250_us);
  m.workload->stop_sources();
  CHECK(broken(m, Invariant::always) == "all hold");
  CHECK_THAT(broken(m, Invariant::at_rest),
             Catch::Contains(" workload.ledger.drained: invariant broken: no packet is under way once traffic has "
                             "drained (1 under way)"));
}

TEST_CASE("a machine in the middle of its work is not at rest") {
  MachineBench m(short_run);
  m.start();
  m.timeline.run(m.timeline.now() + 100_us);
  for (std::size_t c = 0; c < m.processors->size(); ++c) m.processors->core(c).settle();
  CHECK(broken(m, Invariant::always) == "all hold");
  CHECK_THAT(broken(m, Invariant::at_rest), Catch::Contains("invariant broken"));
}

TEST_CASE("a journey with a picosecond that belongs to no stage does not tile") {
  JourneyLog log("log");
  const JourneyRef journey = log.begin(Stage::wire, 10_ns);
  journey.enter(Stage::memory, 30_ns);
  const_cast<Journey*>(journey.get())->spent[static_cast<std::size_t>(Stage::wire)] += 1_ps;
  log.finish(journey, 50_ns, true);
  CHECK_THROWS_WITH(audit(Invariant::always, 50_ns),
                    "50 ns journeys_tile: invariant broken: the stages of all journeys add up to their length "
                    "(40.001 ns != 40 ns)");
}

TEST_CASE("processor accounts start anew with the window and cover all of it") {
  MachineBench m(short_run);
  m.start();
  m.timeline.run(m.timeline.now() + 100_us);
  m.processors->core(2).reset_accounts();
  CHECK(m.processors->core(2).busy() + m.processors->core(2).idle_time() == Time());
  m.run(10_us);
  CHECK(m.processors->core(2).busy() + m.processors->core(2).idle_time() == 10_us);
}

TEST_CASE("every module of a VM has the VM's name in its path") {
  MachineBench m(more_vms(2, "vhost"));
  for (const sc_core::sc_object* top : sc_core::sc_get_top_level_objects()) {
    CAPTURE(top->name());
    const std::string name = top->basename();
    CHECK((name != "driver" && name != "vcpu0" && name != "backend"));
  }
  CHECK(m.counter("vm0.driver.sent") == 0);
  CHECK(m.counter("vm1.backend.kicks") == 0);
  CHECK(m.counter("uplink.network.to_vm") == 0);
}
