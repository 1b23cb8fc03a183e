// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;
using endpoint::FunctionTable;
using Drops = std::vector<std::pair<PacketId, DropReason>>;

TEST_CASE("a frame that no filter wants is dropped and named") {
  NicBench b;
  b.rx_ring(0, 0, 0x10000, 0);
  b.timeline.run(1_us);
  b.nic.frame(NicBench::make_frame(NicBench::mac(4), 1));
  CHECK(b.book.drops == Drops{{1, DropReason::no_filter_match}});
  CHECK(b.host.sent(TlpType::memory_write).empty());
}

TEST_CASE("with all descriptors used the next frame is dropped for want of one") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.rx_ring(0, 0, 0x10000, 0, 3);
  b.timeline.run(1_us);
  for (PacketId id = 1; id <= 4; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(0), id));
  CHECK(b.book.drops == Drops{{4, DropReason::no_receive_descriptor}});
  for (unsigned i = 0; i < 3; ++i) CHECK(b.get_header(0x11000 + i * 0x800).id == i + 1);
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 3);
}

TEST_CASE("a frame waits in the packet buffer for descriptors on their way, and the buffer is finite") {
  auto params = NicBench::quick();
  params.receiver.buffer = 16_KiB;
  NicBench b(params);
  b.nic.sorter().set_default(Destination{0});
  b.rx_ring(0, 0, 0x10000, 0);  // the fetch takes 500 ns
  for (PacketId id = 1; id <= 11; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(0), id, 1514));
  CHECK(b.book.drops == Drops{{11, DropReason::receive_buffer_full}});  // 10 x 1514 B fit in 16 KiB
  b.timeline.run(500_ns - 1_ps);
  CHECK(b.host.sent(TlpType::memory_write).empty());
  b.timeline.run(500_ns);
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 10);
  b.audit(Invariant::at_rest);
}

TEST_CASE("while writes wait for the link, descriptors are written back several at a time") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.rx_ring(0, 0, 0x10000, 0);
  b.timeline.run(1_us);
  b.host.posted_credits = 0;
  b.host.log.clear();
  for (PacketId id = 1; id <= 8; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(0), id, 1500));
  CHECK(b.host.backlog(FcClass::posted) == b.params.dma_engine.posted_backlog);
  while (b.host.backlog(FcClass::posted) != 0) b.host.credits(100);
  std::vector<std::uint32_t> write_backs;
  for (const Sent& s : b.host.sent(TlpType::memory_write))
    if (s.address < 0x11000) write_backs.push_back(s.length);
  // two frames fit in the backlog and are over at once; the others are on their way together
  CHECK(write_backs == std::vector<std::uint32_t>{16, 16, 64, 32});
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 8);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a long frame fills several buffers, the last one marked as end of packet") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.rx_ring(0, 0, 0x10000, 0);
  b.timeline.run(1_us);
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 8, 5000));
  const std::array<std::uint32_t, 3> length{2048, 2048, 904}, status{1, 1, 3};
  for (unsigned i = 0; i < 3; ++i) {
    const auto d = b.host.peek<nic::RxDescriptor>(0x10000 + 16 * i);
    CHECK(d.write_back.length == length[i]);
    CHECK(d.write_back.status_error == status[i]);
  }
  CHECK(b.get_header(0x11000).id == 8);
}

TEST_CASE("a frame of more buffers than the queue prefetches has the rest fetched when it is its turn") {
  auto params = NicBench::quick();
  params.receiver.descriptor_buffer = 256_B, params.receiver.prefetch = params.receiver.prefetch_threshold = 4;
  NicBench b(params);
  b.nic.sorter().set_default(Destination{0});
  b.rx_ring(0, 0, 0x10000, 0);
  b.timeline.run(1_us);
  for (PacketId id = 1; id <= 2; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(0), id, 1500));
  b.timeline.run(1500_ns - 1_ps);  // two more descriptors are on their way
  CHECK(b.host.sent(TlpType::memory_write).empty());
  b.timeline.run(1500_ns);
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 1);
  b.timeline.run(2_us - 1_ps);  // none was left: six at once
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 1);
  b.timeline.run(2_us);
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 2);
  CHECK(b.get_header(0x11000 + 6 * 0x800).id == 2);
  b.timeline.run(3_us);
  b.audit(Invariant::at_rest);
}

TEST_CASE("thresholds hold up no frame that needs more descriptors") {
  auto params = NicBench::quick();
  params.receiver.descriptor_buffer = 256_B;
  params.receiver.prefetch = 5, params.receiver.prefetch_threshold = 1, params.receiver.host_threshold = 64;
  NicBench b(params);
  b.nic.sorter().set_default(Destination{0});
  b.rx_ring(0, 0, 0x10000, 0, 12);
  for (PacketId id = 1; id <= 2; ++id) b.nic.frame(NicBench::make_frame(NicBench::mac(0), id, 1500));
  b.timeline.run(10_us);
  CHECK(b.nic.table().count(0, FunctionTable::rx_frames) == 2);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a frame that waits for buffers goes on with those that come, however few") {
  auto params = NicBench::quick();
  params.receiver.descriptor_buffer = 256_B, params.receiver.host_threshold = 8;
  NicBench b(params);
  REQUIRE(b.enable_vfs(1) == 1);
  b.nic.sorter().set_default(Destination{1});
  b.write_vf(1, nic::vf_control, nic::vf_receive_enable);  // drop enable off
  b.rx_ring(1, 0, 0x10000, 0, 5);
  b.nic.frame(NicBench::make_frame(NicBench::mac(1), 1, 1500));
  b.timeline.run(10_us);
  CHECK(b.book.drops.empty());
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 0);
  b.write(1, nic::rx_register(0, nic::queue_tail), 6);
  b.timeline.run(20_us);
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 1);
}

TEST_CASE("a frame of more buffers than its ring can ever hold is dropped, also with drop enable off") {
  auto params = NicBench::quick();
  params.receiver.descriptor_buffer = 256_B;
  NicBench b(params);
  REQUIRE(b.enable_vfs(1) == 1);
  b.nic.sorter().set_default(Destination{1});
  b.write_vf(1, nic::vf_control, nic::vf_receive_enable);
  b.rx_ring(1, 0, 0x10000, 0);
  b.nic.frame(NicBench::make_frame(NicBench::mac(1), 1, 16 * 256));
  b.nic.frame(NicBench::make_frame(NicBench::mac(1), 2, 15 * 256));
  b.timeline.run(10_us);
  CHECK(b.book.drops == Drops{{1, DropReason::no_receive_descriptor}});
  CHECK(b.nic.table().count(1, FunctionTable::rx_frames) == 1);
}

TEST_CASE("MAC and VLAN choose function or pool, the flow chooses the queue within", "[G1]") {
  NicBench b;
  b.enable_vfs(2);
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{1});
  b.nic.sorter().add_filter(NicBench::mac(1), std::uint16_t{100}, Destination{2});
  b.rx_ring(1, 0, 0x10000, 0);
  b.rx_ring(1, 1, 0x20000, 0);
  b.rx_ring(2, 0, 0x30000, 0);
  b.timeline.run(1_us);
  Frame tagged = NicBench::make_frame(NicBench::mac(1), 50);
  tagged.header.vlan = 100;
  b.nic.frame(std::move(tagged));
  CHECK(b.get_header(0x31000).id == 50);
  unsigned spread[2] = {0, 0};
  for (std::uint32_t flow = 0; flow < 10; ++flow) {
    const unsigned queue = endpoint::ToeplitzHash().of(NicBench::make_frame(NicBench::mac(1), 0, 60, flow).header) % 128 % 2;
    b.nic.frame(NicBench::make_frame(NicBench::mac(1), 100 + flow, 60, flow));
    CHECK(b.get_header((queue ? 0x21000 : 0x11000) + 0x800 * spread[queue]).id == 100 + flow);
    ++spread[queue];
  }
  CHECK(spread[0] > 0);
  CHECK(spread[1] > 0);
}

TEST_CASE("a broadcast reaches every function that listens, and only those", "[G8]") {
  NicBench b;
  b.enable_vfs(3);
  b.rx_ring(1, 0, 0x10000, 0);
  b.rx_ring(3, 0, 0x30000, 0);
  b.timeline.run(1_us);
  b.nic.frame(NicBench::make_frame({0xffff'ffff'ffffull}, 9));
  CHECK(b.get_header(0x11000).id == 9);
  CHECK(b.get_header(0x31000).id == 9);
  CHECK(b.book.drops.empty());
  CHECK(b.nic.table().sum(FunctionTable::rx_frames) == 2);
  b.audit(Invariant::at_rest);
}

TEST_CASE("a received packet's journey passes device, link, completion and interrupt") {
  NicBench b;
  JourneyLog log("log");
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 0, 4000);
  b.rx_ring(0, 0, 0x10000, 0);
  b.timeline.run(1_us);
  const JourneyRef first = log.begin(Stage::wire, 500_ns), second = log.begin(Stage::wire, 500_ns);
  for (const JourneyRef& ref : {first, second}) {
    Frame f = NicBench::make_frame(NicBench::mac(0), 1);
    f.journey = ref;
    b.nic.frame(std::move(f));
  }
  CHECK(first.get()->stage == Stage::link);  // its three writes have just left, one behind the other
  b.timeline.run(2_us);
  second.enter(Stage::memory, 1500_ns);  // as a root complex does
  b.timeline.run(10_us);
  const auto spent = [](const JourneyRef& ref, Stage s) { return ref.get()->spent[static_cast<std::size_t>(s)]; };
  CHECK(second.get()->stage == Stage::interrupt);
  second.enter(Stage::guest_handler, 10_us);
  CHECK(spent(second, Stage::wire) == 500_ns);
  CHECK(spent(second, Stage::link) == 500_ns);
  CHECK(spent(second, Stage::memory) == Time());
  CHECK(spent(second, Stage::interrupt) == 8500_ns);  // moderation included
  std::vector<bool> carried;
  for (const Sent& s : b.host.sent(TlpType::memory_write)) carried.push_back(s.has_journey);
  CHECK(carried == std::vector<bool>{true, true, true, true, true, true});  // payload, write-back, message: twice
}

TEST_CASE("a reset loses what waits, says so, and nothing of it reaches memory afterwards") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.rx_ring(0, 0, 0x10000, 0);
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 3));  // its descriptor is being fetched
  b.write(0, nic::reg_control, 1);
  b.timeline.run(2_us);
  CHECK(b.book.drops == Drops{{3, DropReason::reset}});
  CHECK(b.host.sent(TlpType::memory_write).empty());
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 4));
  CHECK(b.book.drops.back() == std::pair<PacketId, DropReason>{4, DropReason::no_receive_descriptor});
  b.rx_ring(0, 0, 0x10000, 0);
  b.timeline.run(3_us);
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 5));
  CHECK(b.get_header(0x11000).id == 5);
  b.audit(Invariant::at_rest);
}

TEST_CASE("the loss of one VF's frames leaves its sibling's alone", "[B20]") {
  NicBench b;
  b.enable_vfs(2);
  for (unsigned n = 1; n <= 2; ++n) {
    b.nic.sorter().add_filter(NicBench::mac(n), std::nullopt, Destination{n});
    b.rx_ring(n, 0, 0x10000 * n, 0);
    b.nic.frame(NicBench::make_frame(NicBench::mac(n), n));
  }
  b.write(1, nic::reg_control, 1);
  b.timeline.run(2_us);
  CHECK(b.book.drops == Drops{{1, DropReason::reset}});
  CHECK(b.get_header(0x21000).id == 2);
  b.audit(Invariant::at_rest);
}
