// SPDX-License-Identifier: Apache-2.0
#include "models/software/virtqueue.h"

#include <catch2/catch.hpp>

#include "models/host/memory.h"
using namespace iov;
using namespace iov::software;

namespace {
struct Ring {
  Timeline timeline{"timeline"};
  host::Memory memory{"memory", timeline, {}};
  MemoryPort port{"port", timeline};
  bool bound = (port.socket.bind(memory.socket), true);
  MemoryView view{port, Hpa(0x100000), 1 << 20, 0};
  VirtqueueLayout layout;
  VirtqueueDriver driver;
  VirtqueueDevice device;
  explicit Ring(bool event_index, bool packed = false, std::uint16_t size = 8)
      : layout(VirtqueueLayout::allocate(view, size, event_index, packed)), driver(view, layout), device(view, layout) {}
  template <class T>
  T at(Gpa address) {
    return port.peek<T>(view.host(address));
  }
};
struct Variant {
  bool event_index, packed;
};
constexpr Variant variants[] = {{false, false}, {true, false}, {false, true}, {true, true}};
}  // namespace

TEST_CASE("a split ring lies in memory as virtio 2.7 says", "[A27]") {
  Ring r(false);
  const auto id = r.driver.add(Gpa(0xabc000), 1514, true);
  const auto desc = r.port.peek<vring_desc>(r.view.host(r.layout.descriptor(id)));
  CHECK(desc.addr == 0xabc000);
  CHECK(desc.len == 1514);
  CHECK(desc.flags == VRING_DESC_F_WRITE);
  CHECK(r.port.peek<std::uint16_t>(r.view.host(r.layout.available) + 2) == 1);
  CHECK(r.port.peek<std::uint16_t>(r.view.host(r.layout.available) + 4) == id);
  REQUIRE(r.device.has_available());
  const auto buffer = r.device.take();
  r.device.push_used(buffer.id, 99);
  REQUIRE(r.driver.has_used());
  const auto used = r.driver.take_used();
  CHECK(used.id == id);
  CHECK(used.len == 99);
  CHECK_FALSE(r.driver.has_used());
}

TEST_CASE("a running back end is kicked once for a burst, whatever its length", "[A5]") {
  for (const auto [event_index, packed] : variants) {
    CAPTURE(event_index, packed);
    Ring r(event_index, packed);
    REQUIRE(r.device.enable_kicks());
    int kicks = 0;
    for (int i = 0; i < 6; ++i) {
      r.driver.add(Gpa(0x1000), 64, false);
      if (r.driver.kick_needed()) {
        ++kicks;
        r.device.disable_kicks();  // the back end now runs
      }
    }
    CHECK(kicks == 1);
    while (r.device.has_available()) r.device.push_used(r.device.take().id, 0);
    CHECK(r.device.enable_kicks());
    while (r.driver.has_used()) r.driver.take_used();
    r.driver.add(Gpa(0x1000), 64, false);
    CHECK(r.driver.kick_needed());
  }
}

TEST_CASE("enabling kicks reports a buffer that came in between") {
  for (const auto [event_index, packed] : variants) {
    CAPTURE(event_index, packed);
    Ring r(event_index, packed);
    r.device.disable_kicks();
    r.driver.add(Gpa(0x1000), 64, false);
    CHECK_FALSE(r.device.enable_kicks());
  }
}

TEST_CASE("the driver hears of used buffers only when it asked") {
  for (const auto [event_index, packed] : variants) {
    CAPTURE(event_index, packed);
    Ring r(event_index, packed);
    for (int i = 0; i < 4; ++i) r.driver.add(Gpa(0x1000), 64, true);
    r.driver.disable_interrupts();
    r.device.push_used(r.device.take().id, 64);
    CHECK_FALSE(r.device.interrupt_needed());
    r.driver.take_used();
    CHECK(r.driver.enable_interrupts());
    r.device.push_used(r.device.take().id, 64);
    CHECK(r.device.interrupt_needed());
  }
}

TEST_CASE("event index delays the interrupt until the buffer asked for is used, wherever the ring begins again") {
  for (const bool packed : {false, true})
    for (int before = 0; before < 20; ++before) {
      CAPTURE(packed, before);
      Ring r(true, packed);
      for (int i = 0; i < before; ++i) {
        r.driver.add(Gpa(0x1000), 64, true);
        r.device.push_used(r.device.take().id, 64);
        r.driver.take_used();
      }
      r.driver.disable_interrupts();
      r.device.interrupt_needed();
      for (int i = 0; i < 6; ++i) r.driver.add(Gpa(0x1000), 64, true);
      CHECK(r.driver.enable_interrupts(3));
      int interrupts_at = 0;
      for (int i = 1; i <= 5; ++i) {
        r.device.push_used(r.device.take().id, 64);
        if (r.device.interrupt_needed()) interrupts_at = interrupts_at ? -1 : i;
      }
      CHECK(interrupts_at == 4);
    }
}

TEST_CASE("indices run freely through many rounds of the ring and 65536") {
  for (const bool packed : {false, true}) {
    Ring r(true, packed);
    for (int i = 0; i < 70000; ++i) {
      const auto id = r.driver.add(Gpa(0x1000), 64, false);
      REQUIRE(r.device.has_available());
      REQUIRE(r.device.take().id == id);
      REQUIRE_FALSE(r.device.has_available());
      REQUIRE_FALSE(r.driver.has_used());
      r.device.push_used(id, 0);
      REQUIRE(r.driver.has_used());
      REQUIRE(r.driver.take_used().id == id);
    }
    CHECK(r.driver.room() == 8);
  }
}

TEST_CASE("a packed ring lies in memory as virtio 2.8 says", "[A27]") {
  Ring r(true, true, 4);
  constexpr unsigned avail = 1u << VRING_PACKED_DESC_F_AVAIL, used = 1u << VRING_PACKED_DESC_F_USED;
  const auto id = r.driver.add(Gpa(0xabc000), 1514, true);
  auto desc = r.at<vring_packed_desc>(r.layout.descriptors);
  CHECK(desc.addr == 0xabc000);
  CHECK(desc.len == 1514);
  CHECK(desc.id == id);
  CHECK(desc.flags == (avail | VRING_DESC_F_WRITE));
  r.device.push_used(r.device.take().id, 99);
  desc = r.at<vring_packed_desc>(r.layout.descriptors);
  CHECK(desc.id == id);
  CHECK(desc.len == 99);
  CHECK(desc.flags == (avail | used));
  r.driver.take_used();
  // the second round: both wrap counters are 0
  for (int i = 0; i < 3; ++i) {
    r.driver.add(Gpa(0x1000), 64, false);
    r.device.push_used(r.device.take().id, 0);
    r.driver.take_used();
  }
  r.driver.add(Gpa(0x2000), 64, false);
  CHECK(r.at<vring_packed_desc>(r.layout.descriptors).flags == used);
  r.device.push_used(r.device.take().id, 0);
  CHECK(r.at<vring_packed_desc>(r.layout.descriptors).flags == 0);
  // at which descriptor, of which round, an event is wanted
  r.driver.enable_interrupts(2);
  CHECK(r.at<vring_packed_desc_event>(r.layout.available).off_wrap == 2);
  CHECK(r.at<vring_packed_desc_event>(r.layout.available).flags == VRING_PACKED_EVENT_FLAG_DESC);
  r.device.disable_kicks();
  CHECK(r.at<vring_packed_desc_event>(r.layout.used).flags == VRING_PACKED_EVENT_FLAG_DISABLE);
}

TEST_CASE("buffers of a packed ring come back in any order") {
  Ring r(true, true, 4);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::uint16_t> taken;
    for (int i = 0; i < 4; ++i) r.driver.add(Gpa(0x1000), 64, true);
    CHECK(r.driver.room() == 0);
    for (int i = 0; i < 4; ++i) taken.push_back(r.device.take().id);
    CHECK_FALSE(r.device.has_available());
    for (const int which : {2, 0, 3, 1}) r.device.push_used(taken[static_cast<std::size_t>(which)], 7);
    for (const int which : {2, 0, 3, 1}) {
      REQUIRE(r.driver.has_used());
      CHECK(r.driver.take_used().id == taken[static_cast<std::size_t>(which)]);
    }
    CHECK_FALSE(r.driver.has_used());
  }
}

TEST_CASE("one buffer at a time moves eight lines in a split ring, four in a packed one", "[A27]") {
  // Split: descriptor, available entry with its index, used element, used index each go over and come back to be written.
  // Packed: the descriptor goes over, comes back used, twice each: to be read and to be written.
  for (const bool packed : {false, true}) {
    Ring r(false, packed, 256);
    for (int i = 0; i < 15; ++i) {  // the next used element lies across two lines
      if (i == 8) r.driver.take_moves(), r.device.take_moves();  // used elements have left their index's line
      const auto id = r.driver.add(Gpa(0x1000), 64, false);
      REQUIRE(r.device.take().id == id);
      r.device.push_used(id, 0);
      REQUIRE(r.driver.has_used());
      r.driver.take_used();
    }
    CAPTURE(packed);
    CHECK(r.driver.take_moves() == 7u * (packed ? 2u : 4u));
    CHECK(r.device.take_moves() == 7u * (packed ? 2u : 4u));
  }
}

TEST_CASE("of a burst a line moves once for all that lies in it: about one line per buffer in both layouts") {
  for (const bool packed : {false, true}) {
    Ring r(true, packed, 256);
    const auto round = [&] {
      for (int i = 0; i < 64; ++i) r.driver.add(Gpa(0x1000), 64, false);
      while (r.device.has_available()) r.device.push_used(r.device.take().id, 0);
      while (r.driver.has_used()) r.driver.take_used();
    };
    for (int i = 0; i < 4; ++i) round();
    r.driver.take_moves(), r.device.take_moves();
    round();
    const unsigned moves = r.driver.take_moves() + r.device.take_moves();
    CAPTURE(packed, moves);
    CHECK(moves >= 56);
    CHECK(moves <= 72);
  }
}

TEST_CASE("a descriptor that points outside guest memory is marked invalid, not followed") {
  for (const bool packed : {false, true}) {
    Ring r(true, packed);
    r.driver.add(Gpa(0xffff'ffff'0000), 1500, false);
    CHECK_FALSE(r.device.take().valid);
  }
}
