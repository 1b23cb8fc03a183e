// SPDX-License-Identifier: Apache-2.0
#include "models/core/journey.h"
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

TEST_CASE("root complex: an unloaded 64 B DMA read takes the sum of its parts, to the picosecond") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  const Time sent = b.timeline.now();
  const RootComplexParams params;
  const Tlp request = dma_read(0x1000, 64), answer = completion(64);
  const Time sum = b.device.wire_time(request)       // 12 + 8 B
                   + b.device.params().propagation   // link, upstream
                   + b.translator.latency            // translation
                   + params.inbound_latency          // root complex
                   + b.memory.read_latency           // memory
                   + params.completion_latency       // root complex
                   + b.root.wire_time(answer)        // 12 + 64 + 8 B
                   + b.root.params().propagation;    // link, downstream
  b.send(dma_read(0x1000, 64));
  b.timeline.run(sent + sum - 1_ps);
  CHECK(b.end.got.empty());
  b.timeline.run(sent + sum);
  REQUIRE(b.end.got.size() == 1);
  CHECK(b.end.got[0].when - sent == sum);
  CHECK(to_ns(sum) == Approx((20 + 84) * 8 / 57.8848 + 2 * 105 + 10 + 110 + 50 + 110).epsilon(1e-6));
}

TEST_CASE("root complex: a read brings the bytes of memory, as many as wanted") {
  RootBench b;
  for (unsigned i = 0; i < 64; ++i) b.memory.bytes[0x2000 + i] = static_cast<std::uint8_t>(i);
  b.send(dma_read(0x2000, 64, 7));
  Tlp part = dma_read(0x2000, 64, 8);
  part.want_bytes = 16;
  b.send(std::move(part));
  b.send(memory_read(64, 9, 0x2000));
  b.run(10_us);
  REQUIRE(b.end.got.size() == 3);
  const Tlp& all = b.end.got[0].tlp;
  CHECK(all.tag == 7);
  CHECK(all.requester == RequesterId{0x100});
  CHECK(all.byte_count == 64);
  REQUIRE(all.data.size() == 64);
  CHECK(std::memcmp(all.data.data(), &b.memory.bytes[0x2000], 64) == 0);
  CHECK(b.end.got[1].tlp.data.size() == 16);
  CHECK(b.end.got[1].tlp.length == 64);
  CHECK(b.end.got[2].tlp.data.size() == 0);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: completions are cut at the first RCB boundary and then by MPS, in address order") {
  RootBench b;
  for (unsigned i = 0; i < 512; ++i) b.memory.bytes[0x3000 + i] = static_cast<std::uint8_t>(i * 7);
  b.send(dma_read(0x3010, 490, 3));
  b.run(10_us);
  REQUIRE(b.end.got.size() == 3);
  const std::uint32_t lengths[] = {48, 256, 186}, owed[] = {490, 442, 186};
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const Tlp& tlp = b.end.got[i].tlp;
    CHECK(tlp.length == lengths[i]);
    CHECK(tlp.byte_count == owed[i]);
    CHECK(tlp.address == 0x3010 + offset);
    REQUIRE(tlp.data.size() == lengths[i]);
    CHECK(std::memcmp(tlp.data.data(), &b.memory.bytes[0x3010 + offset], lengths[i]) == 0);
    offset += lengths[i];
  }
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: an older chip set sends a completion per RCB") {
  RootComplexParams params;
  params.completion_split = CompletionSplit::read_completion_boundary;
  RootBench b(params);
  b.send(dma_read(0x3020, 200, 3));
  b.run(10_us);
  std::vector<std::uint32_t> lengths;
  for (const auto& g : b.end.got) lengths.push_back(g.tlp.length);
  CHECK(lengths == std::vector<std::uint32_t>{32, 64, 64, 40});
}

TEST_CASE("root complex: a write reaches memory when translated and holds its credits until committed") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.offset = 0x4000;
  BytePool pool;
  const Tlp shape = memory_write(64, 0, 0x1000);
  const Time access = b.timeline.now() + b.flight(shape) + b.translator.latency + RootComplexParams{}.inbound_latency;
  b.send(dma_write(pool, 0x1000, 64, 0xab));
  b.timeline.run(access - 1_ps);
  CHECK(b.memory.bytes[0x5000] == 0);
  b.timeline.run(access);
  CHECK(b.memory.bytes[0x5000] == 0xab);
  CHECK(b.memory.bytes[0x503f] == 0xab);
  CHECK(b.memory.bytes[0x1000] == 0);
  CHECK(b.rc.inbound.write_lines.level() == 1);
  b.timeline.run(access + b.memory.write_latency - 1_ps);
  CHECK(b.rc.inbound.write_lines.level() == 1);
  audit(Invariant::always, b.timeline.now());  // books what was returned so far: not yet this line
  CHECK(b.rc.inbound.write_lines.level() == 1);
  b.timeline.run(access + b.memory.write_latency);
  audit(Invariant::at_rest, b.timeline.now());
  CHECK(b.rc.inbound.write_lines.level() == 0);
}

TEST_CASE("root complex: a blocked read is answered with UR, a blocked write changes nothing", "[D4]") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.blocked_page = 0x5;
  BytePool pool;
  b.send(dma_write(pool, 0x5000, 64, 0xab));
  b.send(dma_read(0x5000, 64, 9));
  b.run(10_us);
  CHECK(b.memory.log.empty());
  CHECK(b.rc.inbound.dropped_writes.value() == 1);
  REQUIRE(b.end.got.size() == 1);
  const Tlp& answer = b.end.got[0].tlp;
  CHECK(answer.type == TlpType::completion);
  CHECK(answer.status == CompletionStatus::unsupported_request);
  CHECK(answer.tag == 9);
  CHECK(answer.byte_count == 64);
  CHECK(b.rc.inbound.unsupported_requests.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: addresses outside memory and BARs are unsupported requests") {
  RootBench b;  // memory of 1 MiB, no translator: Iova == Hpa
  b.send(dma_read(0x10'0000, 64, 1));
  b.send(memory_write(64, 0, 0x10'0000));
  b.send(dma_read(0xfee0'0000, 4, 2));
  b.run(10_us);
  REQUIRE(b.end.got.size() == 2);
  CHECK(b.end.got[0].tlp.status == CompletionStatus::unsupported_request);
  CHECK(b.end.got[1].tlp.status == CompletionStatus::unsupported_request);
  CHECK(b.rc.inbound.dropped_writes.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: a translated request goes where it says if the IOMMU lets its function translate", "[E1][D4]") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.offset = 0x4000;
  b.memory.bytes[0x1000] = 0x11;
  BytePool pool;
  const auto access = [&] {
    Tlp read = dma_read(0x1000, 4, 1), write = dma_write(pool, 0x2000, 4, 0x22);
    read.at = write.at = AddressType::translated;
    b.send(std::move(read));
    b.send(std::move(write));
    b.run(10_us);
  };
  access();
  REQUIRE(b.end.got.size() == 1);
  CHECK(b.end.got[0].tlp.data.data()[0] == 0x11);
  CHECK(b.memory.bytes[0x2000] == 0x22);
  b.memory.bytes[0x2000] = 0;
  b.translator.devices_translate = false;
  access();
  REQUIRE(b.end.got.size() == 2);
  CHECK(b.end.got[1].tlp.status == CompletionStatus::unsupported_request);
  CHECK(b.memory.bytes[0x2000] == 0);
  CHECK(b.rc.inbound.dropped_writes.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("root complex: the journey of a read tells translation, memory and link apart") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  JourneyLog log("journeys");
  Tlp read = dma_read(0x1000, 64);
  read.journey = log.begin(Stage::link, b.timeline.now());
  const JourneyRef journey = read.journey;
  const Time sent = b.timeline.now(), up = b.flight(read), down = b.flight(completion(64));
  b.send(std::move(read));
  b.run(10_us);
  REQUIRE(b.end.got.size() == 1);
  CHECK(b.end.got[0].tlp.journey.get() == journey.get());
  log.finish(journey, b.end.got[0].when, true);
  const RootComplexParams params;
  CHECK(log.spent(Stage::translation) == b.translator.latency);
  CHECK(log.spent(Stage::memory) == params.inbound_latency + b.memory.read_latency + params.completion_latency);
  CHECK(log.spent(Stage::link) == up + down);
  CHECK(b.end.got[0].when - sent == log.spent(Stage::translation) + log.spent(Stage::memory) + log.spent(Stage::link));
}
