// SPDX-License-Identifier: Apache-2.0
// Every register of every capability: random writes of all widths against the bit-level oracle.
#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/protocol/config_oracle.h"
#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::config;
using namespace iov::config::samples;

namespace {
using Registers = std::vector<Expected>;

// clang-format off
const Registers type0 = {{0x04, ".5 w . w . w .3 www"},
                         {0x06, "c5 .2 c .4 h .3"},
                         {0x0c, "w8"},
                         {0x10, "w15 .17"},
                         {0x14, "w32"},
                         {0x18, "w27 .5"},
                         {0x1c, "w18 .14"},
                         {0x3c, "w8"}};
const Registers type1 = {{0x04, ".7 w . w .3 ww ."},
                         {0x06, "c5 .2 c .8"},
                         {0x0c, "w8"},
                         {0x18, "w8"},
                         {0x19, "w8"},
                         {0x1a, "w8"},
                         {0x1e, "c5 .2 c .8"},
                         {0x20, "w12 .4"},
                         {0x22, "w12 .4"},
                         {0x24, "w12 .4"},
                         {0x26, "w12 .4"},
                         {0x28, "w32"},
                         {0x2c, "w32"},
                         {0x3e, ".9 w .4 ww"}};
const Registers vf_header = {{0x04, ".13 w .2"}, {0x06, "c5 .2 c .8"}};
const Registers power = {{0x04, ".14 w2"}};
const Registers msi = {{0x02, ".9 w3 .3 w"}, {0x04, "w30 .2"}, {0x08, "w32"}, {0x0c, "w16"}};
const Registers msix = {{0x02, "ww .14"}};
const Registers endpoint_express = {{0x08, "t w3 w .2 w k3 w w4"},
                                    {0x0a, ".10 h . c4"},
                                    {0x10, ".8 kk .2 k . k2"},
                                    {0x12, ".6 K10"},
                                    {0x28, ".11 w w4"},
                                    {0x30, ".12 W4"}};
const Registers root_express = {{0x08, ".8 k3 . w4"},     {0x0a, ".12 c4"}, {0x10, ".4 ww .2 kk t w .2 kk"},
                                {0x12, "cc K . K . K10"}, {0x1c, ".11 w5"}, {0x20, ".14 h c h16"},
                                {0x28, ".10 w w w4"},     {0x30, ".12 W4"}};
const Registers downstream_express = {
    {0x08, ".8 k3 . w4"},     {0x0a, ".12 c4"},   {0x10, ".4 ww .2 kk t w .2 kk"},
    {0x12, "cc K . K . K10"}, {0x28, ".10 w .5"}, {0x30, ".12 W4"}};
const Registers upstream_express = {
    {0x08, ".8 k3 . w4"}, {0x0a, ".12 c4"}, {0x10, ".8 kk .4 kk"}, {0x12, ".6 K10"}, {0x30, ".12 W4"}};
const Registers vf_express = {{0x08, "t .15"}, {0x0a, ".10 h . c4"}};
const Registers header_log = {{0x18, ".27 H5"}, {0x1c, "H32"}, {0x20, "H32"}, {0x24, "H32"}, {0x28, "H32"}};
const Registers correctable = {{0x10, ".18 CC .3 CCC .5 C"}, {0x14, ".18 WW .3 WWW .5 W"}};
const Registers endpoint_aer = {
    {0x04, ".10 CC . CCC C4 .7 C .4"}, {0x08, ".10 WW . WWW W4 .7 W .4"}, {0x0c, ".10 WW . WWW W4 .7 W .4"}};
const Registers downstream_aer = {{0x04, ".10 CC . CCC C4 .6 CC .4"},
                                  {0x08, ".10 WW . WWW W4 .6 WW .4"},
                                  {0x0c, ".10 WW . WWW W4 .6 WW .4"}};
const Registers upstream_aer = {
    {0x04, ".11 C . CCC C4 .7 C .4"}, {0x08, ".11 W . WWW W4 .7 W .4"}, {0x0c, ".11 W . WWW W4 .7 W .4"}};
const Registers root_aer = {{0x2c, ".29 w3"}, {0x30, ".25 C7"}, {0x34, "H32"}};
const Registers vf_aer = {{0x04, ".10 CC .3 C CC . C .12"}, {0x10, ".18 C .13"}};
const Registers sriov = {{0x08, ".11 k w .2 w"}, {0x10, "w16"},     {0x14, "K16"},
                         {0x16, "K16"},          {0x20, "w32"},     {0x24, "w18 .14"},
                         {0x28, "w32"},          {0x30, "w18 .14"}, {0x34, "w32"}};

// clang-format on

struct AccessBench {
  Oracle oracle;
  std::mt19937 generator{1};

  std::uint32_t random() { return static_cast<std::uint32_t>(generator()); }

  template <class Space>
  void expect(const Space& space, unsigned id, bool extended, const Registers& registers) {
    const unsigned base = id == 0 ? 0 : extended ? walk_extended(space, id) : walk(space, id);
    REQUIRE((id == 0 || base != 0));
    for (const Expected& e : registers) oracle.add(e, base);
  }
  unsigned offset() {  // half of the writes where registers are dense
    const unsigned at = random() % 2 ? random() % 0x100 : random() % 0x300;
    return random() % 50 == 0 ? random() % 4096 : at;
  }
  std::uint32_t value() {
    switch (random() % 6) {
      case 0: return ~0u;
      case 1: return 0;
      case 2: return 1u << random() % 32;
      case 3: return random() % 16;
      case 4: return (random() % 16) * 0x10001;
      default: return random();
    }
  }
  template <class Space>
  void same_everywhere(const Space& space) {
    for (unsigned at = 0; at < 4096; at += 4)
      if (space.read(at, 4) != oracle.read(at, 4)) {
        INFO("offset " << std::hex << at);
        REQUIRE(space.read(at, 4) == oracle.read(at, 4));
      }
  }
  /// `after` lets the oracle follow what a write means elsewhere.
  template <class Space, class After>
  void run(Space& space, unsigned writes, After after) {
    for (unsigned i = 0; i < writes; ++i) {
      const unsigned width = 1u << random() % 3, at = offset() & ~(width - 1);
      const std::uint32_t v = value();
      space.write(at, width, v);
      oracle.write(at, width, width == 4 ? v : v & ((1u << 8 * width) - 1));
      after();
      INFO("write " << std::dec << i << std::hex << " at " << at << " width " << width << " value " << v);
      REQUIRE(space.read(at & ~3u, 4) == oracle.read(at & ~3u, 4));
      REQUIRE(space.read(at, width) == oracle.read(at, width));
      if (i % 500 == 0) same_everywhere(space);
    }
    same_everywhere(space);
  }
};

/// Rules of the fields all PCI Express functions with a link share
/// (PCIe 7.5.2.2, 7.5.3.4, 7.5.3.16, 7.5.3.19).
void common_rules(Oracle& o, unsigned pm, unsigned express, bool requester) {
  o.rules.push_back({pm + 4, 0, 2, [](std::uint32_t v) { return v == 0 || v == 3; }});
  o.rules.push_back({express + 8, 5, 3, [](std::uint32_t v) { return v <= 2; }});  // 512 bytes supported
  o.rules.push_back({express + 0x30, 0, 4, [](std::uint32_t v) { return v >= 1 && v <= 4; }});
  if (requester)
    o.rules.push_back({express + 0x28, 0, 4, [](std::uint32_t v) {
                         return v == 0 || v == 1 || v == 2 || v == 5 || v == 6 || v == 9 || v == 10 ||
                                v == 13 || v == 14;
                       }});
}

void pf_rules(Oracle& o, const PhysicalFunction& pf) {
  const ConfigSpace& c = pf.config();
  const unsigned express = walk(c, 0x10), ats = walk_extended(c, 0x0f), pri = walk_extended(c, 0x13);
  const unsigned pasid = walk_extended(c, 0x1b), s = sriov_at(c);
  common_rules(o, walk(c, 0x01), express, true);
  o.rules.push_back({express + 8, 12, 3, [](std::uint32_t v) { return v <= 5; }});
  const auto ats_on = [&o, ats] { return o.field(ats + 6, 15, 1) == 1; };
  const auto vf_enable = [&o, s] { return o.field(s + 8, 0, 1) == 1; };
  o.rules.push_back({ats + 6, 0, 5, [=](std::uint32_t) { return !ats_on(); }});
  o.rules.push_back({pri + 12, 0, 32, [&o, pri](std::uint32_t) { return o.field(pri + 4, 0, 1) == 0; }});
  o.rules.push_back({pasid + 6, 0, 3, [=](std::uint32_t) { return !ats_on(); }});
  o.rules.push_back({s + 0x10, 0, 16, [=](std::uint32_t v) { return v <= 8 && !vf_enable(); }});
  o.rules.push_back({s + 8, 4, 1, [=](std::uint32_t) { return !vf_enable(); }});
  o.rules.push_back({s + 0x20, 0, 32, [=](std::uint32_t v) {
                       return !vf_enable() &&
                              (v == 1 || v == 2 || v == 0x10 || v == 0x40 || v == 0x100 || v == 0x400);
                     }});
}

/// First VF Offset and Stride follow the ARI bit; VF BAR bits below the aperture are hardwired to 0.
void follow_sriov(Oracle& o, unsigned s) {
  const bool ari = o.field(s + 8, 4, 1) == 1;
  for (unsigned bit = 0; bit < 16; ++bit) o.value[(s + 0x14) * 8 + bit] = (ari ? 0x80 : 0x180) >> bit & 1;
  const unsigned page = o.read(s + 0x20, 4);
  for (const unsigned bar : {s + 0x24, s + 0x30})
    for (unsigned bit = 14; bit < 32; ++bit)
      if ((1ull << bit) < std::uint64_t{page} << 12) o.value[bar * 8 + bit] = false;
}

void expect_pf(AccessBench& b, const PhysicalFunction& pf) {
  const ConfigSpace& c = pf.config();
  b.expect(c, 0, false, type0);
  b.expect(c, 0x01, false, power);
  b.expect(c, 0x11, false, msix);
  b.expect(c, 0x10, false, endpoint_express);
  for (const Registers& r : {header_log, correctable, endpoint_aer}) b.expect(c, 0x01, true, r);
  b.expect(c, 0x0e, true, {});
  b.expect(c, 0x0d, true, {{0x06, ".9 w5 . w"}, {0x08, ".24 w8"}});
  b.expect(c, 0x0f, true, {{0x06, "w .10 w5"}});
  b.expect(c, 0x13, true, {{0x04, ".14 t w"}, {0x06, ".7 h .6 cc"}, {0x0c, "w32"}});
  b.expect(c, 0x1b, true, {{0x06, ".13 w3"}});
  b.expect(c, 0x10, true, sriov);
  b.oracle.adopt(c);
  pf_rules(b.oracle, pf);
}
}  // namespace

TEST_CASE("every bit of a PF's config space obeys its access class under random writes", "[B1]") {
  PhysicalFunction pf(samples::physical_function(), pf_id);
  AccessBench b;
  expect_pf(b, pf);
  const unsigned s = sriov_at(pf.config());
  b.run(pf, 40000, [&] { follow_sriov(b.oracle, s); });
}

TEST_CASE("every bit of a VF's config space obeys its access class under random writes", "[B9]") {
  PhysicalFunction pf(samples::physical_function(), pf_id);
  const Layout& layout = pf.vf_layout();
  ConfigSpace vf(layout);
  AccessBench b;
  b.expect(vf, 0, false, vf_header);
  b.expect(vf, 0x11, false, msix);
  b.expect(vf, 0x10, false, vf_express);
  for (const Registers& r : {header_log, vf_aer}) b.expect(vf, 0x01, true, r);
  b.expect(vf, 0x0e, true, {});
  b.expect(vf, 0x0d, true, {{0x06, ".9 w . www . w"}});
  b.expect(vf, 0x0f, true, {{0x06, "w .15"}});
  b.oracle.adopt(vf);
  b.run(vf, 20000, [] {});
}

TEST_CASE("every bit of a root port's config space obeys its access class under random writes") {
  const Layout layout = build_layout(bridge(PortType::root_port));
  ConfigSpace space(layout);
  AccessBench b;
  b.expect(space, 0, false, type1);
  b.expect(space, 0x01, false, power);
  b.expect(space, 0x05, false, msi);
  b.expect(space, 0x10, false, root_express);
  for (const Registers& r : {header_log, correctable, downstream_aer, root_aer})
    b.expect(space, 0x01, true, r);
  b.expect(space, 0x0d, true, {{0x06, ".9 w . w5"}});
  b.oracle.adopt(space);
  common_rules(b.oracle, walk(space, 0x01), walk(space, 0x10), true);
  b.run(space, 20000, [] {});
}

TEST_CASE(
    "every bit of a switch's upstream and downstream ports obeys its access class under random writes") {
  const Layout up_layout = build_layout(bridge(PortType::upstream_port));
  const Layout down_layout = build_layout(bridge(PortType::downstream_port));
  ConfigSpace up(up_layout), down(down_layout);
  AccessBench u, d;
  for (AccessBench* b : {&u, &d}) {
    ConfigSpace& space = b == &u ? up : down;
    b->expect(space, 0, false, type1);
    b->expect(space, 0x01, false, power);
    b->expect(space, 0x10, false, b == &u ? upstream_express : downstream_express);
    for (const Registers& r : {header_log, correctable, b == &u ? upstream_aer : downstream_aer})
      b->expect(space, 0x01, true, r);
    if (b == &d) b->expect(space, 0x0d, true, {{0x06, ".9 w . w5"}});
    if (b == &d) b->expect(space, 0x10, false, {{0x18, ".3 w .6 w . w .3"}, {0x1a, ".7 c . h .2 c .3"}});  // slot control, status
    b->oracle.adopt(space);
    common_rules(b->oracle, walk(space, 0x01), walk(space, 0x10), false);
    b->run(space, 20000, [] {});
  }
}

TEST_CASE("resets keep exactly the sticky bits, an FLR the link's settings too") {
  PhysicalFunction pf(samples::physical_function(), pf_id);
  AccessBench b;
  expect_pf(b, pf);
  const unsigned s = sriov_at(pf.config());
  const struct {
    Reset kind;
    const char* survives;
  } kinds[] = {{Reset::function_level, "WCHkK"}, {Reset::hot, "WCH"}, {Reset::cold, ""}};
  for (unsigned round = 0; round < 60; ++round) {
    b.run(pf, 300, [&] { follow_sriov(b.oracle, s); });
    const auto& [kind, survives] = kinds[round % 3];
    pf.reset(kind);
    b.oracle.reset(survives);
    follow_sriov(b.oracle, s);
    b.same_everywhere(pf);
  }
}

TEST_CASE("the device may change its own bits and every error bit it logs can be cleared by writing 1") {
  const Layout layout = build_layout(samples::physical_function());
  for (const Layout::Slot& slot : layout.slots()) {
    ConfigSpace space(layout);
    space.set_bits(slot.offset, 4, slot.changeable());
    CHECK((space.read(slot.offset, 4) & slot.changeable()) == slot.changeable());
    space.write(slot.offset, 4, slot.rw1c);
    CHECK((space.read(slot.offset, 4) & slot.rw1c) == 0);
  }
  ConfigSpace space(layout);
  CHECK_THROWS_AS(space.set(0x00, 2, 0x1234), std::runtime_error);  // the vendor ID is no state
}
