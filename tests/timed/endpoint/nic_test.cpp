// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;
using endpoint::FunctionTable;

TEST_CASE("a frame is sent byte by byte as it lies in memory, and its descriptor is written back") {
  auto params = NicBench::quick();
  params.carry_payload = true;
  NicBench b(params);
  FrameHeader h{NicBench::mac(9), NicBench::mac(0), FrameHeader::vlan_none, 3, 77};
  b.put_header(0x2000, h);
  for (std::uint32_t i = FrameHeader::header_bytes; i < 1500; ++i) b.host.memory[0x2000 + i] = static_cast<std::uint8_t>(i * 7);
  b.post_tx(0x1000, 0, 0x2000, 1500);
  b.set_vector(0, 1);
  b.set_ring(0, true, 0, 0x1000, 64, 1);
  b.write(0, nic::tx_register(0, nic::queue_tail), 1);
  b.timeline.run(1_us);
  REQUIRE(b.wire.frames.empty());
  b.timeline.run(10_us);
  // descriptor 500 ns, payload 500 ns, (8 + 1500 + 4) B at 10 Gb/s = 1209.6 ns
  REQUIRE(b.wire.times == std::vector<Time>{Time(2209600, sc_core::SC_PS)});
  const Frame& f = b.wire.frames[0];
  CHECK(f.header.id == 77);
  CHECK(f.header.flow == 3);
  REQUIRE(f.data.size() == 1500);
  CHECK(std::memcmp(f.data.data(), b.host.memory.data() + 0x2000, 1500) == 0);
  const auto d = b.host.peek<nic::TxDescriptor>(0x1000);
  CHECK(d.address == 0x2000);
  CHECK((d.status & nic::descriptor_done) == 1);
  CHECK(d.command_length >> 31 == 1);
  const auto irq = b.interrupts();
  REQUIRE(irq.size() == 1);
  CHECK(irq[0].when == b.wire.times[0]);
  CHECK(irq[0].address == 0xfee0'1000);
  CHECK(irq[0].data == std::vector<std::uint8_t>{0x41, 0, 0, 0});
  b.audit(Invariant::at_rest);
}

TEST_CASE("a received frame lies in its buffer, its descriptor says so, and the interrupt follows both", "[G4]") {
  auto params = NicBench::quick();
  params.carry_payload = true;
  NicBench b(params);
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 2);
  b.rx_ring(0, 0, 0x10000, 2);
  b.timeline.run(1_us);  // descriptors are prefetched
  BytePool pool;
  Frame f = NicBench::make_frame(NicBench::mac(0), 5, 600, 9);
  f.data = pool.take(600);
  f.header.write(std::span<std::uint8_t, FrameHeader::header_bytes>(f.data.data(), FrameHeader::header_bytes));
  for (std::uint32_t i = FrameHeader::header_bytes; i < 600; ++i) f.data.data()[i] = static_cast<std::uint8_t>(i * 3);
  const std::vector<std::uint8_t> bytes(f.data.bytes().begin(), f.data.bytes().end());
  b.host.log.clear();
  b.nic.frame(std::move(f));
  CHECK(std::memcmp(b.host.memory.data() + 0x11000, bytes.data(), 600) == 0);
  const auto d = b.host.peek<nic::RxDescriptor>(0x10000);
  CHECK(d.write_back.length == 600);
  CHECK(d.write_back.status_error == 3);
  CHECK(d.write_back.rss_hash == endpoint::ToeplitzHash().of(NicBench::make_frame(NicBench::mac(0), 5, 600, 9).header));
  std::vector<std::uint64_t> order;
  for (const Sent& s : b.host.log) order.push_back(s.address);
  CHECK(order == std::vector<std::uint64_t>{0x11000, 0x11100, 0x11200, 0x10000, 0xfee0'2000});
  for (const Sent& s : b.host.log) CHECK(s.when == 1_us);  // all in the same instant: nothing limits them
  b.timeline.run(2_us);
  b.audit(Invariant::at_rest);
}

TEST_CASE("each VF uses its own routing ID and BAR slice, and its registers reach nobody else", "[B5][B6][B10]") {
  NicBench b;
  REQUIRE(b.enable_vfs(3) == 3);
  for (unsigned n = 1; n <= 3; ++n) {
    CHECK(b.nic.requester(n).value == 0x0100 + 128 + (n - 1) * 2);
    b.nic.sorter().add_filter(NicBench::mac(n), std::nullopt, Destination{n});
    b.set_vector(n, 0);
  }
  b.rx_ring(3, 0, 0x30000, 0);
  b.timeline.run(1_us);
  b.host.mmio_read(b.bar(3) + nic::rx_register(0, nic::queue_tail), 4);
  b.host.mmio_read(b.bar(2) + nic::rx_register(0, nic::queue_tail), 4);
  b.nic.frame(NicBench::make_frame(NicBench::mac(3), 1));
  b.nic.frame(NicBench::make_frame(NicBench::mac(2), 2));
  b.timeline.run(2_us);
  const auto replies = b.host.sent(TlpType::completion_data);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].data[0] == 15);
  CHECK(replies[1].data[0] == 0);
  for (const Sent& s : b.host.log) {
    if (s.type == TlpType::memory_write || s.type == TlpType::memory_read) CHECK(s.requester == b.nic.requester(3).value);
  }
  CHECK(b.get_header(0x31000).id == 1);
  CHECK(b.book.drops == std::vector<std::pair<PacketId, DropReason>>{{2, DropReason::no_receive_descriptor}});
  CHECK(b.enable_vfs(4) == 3);  // NumVFs does not change while VFs are enabled
  b.enumerated.disable_vfs();
  CHECK(b.nic.functions().vfs() == 0);
}

TEST_CASE("a read of no function's BAR is an unsupported request, an unknown register reads zero") {
  NicBench b;
  b.host.mmio_read(0xf100'0000, 4, 11);  // VF 1 is not enabled
  b.host.mmio_read(NicBench::pf_bar + 0x60, 4, 12);
  b.host.mmio_read(NicBench::pf_bar + nic::reg_status, 4, 13);
  b.timeline.run(b.params.register_latency - 1_ps);
  CHECK(b.host.log.empty());
  b.timeline.run(b.params.register_latency);
  REQUIRE(b.host.log.size() == 3);
  CHECK(b.host.log[0].status == CompletionStatus::unsupported_request);
  CHECK(b.host.log[0].tag == 11);
  CHECK(b.host.log[1].data == std::vector<std::uint8_t>{0, 0, 0, 0});
  CHECK(b.host.log[2].data == std::vector<std::uint8_t>{1, 0, 0, 0});
}
