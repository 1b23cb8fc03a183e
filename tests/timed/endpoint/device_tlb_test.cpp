// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/dma_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::DmaStatus;

TEST_CASE("a miss asks for the page, the access then goes translated, and a hit takes only the hit time", "[E1]") {
  AtsBench b;
  b.write(0x1234, 64, 1);
  b.timeline.run(500_ns - 1_ps);
  CHECK(b.dmas().empty());
  b.timeline.run(1_us);
  REQUIRE(b.requests().size() == 1);
  CHECK(b.requests()[0].address == 0x1000);
  CHECK(b.requests()[0].length == 8);
  REQUIRE(b.dmas().size() == 1);
  CHECK(b.dmas()[0].when == 500_ns);
  CHECK(b.dmas()[0].at == AddressType::translated);
  CHECK(b.dmas()[0].address == 0x41234);
  b.write(0x1f00, 64, 2);
  b.timeline.run(2_us);
  CHECK(b.requests().size() == 1);
  CHECK(b.dmas()[1].when == 1_us + 2_ns);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a request across two pages needs two translations and never mixes them") {
  AtsBench b;
  b.read(0x1f00, 512, 1, 512);
  b.timeline.run(3_us);
  REQUIRE(b.dmas().size() == 2);
  CHECK(b.dmas()[0].address == 0x41f00);
  CHECK(b.dmas()[0].length == 256);
  CHECK(b.dmas()[1].address == 0x42000);
  CHECK(b.done.size() == 1);
  b.audit(Invariant::at_rest);
}

TEST_CASE("misses of one page merge, and the number on their way is bounded") {
  auto p = DmaBench::ats();
  p.outstanding = 2;
  AtsBench b(p);
  for (std::uint32_t i = 0; i < 3; ++i) b.read(0x1000 + i * 64, 64, i);
  for (std::uint32_t i = 0; i < 3; ++i) b.read(0x2000 + i * 0x1000, 64, 10 + i);
  CHECK(b.requests().size() == 2);
  b.timeline.run(500_ns);
  CHECK(b.requests().size() == 4);
  b.timeline.run(5_us);
  CHECK(b.done.size() == 6);
  CHECK(b.requests().size() == 4);
}

TEST_CASE("a 2 MiB translation serves the whole range") {
  AtsBench b;
  b.host.translations[1] = 0xff800 | 0x4000'0000ull | 3;  // S and a run of ones up to bit 19
  b.host.memory.resize(1);
  b.write(0x1000, 64, 1);
  b.timeline.run(1_us);
  b.write(0x1f'f000, 64, 2);
  b.timeline.run(2_us);
  CHECK(b.requests().size() == 1);
  CHECK(b.dmas()[0].address == 0x4000'1000);
  CHECK(b.dmas()[1].address == 0x401f'f000);
}

TEST_CASE("U makes the access go untranslated") {
  AtsBench b;
  b.host.translations[1] |= 4;
  b.write(0x1000, 64, 1);
  b.timeline.run(1_us);
  CHECK(b.dmas()[0].at == AddressType::untranslated);
  CHECK(b.dmas()[0].address == 0x1000);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a page that is not present or read-only refuses the access and nothing is sent") {
  AtsBench b;
  b.host.translations[1] = 0;
  b.host.translations[2] = DmaBench::entry(0x42, 1);
  b.write(0x1000, 64, 1);
  b.write(0x2000, 64, 2);
  b.read(0x2000, 64, 3);
  b.timeline.run(5_us);
  CHECK(b.dmas().size() == 1);
  for (const Done& d : b.done) CHECK((d.status == DmaStatus::success) == (d.ticket == 3));
  CHECK(b.done.size() == 3);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a translation request answered UR turns ATS off for that function only") {
  AtsBench b;
  const unsigned other = b.dma.add_channel({0x0102}, b);
  b.host.ats_status = CompletionStatus::unsupported_request;
  b.write(0x1000, 64, 1);
  b.timeline.run(1_us);
  b.write(0x2000, 64, 2);
  b.timeline.run(2_us);
  CHECK(b.requests().size() == 1);
  REQUIRE(b.dmas().size() == 2);
  CHECK(b.dmas()[1].at == AddressType::untranslated);
  b.host.ats_status = CompletionStatus::success;
  b.write(0x1000, 64, 3, other);
  b.timeline.run(4_us);
  CHECK(b.requests().size() == 2);
  CHECK(b.dmas().back().at == AddressType::translated);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a late piece for whoever had its tag before does not answer a translation request, which then fails", "[E1]") {
  AtsBench b;
  b.host.answering = false;
  b.write(0x1000, 64, 1);
  b.timeline.run(1_us);
  REQUIRE(b.requests().size() == 1);
  const auto complete = [&b](std::uint32_t bytes) {
    Tlp piece;
    piece.type = TlpType::completion_data;
    piece.requester = {DmaBench::function};
    piece.tag = b.requests()[0].tag;
    piece.length = bytes;
    b.host.inject(std::move(piece));
  };
  complete(1);
  b.timeline.run(2_us);
  CHECK(b.done.empty());
  complete(8);  // its own
  b.timeline.run(3_us);
  REQUIRE(b.done.size() == 1);
  CHECK(b.done[0].status == DmaStatus::not_translated);
  CHECK(b.dmas().empty());
  b.audit(Invariant::at_rest);
}

TEST_CASE("an invalidation drops the entry and is answered at once when nothing uses it", "[E5]") {
  AtsBench b;
  b.write(0x1000, 64, 1);
  b.write(0x2000, 64, 2);
  b.timeline.run(1_us);
  b.host.send_invalidate(DmaBench::function, 5, 0x1000);
  const auto answers = b.host.sent(TlpType::message);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].message == MessageCode::invalidate_completion);
  CHECK(answers[0].address == 1u << 5);
  CHECK(answers[0].when == 1_us);
  b.host.translations[1] = DmaBench::entry(0x90);
  b.write(0x1000, 64, 3);
  b.write(0x2000, 64, 4);
  b.timeline.run(3_us);
  CHECK(b.requests().size() == 3);  // page 1 again, page 2 not
  CHECK(b.dmas()[2].address == 0x90000);
}

TEST_CASE("an invalidation is answered only when reads under the old translation are back", "[E5]") {
  AtsBench b;
  b.write(0x1000, 64, 1);
  b.timeline.run(1_us);
  b.read(0x1000, 64, 2);
  b.timeline.run(1100_ns);  // the read left at 1002 ns
  b.host.send_invalidate(DmaBench::function, 3, 0x1000);
  b.timeline.run(1502_ns - 1_ps);
  CHECK(b.host.sent(TlpType::message).empty());
  b.timeline.run(1502_ns);
  CHECK(b.host.sent(TlpType::message).size() == 1);
  b.audit(Invariant::at_rest);
}

TEST_CASE("an invalidation's answer leaves behind the translated writes that were before it", "[E5]") {
  AtsBench b;
  b.write(0x1000, 64, 1);
  b.timeline.run(1_us);
  b.host.posted_credits = 0;
  b.write(0x1000, 64, 2);
  b.timeline.run(2_us);  // under the old translation, in the port
  b.host.send_invalidate(DmaBench::function, 3, 0x1000);
  b.host.translations[1] = DmaBench::entry(0x90);
  b.write(0x1000, 64, 3);
  b.timeline.run(3_us);
  b.host.credits(8);
  b.timeline.run(4_us);
  std::vector<std::uint64_t> posted;
  for (const Sent& s : b.host.log)
    if (s.type != TlpType::memory_read) posted.push_back(s.type == TlpType::message ? 0 : s.address);
  CHECK(posted == std::vector<std::uint64_t>{0x41000, 0x41000, 0, 0x90000});
  b.audit(Invariant::at_rest);
}

TEST_CASE("a translation that crossed its invalidation is thrown away and asked for again", "[E5]") {
  AtsBench b;
  b.write(0x1000, 64, 1);
  b.timeline.run(100_ns);
  b.host.translations[1] = DmaBench::entry(0x90);
  b.host.send_invalidate(DmaBench::function, 0, 0x7fff'ffff'ffff'f800);  // everything
  b.timeline.run(5_us);
  CHECK(b.requests().size() == 2);
  CHECK(b.host.sent(TlpType::message).size() == 1);
  REQUIRE(b.dmas().size() == 1);
  CHECK(b.dmas()[0].address == 0x90000);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a write cancelled while it waits for its translation gives the grant back") {
  AtsBench b;
  b.write(0x1000, 64, 1);
  b.dma.cancel(b.channel);
  b.timeline.run(2_us);
  CHECK(b.dmas().empty());
  CHECK(b.done.empty());
  b.audit(Invariant::at_rest);
}

TEST_CASE("translation requests get their tag although reads want every one that comes free") {
  LinkLimits l;
  l.tags = 32;
  auto d = DmaBench::quick();
  d.tags = 2;
  DmaBench b(d, DmaBench::ats(), l);
  for (std::uint64_t page = 1; page <= 3; ++page) b.host.translations[page] = DmaBench::entry(page);
  b.write(0x1000, 4, 0);
  b.timeline.run(1_us);
  const unsigned other = b.dma.add_channel({DmaBench::function}, b);
  for (std::uint32_t i = 1; i <= 20; ++i) b.read(0x1000, 64, i);  // hits, two at a time
  b.timeline.run(1100_ns);
  b.read(0x2000, 64, 100, 0, other);
  b.timeline.run(4_us);
  // the translation takes the first tag that comes free, at 1502 ns; the read has its turn at 2502 ns
  const auto at = std::find_if(b.done.begin(), b.done.end(), [](const Done& x) { return x.ticket == 100; });
  REQUIRE(at != b.done.end());
  CHECK(at->when == 3002_ns);
}
