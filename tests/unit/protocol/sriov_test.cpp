// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::config;
using namespace iov::config::samples;

namespace {
enum : unsigned {
  ctl = 0x08,
  num_vfs = 0x10,
  offset_stride = 0x14,
  page_size = 0x20,
  vf_bar0 = 0x24,
  vf_bar3 = 0x30
};
enum : std::uint32_t { vf_enable = 1, vf_mse = 8, ari = 16 };

struct SriovBench {
  PhysicalFunction pf;
  unsigned s;
  explicit SriovBench(const FunctionDescription& d = samples::physical_function())
      : pf(d, pf_id), s(sriov_at(pf)) {}
  void enable(unsigned n, std::uint32_t extra = 0) {
    pf.write(s + num_vfs, 2, n);
    pf.write(s + ctl, 2, vf_enable | vf_mse | extra);
  }
};
}  // namespace

TEST_CASE("NumVFs and then VF Enable make the VFs answer, before, all ones", "[B8]") {
  SriovBench b;
  CHECK(b.pf.read_vf(1, 0x08, 4) == ~0u);
  b.pf.write(b.s + num_vfs, 2, 5);
  CHECK(b.pf.vfs() == 0);  // NumVFs alone creates nothing
  CHECK(b.pf.read_vf(1, 0x08, 4) == ~0u);
  b.pf.write(b.s + ctl, 2, vf_enable);
  CHECK(b.pf.vfs() == 5);
  CHECK(b.pf.read_vf(1, 0x08, 4) == 0x0200'0001);  // the PF's class and revision
  CHECK(b.pf.read_vf(5, 0x08, 4) == 0x0200'0001);
  CHECK(b.pf.read_vf(6, 0x08, 4) == ~0u);
  b.pf.write(b.s + ctl, 2, 0);
  CHECK(b.pf.vfs() == 0);
  CHECK(b.pf.read_vf(1, 0x08, 4) == ~0u);
}

TEST_CASE("the SR-IOV capability has each register where SR-IOV 1.1 has it", "[B1][B22]") {  // table 3-1; PCIe Base 5.0 9.3.3
  SriovBench b;
  struct Register {
    unsigned offset, bytes;
    std::uint32_t value;
  };
  CHECK((b.pf.read(b.s, 4) & 0xfffff) == 0x10010);  // ID 0010h, version 1
  b.pf.write(b.s + num_vfs, 2, 6);
  for (const Register& r : {Register{0x04, 4, 0x2}, {0x08, 2, 0}, {0x0a, 2, 0}, {0x0c, 2, 8}, {0x0e, 2, 8}, {0x10, 2, 6}, {0x12, 1, 0},
                            {0x14, 2, 0x180}, {0x16, 2, 2}, {0x1a, 2, 0x10ca}, {0x1c, 4, 0x553}, {0x20, 4, 1}, {0x24, 4, 0xc}, {0x3c, 4, 0}}) {
    INFO("offset " << r.offset);
    CHECK(b.pf.read(b.s + r.offset, r.bytes) == r.value);
  }
}

TEST_CASE("VF Enable with NumVFs 0 enables no VF", "[B8]") {
  SriovBench b;
  b.pf.write(b.s + ctl, 2, vf_enable);
  CHECK(b.pf.vfs() == 0);
  CHECK_FALSE(b.pf.vf_with_id(RequesterId{0x0280}));
  CHECK(b.pf.write_vf(1, 0x04, 2, 4).changed() == 0);
}

TEST_CASE("a VF reads FFFFh as vendor and device, has no BAR, no INTx, no memory space bit", "[B9]") {
  SriovBench b;
  b.enable(8);
  CHECK(b.pf.read_vf(3, 0x00, 4) == ~0u);
  for (unsigned bar = 0x10; bar < 0x28; bar += 4) {
    b.pf.write_vf(3, bar, 4, ~0u);
    CHECK(b.pf.read_vf(3, bar, 4) == 0);
  }
  CHECK(b.pf.read_vf(3, 0x3c, 2) == 0);
  b.pf.write_vf(3, 0x04, 2, 0xffff);
  CHECK(b.pf.read_vf(3, 0x04, 2) == 0x4);  // bus master only
  CHECK(b.pf.read_vf(2, 0x04, 2) == 0);    // and only its own
  CHECK((b.pf.read_vf(3, 0x0e, 1) & 0x80) == 0);
  CHECK(b.pf.read_vf(3, 0x2c, 4) == 0xa03c'8086);
  CHECK(walk(b.pf.vf(3), 0x11) != 0);
  CHECK(walk(b.pf.vf(3), 0x01) == 0);
  for (const unsigned id : {0x10u, 0x13u, 0x1bu})
    CHECK(walk_extended(b.pf.vf(3), id) == 0);  // SR-IOV, PRI, PASID
}

TEST_CASE("payload, read request, timeout and link settings of a VF are reserved, the PF's apply") {
  SriovBench b;
  b.enable(2);
  const unsigned express = walk(b.pf, 0x10), vf_express = walk(b.pf.vf(1), 0x10);
  b.pf.write(express + 8, 2, 0x2000 | 0x0020);
  b.pf.write_vf(1, vf_express + 0x08, 2, 0x7fff);
  b.pf.write_vf(1, vf_express + 0x10, 2, 0xffff);
  b.pf.write_vf(1, vf_express + 0x28, 2, 0xffff);
  CHECK(b.pf.read_vf(1, vf_express + 0x08, 2) == 0);
  CHECK(b.pf.read_vf(1, vf_express + 0x10, 4) == 0);  // Link Control and Status
  CHECK(b.pf.read_vf(1, vf_express + 0x28, 2) == 0);
  CHECK((b.pf.read_vf(1, vf_express + 0x04, 4) & 1u << 28) != 0);  // FLR is mandatory
  CHECK(b.pf.max_payload() == 256);
  CHECK(b.pf.max_read_request() == 512);
}

TEST_CASE("a VF's ATS shares queue depth and STU of the PF") {
  SriovBench b;
  b.enable(1);
  const unsigned at = walk_extended(b.pf, 0x0f), vf_at = walk_extended(b.pf.vf(1), 0x0f);
  CHECK((b.pf.read(at + 4, 2) & 0x1f) == 24);
  CHECK((b.pf.read_vf(1, vf_at + 4, 2) & 0x1f) == 0);
  b.pf.write_vf(1, vf_at + 6, 2, 0x801f);
  CHECK(b.pf.read_vf(1, vf_at + 6, 2) == 0x8000);
}

TEST_CASE("NumVFs cannot change while VF Enable is set: all VFs come and go together", "[B17]") {
  SriovBench b;
  b.enable(4);
  b.pf.write_vf(2, 0x04, 2, 4);
  const Change change = b.pf.write(b.s + num_vfs, 2, 5);
  CHECK(change.changed() == 0);
  CHECK(change.refused != 0);
  CHECK(b.pf.read(b.s + num_vfs, 2) == 4);
  CHECK(b.pf.vfs() == 4);
  CHECK(b.pf.read_vf(2, 0x04, 2) == 4);  // the refused write disturbed nobody
  b.pf.write(b.s + num_vfs, 1, 8);       // nor by halves
  CHECK(b.pf.read(b.s + num_vfs, 2) == 4);
  b.pf.write(b.s + ctl, 2, 0);
  CHECK(b.pf.write(b.s + num_vfs, 2, 5).refused == 0);
  b.pf.write(b.s + ctl, 2, vf_enable);
  CHECK(b.pf.vfs() == 5);
  CHECK(b.pf.read_vf(2, 0x04, 2) == 0);  // "one more" cost every VF its state
}

TEST_CASE("a device of 256 VFs does not take 257", "[B14]") {
  FunctionDescription d = samples::physical_function();
  d.sriov->total_vfs = 256;
  d.sriov->with_ari = d.sriov->without_ari = {.offset = 256, .stride = 1};
  SriovBench b(d);
  CHECK(b.pf.write(b.s + num_vfs, 2, 257).refused != 0);
  CHECK(b.pf.read(b.s + num_vfs, 2) == 0);
  b.pf.write(b.s + ctl, 2, vf_enable);
  CHECK(b.pf.vfs() == 0);
  b.pf.write(b.s + ctl, 2, 0);
  b.enable(256);
  CHECK(b.pf.vfs() == 256);
  CHECK(b.pf.read_vf(256, 0x00, 2) == 0xffff);
  CHECK(b.pf.read_vf(256, 0x08, 4) == 0x0200'0001);
}

TEST_CASE("NumVFs beyond TotalVFs, or raised after VF Enable, never creates a VF (CVE-2024-26327, -26328)") {
  SriovBench b;
  for (const unsigned n : {9u, 0x100u, 0x7fffu, 0xffffu}) {
    b.pf.write(b.s + num_vfs, 2, n);
    CHECK(b.pf.read(b.s + num_vfs, 2) == 0);
  }
  b.pf.write(b.s + num_vfs, 2, 8);
  b.pf.write(b.s + num_vfs, 2, 9);
  CHECK(b.pf.read(b.s + num_vfs, 2) == 8);  // the last legal value stays
  b.pf.write(b.s + num_vfs + 1, 1, 1);      // 0x108 by its upper byte
  CHECK(b.pf.read(b.s + num_vfs, 2) == 8);
  b.pf.write(b.s + ctl, 2, vf_enable);
  b.pf.write(b.s + num_vfs, 4, 0xffff'ffff);
  CHECK(b.pf.vfs() == 8);
  CHECK(b.pf.read_vf(9, 0x08, 4) == ~0u);
  CHECK(b.pf.write_vf(9, 0x04, 2, 4).changed() == 0);
  CHECK_FALSE(b.pf.vf_with_id(RequesterId{0x0100 + 0x180 + 8 * 2}));
  b.pf.write(b.s + ctl, 1, 0);
  b.pf.write(b.s + ctl, 1, 0);  // disabling twice
  CHECK(b.pf.vfs() == 0);
}

TEST_CASE("First VF Offset and VF Stride follow the ARI bit, which is locked while VFs are enabled") {
  SriovBench b;
  CHECK(b.pf.read(b.s + offset_stride, 4) == 0x0002'0180);
  b.pf.write(b.s + ctl, 2, ari);
  CHECK(b.pf.read(b.s + offset_stride, 4) == 0x0002'0080);
  b.pf.write(b.s + offset_stride, 4, 0x1111'1111);
  CHECK(b.pf.read(b.s + offset_stride, 4) == 0x0002'0080);
  b.enable(8, ari);
  CHECK(b.pf.vf_id(1) == RequesterId{0x0180});
  b.pf.write(b.s + ctl, 2, vf_enable | vf_mse);
  CHECK(b.pf.read(b.s + ctl, 2) == (vf_enable | vf_mse | ari));
  CHECK(b.pf.vf_id(8) == RequesterId{0x018e});
}

TEST_CASE("only the lowest PF has the ARI bit, the others follow the device") {
  FunctionDescription d = samples::physical_function();
  d.sriov->lowest_pf = false;
  SriovBench b(d);
  b.pf.write(b.s + ctl, 2, ari);
  CHECK(b.pf.read(b.s + ctl, 2) == 0);
  b.pf.set_ari_hierarchy(true);
  CHECK(b.pf.read(b.s + ctl, 2) == 0);
  CHECK(b.pf.read(b.s + offset_stride, 2) == 0x80);
}

TEST_CASE("another PF's routing keeps to the ARI bit through an FLR and loses it in a hot reset") {
  FunctionDescription d = samples::physical_function();
  d.sriov->lowest_pf = false;
  SriovBench b(d);
  b.pf.set_ari_hierarchy(true);
  b.pf.reset(Reset::function_level);
  CHECK(b.pf.read(b.s + offset_stride, 2) == 0x80);
  b.pf.reset(Reset::hot);
  CHECK(b.pf.read(b.s + offset_stride, 2) == 0x180);
  CHECK_FALSE(b.pf.ari_hierarchy());
}

TEST_CASE("VFs behind the last requester ID do not exist", "[B13]") {
  FunctionDescription d = samples::physical_function();
  d.sriov->total_vfs = 64;
  d.sriov->without_ari = {.offset = 1, .stride = 1};
  SriovBench b(d);
  b.pf.capture_bus(0xff);
  b.pf.write(b.s + num_vfs, 2, 64);
  b.pf.write(b.s + ctl, 2, vf_enable);
  CHECK(b.pf.vfs() == 64);
  CHECK(b.pf.vf_id(64) == RequesterId{0xff40});
  FunctionDescription far = d;
  far.sriov->without_ari.offset = 0xf0;
  PhysicalFunction last(far, RequesterId{0xff00});
  last.write(b.s + num_vfs, 2, 64);
  last.write(b.s + ctl, 2, vf_enable);
  CHECK(last.vfs() == 16);
  CHECK(last.vf_id(16) == RequesterId{0xffff});
  CHECK(last.read_vf(17, 0x08, 4) == ~0u);
}

TEST_CASE("VF migration is off: its bits are hardwired to 0") {
  SriovBench b;
  CHECK((b.pf.read(b.s + 4, 4) & 1) == 0);
  b.pf.write(b.s + ctl, 4, 0xffff'ff06);  // migration enable and its interrupt, reserved bits, the status
  CHECK(b.pf.read(b.s + ctl, 4) == 0);
  CHECK(b.pf.read(b.s + 0x3c, 4) == 0);
}

TEST_CASE("System Page Size takes one supported size, and none while VFs are enabled") {
  SriovBench b;
  for (const std::uint32_t legal : {0x2u, 0x10u, 0x40u, 0x100u, 0x400u, 0x1u}) {
    b.pf.write(b.s + page_size, 4, legal);
    CHECK(b.pf.read(b.s + page_size, 4) == legal);
  }
  for (const std::uint32_t illegal : {0x0u, 0x3u, 0x4u, 0x8u, 0x553u, 0x8000'0000u}) {
    b.pf.write(b.s + page_size, 4, illegal);
    CHECK(b.pf.read(b.s + page_size, 4) == 1);
  }
  b.enable(1);
  b.pf.write(b.s + page_size, 4, 2);
  CHECK(b.pf.read(b.s + page_size, 4) == 1);
}

TEST_CASE("a VF BAR sizes one VF, rounded up to the System Page Size") {
  SriovBench b;
  b.pf.write(b.s + vf_bar0, 4, ~0u);
  CHECK(b.pf.read(b.s + vf_bar0, 4) == 0xffff'c00c);
  CHECK(b.pf.vf_aperture(0) == 0x4000);
  b.pf.write(b.s + page_size, 4, 0x10);  // 64 KiB
  b.pf.write(b.s + vf_bar0, 4, ~0u);
  CHECK(b.pf.read(b.s + vf_bar0, 4) == 0xffff'000c);
  CHECK(b.pf.vf_aperture(0) == 0x10000);
}

TEST_CASE("a System Page of 8 GiB hardwires bits of the upper half of a VF BAR") {
  FunctionDescription d = samples::physical_function();
  d.sriov->supported_page_sizes |= 1u << 21;
  SriovBench b(d);
  b.pf.write(b.s + page_size, 4, 1u << 21);
  b.pf.write(b.s + vf_bar0, 4, ~0u);
  b.pf.write(b.s + vf_bar0 + 4, 4, ~0u);
  CHECK(b.pf.read(b.s + vf_bar0, 4) == 0xc);
  CHECK(b.pf.read(b.s + vf_bar0 + 4, 4) == 0xffff'fffe);
  CHECK(b.pf.vf_aperture(0) == 1ull << 33);
}

TEST_CASE("VF n's BAR lies n-1 apertures behind the VF BAR and only that VF decodes it", "[B10]") {
  SriovBench b;
  b.pf.write(b.s + page_size, 4, 0x10);
  b.pf.write(b.s + vf_bar0, 4, 0x8000'0000);
  b.pf.write(b.s + vf_bar0 + 4, 4, 0x12);
  b.pf.write(b.s + vf_bar3, 4, 0x9000'0000);
  b.enable(8);
  CHECK(b.pf.vf_bar_address(3, 0) == 0x12'8002'0000);
  const auto hit = b.pf.decode(Hpa{0x12'8002'0040});
  REQUIRE(hit);
  CHECK(hit->vf == 3);
  CHECK(hit->bar == 0);
  CHECK(hit->offset == 0x40);
  CHECK(b.pf.decode(Hpa{0x9007'3fff})->vf == 8);
  CHECK(b.pf.decode(Hpa{0x9007'3fff})->bar == 3);
  CHECK_FALSE(b.pf.decode(Hpa{0x12'8002'4000}));  // 16 KiB of registers in a 64 KiB page
  CHECK_FALSE(b.pf.decode(Hpa{0x12'8008'0000}));  // behind the last VF
  CHECK_FALSE(b.pf.decode(Hpa{0x12'7fff'ffff}));
  b.pf.write(b.s + ctl, 2, vf_enable);  // VF MSE off
  CHECK_FALSE(b.pf.decode(Hpa{0x12'8002'0040}));
}

TEST_CASE("the PF's own BARs answer only with Memory Space Enable") {
  SriovBench b;
  b.pf.write(0x10, 4, 0x4000'0000);
  CHECK_FALSE(b.pf.decode(Hpa{0x4000'0010}));
  b.pf.write(0x04, 2, 2);
  const auto hit = b.pf.decode(Hpa{0x4001'ffff});
  REQUIRE(hit);
  CHECK(hit->vf == 0);
  CHECK(hit->offset == 0x1ffff);
  CHECK_FALSE(b.pf.decode(Hpa{0x4002'0000}));
}

TEST_CASE("an FLR of the PF removes its VFs, the payload size and the ARI bit stay") {
  SriovBench b;
  const unsigned express = walk(b.pf, 0x10);
  b.pf.write(express + 8, 2, 0x2000 | 0x0040);
  b.pf.write(b.s + vf_bar0, 4, 0x8000'0000);
  b.pf.write(b.s + ctl, 2, ari);
  b.enable(8, ari);
  b.pf.reset(Reset::function_level);
  CHECK(b.pf.vfs() == 0);
  CHECK(b.pf.read(b.s + ctl, 2) == ari);
  CHECK(b.pf.read(b.s + num_vfs, 2) == 0);
  CHECK(b.pf.read(b.s + vf_bar0, 4) == 0xc);
  CHECK(b.pf.read(b.s + offset_stride, 2) == 0x80);
  CHECK(b.pf.max_payload() == 512);
  b.pf.reset(Reset::hot);
  CHECK(b.pf.read(b.s + ctl, 2) == 0);
  CHECK(b.pf.read(b.s + offset_stride, 2) == 0x180);
  CHECK(b.pf.max_payload() == 128);
}

TEST_CASE("an FLR of a VF clears that VF alone and keeps its placement") {
  SriovBench b;
  b.pf.write(b.s + vf_bar0, 4, 0x8000'0000);
  b.enable(4);
  const unsigned msix = walk(b.pf.vf(2), 0x11), aer = walk_extended(b.pf.vf(2), 0x01);
  for (const unsigned n : {1u, 2u, 3u}) {
    b.pf.write_vf(n, 0x04, 2, 4);
    b.pf.write_vf(n, msix + 2, 2, 0x8000);
  }
  b.pf.vf(2).set_bits(aer + 4, 4, 1u << 20);
  b.pf.reset_vf(2);
  CHECK(b.pf.read_vf(2, 0x04, 2) == 0);
  CHECK(b.pf.read_vf(2, msix + 2, 2) == 2);
  CHECK(b.pf.read_vf(2, aer + 4, 4) == 1u << 20);  // sticky
  for (const unsigned n : {1u, 3u}) {
    CHECK(b.pf.read_vf(n, 0x04, 2) == 4);
    CHECK(b.pf.read_vf(n, msix + 2, 2) == 0x8002);
  }
  CHECK(b.pf.vfs() == 4);
  CHECK(b.pf.vf_bar_address(2, 0) == 0x8000'4000);
  CHECK(b.pf.decode(Hpa{0x8000'4000})->vf == 2);
}

TEST_CASE("64 000 VFs cost 16 bytes each until software touches them", "[B13]") {
  FunctionDescription d = samples::physical_function();
  d.sriov->total_vfs = 64000;
  d.sriov->with_ari = d.sriov->without_ari = {.offset = 1, .stride = 1};
  SriovBench b(d);
  b.enable(64000);
  REQUIRE(b.pf.vfs() == 64000);
  CHECK(sizeof(ConfigSpace) == 16);
  CHECK(b.pf.vf(64000).heap_bytes() == 0);
  CHECK(b.pf.read_vf(64000, 0x08, 4) == 0x0200'0001);
  b.pf.write_vf(64000, 0x04, 2, 4);
  CHECK(b.pf.vf(64000).heap_bytes() <= 64);
  CHECK(b.pf.vf(63999).heap_bytes() == 0);
  b.pf.reset_vf(64000);
  CHECK(b.pf.vf(64000).heap_bytes() == 0);
}
