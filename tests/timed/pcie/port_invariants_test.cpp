// SPDX-License-Identifier: Apache-2.0
#include "models/core/invariant.h"
#include "tests/timed/pcie/replay_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
LinkParams one_posted() {
  LinkParams p;
  p.receive.posted_headers = 1;
  return p;
}
}  // namespace

TEST_CASE("port: all invariants hold during and after traffic in both directions") {
  LinkBench b(one_posted(), one_posted());
  for (std::uint16_t i = 0; i < 20; ++i) {
    b.device.send(memory_write(64, i));
    b.device.send(memory_read(64, i));
    b.root.send(completion(64, i));
    b.root.send(memory_write(4, i));
  }
  for (int i = 0; i < 40; ++i) {
    b.timeline.run(b.timeline.now() + 100_ns);
    CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  }
  b.timeline.run(100_us);
  CHECK_NOTHROW(audit(Invariant::at_rest, b.timeline.now()));
  CHECK(b.at_root.got.size() == 40);
  CHECK(b.at_device.got.size() == 40);
}

TEST_CASE("port: releasing a TLP twice breaks credit conservation") {
  LinkBench b;
  b.device.send(memory_write(64));
  b.timeline.run(10_us);
  CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  b.root.release(FcClass::posted, 64);
  CHECK_THROWS_AS(audit(Invariant::always, b.timeline.now()), InvariantBroken);
}

TEST_CASE("port: releasing more bytes than the TLP had breaks credit conservation") {
  LinkBench b;
  b.at_root.releases = false;
  b.device.send(memory_write(64));
  b.timeline.run(10_us);
  b.root.release(FcClass::posted, 128);
  CHECK_THROWS_AS(audit(Invariant::always, b.timeline.now()), InvariantBroken);
}

TEST_CASE("port: a TLP that overtakes another on the wire breaks the order") {
  LinkBench b;
  b.device.send(memory_write(256));
  b.timeline.run(1_ns);
  CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  Tlp early = completion(4);  // of a class without credit accounts
  LinkTransfer transfer{early.fc(), 1, 1, {&early, 1}, {}};
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  Time delay = 1_ps;
  b.root.nb_transport_fw(transfer, phase, delay);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("root.order_kept"));
}

TEST_CASE("port: a queued TLP that leaves out of turn breaks the order") {
  LinkBench b(one_posted());
  for (std::uint16_t i = 0; i < 3; ++i) b.device.send(memory_write(64, i));
  b.timeline.run(1_ns);
  PortProbe::age_queue(b.device, 0);
  b.timeline.run(10_us);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("device.order_kept"));
}

TEST_CASE("port: a TLP that still waits for credits is not rest") {
  LinkBench b(one_posted());
  b.at_root.releases = false;
  b.device.send(memory_write(64, 0));
  b.device.send(memory_write(64, 1));
  b.timeline.run(10_us);
  CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  CHECK_THROWS_WITH(audit(Invariant::at_rest, b.timeline.now()), Catch::Contains("nothing_queued"));
}
