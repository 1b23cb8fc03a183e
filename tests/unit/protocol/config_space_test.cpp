// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/config_space.h"

#include <catch2/catch.hpp>

#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::config;
using namespace iov::config::samples;

TEST_CASE("the SR-IOV capability and every other one is found by walking the chains", "[B1]") {
  const PhysicalFunction pf(samples::physical_function(), pf_id);
  CHECK((pf.read(0x06, 2) & 0x10) != 0);
  for (const unsigned id : {0x01u, 0x10u, 0x11u}) CHECK(walk(pf, id) >= 0x40);
  for (const unsigned id : {0x01u, 0x0du, 0x0eu, 0x0fu, 0x10u, 0x13u, 0x1bu})
    CHECK(walk_extended(pf, id) >= 0x100);
  const unsigned s = walk_extended(pf, 0x10);
  CHECK(pf.read(s + 0x0c, 2) == 8);
  CHECK(pf.read(s + 0x0e, 2) == 8);
  CHECK(pf.read(s + 0x1a, 2) == 0x10ca);
  CHECK(pf.read(s + 0x1c, 4) == 0x553);
  CHECK(pf.read(s + 0x20, 4) == 1);
}

TEST_CASE("what is not described is not advertised: a plain function has no extended capabilities") {
  FunctionDescription d;
  d.vendor_id = 0x1234, d.aer = false, d.power_management = false;
  const Layout layout = build_layout(d);
  const ConfigSpace space(layout);
  CHECK(walk(space, 0x10) == 0x40);
  CHECK(walk(space, 0x01) == 0);
  for (unsigned at = 0x100; at < 4096; at += 4) REQUIRE(space.read(at, 4) == 0);
}

TEST_CASE("writing all ones to a BAR reads back its size and type") {
  PhysicalFunction pf(samples::physical_function(), pf_id);
  pf.write(0x10, 4, ~0u);
  pf.write(0x14, 4, ~0u);
  pf.write(0x18, 4, ~0u);
  pf.write(0x1c, 4, ~0u);
  pf.write(0x20, 4, ~0u);
  CHECK(pf.read(0x10, 4) == (~0x1ffffu | 0xc));  // 128 KiB, 64 bit, prefetchable
  CHECK(pf.read(0x14, 4) == ~0u);
  CHECK(pf.read(0x18, 4) == (~31u | 1));  // I/O
  CHECK(pf.read(0x1c, 4) == ~0x3fffu);
  CHECK(pf.read(0x20, 4) == 0);  // not implemented
}

TEST_CASE("a 64-bit BAR above 4 GiB sizes through its upper half") {
  FunctionDescription d;
  d.bars[0] = {.bytes = 1ull << 34, .wide = true};
  const Layout layout = build_layout(d);
  ConfigSpace space(layout);
  space.write(0x10, 4, ~0u);
  space.write(0x14, 4, ~0u);
  CHECK(space.read(0x10, 4) == 0x4);
  CHECK(space.read(0x14, 4) == 0xffff'fffc);
}

TEST_CASE("bytes, words and dwords address the same bits, an access across a dword reads all ones") {
  PhysicalFunction pf(samples::physical_function(), pf_id);
  CHECK(pf.read(0, 4) == 0x10c9'8086);
  CHECK(pf.read(0, 2) == 0x8086);
  CHECK(pf.read(2, 2) == 0x10c9);
  CHECK(pf.read(3, 1) == 0x10);
  CHECK(pf.read(1, 4) == ~0u);
  CHECK(pf.read(3, 2) == 0xffff);
  pf.write(0x11, 2, 0xffff);
  CHECK(pf.read(0x10, 4) == 0x00fe'000c);
  pf.write(0x0f, 4, ~0u);  // no dword, no effect
  CHECK(pf.read(0x10, 4) == 0x00fe'000c);
}

TEST_CASE("a write tells its owner what it means") {
  PhysicalFunction pf(samples::physical_function(), pf_id);
  const Layout& layout = pf.config().layout();
  const unsigned express = walk(pf, 0x10), s = sriov_at(pf), ats = walk_extended(pf, 0x0f);
  const auto write = [&](unsigned at, unsigned width, std::uint32_t v) {
    return effects_of(layout, pf.write(at, width, v));
  };
  CHECK(write(0x04, 2, 0x6).has(Effect::bus_master));
  CHECK(write(0x04, 2, 0x6).none());
  CHECK(write(0x10, 4, 0x8000'0000).has(Effect::bar));
  CHECK(write(express + 8, 2, 0x2810 | 0x40).has(Effect::max_payload));
  CHECK(write(express + 8, 2, 0x2850 | 0x8000).has(Effect::function_level_reset));
  CHECK(pf.read(express + 8, 2) == 0x2850);  // Initiate FLR reads 0
  CHECK(write(ats + 6, 2, 0x8000).has(Effect::ats));
  CHECK(write(s + 0x10, 2, 4).has(Effect::num_vfs));
  const Effects enabled = write(s + 8, 2, 9);
  CHECK(enabled.has(Effect::vf_enable_set));
  CHECK(enabled.has(Effect::vf_memory_space));
  CHECK_FALSE(enabled.has(Effect::vf_enable_cleared));
  CHECK(write(s + 8, 2, 0).has(Effect::vf_enable_cleared));
}

TEST_CASE("a bridge reports bus numbers, windows, secondary bus reset and ARI forwarding") {
  const Layout layout = build_layout(bridge(PortType::root_port));
  ConfigSpace space(layout);
  const unsigned express = walk(space, 0x10);
  const auto write = [&](unsigned at, unsigned width, std::uint32_t v) {
    return effects_of(layout, space.write(at, width, v));
  };
  CHECK(write(0x18, 4, 0x00fa0100).has(Effect::bus_numbers));
  CHECK(write(0x20, 4, 0x8010'8000).has(Effect::window));
  CHECK(write(0x3e, 2, 0x40).has(Effect::secondary_bus_reset));
  CHECK(write(express + 0x28, 2, 0x20).has(Effect::ari_forwarding));
  CHECK(write(express + 0x10, 2, 0x20).has(Effect::link_retrain));
  CHECK(space.read(express + 0x10, 2) == 0);
  CHECK(write(0x10, 4, ~0u).none());  // this bridge has no BAR
}

TEST_CASE("descriptions no device could have are refused") {
  const auto refused = [](auto change) {
    FunctionDescription d = samples::physical_function();
    change(d);
    CHECK_THROWS_AS(build_layout(d), std::runtime_error);
  };
  refused([](auto& d) { d.bars[0].bytes = 0x30000; });
  refused([](auto& d) { d.bars[1].bytes = 0x1000; });  // taken by the upper half of BAR 0
  refused([](auto& d) { d.bars[5] = {.bytes = 0x1000, .wide = true}; });
  refused([](auto& d) { d.msix->vectors = 2049; });
  refused([](auto& d) { d.msix->pending_offset = 4; });
  refused([](auto& d) { d.ats->queue_depth = 33; });
  refused([](auto& d) { d.pasid->width = 21; });
  refused([](auto& d) { d.ats.reset(); });  // its VFs have ATS
  refused([](auto& d) { d.sriov->with_ari.offset = 0; });
  refused([](auto& d) { d.sriov->without_ari.stride = 0; });
  refused([](auto& d) { d.sriov->vf_bars[2] = {.bytes = 32, .io = true}; });
  refused([](auto& d) { d.sriov->supported_page_sizes = 0x1; });
  refused([](auto& d) { d.express.function_level_reset = false; });
  refused([](auto& d) { d.express.max_payload = 300; });
}
