// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
std::string accesses(const FixedMemory& memory) {
  std::ostringstream text;
  for (const auto& a : memory.log) text << (text.tellp() ? " " : "") << (a.write ? 'W' : 'R') << std::hex << a.address;
  return text.str();
}
struct Remapper : InterruptRemapper {
  explicit Remapper(Timeline& t) : timeline(t) {}
  void interrupt(const InterruptMessage& message) override {
    got.push_back(message);
    when.push_back(timeline.now());
  }
  Timeline& timeline;
  std::vector<InterruptMessage> got;
  std::vector<Time> when;
};
}  // namespace

TEST_CASE("root complex: writes are committed in order, however long their translations take") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.by_hand = true;
  for (std::uint64_t i = 1; i <= 3; ++i) b.send(memory_write(64, 0, i << 12));
  b.run(1_us);
  REQUIRE(b.translator.pending.size() == 3);  // translations run concurrently
  std::swap(b.translator.pending[0], b.translator.pending[2]);
  b.translator.answer_next();
  b.translator.answer_next();
  b.run(1_us);
  CHECK(b.memory.log.empty());
  b.translator.answer_next();
  b.run(1_us);
  CHECK(accesses(b.memory) == "W1000 W2000 W3000");
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: a read's access starts only when the posted writes before it are committed") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.by_hand = true;
  b.send(memory_write(64, 0, 0x1000));
  b.send(dma_read(0x2000, 64));
  b.send(memory_write(64, 0, 0x3000));
  b.run(1_us);
  REQUIRE(b.translator.pending.size() == 3);
  std::swap(b.translator.pending[0], b.translator.pending[1]);
  b.translator.answer_next();  // the read is translated
  b.run(1_us);
  CHECK(b.memory.log.empty());
  const Time answered = b.timeline.now();
  b.translator.answer_next();
  b.run(1_us);
  const Time write = answered + b.translator.latency + RootComplexParams{}.inbound_latency;
  REQUIRE(accesses(b.memory) == "W1000 R2000");
  CHECK(b.memory.log[0].when == write);
  CHECK(b.memory.log[1].when == write + b.memory.write_latency);
  b.translator.answer_next();
  b.run(1_us);
  CHECK(accesses(b.memory) == "W1000 R2000 W3000");  // the later write did not hold it up
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: a read waits for the writes before it, not for those after it") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.memory.write_latency = 300_ns;
  b.translator.by_hand = true;
  b.send(dma_read(0x2000, 64));
  b.send(memory_write(64, 0, 0x3000));
  b.run(1_us);
  std::swap(b.translator.pending[0], b.translator.pending[1]);
  b.translator.answer_next();
  b.translator.answer_next();
  const Time access = b.timeline.now() + b.translator.latency + RootComplexParams{}.inbound_latency;
  b.run(1_us);
  REQUIRE(b.memory.log.size() == 2);
  CHECK(b.memory.log[0].when == access);
  CHECK(b.memory.log[1].when == access);
}

TEST_CASE("root complex: reads are concurrent and answered as memory and translation allow") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.by_hand = true;
  for (std::uint16_t i = 1; i <= 3; ++i) b.send(dma_read(static_cast<std::uint64_t>(i) << 12, 64, i));
  b.run(1_us);
  std::swap(b.translator.pending[0], b.translator.pending[2]);
  for (int i = 0; i < 3; ++i) b.translator.answer_next();
  b.run(10_us);
  REQUIRE(b.end.got.size() == 3);
  CHECK(b.end.got[0].tlp.tag == 3);
  CHECK(b.end.got[2].tlp.tag == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: a full translation queue becomes back-pressure and loses nothing") {
  LinkParams link;
  link.receive.non_posted_headers = 4;
  RootBench b({}, link);
  b.rc.set_translator(&b.translator);
  b.translator.by_hand = true;
  b.translator.capacity = 2;
  for (std::uint16_t i = 0; i < 10; ++i) b.send(dma_read(0x1000, 64, i));
  b.run(5_us);
  CHECK(b.translator.pending.size() == 2);
  CHECK(b.device.backlog(FcClass::non_posted) == 6);  // 4 in the root port keep their credits
  for (int i = 0; i < 10; ++i) {
    b.translator.answer_next();
    b.run(5_us);
  }
  CHECK(b.end.got.size() == 10);
  CHECK(b.translator.requests == 10);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: stalled reads block neither writes nor completions, so nothing deadlocks") {
  RootComplexParams params;
  params.read_lines = 65;
  RootBench b(params);
  b.memory.read_latency = 100_us;  // reads take all read lines for long
  for (std::uint16_t i = 0; i < 100; ++i) b.send(dma_read(0x1000, 64, i));
  for (std::uint64_t i = 0; i < 200; ++i) b.send(memory_write(64, 0, 0x2000));
  b.run(20_us);
  CHECK(b.rc.inbound.read_lines.level() == 65);
  CHECK(b.rc.inbound.writes.value() == 200);
  std::uint64_t value = 0;
  struct Core {
    std::uint64_t& value;
    void done(std::uint64_t v) { value = v; }
  } core{value};
  b.rc.read(Hpa(RootBench::bar), 4, bind<&Core::done>(&core));
  b.run(1_us);
  REQUIRE(b.end.got.size() == 1);  // the register read
  Tlp answer = completion(4, b.end.got[0].tlp.tag);
  answer.requester = Outbound::id;
  BytePool pool;
  answer.data = pool.take(4);
  std::memset(answer.data.data(), 0x5a, 4);
  b.device.send(std::move(answer));
  b.run(1_us);
  CHECK(value == 0x5a5a5a5a);
  b.run(400_us);
  CHECK(b.end.got.size() == 101);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: an interrupt is delivered after the writes before it are committed, and never to memory") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  Remapper remapper(b.timeline);
  b.rc.set_interrupt_remapper(&remapper);
  b.translator.by_hand = true;
  BytePool pool;
  b.send(memory_write(256, 0, 0x1000));
  Tlp message = dma_write(pool, 0xfee0'1230, 4, 0);
  message.data.data()[0] = 0x41;
  b.send(std::move(message));
  b.run(1_us);
  CHECK(remapper.got.empty());
  const Time answered = b.timeline.now();
  b.translator.answer_next();
  const Time committed = answered + b.translator.latency + RootComplexParams{}.inbound_latency + b.memory.write_latency;
  b.timeline.run(committed - 1_ps);
  CHECK(remapper.got.empty());
  b.timeline.run(committed);
  REQUIRE(remapper.got.size() == 1);
  CHECK(remapper.got[0].address == 0xfee0'1230);
  CHECK(remapper.got[0].data == 0x41);
  CHECK(remapper.got[0].requester == RequesterId{0x100});
  CHECK(b.translator.requests == 1);
  CHECK(b.memory.log.size() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: a register read's completion pushes the device's earlier writes to memory") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.by_hand = true;
  struct Core {
    bool answered = false;
    void done(std::uint64_t) { answered = true; }
  } core;
  b.rc.read(Hpa(RootBench::bar), 4, bind<&Core::done>(&core));
  b.run(1_us);
  REQUIRE(b.end.got.size() == 1);
  b.send(memory_write(64, 0, 0x1000));
  Tlp answer = completion(4, b.end.got[0].tlp.tag);
  answer.requester = Outbound::id;
  b.device.send(std::move(answer));
  b.run(2_us);
  CHECK_FALSE(core.answered);
  const Time translated = b.timeline.now();
  b.translator.answer_next();
  const Time committed =
      translated + b.translator.latency + RootComplexParams{}.inbound_latency + b.memory.write_latency;
  b.timeline.run(committed - 1_ps);
  CHECK_FALSE(core.answered);
  b.timeline.run(committed);
  CHECK(core.answered);
}

TEST_CASE("writes that wait for lines are admitted when those of slow ones come back, though nothing else arrives") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.latency = 2000_ns;
  BytePool pool;
  for (unsigned i = 0; i < 22; ++i) b.send(dma_write(pool, 0x1000 + 255 * i, 255, 0xab));  // unaligned: five lines, but credits for four
  b.run(20_us);
  CHECK(b.rc.inbound.writes.value() == 22);
  audit(Invariant::at_rest, b.timeline.now());
}
