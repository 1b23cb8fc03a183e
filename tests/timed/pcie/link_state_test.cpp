// SPDX-License-Identifier: Apache-2.0
#include "models/core/invariant.h"
#include "tests/timed/pcie/replay_bench.h"
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
const CountStat& lost(const char* port) {
  return dynamic_cast<CountStat&>(*sc_core::sc_find_object((std::string(port) + ".lost_tlps").c_str()));
}
struct Watch {
  std::string seen;
  void changed(bool up) { seen += up ? "up " : "down "; }
};
}  // namespace

TEST_CASE("link down: what is queued and in flight is lost and counted, what was taken keeps its buffer") {
  LinkParams two;
  two.receive.posted_headers = 2;
  LinkBench b(two, {});
  b.at_root.releases = false;
  b.device.send(memory_write(64, 0));
  b.timeline.run(1_us);  // taken, not released
  b.device.send(memory_write(64, 1));
  b.device.send(memory_write(64, 2));  // no credit: queued
  b.root.send(memory_read(8, 3));
  b.timeline.run(1020_ns);
  b.root.link_down();
  CHECK_FALSE(b.device.up());
  CHECK(lost("device").value() == 2);
  CHECK(lost("root").value() == 1);
  audit(Invariant::always, b.timeline.now());
  b.device.send(memory_write(64, 4));
  CHECK(lost("device").value() == 3);
  CHECK(b.device.backlog(FcClass::posted) == 0);
  b.timeline.run(10_us);
  CHECK(b.at_root.order() == "P0");
  CHECK(b.at_device.got.empty());
  b.device.link_up();
  b.device.send(memory_write(64, 5));
  b.device.send(memory_write(64, 6));  // one of two buffers is still taken
  b.timeline.run(20_us);
  CHECK(b.at_root.order() == "P0 P5");
  CHECK(b.device.backlog(FcClass::posted) == 1);
  for (int i = 0; i < 3; ++i) b.root.release(FcClass::posted, 64), b.timeline.run(b.timeline.now() + 10_us);
  CHECK(b.at_root.order() == "P0 P5 P6");
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("link down: whoever waits for a backlog hears that it is gone") {
  LinkParams one;
  one.receive.posted_headers = 1;
  LinkBench b(one, {});
  struct Sender {
    int left = 0, drained = 0;
    void posted_left() { ++left; }
    void all() { ++drained; }
  } sender;
  b.device.on_posted_left(bind<&Sender::posted_left>(&sender));
  b.device.on_drained(bind<&Sender::all>(&sender));
  b.at_root.releases = false;
  b.timeline.run(1_us);
  for (std::uint16_t i = 0; i < 4; ++i) b.device.send(memory_write(64, i));
  b.device.send(memory_read(64, 4));
  b.root.link_down();
  CHECK(sender.left == 3);
  b.timeline.run(2_us);
  CHECK(sender.drained == 1);
  b.device.link_up();
  b.timeline.run(3_us);
  CHECK(sender.left == 3);
  CHECK(sender.drained == 1);
}

TEST_CASE("link down: a link with bit errors starts from the beginning") {
  LinkBench b({}, error_free_so_far());
  Replay& replay = PortProbe::replay(b.device);
  ReplayProbe::place_error(replay, 1);
  for (std::uint16_t i = 0; i < 4; ++i) b.device.send(memory_write(64, i));
  b.timeline.run(200_ns);  // the first is damaged, the Nak on its way
  b.device.link_down();
  CHECK(lost("device").value() == 4);
  audit(Invariant::at_rest, b.timeline.now());
  b.device.link_up();
  b.device.send(memory_write(64, 9));
  b.timeline.run(100_us);
  CHECK(b.at_root.order() == "P9");
  CHECK(replay.replays.value() == 0);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("hot reset: both ends hear of it, the link is up again after its training, not 1 ps before") {
  LinkBench b;
  Watch at_root, at_device;
  b.root.on_link(bind<&Watch::changed>(&at_root));
  b.device.on_link(bind<&Watch::changed>(&at_device));
  b.timeline.run(1_us);
  b.root.hot_reset();
  CHECK(at_root.seen == "down ");
  CHECK(at_device.seen == "down ");
  const Time up = 1_us + b.root.params().training_time;
  b.timeline.run(up - 1_ps);
  CHECK_FALSE(b.device.up());
  b.timeline.run(up);
  CHECK(b.device.up());
  CHECK(at_device.seen == "down up ");
  CHECK(at_root.seen == "down up ");
}

TEST_CASE("link down: a register read runs into its completion timeout and returns all ones", "[B19]") {
  RootBench b;
  struct Answer {
    std::uint64_t value = 0;
    bool here = false;
    void is(std::uint64_t v) { value = v, here = true; }
  } answer;
  b.root.link_down();
  const Time asked = b.timeline.now();
  b.rc.read(Hpa(RootBench::bar), 4, bind<&Answer::is>(&answer));
  b.rc.write(Hpa(RootBench::bar), 1, 4, {});
  const Time timeout = RootComplexParams{}.completion_timeout;
  b.timeline.run(asked + timeout - 1_ps);
  CHECK_FALSE(answer.here);
  b.timeline.run(asked + timeout);
  REQUIRE(answer.here);
  CHECK(answer.value == 0xffffffff);
  CHECK(lost("root").value() == 2);
  audit(Invariant::at_rest, b.timeline.now());
}
