// SPDX-License-Identifier: Apache-2.0
/// What a switch promises whatever the traffic, and that its invariants notice when it does not.
#include <map>

#include "models/core/random.h"
#include "tests/timed/pcie/switch_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace iov::pcie {
struct SwitchProbe {
  static void forget_one(Switch& s) { ++s.taken_; }
  static void age(Switch& s, unsigned egress, unsigned ingress, FcClass fc) {
    s.ports_[egress].from[ingress][static_cast<std::size_t>(fc)].queue.front().order = 0;
  }
};
}  // namespace iov::pcie

namespace {
LinkParams few_credits() {
  LinkParams p;
  p.receive.posted_headers = 3;
  p.receive.non_posted_headers = 2;
  p.receive.completion_headers = 4;
  p.receive.completion_data = 64;
  return p;
}
/// From `from` to `to`; 0 is the root.
Tlp any(Random& random, unsigned from, unsigned to, std::uint16_t serial) {
  const auto bytes = static_cast<std::uint32_t>(4 << random.below(7));
  const std::uint64_t address = to == 0 ? 0x1000 : SwitchBench::bar(to);
  Tlp tlp;
  switch (random.below(3)) {
    case 0: tlp = memory_write(bytes, serial, address); break;
    case 1: tlp = memory_read(bytes, serial, address); break;
    default: tlp = completion_for(to, bytes, serial);
  }
  if (tlp.type != TlpType::completion_data) tlp.requester = from == 0 ? RequesterId{1} : SwitchBench::id(from);
  tlp.completer = tlp.type == TlpType::completion_data ? SwitchBench::id(from) : RequesterId{};
  tlp.pasid = Pasid{from};
  return tlp;
}
}  // namespace

TEST_CASE("switch contract: every TLP comes out once and in order at the right port, with credits scarce", "[B24]") {
  SwitchBench b(4, {}, {few_credits()});
  Random random(11, "traffic");
  std::map<std::pair<unsigned, unsigned>, std::uint16_t> sent;
  constexpr int total = 6000;
  for (int i = 0; i < total; ++i) {
    const auto from = static_cast<unsigned>(random.below(5));
    const auto to = static_cast<unsigned>((from + 1 + random.below(4)) % 5);
    b.send(from, any(random, from, to, sent[{from, to}]++));
    if (i % 8 == 0) b.run(100_ns);
    if (i % 100 == 0) audit(Invariant::always, b.timeline.now());
  }
  b.run(Time(10, sc_core::SC_MS));
  audit(Invariant::at_rest, b.timeline.now());
  std::map<std::pair<unsigned, unsigned>, std::vector<bool>> seen;
  std::map<std::tuple<unsigned, unsigned, FcClass>, int> last;
  std::size_t out = 0;
  for (unsigned to = 0; to <= 4; ++to)
    for (const auto& got : b.at(to).got) {
      const unsigned from = got.tlp.pasid.value;
      auto& mine = seen[{from, to}];
      mine.resize(sent[{from, to}]);
      REQUIRE_FALSE(mine.at(got.tlp.tag));
      mine[got.tlp.tag] = true;
      auto [at, first] = last.emplace(std::tuple(from, to, got.tlp.fc()), -1);
      REQUIRE(at->second < static_cast<int>(got.tlp.tag));
      at->second = got.tlp.tag;
      ++out;
    }
  CHECK(out == total);
}

TEST_CASE("switch contract: a TLP that got lost breaks conservation") {
  SwitchBench b(1);
  SwitchProbe::forget_one(b.fabric);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("tlps_conserved"));
}

TEST_CASE("switch contract: credits released for a TLP still inside break the buffers") {
  SwitchBench b(1);
  b.send(1, memory_write(64));
  b.run(160_ns);  // inside
  CHECK_NOTHROW(audit(Invariant::always, b.timeline.now()));
  b.branches[1].inner.release(FcClass::posted, 64);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("buffers_conserved"));
}

TEST_CASE("switch contract: a TLP that leaves out of turn breaks the order") {
  SwitchBench b(1);
  b.send(1, memory_write(64));
  b.send(1, memory_write(64));
  b.run(160_ns);
  SwitchProbe::age(b.fabric, 0, 1, FcClass::posted);
  b.run(10_us);
  CHECK_THROWS_WITH(audit(Invariant::always, b.timeline.now()), Catch::Contains("switch.order_kept"));
}

TEST_CASE("switch contract: a TLP that cannot leave is not rest") {
  LinkParams one;
  one.receive.posted_headers = 1;
  SwitchBench b(1, {}, {one, LinkParams{}});
  b.root().on_arrival({});
  for (int i = 0; i < 4; ++i) b.send(1, memory_write(64));
  b.run(10_us);
  CHECK_THROWS_WITH(audit(Invariant::at_rest, b.timeline.now()), Catch::Contains("nothing_inside"));
}
