// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/pcie/two_devices.h"
using namespace iov;
using namespace iov::pcie;

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
