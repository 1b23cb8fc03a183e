// SPDX-License-Identifier: Apache-2.0
/// Function level reset of a VF and of a PF, hot reset.
#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace {
struct ResetBench : NicBench {
  explicit ResetBench(const endpoint::Nic::Params& p = quick()) : NicBench(p) {
    REQUIRE(enable_vfs(3) == 3);
    for (unsigned f = 1; f <= 3; ++f) {
      nic.sorter().add_filter(mac(f), std::nullopt, Destination{f});
      start(f);
    }
    timeline.run(timeline.now() + 5_us);
  }
  void start(unsigned f) {
    set_vector(f, 0);
    rx_ring(f, 0, ring(f), 0);
  }
  static std::uint64_t ring(unsigned f) { return 0x10000ull * f; }
  void arrive(unsigned f, PacketId id) { nic.frame(make_frame(mac(f), id)); }
  unsigned messages_of(unsigned f) const {
    unsigned n = 0;
    for (const Sent& s : interrupts()) n += s.requester == nic.requester(f).value;
    return n;
  }
};
endpoint::Nic::Params with(const Time& reset_time, bool ats = false) {
  auto p = NicBench::quick();
  p.functions.reset_time = reset_time;
  p.device_tlb.enabled = ats;
  return p;
}
}  // namespace

TEST_CASE("a reset VF is as after power-on, its siblings do not notice, to the packet", "[B20]") {
  ResetBench b(with(Time(100, sc_core::SC_MS)));
  for (PacketId id = 1; id <= 3; ++id) b.arrive(static_cast<unsigned>(id), id);
  b.timeline.run(b.timeline.now() + 5_us);
  b.enumerated.write(2, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
  const Time begin = b.timeline.now();
  b.enumerated.function_level_reset(2);
  for (PacketId id = 11; id <= 13; ++id) b.arrive(static_cast<unsigned>(id - 10), id);
  b.timeline.run(b.timeline.now() + 5_us);
  CHECK(b.get_header(ResetBench::ring(1) + 0x1800).id == 11);
  CHECK(b.get_header(ResetBench::ring(3) + 0x1800).id == 13);
  CHECK(b.get_header(ResetBench::ring(2) + 0x1800).id == 0);
  CHECK(b.book.drops == std::vector<std::pair<PacketId, DropReason>>{{12, DropReason::no_receive_descriptor}});
  CHECK(b.messages_of(1) == 2);
  CHECK(b.messages_of(2) == 1);
  CHECK(b.messages_of(3) == 2);
  CHECK(b.enumerated.space(2).read(PCI_COMMAND, 2) == 0);
  CHECK(b.nic.functions().vfs() == 3);  // it stays enabled, at its place
  b.host.mmio_read(b.bar(2) + nic::rx_register(0, nic::queue_control), 4);
  b.timeline.run(b.timeline.now() + 1_us);
  CHECK(b.host.log.back().status == CompletionStatus::unsupported_request);  // busy with its reset
  b.timeline.run(begin + Time(100, sc_core::SC_MS));
  b.host.mmio_read(b.bar(2) + nic::rx_register(0, nic::queue_control), 4);
  b.timeline.run(b.timeline.now() + 1_us);
  CHECK(b.host.log.back().data == std::vector<std::uint8_t>{0, 0, 0, 0});
  b.host.mmio_read(b.enumerated.msix(2) + 12, 4);
  b.timeline.run(b.timeline.now() + 1_us);
  CHECK(b.host.log.back().data[0] == 1);  // table entry masked again
  b.audit(Invariant::at_rest);
}

TEST_CASE("completions of requests from before the reset are thrown away", "[B20]") {
  ResetBench b(with(Time()));
  b.host.latency = 20_us;
  for (unsigned i = 0; i < 4; ++i) b.arrive(2, 20 + i), b.arrive(1, 30 + i);
  b.post_tx(0x50000, 0, 0x51000, 600);
  b.put_header(0x51000, {NicBench::mac(99), NicBench::mac(2), FrameHeader::vlan_none, 0, 77});
  b.set_ring(2, true, 0, 0x50000, 16, 0);
  b.write(2, nic::tx_register(0, nic::queue_tail), 1);
  b.timeline.run(b.timeline.now() + 5_us);  // the descriptor is asked for
  b.enumerated.function_level_reset(2);
  b.timeline.run(b.timeline.now() + 100_us);
  CHECK(b.wire.frames.empty());
  b.audit(Invariant::at_rest);
}

TEST_CASE("a reset empties the function's part of the device TLB and turns its ATS off", "[B20][E5]") {
  auto params = with(Time(), true);
  params.device_tlb.hit_latency = Time();
  ResetBench b(params);
  for (std::uint64_t page = 0; page < 0x100; ++page) b.host.translations[page] = page << 12 | 3;
  b.start(2);
  b.arrive(2, 1);
  b.timeline.run(b.timeline.now() + 20_us);
  const auto asked = [&] {
    unsigned n = 0;
    for (const Sent& s : b.host.log) n += s.at == AddressType::translation_request && s.requester == b.nic.requester(2).value;
    return n;
  };
  const unsigned before = asked();
  CHECK(before > 0);
  b.enumerated.function_level_reset(2);
  b.host.log.clear();
  b.enumerated.write(2, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
  b.start(2);
  b.arrive(2, 2);
  b.timeline.run(b.timeline.now() + 20_us);
  CHECK(asked() == 0);  // ATS Enable is 0: untranslated
  unsigned translated = 0;
  for (const Sent& s : b.host.log) translated += s.at == AddressType::translated;
  CHECK(translated == 0);
  b.enumerated.enable_services(2);
  b.arrive(2, 3);
  b.timeline.run(b.timeline.now() + 20_us);
  CHECK(asked() > 0);  // and nothing of what it knew is left
}

TEST_CASE("with the reset of the PF its VFs vanish", "[B20]") {
  ResetBench b(with(Time()));
  b.enumerated.function_level_reset(0);
  CHECK(b.nic.functions().vfs() == 0);
  b.arrive(1, 5);
  b.host.mmio_read(b.bar(1), 4, 9);
  b.timeline.run(b.timeline.now() + 5_us);
  CHECK(b.host.log.back().status == CompletionStatus::unsupported_request);
  CHECK(b.book.drops.back() == std::pair<PacketId, DropReason>{5, DropReason::no_filter_match});
  CHECK(b.enumerated.space(0).read(PCI_COMMAND, 2) == 0);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a hot reset takes every function back to its beginning", "[B20]") {
  ResetBench b(with(Time()));
  b.set_vector(0, 0);
  b.rx_ring(0, 0, 0x50000, 0);
  b.nic.hot_reset();
  CHECK(b.nic.functions().vfs() == 0);
  CHECK(b.enumerated.space(0).dword(PCI_BASE_ADDRESS_0) == 0xc);
  b.nic.sorter().set_default(Destination{0});
  b.nic.frame(NicBench::make_frame(NicBench::mac(50), 9));
  b.timeline.run(b.timeline.now() + 5_us);
  CHECK(b.book.drops.back() == std::pair<PacketId, DropReason>{9, DropReason::no_receive_descriptor});
  b.audit(Invariant::at_rest);
}
