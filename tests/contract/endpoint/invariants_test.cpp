// SPDX-License-Identifier: Apache-2.0
/// Each invariant of the endpoint, broken on purpose: it must notice, and name itself.
#include <catch2/catch.hpp>

#include "models/endpoint/types/frame_ledger.h"
#include "tests/timed/endpoint/dma_bench.h"
#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using Catch::Matchers::Contains;

TEST_CASE("a link that shrinks its MPS behind the engine's back breaks the request rules") {
  DmaBench b;
  b.write(0x1000, 256, 1);
  CHECK_NOTHROW(b.audit(Invariant::always));
  b.host.link.max_payload = 128;
  b.write(0x1000, 256, 2);
  CHECK_THROWS_WITH(b.audit(Invariant::always), Contains("dma_engine.request_rules"));
}

TEST_CASE("a function that forges a translated address is noticed") {
  DmaBench b(DmaBench::quick(), DmaBench::ats());
  endpoint::DmaRequest forged;
  forged.write = true;
  forged.at = AddressType::translated;
  forged.address = 0x5000, forged.length = 64;
  b.dma.submit(b.channel, std::move(forged));
  CHECK(b.host.log[0].at == AddressType::translated);
  CHECK_THROWS_WITH(b.audit(Invariant::always), Contains("dma_engine.translated_after_grant"));
}

TEST_CASE("more requests than the link has tags for are noticed") {
  DmaBench b;
  for (std::uint32_t i = 0; i < 20; ++i) b.read(0x1000, 64, i);
  CHECK_NOTHROW(b.audit(Invariant::always));
  b.host.link.tags = 16;
  CHECK_THROWS_WITH(b.audit(Invariant::always), Contains("outstanding.tags_bounded"));
}

TEST_CASE("a read without answer is no rest, for the engine and for the tags") {
  DmaBench b;
  b.host.answering = false;
  b.read(0x1000, 64, 1);
  CHECK_NOTHROW(b.audit(Invariant::always));
  std::vector<std::string> noticed;
  for_each<Invariant>([&](Invariant& i) {
    try {
      i.audit(b.timeline.now());
    } catch (const InvariantBroken&) {
      noticed.emplace_back(i.name());
    }
  });
  CHECK(noticed == std::vector<std::string>{"outstanding.no_request_left", "dma_engine.no_request_pending"});
}

TEST_CASE("a translation on its way is no rest for the device TLB") {
  DmaBench b(DmaBench::quick(), DmaBench::ats());
  b.host.answering = false;
  b.write(0x1000, 64, 1);
  bool noticed = false;
  for_each<Invariant>([&](Invariant& i) {
    if (std::string(i.name()) != "device_tlb.translations_finished") return;
    CHECK_THROWS_AS(i.audit(b.timeline.now()), InvariantBroken);
    noticed = true;
  });
  CHECK(noticed);
}

namespace {
struct Lossy {
  std::size_t there = 0;
  std::size_t in_flight() { return there; }
};
}  // namespace

TEST_CASE("a frame that vanishes is missed by the ledger") {
  Lossy device;
  endpoint::FrameLedger ledger("ledger", bind<&Lossy::in_flight>(&device));
  ledger.came(), ledger.came(), device.there = 2;
  CHECK_NOTHROW(audit(Invariant::always, Time()));
  CHECK_THROWS_WITH(audit(Invariant::at_rest, Time()), Contains("ledger.no_frame_left"));
  ledger.delivered(), device.there = 0;
  CHECK_THROWS_WITH(audit(Invariant::always, Time()), Contains("ledger.frames_conserved"));
  ledger.dropped();
  CHECK_NOTHROW(audit(Invariant::at_rest, Time()));
}

namespace iov::endpoint {
struct PageRequestProbe {
  static void invent_a_credit(PageRequestInterface& pages) { ++pages.interface(0).outstanding; }
};
}  // namespace iov::endpoint

namespace {
struct AbsentPages : AtsBench {
  AbsentPages() : AtsBench(with_page_requests()) {
    tlb.page_requests().control(0, true, 32);
    host.translations.clear();
  }
  static endpoint::DeviceTlb::Params with_page_requests() {
    auto p = ats();
    p.page_requests.enabled = true;
    return p;
  }
  /// What the page request interface's invariant of this name says; empty: it holds.
  std::string broken(const std::string& name) {
    std::string said = "no such invariant";
    for_each<Invariant>([&](Invariant& i) {
      if (!std::string(i.name()).ends_with("." + name)) return;
      said.clear();
      try {
        i.audit(timeline.now());
      } catch (const InvariantBroken& what) {
        said = what.what();
      }
    });
    return said;
  }
};
}  // namespace

TEST_CASE("a page request credit from nowhere is noticed", "[E1]") {
  AbsentPages b;
  CHECK(b.broken("page_request_credits").empty());
  for_each<endpoint::PageRequestInterface>([](endpoint::PageRequestInterface& p) { endpoint::PageRequestProbe::invent_a_credit(p); });
  CHECK_THAT(b.broken("page_request_credits"), Contains("0 of PF 0, which counts 1"));
}

TEST_CASE("a page request group that nobody answers is no rest", "[E1]") {
  AbsentPages b;
  CHECK(b.broken("page_groups_answered").empty());
  b.write(0x3000, 64, 1);
  b.timeline.run(10_us);
  CHECK_THAT(b.broken("page_groups_answered"), Contains("(1 wait)"));
}
