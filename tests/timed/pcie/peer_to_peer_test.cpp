// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/pcie/root_bench.h"
using namespace iov;
using namespace iov::pcie;

namespace {
/// Two devices, each below its own root port.
struct TwoDevices {
  static constexpr std::uint64_t bar_a = 0x8'0000'0000, bar_b = 0x8'0010'0000;
  Timeline timeline{"timeline"};
  RootComplex rc{"rc", timeline, {}};
  Port a, root_a, b, root_b;
  FixedMemory memory{"memory", timeline, 50_ns, 30_ns};
  DeviceEnd at_a{a, timeline}, at_b{b, timeline};
  explicit TwoDevices(const LinkParams& b_params = {})
      : a("a", timeline, {}), root_a("root_a", timeline, {}), b("b", timeline, b_params), root_b("root_b", timeline, {}) {
    a.connect(root_a);
    b.connect(root_b);
    const unsigned port_a = rc.add_root_port(root_a), port_b = rc.add_root_port(root_b);
    open_port(rc, port_a, 1, 1, bar_a, 0x10'0000);
    open_port(rc, port_b, 2, 2, bar_b, 0x10'0000);
    rc.memory.socket.bind(memory.socket);
    timeline.run(1_ns);
  }
  void run(Time more) { timeline.run(timeline.now() + more); }
};
}  // namespace

TEST_CASE("peer-to-peer: a read of another device's BAR goes there, its completion comes back by ID", "[B24]") {
  TwoDevices t;
  Tlp read = dma_read(TwoDevices::bar_b + 0x40, 8, 5);
  read.requester = RequesterId{0x101};
  t.a.send(std::move(read));
  t.run(2_us);
  REQUIRE(t.at_b.got.size() == 1);
  const Tlp& request = t.at_b.got[0].tlp;
  CHECK(request.address == TwoDevices::bar_b + 0x40);
  CHECK(request.requester == RequesterId{0x101});
  Tlp answer = completion(8, request.tag);
  answer.requester = request.requester;
  t.b.send(std::move(answer));
  t.run(2_us);
  REQUIRE(t.at_a.got.size() == 1);
  CHECK(t.at_a.got[0].tlp.tag == 5);
  CHECK(t.memory.log.empty());
  CHECK(t.rc.inbound.peer_to_peer.value() == 1);
  audit(Invariant::at_rest, t.timeline.now());
}

TEST_CASE("peer-to-peer: writes arrive in order and wait for the peer's credits, keeping their own") {
  LinkParams slow;
  slow.receive.posted_headers = 1;
  TwoDevices t(slow);
  for (std::uint16_t i = 0; i < 20; ++i) {
    Tlp write = memory_write(64, i, TwoDevices::bar_b);
    write.requester = RequesterId{0x100};
    t.a.send(std::move(write));
  }
  t.run(100_us);
  REQUIRE(t.at_b.got.size() == 20);
  for (std::uint16_t i = 0; i < 20; ++i) CHECK(t.at_b.got[i].tlp.tag == i);
  CHECK(t.rc.inbound.write_lines.peak() > 10);
  audit(Invariant::at_rest, t.timeline.now());
}

TEST_CASE("peer-to-peer: a function reaches another one below the same root port") {
  TwoDevices t;
  Tlp write = memory_write(64, 9, TwoDevices::bar_a);
  write.requester = RequesterId{0x100};
  t.a.send(std::move(write));
  t.run(2_us);
  REQUIRE(t.at_a.got.size() == 1);
  CHECK(t.at_a.got[0].tlp.tag == 9);
}
