// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
struct Core {
  Timeline& timeline;
  std::vector<std::pair<std::uint64_t, Time>> answers;
  explicit Core(Timeline& t) : timeline(t) {}
  void done(std::uint64_t value) { answers.emplace_back(value, timeline.now()); }
  Delegate<void(std::uint64_t)> callback() { return bind<&Core::done>(this); }
};
Tlp register_value(BytePool& pool, std::uint16_t tag, std::uint64_t value, std::uint32_t bytes) {
  Tlp tlp = completion(bytes, tag);
  tlp.requester = Outbound::id;
  tlp.data = pool.copy({reinterpret_cast<const std::uint8_t*>(&value), bytes});
  return tlp;
}
}  // namespace

TEST_CASE("mmio: a register write arrives after the root complex and the link, with its bytes") {
  RootBench b;
  const Time sent = b.timeline.now();
  b.rc.write(Hpa(RootBench::bar + 0x18), 0x1122334455667788, 8, {});
  b.run(10_us);
  REQUIRE(b.end.got.size() == 1);
  const Tlp& tlp = b.end.got[0].tlp;
  CHECK(tlp.type == TlpType::memory_write);
  CHECK(tlp.address == RootBench::bar + 0x18);
  CHECK(tlp.length == 8);
  std::uint64_t value = 0;
  REQUIRE(tlp.data.size() == 8);
  std::memcpy(&value, tlp.data.data(), 8);
  CHECK(value == 0x1122334455667788);
  CHECK(b.end.got[0].when == sent + RootComplexParams{}.outbound_latency + b.root.wire_time(tlp) +
                                 b.root.params().propagation);
}

TEST_CASE("mmio: an unloaded register read takes the sum of its parts, to the picosecond") {
  RootBench b;
  Core core(b.timeline);
  BytePool pool;
  const Time asked = b.timeline.now();
  b.rc.read(Hpa(RootBench::bar + 8), 4, core.callback());
  b.run(500_ns);
  REQUIRE(b.end.got.size() == 1);
  const Tlp& request = b.end.got[0].tlp;
  CHECK(request.want_bytes == 4);
  const Time turned = b.timeline.now();
  b.device.send(register_value(pool, request.tag, 0xcafe, 4));
  const RootComplexParams params;
  const Time down = params.outbound_latency + b.root.wire_time(request) + b.root.params().propagation;
  CHECK(b.end.got[0].when == asked + down);
  const Time back = turned + b.flight(completion(4)) + params.inbound_latency;
  b.timeline.run(back - 1_ps);
  CHECK(core.answers.empty());
  b.timeline.run(back);
  REQUIRE(core.answers.size() == 1);
  CHECK(core.answers[0].first == 0xcafe);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("mmio: what no root port claims reads as all ones and swallows writes") {
  RootBench b;
  Core core(b.timeline);
  b.rc.write(Hpa(0x9'0000'0000), 1, 4, {});
  b.rc.read(Hpa(0x9'0000'0000), 4, core.callback());
  b.rc.read(Hpa(0x9'0000'0000), 8, core.callback());
  b.run(10_us);
  REQUIRE(core.answers.size() == 2);
  CHECK(core.answers[0].first == 0xffff'ffff);
  CHECK(core.answers[1].first == ~std::uint64_t{0});
  CHECK(b.end.got.empty());
  CHECK(b.rc.outbound.unclaimed.value() == 3);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("mmio: a read refused by the device is all ones") {
  RootBench b;
  Core core(b.timeline);
  b.rc.read(Hpa(RootBench::bar), 2, core.callback());
  b.run(1_us);
  Tlp refusal = completion(0, b.end.got.at(0).tlp.tag);
  refusal.type = TlpType::completion;
  refusal.status = CompletionStatus::unsupported_request;
  refusal.requester = Outbound::id;
  b.device.send(std::move(refusal));
  b.run(1_us);
  REQUIRE(core.answers.size() == 1);
  CHECK(core.answers[0].first == 0xffff);
  CHECK(b.rc.outbound.failed_reads.value() == 1);
}

TEST_CASE("mmio: a read that nobody answers is given up at the completion timeout, its late answer ignored") {
  RootComplexParams params;
  params.completion_timeout = 50_us;
  RootBench b(params);
  Core core(b.timeline);
  BytePool pool;
  const Time asked = b.timeline.now();
  b.rc.read(Hpa(RootBench::bar), 4, core.callback());
  b.timeline.run(asked + 50_us - 1_ps);
  CHECK(core.answers.empty());
  b.timeline.run(asked + 50_us);
  REQUIRE(core.answers.size() == 1);
  CHECK(core.answers[0].first == 0xffff'ffff);
  b.device.send(register_value(pool, b.end.got.at(0).tlp.tag, 1, 4));
  b.run(10_us);
  CHECK(core.answers.size() == 1);
  CHECK(b.rc.outbound.unexpected_completions.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("mmio: answered reads leave no timeout behind") {
  RootBench b;
  Core core(b.timeline);
  BytePool pool;
  b.rc.read(Hpa(RootBench::bar), 4, core.callback());
  b.run(1_us);
  b.device.send(register_value(pool, b.end.got.at(0).tlp.tag, 1, 4));
  b.run(1_us);
  CHECK(core.answers.size() == 1);
  CHECK(b.timeline.idle());
}

TEST_CASE("mmio: reads beyond the tags wait for one") {
  RootComplexParams params;
  params.tags = 2;
  RootBench b(params);
  Core core(b.timeline);
  BytePool pool;
  for (int i = 0; i < 5; ++i) b.rc.read(Hpa(RootBench::bar), 4, core.callback());
  for (std::size_t answered = 0; answered < 5; ++answered) {
    b.run(1_us);
    CHECK(b.end.got.size() == std::min<std::size_t>(answered + 2, 5));
    b.device.send(register_value(pool, b.end.got.at(answered).tlp.tag, answered, 4));
  }
  b.run(1_us);
  REQUIRE(core.answers.size() == 5);
  for (std::uint64_t i = 0; i < 5; ++i) CHECK(core.answers[i].first == i);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("mmio: a completion for an unknown tag breaks the invariant") {
  RootBench b;
  BytePool pool;
  b.device.send(register_value(pool, 5, 1, 4));
  b.run(1_us);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("rc.outbound.no_unknown_tags"));
}

TEST_CASE("mmio: an outstanding read is not rest") {
  RootBench b;
  Core core(b.timeline);
  b.rc.read(Hpa(RootBench::bar), 4, core.callback());
  b.run(1_us);
  CHECK_THROWS_WITH(audit(Invariant::at_rest, b.timeline.now()), Catch::Contains("rc.outbound.nothing_pending"));
}
