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
  explicit Ring(bool event_index)
      : layout(VirtqueueLayout::allocate(view, 8, event_index)), driver(view, layout), device(view, layout) {}
};
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
  REQUIRE(r.device.available() == 1);
  const auto buffer = r.device.take();
  r.device.push_used(buffer.id, 99);
  REQUIRE(r.driver.has_used());
  const auto used = r.driver.take_used();
  CHECK(used.id == id);
  CHECK(used.len == 99);
  CHECK_FALSE(r.driver.has_used());
}

TEST_CASE("a running back end is kicked once for a burst, whatever its length", "[A5]") {
  for (const bool event_index : {false, true}) {
    Ring r(event_index);
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
    while (r.device.available()) r.device.push_used(r.device.take().id, 0);
    CHECK(r.device.enable_kicks());
    while (r.driver.has_used()) r.driver.take_used();
    r.driver.add(Gpa(0x1000), 64, false);
    CHECK(r.driver.kick_needed());
  }
}

TEST_CASE("enabling kicks reports a buffer that came in between") {
  for (const bool event_index : {false, true}) {
    Ring r(event_index);
    r.device.disable_kicks();
    r.driver.add(Gpa(0x1000), 64, false);
    CHECK_FALSE(r.device.enable_kicks());
  }
}

TEST_CASE("the driver hears of used buffers only when it asked") {
  for (const bool event_index : {false, true}) {
    Ring r(event_index);
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

TEST_CASE("event index delays the interrupt until the buffer asked for is used") {
  Ring r(true);
  for (int i = 0; i < 6; ++i) r.driver.add(Gpa(0x1000), 64, true);
  r.driver.enable_interrupts(3);
  int interrupts_at = 0;
  for (int i = 1; i <= 5; ++i) {
    r.device.push_used(r.device.take().id, 64);
    if (r.device.interrupt_needed()) interrupts_at = interrupts_at ? -1 : i;
  }
  CHECK(interrupts_at == 4);
}

TEST_CASE("indices run freely through many rounds of the ring and 65536") {
  Ring r(true);
  for (int i = 0; i < 70000; ++i) {
    const auto id = r.driver.add(Gpa(0x1000), 64, false);
    REQUIRE(r.device.available() == 1);
    REQUIRE(r.device.take().id == id);
    r.device.push_used(id, 0);
    REQUIRE(r.driver.has_used());
    REQUIRE(r.driver.take_used().id == id);
  }
  CHECK(r.driver.room() == 8);
}

TEST_CASE("a descriptor that points outside guest memory is marked invalid, not followed") {
  Ring r(true);
  r.driver.add(Gpa(0xffff'ffff'0000), 1500, false);
  CHECK_FALSE(r.device.take().valid);
}
