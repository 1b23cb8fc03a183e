// SPDX-License-Identifier: Apache-2.0
#include "models/core/invariant.h"
#include "tests/timed/pcie/replay_bench.h"
using namespace iov;
using namespace iov::pcie;

TEST_CASE("replay: one damaged TLP costs a Nak and the TLPs sent meanwhile, to the picosecond", "[B6]") {
  LinkBench b({}, error_free_so_far());
  Replay& replay = PortProbe::replay(b.device);
  const Time t = b.device.wire_time(memory_write(64)), p = b.device.params().propagation;
  const Time nak = dllp_latency(b.device.params());
  ReplayProbe::place_error(replay, 88 * 8 * 1.5);  // in the second TLP
  for (std::uint16_t i = 0; i < 3; ++i) b.device.send(memory_write(64, i));
  const Time replayed = t + t + p + nak;  // when the Nak reaches the transmitter
  b.timeline.run(replayed + t + p - 1_ps);
  CHECK(b.at_root.order() == "P0");
  b.timeline.run(replayed + t + p);
  CHECK(b.at_root.order() == "P0 P1");
  b.timeline.run(100_us);
  REQUIRE(b.at_root.order() == "P0 P1 P2");
  CHECK(b.at_root.got[0].when == t + p);
  CHECK(b.at_root.got[2].when == replayed + t + t + p);
  CHECK(replay.naks.value() == 1);
  CHECK(replay.replays.value() == 1);
  CHECK(replay.replayed.value() == 2);
  CHECK(replay.timeouts.value() == 0);
  CHECK(replay.replay_time.value() == t + t);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("replay: what has still to leave includes TLPs behind the one on the wire, and those sent again") {
  LinkBench b({}, error_free_so_far());
  const Time t = b.device.wire_time(memory_write(64)), p = b.device.params().propagation;
  b.timeline.run(1_ns);
  ReplayProbe::place_error(PortProbe::replay(b.device), 88 * 8 * 1.5);  // in the second TLP
  for (std::uint16_t i = 0; i < 3; ++i) b.device.send(memory_write(64, i));
  CHECK(b.device.sent_all_but(0) == 1_ns + t + t + t);
  CHECK(b.device.sent_all_but(88) == 1_ns + t + t);
  const Time again = 1_ns + t + t + p + dllp_latency(b.device.params());  // the Nak is here
  b.timeline.run(again - 1_ps);
  CHECK(b.device.sent_all_but(0) < again);
  b.timeline.run(again);
  CHECK(b.device.sent_all_but(0) == again + t + t);
}

TEST_CASE("replay: a Nak that is damaged too is made up for by the replay timer, duplicates are discarded") {
  LinkBench b({}, error_free_so_far());
  Replay& replay = PortProbe::replay(b.device);
  const Time t = b.device.wire_time(memory_write(64)), p = b.device.params().propagation;
  ReplayProbe::place_error(replay, 88 * 8 * 1.5);
  for (std::uint16_t i = 0; i < 3; ++i) b.device.send(memory_write(64, i));
  b.timeline.run(t + t + t);
  ReplayProbe::place_error(replay, 1);  // the next thing to be sent is the Nak
  const Time replayed = t + b.device.params().replay_timeout;  // from the first TLP's last symbol
  b.timeline.run(replayed + t + t + p - 1_ps);
  CHECK(b.at_root.order() == "P0");
  b.timeline.run(replayed + t + t + p);
  CHECK(b.at_root.order() == "P0 P1");
  b.timeline.run(200_us);
  CHECK(b.at_root.order() == "P0 P1 P2");
  CHECK(replay.lost_acknowledges.value() == 1);
  CHECK(replay.timeouts.value() == 1);
  CHECK(replay.duplicates.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("replay: the fourth replay in a row retrains the link first") {
  LinkBench b({}, error_free_so_far());
  Replay& replay = PortProbe::replay(b.device);
  const Time t = b.device.wire_time(memory_write(64)), p = b.device.params().propagation;
  const Time round = t + p + dllp_latency(b.device.params());
  ReplayProbe::place_error(replay, 1);
  b.device.send(memory_write(64, 7));
  Time next = round;  // one Nak asks for a TLP, then the replay timer
  for (int i = 1; i <= 3; ++i, next += t + b.device.params().replay_timeout) {
    b.timeline.run(next - 1_ps);
    ReplayProbe::place_error(replay, 1);
  }
  const Time arrival = next + b.device.params().retrain_time + t + p;
  b.timeline.run(arrival - 1_ps);
  CHECK(b.at_root.got.empty());
  b.timeline.run(arrival);
  CHECK(b.at_root.order() == "P7");
  CHECK(replay.naks.value() == 1);
  CHECK(replay.timeouts.value() == 3);
  CHECK(replay.replays.value() == 4);
  CHECK(replay.retrains.value() == 1);
}

TEST_CASE("replay: the end that sees an error of the link says which") {
  LinkBench b({}, error_free_so_far());
  struct Log {
    std::string seen;
    void error(config::PcieError e) { seen += std::string(config::error_name(e)) + " "; }
  } at_device, at_root;
  b.device.on_error(bind<&Log::error>(&at_device));
  b.root.on_error(bind<&Log::error>(&at_root));
  ReplayProbe::place_error(PortProbe::replay(b.device), 1);
  b.device.send(memory_write(64));
  b.timeline.run(50_ns);
  ReplayProbe::place_error(PortProbe::replay(b.device), 1);  // the Nak
  b.timeline.run(100_us);
  b.root.link_down();
  CHECK(at_root.seen == "bad_tlp surprise_down ");
  CHECK(at_device.seen == "bad_dllp replay_timeout surprise_down ");
}

TEST_CASE("replay: whatever the errors, nothing is lost, nothing comes twice, the order of each class is kept") {
  LinkParams bad;
  bad.bit_error_rate = 2e-5;
  bad.receive.posted_headers = 8;
  bad.receive.non_posted_headers = 4;
  LinkBench b(bad, bad);
  Random random(7, "sizes");
  constexpr std::uint16_t each = 1500;
  for (std::uint16_t i = 0; i < each; ++i) {
    b.device.send(memory_write(static_cast<std::uint32_t>(1 + random.below(256)), i));
    b.device.send(memory_read(64, i));
    b.device.send(completion(static_cast<std::uint32_t>(1 + random.below(64)), i));
    b.root.send(memory_write(4, i));
    if (i % 16 == 0) b.timeline.run(b.timeline.now() + 1_us);
    if (i % 64 == 0) audit(Invariant::always, b.timeline.now());
  }
  b.timeline.run(b.timeline.now() + Time(50, sc_core::SC_MS));
  audit(Invariant::at_rest, b.timeline.now());
  std::array<std::uint16_t, fc_classes> next{};
  for (const Receiver::Got& g : b.at_root.got) REQUIRE(g.tag == next[static_cast<std::size_t>(g.fc)]++);
  for (const std::uint16_t count : next) CHECK(count == each);
  REQUIRE(b.at_device.got.size() == each);
  const Replay& replay = PortProbe::replay(b.device);
  CHECK(replay.replays.value() > 20);
  CHECK(replay.corrupted.value() >= replay.naks.value());
}

TEST_CASE("replay: a seed gives the same errors again, another one others") {
  LinkParams bad = error_free_so_far();
  bad.bit_error_rate = 1e-5;
  Timeline timeline("timeline");
  Port a("a", timeline, bad, 1), b("b", timeline, bad, 1), far_a("far_a", timeline, {}), far_b("far_b", timeline, {});
  a.connect(far_a);
  b.connect(far_b);
  Receiver at_a(far_a, timeline), at_b(far_b, timeline);
  for (std::uint16_t i = 0; i < 2000; ++i) a.send(memory_write(256, i)), b.send(memory_write(256, i));
  timeline.run(Time(10, sc_core::SC_MS));
  // a stream of its own per wire: equal seeds do not give equal errors at two ports
  CHECK(PortProbe::replay(a).corrupted.value() > 10);
  CHECK(at_a.got.back().when != at_b.got.back().when);
}

TEST_CASE("replay: no more than 2047 TLPs are unacknowledged, the rest wait their turn") {
  LinkParams far, bad = error_free_so_far();
  far.propagation = 10_us;
  bad.propagation = 10_us;
  bad.replay_timeout = 1000_us;
  far.receive.posted_headers = far.receive.posted_data = 0;
  LinkBench b(far, bad);
  b.timeline.run(1_ns);
  for (std::uint16_t i = 0; i < 3000; ++i) b.device.send(memory_write(4, i));
  CHECK(b.device.backlog(FcClass::posted) == 3000 - 2047);
  b.timeline.run(1000_us);
  CHECK(b.at_root.got.size() == 3000);
  audit(Invariant::at_rest, b.timeline.now());
}
