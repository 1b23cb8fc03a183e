// SPDX-License-Identifier: Apache-2.0
/// Configuration requests of software through the root complex.
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
constexpr RequesterId port{0x0008}, function{0x0100};

struct ConfigBench : RootBench {
  explicit ConfigBench(const RootComplexParams& params = {}) : RootBench(params) {}
  Core core{timeline};
  BytePool pool;
  std::uint32_t read(RequesterId id, unsigned offset, unsigned bytes = 4) {
    rc.read_config(id, offset, bytes, core.callback());
    run(10_us);
    return static_cast<std::uint32_t>(core.answers.back().first);
  }
  void write(RequesterId id, unsigned offset, unsigned bytes, std::uint32_t value) {
    rc.write_config(id, offset, bytes, value, core.callback());
    run(10_us);
  }
  void answer(const Tlp& request, CompletionStatus status, std::uint32_t value = 0) {
    Tlp tlp = completion(4, request.tag);
    tlp.requester = Outbound::id;
    tlp.status = status;
    if (status == CompletionStatus::success) tlp.data = pool.copy({reinterpret_cast<const std::uint8_t*>(&value), 4});
    if (status != CompletionStatus::success) tlp.type = TlpType::completion, tlp.length = 0;
    device.send(std::move(tlp));
  }
};
}  // namespace

TEST_CASE("config: a root port answers on bus 0, nobody else does, and nothing goes on a link") {
  ConfigBench b;
  CHECK(b.read(port, PCI_VENDOR_ID) == 0x000c'1b36);
  CHECK(b.read(port, PCI_HEADER_TYPE, 1) == PCI_HEADER_TYPE_BRIDGE);
  CHECK(b.read(RequesterId{0x0010}, PCI_VENDOR_ID) == 0xffff'ffff);
  CHECK(b.read(RequesterId{0x0009}, PCI_VENDOR_ID, 2) == 0xffff);
  CHECK(b.end.got.empty());
  const Time local = RootComplexParams{}.outbound_latency + RootComplexParams{}.inbound_latency, begin = b.timeline.now();
  b.rc.read_config(port, 0, 4, b.core.callback());
  b.timeline.run(begin + local - 1_ps);
  CHECK(b.core.answers.size() == 4);
  b.timeline.run(begin + local);
  CHECK(b.core.answers.size() == 5);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("config: bus numbers and windows that software writes route requests", "[C7]") {
  ConfigBench b;
  b.write(port, PCI_PRIMARY_BUS, 4, 0x05'04'00);
  CHECK(b.read(function, 0) == 0xffff'ffff);  // bus 1 leads nowhere any more
  CHECK(b.end.got.empty());
  b.rc.read_config(RequesterId{0x0400}, 0, 4, b.core.callback());
  b.rc.write(Hpa(RootBench::bar), 1, 4, {});
  b.run(1_us);
  CHECK(b.end.got.size() == 2);
  b.write(port, PCI_COMMAND, 2, 0);  // Memory Space Enable
  b.rc.write(Hpa(RootBench::bar), 1, 4, {});
  b.run(1_us);
  CHECK(b.end.got.size() == 2);
}

TEST_CASE("config: type 0 on the secondary bus, type 1 behind it, other devices only with ARI forwarding", "[B9]") {
  ConfigBench b;
  b.write(port, PCI_PRIMARY_BUS, 4, 0x02'01'00);
  const auto seen = [&](std::uint16_t id) {
    const std::size_t before = b.end.got.size();
    b.rc.read_config(RequesterId{id}, 0, 4, b.core.callback());
    b.run(1_us);
    if (b.end.got.size() == before) return std::string("nothing");
    const Tlp& tlp = b.end.got.back().tlp;
    CHECK(tlp.completer == RequesterId{id});
    CHECK(tlp.header() == 12);
    return std::string(tlp.type1 ? "type 1" : "type 0");
  };
  CHECK(seen(0x0100) == "type 0");
  CHECK(seen(0x01ff) == "type 0");
  CHECK(seen(0x0200) == "type 1");
  CHECK(seen(0x0300) == "nothing");
  const unsigned express = b.rc.root_port(0).config().layout().capability(PCI_CAP_ID_EXP);
  b.write(port, express + PCI_EXP_DEVCTL2, 2, 0);
  CHECK(seen(0x0107) == "type 0");
  CHECK(seen(0x0108) == "nothing");  // device 1 of a link
  CHECK(seen(0x0210) == "type 1");
}

TEST_CASE("config: an unloaded read takes the sum of its parts, to the picosecond, a write carries its bytes") {
  ConfigBench b;
  const Time asked = b.timeline.now();
  b.rc.read_config(function, 0x100, 4, b.core.callback());
  b.run(500_ns);
  REQUIRE(b.end.got.size() == 1);
  const Tlp& request = b.end.got[0].tlp;
  const RootComplexParams params;
  CHECK(b.end.got[0].when == asked + params.outbound_latency + b.root.wire_time(request) + b.root.params().propagation);
  const Time turned = b.timeline.now();
  b.answer(request, CompletionStatus::success, 0x1234'5678);
  const Time back = turned + b.flight(completion(4)) + params.inbound_latency;
  b.timeline.run(back - 1_ps);
  CHECK(b.core.answers.empty());
  b.timeline.run(back);
  REQUIRE(b.core.answers.size() == 1);
  CHECK(b.core.answers[0].first == 0x1234'5678);
  b.rc.write_config(function, 0x10, 2, 0xabcd, b.core.callback());
  b.run(1_us);
  const Tlp& write = b.end.got.back().tlp;
  CHECK(write.type == TlpType::config_write);
  CHECK(write.length == 2);
  CHECK(write.payload() == 4);
  CHECK(write.data.data()[1] == 0xab);
  CHECK(b.core.answers.size() == 1);  // not posted
  b.answer(write, CompletionStatus::unsupported_request);
  b.run(1_us);
  CHECK(b.core.answers.at(1).first == 0xffff);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("config: a request that is asked to be retried is sent again until it is answered") {
  ConfigBench b;
  b.rc.read_config(function, 0, 4, b.core.callback());
  for (std::size_t tries = 1; tries <= 5; ++tries) {
    b.run(1_us);
    REQUIRE(b.end.got.size() == tries);
    CHECK(b.core.answers.empty());
    const Time answered = b.timeline.now();
    b.answer(b.end.got.back().tlp, tries < 5 ? CompletionStatus::retry : CompletionStatus::success, 0x10ed'8086);
    b.run(9_us);
    if (tries == 5) break;
    CHECK(b.end.got.size() == tries);
    b.timeline.run(answered + 10_us);
  }
  CHECK(b.core.answers.at(0).first == 0x10ed'8086);
  CHECK(b.rc.outbound.config_retries.value() == 4);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("config: who is asked to retry for longer than the completion timeout, or never answered, reads all ones") {
  RootComplexParams params;
  params.completion_timeout = 100_us;
  params.config_retry = 10_us;
  ConfigBench b(params);
  const Time begin = b.timeline.now();
  b.rc.read_config(function, 0, 4, b.core.callback());
  for (unsigned tries = 1; tries <= 20 && b.core.answers.empty(); ++tries) {
    b.run(1_us);
    b.answer(b.end.got.back().tlp, CompletionStatus::retry);
    b.run(10_us);
  }
  REQUIRE(b.core.answers.size() == 1);
  CHECK(b.core.answers[0].first == 0xffff'ffff);
  CHECK(b.core.answers[0].second < begin + 101_us);  // the last retry and its way back
  const Time asked = b.timeline.now();
  b.rc.read_config(function, 0, 4, b.core.callback());
  b.timeline.run(asked + 100_us - 1_ps);
  CHECK(b.core.answers.size() == 1);
  b.timeline.run(asked + 100_us);
  CHECK(b.core.answers.at(1).first == 0xffff'ffff);
  audit(Invariant::at_rest, b.timeline.now());
}
