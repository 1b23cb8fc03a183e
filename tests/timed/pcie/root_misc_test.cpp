// SPDX-License-Identifier: Apache-2.0
/// ATS, and invariants broken on purpose.
#include "models/core/sim_error.h"
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace iov::pcie {
struct InboundProbe {  ///< reaches into the root complex to break it
  static void forget_answer(Inbound& inbound) { inbound.answered_ -= 64; }
  static void lose_line(Inbound& inbound) { inbound.read_lines_used_ -= 1; }
};
}  // namespace iov::pcie

namespace {
struct Agent : AtsAgent {
  Timeline& timeline;
  std::vector<std::uint32_t> vectors;
  std::vector<std::uint64_t> pages;
  Time when;
  explicit Agent(Timeline& t) : timeline(t) {}
  void invalidate_completed(RequesterId, std::uint32_t itag_vector, std::uint8_t) override {
    vectors.push_back(itag_vector);
    when = timeline.now();
  }
  void page_requested(RequesterId, Pasid, std::uint64_t body) override { pages.push_back(body); }
};
Tlp translation_request(std::uint64_t address) {
  Tlp tlp = dma_read(address, 8);
  tlp.at = AddressType::translation_request;
  return tlp;
}
Tlp message(MessageCode code, std::uint64_t body) {
  Tlp tlp;
  tlp.type = TlpType::message;
  tlp.message = code;
  tlp.address = body;
  return tlp;
}
}  // namespace

TEST_CASE("ats: a translation request is answered with one 8-byte entry and reads no memory") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.offset = 0x4000;
  b.send(translation_request(0x1000));
  b.run(10_us);
  REQUIRE(b.end.got.size() == 1);
  const Tlp& tlp = b.end.got[0].tlp;
  CHECK(tlp.status == CompletionStatus::success);
  CHECK(tlp.length == 8);
  REQUIRE(tlp.data.size() == 8);
  std::uint64_t entry = 0;
  std::memcpy(&entry, tlp.data.data(), 8);
  CHECK(entry == (0x5000 | 3));
  CHECK(b.memory.log.empty());
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("ats: without translation, or blocked, a translation request is unsupported") {
  RootBench b;
  b.send(translation_request(0x1000));
  b.run(10_us);
  b.rc.set_translator(&b.translator);
  b.translator.blocked_page = 0x1;
  b.send(translation_request(0x1000));
  b.run(10_us);
  REQUIRE(b.end.got.size() == 2);
  CHECK(b.end.got[0].tlp.status == CompletionStatus::unsupported_request);
  CHECK(b.end.got[1].tlp.status == CompletionStatus::unsupported_request);
}

TEST_CASE("ats: an invalidate request reaches its function, its completion pushes the writes before it") {
  RootBench b;
  Agent agent(b.timeline);
  b.rc.set_ats_agent(&agent);
  b.memory.write_latency = 700_ns;
  b.rc.send_invalidate(RequesterId{0x105}, 3, {}, 0x7000);
  b.run(1_us);
  REQUIRE(b.end.got.size() == 1);
  const Tlp& request = b.end.got[0].tlp;
  CHECK(request.message == MessageCode::invalidate_request);
  CHECK(request.completer == RequesterId{0x105});
  CHECK(request.tag == 3);
  CHECK(request.address == 0x7000);
  CHECK(request.payload() == 8);
  const Time sent = b.timeline.now();
  b.send(memory_write(64, 0, 0x1000));
  b.send(message(MessageCode::invalidate_completion, 1u << 3));
  b.send(message(MessageCode::page_request, 0x9001));
  b.run(10_us);
  CHECK(agent.vectors == std::vector<std::uint32_t>{8});
  CHECK(agent.when == sent + b.flight(memory_write(64, 0, 0x1000)) + RootComplexParams{}.inbound_latency + 700_ns);
  CHECK(agent.pages == std::vector<std::uint64_t>{0x9001});
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("ats: a page response carries code and group to its function") {
  RootBench b;
  b.rc.send_page_response(RequesterId{0x105}, Pasid{7}, 0x1f, 0xf);
  b.rc.send_page_response(RequesterId{0x905}, Pasid{7}, 0x1f, 0xf);  // nowhere
  b.run(1_us);
  REQUIRE(b.end.got.size() == 1);
  CHECK(b.end.got[0].tlp.message == MessageCode::page_group_response);
  CHECK(b.end.got[0].tlp.address == 0xf01f);
  CHECK(b.rc.outbound.unclaimed.value() == 1);
}

TEST_CASE("root complex: a lost answer breaks the conservation of read bytes") {
  RootBench b;
  b.send(dma_read(0x1000, 64));
  b.run(10_us);
  CHECK_NOTHROW(audit(Invariant::at_rest, b.timeline.now()));
  InboundProbe::forget_answer(b.rc.inbound);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("rc.inbound.reads_answered"));
}

TEST_CASE("root complex: a lost line breaks the conservation of lines") {
  RootBench b;
  b.memory.read_latency = 100_us;
  b.send(dma_read(0x1000, 64));
  b.run(10_us);
  CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  InboundProbe::lose_line(b.rc.inbound);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("rc.inbound.lines_conserved"));
}

TEST_CASE("root complex: a read under way is not rest") {
  RootBench b;
  b.memory.read_latency = 100_us;
  b.send(dma_read(0x1000, 64));
  b.run(10_us);
  CHECK_THROWS_WITH(audit(Invariant::at_rest, b.timeline.now()), Catch::Contains("rc.inbound.nothing_pending"));
}

TEST_CASE("root complex: a translation answered twice is a modelling error") {
  RootBench b;
  b.rc.set_translator(&b.translator);
  b.translator.by_hand = true;
  b.send(dma_read(0x1000, 64));
  b.run(1_us);
  const FakeTranslator::Pending once = b.translator.pending.at(0);
  b.translator.answer_next();
  CHECK_THROWS_AS(b.translator.answer(once), SimError);
}
