// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/dma_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::DmaStatus;
using Lengths = std::vector<std::uint32_t>;

namespace {
Lengths lengths(const DmaBench& b) {
  Lengths l;
  for (const Sent& s : b.host.log) l.push_back(s.length);
  return l;
}
}  // namespace

TEST_CASE("a write is cut at MPS and at 4 KiB, and over when its last TLP left") {
  DmaBench b;
  b.write(0x1f00, 700, 1);
  CHECK(lengths(b) == Lengths{256, 256, 188});
  CHECK(b.tickets() == std::vector<std::uint32_t>{1});
  b.host.log.clear();
  b.write(0x1f81, 300, 2);  // 127 B to the page's end; whole DWs afterwards
  CHECK(lengths(b) == Lengths{127, 173});
  b.audit(Invariant::at_rest);
}

TEST_CASE("a write that starts inside a DW stays within MPS whole DWs") {
  DmaBench b;
  b.write(0x1003, 600, 1);
  CHECK(lengths(b) == Lengths{253, 256, 91});
  b.audit(Invariant::always);
}

TEST_CASE("a read is put together from completions of all its TLPs, in address order of the memory") {
  DmaBench b;
  b.host.completion_bytes = 64;
  for (std::uint32_t i = 0; i < 4096; ++i) b.host.memory[0x3000 + i] = static_cast<std::uint8_t>(i ^ i >> 8);
  b.read(0x3010, 1200, 9, 1200);
  CHECK(lengths(b) == Lengths{512, 512, 176});
  b.timeline.run(500_ns - 1_ps);
  CHECK(b.done.empty());
  b.timeline.run(500_ns);
  REQUIRE(b.tickets() == std::vector<std::uint32_t>{9});
  REQUIRE(b.done[0].data.size() == 1200);
  CHECK(std::memcmp(b.done[0].data.data(), b.host.memory.data() + 0x3010, 1200) == 0);
  b.audit(Invariant::at_rest);
}

TEST_CASE("only the leading bytes asked for are carried") {
  DmaBench b;
  b.read(0x3000, 1024, 1, 32);
  CHECK(b.host.log[0].want == 32);
  CHECK(b.host.log[1].want == 0);
  b.timeline.run(1_us);
  CHECK(b.done[0].data.size() == 32);
}

TEST_CASE("the set-up time of the engine delays reads, not writes") {
  endpoint::DmaEngine::Params p;
  p.read_setup = 80_ns;
  DmaBench b(p);
  b.read(0x1000, 64, 1);
  b.write(0x2000, 64, 2);
  b.timeline.run(1_us);
  CHECK(b.host.sent(TlpType::memory_write)[0].when == Time());
  CHECK(b.host.sent(TlpType::memory_read)[0].when == 80_ns);
  CHECK(b.done.back().when == 580_ns);
}

TEST_CASE("outstanding reads are bounded, and the next goes when one is answered") {
  auto p = DmaBench::quick();
  p.outstanding_reads = 3;
  DmaBench b(p);
  for (std::uint32_t i = 0; i < 5; ++i) b.read(0x1000 * (i + 1), 64, i);
  CHECK(b.host.log.size() == 3);
  b.timeline.run(500_ns - 1_ps);
  CHECK(b.host.log.size() == 3);
  b.timeline.run(500_ns);
  CHECK(b.host.log.size() == 5);
  b.timeline.run(2_us);
  CHECK(b.tickets() == std::vector<std::uint32_t>{0, 1, 2, 3, 4});
}

TEST_CASE("tags agreed on the link bound the reads too, and are unique while in use") {
  LinkLimits l;
  l.tags = 32;
  auto p = DmaBench::quick();
  p.outstanding_reads = 100;
  p.outstanding_reads_per_channel = 100;
  DmaBench b(p, {}, l);
  for (std::uint32_t i = 0; i < 40; ++i) b.read(0x1000, 64, i);
  std::set<std::uint16_t> tags;
  for (const Sent& s : b.host.log) tags.insert(s.tag);
  CHECK(b.host.log.size() == 32);
  CHECK(tags.size() == 32);
  b.audit(Invariant::always);
  b.timeline.run(2_us);
  CHECK(b.done.size() == 40);
  b.audit(Invariant::at_rest);
}

TEST_CASE("one queue cannot take all outstanding reads", "[G2]") {
  auto p = DmaBench::quick();
  p.outstanding_reads = 4;
  p.outstanding_reads_per_channel = 2;
  DmaBench b(p);
  const unsigned other = b.dma.add_channel({0x0102}, b);
  for (std::uint32_t i = 0; i < 4; ++i) b.read(0x1000, 64, i);
  CHECK(b.host.log.size() == 2);
  b.read(0x9000, 64, 10, 0, other);
  CHECK(b.host.log.size() == 3);
  CHECK(b.host.log[2].requester == 0x0102);
  b.timeline.run(2_us);
  CHECK(b.done.size() == 5);
}

TEST_CASE("channels take turns by request") {
  DmaBench b;
  const unsigned other = b.dma.add_channel({0x0102}, b);
  b.host.posted_credits = 0;
  for (std::uint32_t i = 0; i < 16; ++i) b.write(0x1000, 64, 100 + i);  // fills the backlog
  b.host.log.clear();
  for (std::uint32_t i = 0; i < 3; ++i) b.write(0x2000, 512, i);
  for (std::uint32_t i = 0; i < 3; ++i) b.write(0x3000, 512, 10 + i, other);
  b.done.clear();
  b.host.credits(1000);
  CHECK(b.tickets() == std::vector<std::uint32_t>{0, 10, 1, 11, 2, 12});
}

TEST_CASE("an error completion ends the request with its status") {
  DmaBench b;
  b.host.unsupported = {0x5};
  b.read(0x4f00, 512, 1, 512);
  b.read(0x6000, 64, 2);
  b.timeline.run(2_us);
  REQUIRE(b.done.size() == 2);
  CHECK(b.done[0].status == DmaStatus::unsupported_request);
  CHECK(b.done[1].status == DmaStatus::success);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a completion that never comes ends as a timeout, and its tag is free again") {
  auto p = DmaBench::quick();
  p.completion_timeout = 100_us;
  DmaBench b(p);
  b.host.answering = false;
  b.read(0x1000, 64, 1);
  b.timeline.run(40_us);
  b.read(0x1000, 64, 2);
  b.timeline.run(100_us - 1_ps);
  CHECK(b.done.empty());
  b.timeline.run(100_us);
  REQUIRE(b.done.size() == 1);
  CHECK(b.done[0].status == DmaStatus::timeout);
  b.timeline.run(200_us);
  CHECK(b.done[1].when == 140_us);
  CHECK(b.timeline.idle());
  b.audit(Invariant::at_rest);
}

TEST_CASE("the tag of a request that was given up is used last: what comes late answers no other request") {
  auto p = DmaBench::quick();
  p.completion_timeout = 100_us;
  p.tags = 3;
  DmaBench b(p);
  b.host.answering = false;
  for (std::uint32_t ticket = 1; ticket <= 3; ++ticket) {
    b.read(0x1000, 64, ticket);
    b.timeline.run(b.timeline.now() + 101_us);
  }
  REQUIRE(b.host.log.size() == 3);
  CHECK(b.host.log[0].tag != b.host.log[1].tag);
  CHECK(b.host.log[2].tag != b.host.log[0].tag);
  CHECK(b.host.log[2].tag != b.host.log[1].tag);
  CHECK(b.outstanding.given_up() == 3);
}

TEST_CASE("a cancelled channel sends nothing more and answers nothing more") {
  auto p = DmaBench::quick();
  p.outstanding_reads = 1;
  DmaBench b(p);
  b.read(0x1000, 64, 1);
  b.read(0x1000, 64, 2);
  b.dma.cancel(b.channel);
  b.timeline.run(1_us);
  CHECK(b.host.log.size() == 1);
  CHECK(b.done.empty());
  b.read(0x1000, 64, 3);  // the channel itself goes on
  b.timeline.run(2_us);
  CHECK(b.tickets() == std::vector<std::uint32_t>{3});
  b.audit(Invariant::at_rest);
}
