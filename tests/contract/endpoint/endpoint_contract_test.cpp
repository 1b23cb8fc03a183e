// SPDX-License-Identifier: Apache-2.0
/// What every endpoint keeps, whatever it is asked to do: traffic and resets at random, judged by the TLPs seen.
#include <catch2/catch.hpp>

#include "models/core/random.h"
#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace {
endpoint::Nic::Params stressed(bool ats) {
  endpoint::Nic::Params p;
  p.functions.vf_start_up = p.functions.reset_time = Time();
  p.device_tlb.enabled = ats;
  p.device_tlb.cache = {8, 2, Replacement::lru};
  p.dma_engine.tags = 16;
  p.dma_engine.outstanding_reads = 8;
  p.receiver.buffer = 16_KiB;
  p.transmitter.buffer = 16_KiB;
  return p;
}

/// Three functions that send to each other, to the wire and to all, and receive; with resets in between.
struct Stress : NicBench {
  explicit Stress(bool ats) : NicBench(stressed(ats)) {
    for (std::uint64_t page = 0; page < 0x100; ++page) host.translations[page] = page << 12 | 3;
    host.completion_bytes = 64;
    enable_vfs(2);
    for (unsigned f = 0; f < 3; ++f) {
      nic.sorter().add_filter(mac(f), std::nullopt, Destination{f});
      set_vector(f, 0, 300 * f);
      start(f);
    }
  }
  std::uint64_t rx_base(unsigned f) const { return 0x10000 + f * 0x40000ull; }
  std::uint64_t tx_base(unsigned f) const { return rx_base(f) + 0x20000; }
  void start(unsigned f) {
    rx_ring(f, 0, rx_base(f), 0);
    set_ring(f, true, 0, tx_base(f), 16, 0);
    tx_tail[f] = 0, rx_tail[f] = 15;
  }
  void send(unsigned f) {
    const std::array<MacAddress, 5> to{mac(0), mac(1), mac(2), mac(77), MacAddress{0xffff'ffff'ffffull}};
    const std::uint64_t buffer = tx_base(f) + 0x1000 + tx_tail[f] * 0x800;
    put_header(buffer, {to[random.below(5)], mac(f), FrameHeader::vlan_none, 0, ++id});
    post_tx(tx_base(f), tx_tail[f], buffer, static_cast<std::uint32_t>(60 + random.below(1455)));
    tx_tail[f] = (tx_tail[f] + 1) % 16;
    write(f, nic::tx_register(0, nic::queue_tail), tx_tail[f]);
  }
  void refill(unsigned f) {
    for (int i = 0; i < 4; ++i) {
      post_rx(rx_base(f), rx_tail[f], rx_base(f) + 0x1000 + rx_tail[f] * 0x800);
      rx_tail[f] = (rx_tail[f] + 1) % 16;
    }
    write(f, nic::rx_register(0, nic::queue_tail), rx_tail[f]);
  }
  void step() {
    const auto f = static_cast<unsigned>(random.below(3));
    const std::uint64_t what = random.below(100);
    if (what < 45)
      send(f);
    else if (what < 90)
      nic.frame(make_frame(mac(static_cast<unsigned>(random.below(4))), ++id,
                                       static_cast<std::uint32_t>(60 + random.below(1455))));
    else if (what < 98)
      refill(f);
    else if (what < 99)
      write(f, nic::reg_control, 1), set_vector(f, 0), start(f);
    else if (params.device_tlb.enabled)
      host.send_invalidate(nic.requester(f).value, static_cast<std::uint8_t>(itag++ & 31), random.below(0x100) << 12);
    timeline.run(timeline.now() + Time(static_cast<double>(random.below(1500)), sc_core::SC_NS));
  }
  void run(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) step(), audit(Invariant::always);
    timeline.run(timeline.now() + 1000_us);
  }
  Random random{1, "stress"};
  PacketId id = 0;
  unsigned itag = 0;
  std::array<unsigned, 3> tx_tail{}, rx_tail{};
};

void check_rules(const Stress& s) {
  for (const Sent& t : s.host.log) {
    if (t.type != TlpType::memory_read && t.type != TlpType::memory_write) continue;
    const std::uint32_t limit = t.type == TlpType::memory_write ? s.host.link.max_payload : s.host.link.max_read_request;
    if (t.length > limit || (t.address & 4095) + t.length > 4096) FAIL("TLP breaks the rules at " << t.address);
  }
}
}  // namespace

TEST_CASE("under random traffic and resets nothing is lost unseen and everything comes to rest", "[B12][B20]") {
  Stress s(false);
  s.run(4000);
  check_rules(s);
  CHECK(s.wire.frames.size() > 300);
  CHECK(s.nic.table().sum(endpoint::FunctionTable::rx_frames) > 300);
  CHECK(s.nic.table().sum(endpoint::FunctionTable::local_frames) > 100);
  CHECK(s.timeline.idle());
  s.audit(Invariant::at_rest);
}

TEST_CASE("with ATS only granted addresses go out translated, under random traffic and invalidations", "[E1][E5]") {
  Stress s(true);
  s.run(4000);
  check_rules(s);
  std::set<std::uint64_t> asked;
  std::size_t translated = 0, invalidated = 0;
  for (const Sent& t : s.host.log) {
    const std::uint64_t page = t.requester * 0x1'0000'0000ull + (t.address >> 12);
    if (t.at == AddressType::translation_request) asked.insert(page);
    if (t.at == AddressType::translated) ++translated;
    if (t.at == AddressType::translated && !asked.contains(page)) FAIL("never asked for " << t.address);
    if (t.at == AddressType::untranslated && t.type != TlpType::message && t.address >> 20 != 0xfee)
      FAIL("untranslated " << t.address);
    invalidated += t.type == TlpType::message;
  }
  CHECK(translated > 1000);
  CHECK(invalidated == s.itag);
  CHECK(s.timeline.idle());
  s.audit(Invariant::at_rest);
}

TEST_CASE("1024 VFs can be enabled and each receives its own frame", "[B12]") {
  auto params = NicBench::quick();
  params.functions.total_vfs = 1024;
  params.functions.first_vf_offset = params.functions.vf_stride = 1;
  params.embedded_switch.filters = 2048;
  NicBench b(params);
  b.host.memory.resize(1024u * 0x2000 + 0x2000);
  REQUIRE(b.enable_vfs(1024) == 1024);
  for (unsigned n = 1; n <= 1024; ++n) {
    const std::uint64_t ring = n * 0x2000ull;
    b.nic.sorter().add_filter(NicBench::mac(n), std::nullopt, Destination{n});
    b.post_rx(ring, 0, ring + 0x1000);
    b.set_ring(n, false, 0, ring, 16, 0);
    b.write(n, nic::rx_register(0, nic::queue_tail), 1);
  }
  b.timeline.run(100_us);
  for (unsigned n = 1; n <= 1024; ++n) b.nic.frame(NicBench::make_frame(NicBench::mac(n), n));
  unsigned right = 0;
  for (unsigned n = 1; n <= 1024; ++n) right += b.get_header(n * 0x2000ull + 0x1000).id == n;
  CHECK(right == 1024);
  b.timeline.run(200_us);
  b.audit(Invariant::at_rest);
}
