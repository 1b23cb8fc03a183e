// SPDX-License-Identifier: Apache-2.0
/// Translation requests that ask for several translations.
#include <catch2/catch.hpp>

#include "models/pcie/completions.h"
#include "tests/timed/pcie/root_bench.h"

using namespace iov;
using namespace iov::pcie;

namespace {
struct TranslationBench : RootBench {
  TranslationBench() {
    rc.set_translator(&translator);
    translator.offset = 0x10'0000;
  }
  void ask(std::uint64_t address, std::uint32_t translations) {
    Tlp tlp = dma_read(address, 8 * translations);
    tlp.at = AddressType::translation_request;
    send(std::move(tlp));
  }
  std::vector<std::uint64_t> entries(std::size_t completion) const {
    const Tlp& tlp = end.got.at(completion).tlp;
    std::vector<std::uint64_t> words(tlp.data.size() / 8);
    std::memcpy(words.data(), tlp.data.data(), tlp.data.size());
    CHECK(tlp.length == tlp.data.size());
    CHECK(tlp.byte_count == tlp.length);
    return words;
  }
};
using Words = std::vector<std::uint64_t>;
}  // namespace

TEST_CASE("ats: a request for several translations is answered with one entry per 4 KiB, looked up at once", "[E1]") {
  TranslationBench b;
  const Time begin = b.timeline.now();
  b.ask(0x1000, 4);
  b.run(10_us);
  REQUIRE(b.end.got.size() == 1);
  CHECK(b.entries(0) == Words{0x101003, 0x102003, 0x103003, 0x104003});
  CHECK(b.translator.requests == 4);
  const Tlp& answer = b.end.got[0].tlp;
  const Time up = b.flight(dma_read(0x1000, 32)), down = b.flight(answer);
  const RootComplexParams p;
  CHECK(b.end.got[0].when - begin == up + b.translator.latency + p.inbound_latency + p.completion_latency + down);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("ats: an absent page, a larger page and the read completion boundary end an answer early", "[E1]") {
  TranslationBench b;
  b.translator.absent_page = 0x3;
  b.translator.large_page = 0x1;
  b.ask(0x1000, 4);      // page 3 is absent
  b.ask(0x3000, 4);      // so is the first: one entry that says so
  b.ask(0x1f'e000, 6);   // two small pages, then one of 2 MiB
  b.ask(0x20'0000, 4);   // 2 MiB from the start
  b.ask(0x100'0000, 64);
  b.run(20_us);
  REQUIRE(b.end.got.size() == 5);
  CHECK(b.entries(0) == Words{0x101003, 0x102003});
  CHECK(b.entries(1) == Words{0});
  CHECK(b.entries(2).size() == 3);
  CHECK((b.entries(2)[2] & 0x800) == 0x800);
  CHECK(b.entries(3).size() == 1);
  CHECK(b.entries(4).size() == b.root.limits().read_completion_boundary / 8);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("ats: what finds no room in the translation queue is left out of the answer, and nothing is lost", "[E1]") {
  TranslationBench b;
  b.translator.by_hand = true;
  b.translator.capacity = 2;
  b.ask(0x1000, 4);
  b.ask(0x9000, 2);
  b.run(1_us);
  CHECK(b.translator.pending.size() == 2);  // the first entry of each
  b.translator.answer_next();               // room for one more of the first request only
  CHECK(b.translator.pending.size() == 2);
  while (!b.translator.pending.empty()) b.translator.answer_next();
  b.run(10_us);
  REQUIRE(b.end.got.size() == 2);
  CHECK(b.entries(0).size() == 2);
  CHECK(b.entries(1).size() == 2);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("ats: a write that claims to be a translation request reaches neither memory nor the IOMMU", "[E1][N5]") {
  TranslationBench b;
  BytePool pool;
  Tlp rogue = dma_write(pool, 0x1000, 4, 0x77);
  rogue.at = AddressType::translation_request;
  b.send(std::move(rogue));
  b.run(10_us);
  CHECK(b.translator.requests == 0);
  CHECK(b.rc.inbound.dropped_writes.value() == 1);
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("ats: entries come from an answer's begin without a gap, whatever the later ones say", "[E1]") {
  const std::uint64_t absent = 0, small = 0x1003, large = 0x200803;
  CHECK(translations_given(Words{absent, small}) == 1);  // the first stands alone
  CHECK(translations_given(Words{small, absent, small}) == 1);
  CHECK(translations_given(Words{small, small, small}) == 3);
  CHECK(translations_given(Words{small, large, small}) == 2);
  CHECK(translations_asked(8, 64) == 1);
  CHECK(translations_asked(4, 64) == 1);
  CHECK(translations_asked(24, 64) == 3);
  CHECK(translations_asked(4096, 128) == 16);
}
