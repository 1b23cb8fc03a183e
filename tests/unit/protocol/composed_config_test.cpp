// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/composed_config.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::config;
using namespace iov::config::samples;

namespace {
struct GuestView {
  PhysicalFunction pf{samples::physical_function(), pf_id};
  Composition composition{pf.description(), pf.config().layout(), pf.vf_layout()};
  GuestView() {
    pf.write(sriov_at(pf) + 0x10, 2, 8);
    pf.write(sriov_at(pf) + 0x08, 2, 9);
  }
};
constexpr auto hardware_rw = RegisterClass::hardware_rw;
constexpr auto hardware_ro = RegisterClass::hardware_ro;
constexpr auto emulated = RegisterClass::emulated;
}  // namespace

TEST_CASE("the guest sees IDs, BARs and capabilities the raw VF lacks", "[C4]") {
  GuestView b;
  ComposedConfig guest(b.composition, b.pf.vf(3), b.pf.config());
  CHECK(b.pf.read_vf(3, 0x00, 4) == ~0u);
  CHECK(guest.read(0x00, 4) == 0x10ca'8086);
  CHECK(guest.read(0x08, 4) == 0x0200'0001);
  CHECK(guest.read(0x2c, 4) == 0xa03c'8086);
  guest.write(0x10, 4, ~0u);
  CHECK(guest.read(0x10, 4) == 0xffff'c00c);  // 16 KiB, 64 bit, prefetchable
  CHECK(b.pf.read_vf(3, 0x10, 4) == 0);
  guest.write(0x10, 4, 0xfe00'0000);
  CHECK(guest.read(0x10, 4) == 0xfe00'000c);
  CHECK(walk(b.pf.vf(3), 0x01) == 0);
  for (const unsigned id : {0x01u, 0x10u, 0x11u}) CHECK(walk(guest, id) != 0);
  for (const unsigned id : {0x0du, 0x0eu, 0x0fu, 0x10u, 0x13u, 0x1bu}) CHECK(walk_extended(guest, id) == 0);
  const unsigned msix = walk(guest, 0x11);
  CHECK((guest.read(msix + 2, 2) & 0x7ff) == 2);
  CHECK((guest.read(msix + 4, 4) & 7) == 3);
}

TEST_CASE("fields taken from the PF are read-only for the guest and each blocked write counts", "[C2]") {
  GuestView b;
  ComposedConfig guest(b.composition, b.pf.vf(1), b.pf.config());
  const unsigned express = walk(guest, 0x10), pf_express = walk(b.pf, 0x10);
  b.pf.write(pf_express + 8, 2, 0x2810 | 0x0020);
  CHECK(guest.read(express + 8, 2) == 0x2830);  // the PF's payload and read request
  CHECK(guest.read(express + 0x12, 2) == b.pf.read(pf_express + 0x12, 2));  // the PF's link
  guest.write(express + 8, 2, 0x5840);
  CHECK(guest.read(express + 8, 2) == 0x2830);
  CHECK(b.pf.read(pf_express + 8, 2) == 0x2830);
  CHECK(guest.blocked_writes(hardware_ro) == 1);
  guest.write(express + 8, 2, 0x2830);  // nothing new: nothing blocked
  CHECK(guest.blocked_writes(hardware_ro) == 1);
  guest.write(express + 0x0c, 4, 0);
  CHECK(guest.blocked_writes(hardware_ro) == 2);
  CHECK(guest.blocked_writes(hardware_rw) == 0);
  CHECK(guest.blocked_writes(emulated) == 0);
}

TEST_CASE("each register class reads and writes where it should", "[C3]") {
  GuestView b;
  ComposedConfig guest(b.composition, b.pf.vf(2), b.pf.config());
  const unsigned msix = walk(guest, 0x11), raw_msix = walk(b.pf.vf(2), 0x11), pm = walk(guest, 0x01);
  CHECK(b.composition.class_of(0x04, 2) == hardware_rw);
  CHECK(b.composition.class_of(0x04, 1) == emulated);
  CHECK(b.composition.class_of(0x08, 8) == hardware_ro);
  CHECK(b.composition.class_of(0x10, 20) == emulated);
  const auto command = guest.write(0x04, 2, 0x6);  // bus master: the VF's; memory space: the hypervisor's
  CHECK(command.hardware.rose() == 0x4);
  CHECK(command.emulated.rose() == 0x2);
  CHECK(b.pf.read_vf(2, 0x04, 2) == 0x4);
  CHECK(guest.read(0x04, 2) == 0x6);
  const auto enable = guest.write(msix + 2, 2, 0x8000);
  CHECK(effects_of(guest.layout(), enable.emulated).has(Effect::msix));
  CHECK((b.pf.read_vf(2, raw_msix + 2, 2) & 0x8000) == 0);  // the hypervisor decides about the real one
  guest.write(pm + 4, 2, 3);
  CHECK((guest.read(pm + 4, 2) & 3) == 3);
  guest.write(pm + 4, 2, 1);  // D1 does not exist
  CHECK((guest.read(pm + 4, 2) & 3) == 3);
  CHECK(guest.blocked_writes(emulated) == 1);
  const std::uint64_t before = guest.accesses();
  guest.write(0x00, 4, 0);  // IDs
  CHECK(guest.read(0x00, 4) == 0x10ca'8086);
  CHECK(guest.blocked_writes(emulated) == 2);
  CHECK(guest.accesses() == before + 2);
}

TEST_CASE("the guest's FLR and error bits reach the VF itself") {
  GuestView b;
  ComposedConfig guest(b.composition, b.pf.vf(1), b.pf.config());
  const unsigned express = walk(guest, 0x10), raw = walk(b.pf.vf(1), 0x10);
  const auto flr = guest.write(express + 8, 2, 0x2810 | 0x8000);
  CHECK(effects_of(b.pf.vf_layout(), flr.hardware).has(Effect::function_level_reset));
  CHECK(effects_of(guest.layout(), flr.emulated).none());
  b.pf.vf(1).set_bits(raw + 0x0a, 2, 0x9);
  CHECK(guest.read(express + 0x0a, 2) == 0x9);
  guest.write(express + 0x0a, 2, 0x8);
  CHECK(b.pf.read_vf(1, raw + 0x0a, 2) == 0x1);
  CHECK(guest.blocked_writes(hardware_rw) == 0);
}

TEST_CASE("nothing a guest writes changes the PF or another VF", "[C2]") {
  GuestView b;
  ComposedConfig guest(b.composition, b.pf.vf(4), b.pf.config());
  std::vector<std::uint32_t> pf_before, vf_before;
  for (unsigned at = 0; at < 4096; at += 4)
    pf_before.push_back(b.pf.read(at, 4)), vf_before.push_back(b.pf.read_vf(5, at, 4));
  std::mt19937 random(7);
  for (unsigned i = 0; i < 20000; ++i) {
    const unsigned width = 1u << random() % 3;
    guest.write(static_cast<unsigned>(random() % 4096) & ~(width - 1), width,
                static_cast<std::uint32_t>(random()));
  }
  for (unsigned at = 0; at < 4096; at += 4) {
    REQUIRE(b.pf.read(at, 4) == pf_before[at / 4]);
    REQUIRE(b.pf.read_vf(5, at, 4) == vf_before[at / 4]);
  }
  CHECK(guest.read(0x00, 4) == 0x10ca'8086);
  CHECK(guest.blocked_writes(hardware_ro) > 0);
}

TEST_CASE("every bit of the guest's space changes only where its class allows", "[C3]") {
  GuestView b;
  ComposedConfig guest(b.composition, b.pf.vf(1), b.pf.config());
  unsigned changed[register_classes] = {};
  for (unsigned at = 0; at < 4096; at += 4)
    for (unsigned bit = 0; bit < 32; ++bit) {
      const RegisterClass kind = b.composition.class_of(at, bit);
      const std::uint32_t before = guest.read(at, 4);
      const auto written = guest.write(at, 4, before ^ 1u << bit);
      const std::uint32_t differs = guest.read(at, 4) ^ before;
      INFO(std::hex << at << " bit " << bit);
      if ((written.hardware.changed() | written.hardware.triggered) != 0) REQUIRE(kind == hardware_rw);
      if (kind == hardware_ro) REQUIRE((differs >> bit & 1) == 0);
      if (written.emulated.changed() >> bit & 1) REQUIRE(kind == emulated);
      changed[static_cast<unsigned>(kind)] += differs >> bit & 1;
      guest.write(at, 4, before);
    }
  CHECK(changed[0] == 1);  // Bus Master Enable; the other hardware_rw bits are RW1C or start something
  CHECK(changed[1] == 0);
  CHECK(changed[2] > 2 * 2 * 18);  // two 64-bit BARs and more
}

TEST_CASE("a guest's byte write reaches only its byte of the VF") {
  GuestView b;
  ComposedConfig guest(b.composition, b.pf.vf(1), b.pf.config());
  guest.write(0x04, 1, 0x04);
  guest.write(0x05, 1, 0x00);
  CHECK(b.pf.read_vf(1, 0x04, 2) == 0x4);
  b.pf.vf(1).set_bits(0x06, 2, 0x8100);
  guest.write(0x04, 2, 0);  // the status half is not written
  CHECK(b.pf.read_vf(1, 0x06, 2) == 0x8110);
}
