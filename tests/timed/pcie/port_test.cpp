// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/port.h"

#include <array>

#include "models/core/invariant.h"
#include "models/core/sim_error.h"
#include "tests/timed/pcie/link_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
LinkParams credits(unsigned posted_headers, unsigned non_posted_headers = 72) {
  LinkParams p;
  p.receive.posted_headers = posted_headers;
  p.receive.non_posted_headers = non_posted_headers;
  return p;
}
}  // namespace

TEST_CASE("port: an unloaded TLP arrives after its wire time and the propagation, not 1 ps before") {
  LinkBench b;
  b.device.send(memory_write(64));
  const Time arrival = b.device.wire_time(memory_write(64)) + b.device.params().propagation;
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at_root.got.empty());
  b.timeline.run(arrival);
  REQUIRE(b.at_root.got.size() == 1);
  CHECK(b.at_root.got[0].when == arrival);
  // 88 B at 57.8848 Gb/s and 105 ns
  CHECK(to_ns(arrival) == Approx(88 * 8 / 57.8848 + 105).epsilon(1e-5));
}

TEST_CASE("port: TLPs follow each other on the wire without a gap, both directions independent") {
  LinkBench b;
  for (std::uint16_t i = 0; i < 3; ++i) b.device.send(memory_write(256, i));
  b.root.send(completion(64));
  b.timeline.run(1_us);
  const Time busy = b.device.wire_time(memory_write(256)), flight = b.device.params().propagation;
  REQUIRE(b.at_root.order() == "P0 P1 P2");
  CHECK(b.at_root.got[0].when == busy + flight);
  CHECK(b.at_root.got[1].when == busy + busy + flight);
  CHECK(b.at_root.got[2].when == busy + busy + busy + flight);
  REQUIRE(b.at_device.got.size() == 1);
  CHECK(b.at_device.got[0].when == b.root.wire_time(completion(64)) + flight);
}

TEST_CASE("port: without credits a TLP waits until one comes back, to the picosecond") {
  LinkBench b(credits(1));
  b.at_root.releases = false;
  b.device.send(memory_write(64, 0));
  b.device.send(memory_write(64, 1));
  CHECK(b.device.backlog(FcClass::posted) == 2);  // the simulation has not started
  b.timeline.run(500_ns);
  REQUIRE(b.at_root.got.size() == 1);
  CHECK(b.device.backlog(FcClass::posted) == 1);
  b.root.release(FcClass::posted, 64);  // at 500 ns
  const Time arrival = 500_ns + dllp_latency(b.root.params()) + b.device.wire_time(memory_write(64)) +
                       b.device.params().propagation;
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at_root.got.size() == 1);
  b.timeline.run(arrival);
  CHECK(b.at_root.got.size() == 2);
  CHECK(b.device.backlog(FcClass::posted) == 0);
}

TEST_CASE("port: a backlog that leaves with a TLP sent in the instant of its credits has drained, too") {
  LinkBench b(credits(2));
  b.at_root.releases = false;
  struct Sender {
    Port& port;
    unsigned drained = 0;
    void send() { port.send(memory_write(64, 3)); }
    void drains() { ++drained; }
  } sender{b.device};
  b.device.on_drained(bind<&Sender::drains>(&sender));
  for (std::uint16_t tag = 0; tag < 2; ++tag) b.device.send(memory_write(64, tag));
  b.timeline.run(100_ns);
  b.device.send(memory_write(64, 2));  // waits
  Event send{b.timeline, bind<&Sender::send>(&sender)};
  send.at(500_ns + dllp_latency(b.root.params()));  // listed before the credits' event
  b.timeline.run(500_ns);
  REQUIRE(b.device.backlog(FcClass::posted) == 1);
  const unsigned before = sender.drained;
  for (int i = 0; i < 2; ++i) b.root.release(FcClass::posted, 64);
  b.timeline.run(5_us);
  CHECK(b.at_root.order() == "P0 P1 P2 P3");
  CHECK(sender.drained == before + 1);
}

TEST_CASE("port: data credits limit as header credits do") {
  LinkParams p;
  p.receive.posted_data = 16;  // one payload of 256 B
  LinkBench b(p);
  b.at_root.releases = false;
  b.device.send(memory_write(240, 0));  // 15 units
  b.device.send(memory_write(32, 1));   // 2 units: one too many
  b.timeline.run(1_us);
  CHECK(b.at_root.order() == "P0");
  b.root.release(FcClass::posted, 240);
  b.timeline.run(2_us);
  CHECK(b.at_root.order() == "P0 P1");
}

TEST_CASE("port: the time that a class waits for credits is counted") {
  LinkBench b(credits(1));
  b.device.send(memory_write(64, 0));
  b.device.send(memory_write(64, 1));
  b.timeline.run(10_us);
  // The second waits for the first one's flight and the credit's way back.
  const Time round_trip = b.device.wire_time(memory_write(64)) + b.device.params().propagation +
                          dllp_latency(b.root.params());
  const auto* stall = dynamic_cast<BusyTime*>(sc_core::sc_find_object("device.posted_credit_stall"));
  REQUIRE(stall);
  CHECK(stall->value() == round_trip);
  const auto* wire = dynamic_cast<BusyTime*>(sc_core::sc_find_object("device.wire_busy"));
  REQUIRE(wire);
  CHECK(wire->value() == b.device.wire_time(memory_write(64)) + b.device.wire_time(memory_write(64)));
}

TEST_CASE("port: posted TLPs and completions pass blocked reads, reads pass no posted TLP") {
  LinkBench b(credits(92, 1));
  b.at_root.releases = false;
  b.device.send(memory_read(64, 0));
  b.device.send(memory_read(64, 1));  // blocked: no credit
  b.device.send(memory_write(64, 2));
  b.device.send(completion(64, 3));
  b.device.send(memory_read(64, 4));
  b.timeline.run(2_us);
  CHECK(b.at_root.order() == "N0 P2 C3");
  b.root.release(FcClass::non_posted, 0);
  b.timeline.run(4_us);
  CHECK(b.at_root.order() == "N0 P2 C3 N1");
}

TEST_CASE("port: neither reads nor completions pass a blocked posted TLP, relaxed completions do") {
  LinkBench b(credits(1));
  b.at_root.releases = false;
  b.device.send(memory_write(64, 0));
  b.device.send(memory_write(64, 1));  // blocked
  b.device.send(memory_read(64, 2));
  b.device.send(completion(64, 3));
  Tlp relaxed = completion(64, 4);
  relaxed.relaxed_ordering = true;
  b.timeline.run(2_us);
  CHECK(b.at_root.order() == "P0");
  b.root.release(FcClass::posted, 64);
  b.timeline.run(4_us);
  CHECK(b.at_root.order() == "P0 P1 N2 C3");
  b.device.send(memory_write(64, 5));  // blocked again
  b.device.send(std::move(relaxed));
  b.timeline.run(6_us);
  CHECK(b.at_root.order() == "P0 P1 N2 C3 C4");
}

TEST_CASE("port: a stalled non-posted queue never blocks posted TLPs and completions") {
  LinkBench b(credits(8, 1));
  b.at_root.releases = false;
  b.device.send(memory_read(64, 999));
  b.device.send(memory_read(64, 1000));  // stalled for good
  for (std::uint16_t i = 0; i < 200; ++i) {
    b.device.send(memory_write(64, i));
    b.device.send(completion(64, i));
    b.timeline.run(b.timeline.now() + 1_us);
    b.root.release(FcClass::posted, 64);
    b.root.release(FcClass::completion, 64);
  }
  CHECK(b.at_root.got.size() == 401);
  CHECK(b.device.backlog(FcClass::non_posted) == 1);
  CHECK(b.device.backlog(FcClass::posted) == 0);
}

TEST_CASE("port: says when a backlog has drained, and not for TLPs that never waited") {
  LinkBench b(credits(1));
  struct Drained {
    int times = 0;
    void now() { ++times; }
  } drained;
  b.device.on_drained(bind<&Drained::now>(&drained));
  b.timeline.run(1_ns);
  b.device.send(memory_write(64, 0));
  b.timeline.run(5_us);
  CHECK(drained.times == 0);
  b.device.send(memory_write(64, 1));
  b.device.send(memory_write(64, 2));
  b.device.send(memory_write(64, 3));
  b.timeline.run(20_us);
  CHECK(drained.times == 1);
  CHECK(b.at_root.order() == "P0 P1 P2 P3");
}

TEST_CASE("port: says when no more than some bytes of what went on the wire are still to leave") {
  LinkBench b;
  b.timeline.run(1_us);
  CHECK(b.device.sent_all_but(0) <= b.timeline.now());
  for (std::uint16_t i = 0; i < 3; ++i) b.device.send(memory_write(256, i));
  const Time busy = b.device.wire_time(memory_write(256));
  CHECK(b.device.sent_all_but(0) == 1_us + busy + busy + busy);
  CHECK(b.device.sent_all_but(280) == 1_us + busy + busy);  // 16 B of header, 256 B of payload, 8 B of framing
  CHECK(to_ns(b.device.sent_all_but(512)) == Approx(1000 + (3 * 280 - 512) * 8 / 57.8848).epsilon(1e-6));
  CHECK(b.device.sent_all_but(1 << 20) == Time());
}

TEST_CASE("port: says of each posted TLP that waited when it leaves the backlog, and of no other") {
  LinkBench b(credits(1, 1));
  struct Left {
    Port& port;
    std::vector<Time> wire_free;
    void now() { wire_free.push_back(port.sent_all_but(0)); }
  } left{b.device, {}};
  b.device.on_posted_left(bind<&Left::now>(&left));
  b.timeline.run(1_ns);
  b.device.send(memory_write(64, 0));
  CHECK(left.wire_free.empty());
  for (std::uint16_t i = 1; i < 3; ++i) b.device.send(memory_write(64, i));
  for (std::uint16_t i = 3; i < 5; ++i) b.device.send(memory_read(64, i));
  b.timeline.run(20_us);
  REQUIRE(b.at_root.order() == "P0 P1 P2 N3 N4");
  REQUIRE(left.wire_free.size() == 2);
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(left.wire_free[i] + b.device.params().propagation == b.at_root.got[i + 1].when);
}

TEST_CASE("port: one timeline event per TLP, none for credits nobody waits for") {
  LinkBench b;
  b.timeline.run(1_ns);
  for (std::uint16_t i = 0; i < 50; ++i) b.device.send(memory_write(64, i));
  b.timeline.run(10_us);
  CHECK(b.at_root.got.size() == 50);
  CHECK(b.timeline.events() == 50);
}

TEST_CASE("port: TLPs sent together arrive, take credits and count as those sent one by one, to the picosecond") {
  LinkBench b;
  b.timeline.run(1_us);
  const auto write = [](std::uint32_t bytes) { return std::array<Tlp, 3>{memory_write(bytes, 0), memory_write(64, 1), memory_write(bytes, 2)}; };
  for (Tlp& tlp : write(256)) b.device.send(std::move(tlp));
  const Time wire_free = b.device.wire_free();
  b.timeline.run(10_us);
  auto together = write(256);
  REQUIRE(b.device.clear_for(FcClass::posted, 3, 576));
  b.device.send_together(together);
  CHECK(b.device.wire_free() - 10_us == wire_free - 1_us);
  CHECK(b.device.backlog(FcClass::posted) == 0);
  CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  b.timeline.run(20_us);
  REQUIRE(b.at_root.order() == "P0 P1 P2 P0 P1 P2");
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(b.at_root.got[i + 3].when - 10_us == b.at_root.got[i].when - 1_us);
    CHECK(b.at_root.got[i + 3].payload == b.at_root.got[i].payload);
  }
  CHECK(b.root.taken(FcClass::posted) == 0);
  CHECK_NOTHROW(audit(Invariant::at_rest, b.timeline.now()));
}

TEST_CASE("port: it is clear for as many TLPs as it has credits for, and for none behind one that waits or while the link is down") {
  LinkParams root = credits(3);
  root.receive.posted_data = 32;
  LinkBench b(root);
  b.at_root.releases = false;
  CHECK_FALSE(b.device.clear_for(FcClass::posted, 1, 4));  // not before the simulation has started
  b.timeline.run(1_us);
  CHECK(b.device.clear_for(FcClass::posted, 3, 464));
  CHECK_FALSE(b.device.clear_for(FcClass::posted, 4, 16));    // headers
  CHECK_FALSE(b.device.clear_for(FcClass::posted, 3, 480));   // data: each may begin a unit
  CHECK(b.device.clear_for(FcClass::completion, 16, 1 << 20));  // infinite
  for (std::uint16_t i = 0; i < 4; ++i) b.device.send(memory_write(64, i));
  CHECK_FALSE(b.device.clear_for(FcClass::posted, 1, 4));
  CHECK_FALSE(b.device.clear_for(FcClass::completion, 1, 4));  // nothing overtakes by this way
  b.device.link_down();
  b.device.link_up();
  CHECK_FALSE(b.device.clear_for(FcClass::posted, 4, 16));
  b.device.link_down();
  CHECK_FALSE(b.device.clear_for(FcClass::completion, 1, 4));
}

TEST_CASE("port: ends that disagree on the link cannot be joined") {
  Timeline timeline("timeline");
  LinkParams narrow, small;
  narrow.width = 4;
  small.max_payload = 128_B;
  Port a("a", timeline, {}), b("b", timeline, narrow), c("c", timeline, small);
  CHECK_THROWS_AS(a.connect(b), SimError);
  CHECK_THROWS_AS(a.connect(c), SimError);
}
