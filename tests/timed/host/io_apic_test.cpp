// SPDX-License-Identifier: Apache-2.0
#include "models/host/io_apic.h"

#include <catch2/catch.hpp>

#include "models/host/processors.h"
using namespace iov;
using namespace iov::host;

namespace {
struct Board {
  Timeline timeline{"timeline"};
  Processors processors{"cpu", timeline, {}};
  IoApic io_apic{"io_apic", timeline, {}};
  Core& core = processors.core(1);
  std::uint8_t vector = core.allocate_vector(bind<&Board::handle>(this));
  std::vector<std::uint64_t> handled;  ///< ps
  bool quiets_device = true;

  Board() {
    io_apic.set_remapper(processors);
    processors.set_interrupt_pins(io_apic);
  }
  Task handle(Strand& strand) {
    handled.push_back(to_ps(timeline.now()));
    co_await strand.spend(Context::irq, Work::driver, 1_us);
    if (quiets_device) io_apic.wire({0x0100}, 16, false);
  }
  void set_entry(unsigned pin, std::uint64_t entry) {  // high half first: the low half has the mask
    write_window(static_cast<std::uint8_t>(0x11 + 2 * pin), static_cast<std::uint32_t>(entry >> 32));
    write_window(static_cast<std::uint8_t>(0x10 + 2 * pin), static_cast<std::uint32_t>(entry));
  }
  void write_window(std::uint8_t index, std::uint32_t value) {
    io_apic.write(IoApic::reg_select, index);
    io_apic.write(IoApic::reg_window, value);
  }
};
}  // namespace

TEST_CASE("a pin of the I/O interrupt controller interrupts the processor that its entry names", "[F1]") {
  Board b;
  b.set_entry(4, redirection::compatibility(1, b.vector, false));
  b.timeline.run(1_us);
  b.io_apic.wire({0x0100}, 4, true);
  b.timeline.run(10_us);
  // controller 0.1, bus 0.05, exit from idle 2, gate 0.3
  REQUIRE(b.handled == std::vector<std::uint64_t>{3'450'000});
  b.io_apic.wire({0x0100}, 4, true);  // no edge
  b.timeline.run(20_us);
  CHECK(b.handled.size() == 1);
  b.io_apic.wire({0x0100}, 4, false);
  b.io_apic.wire({0x0100}, 4, true);
  b.timeline.run(30_us);
  CHECK(b.handled.size() == 2);
}

TEST_CASE("a level-triggered pin interrupts again after the end of the handler, as long as a device asserts it", "[F1]") {
  Board b;
  b.set_entry(16, redirection::compatibility(1, b.vector, true));
  b.timeline.run(1_us);
  b.quiets_device = false;
  b.io_apic.wire({0x0100}, 16, true);
  b.io_apic.wire({0x0200}, 16, true);  // shared, as INTx are: one message for both
  b.timeline.run(3'500_ns);
  CHECK(b.io_apic.entry(16) & redirection::remote_irr);
  CHECK(b.handled.size() == 1);
  b.timeline.run(5_us);
  // handler until 4.45, end of interrupt 4.65: again after 0.15, exit from idle 2 and gate 0.3
  CHECK(b.handled.size() == 1);
  b.timeline.run(7_us + 150_ns);
  REQUIRE(b.handled.size() == 2);
  CHECK(b.handled[1] == 7'100'000);
  b.quiets_device = true;
  b.io_apic.wire({0x0200}, 16, false);
  b.timeline.run(50_us);
  CHECK(b.handled.size() == 2);  // the second run quietened the first device as well
  CHECK_FALSE(b.io_apic.entry(16) & redirection::remote_irr);
}

TEST_CASE("a masked pin loses edges and keeps levels", "[F1]") {
  Board b;
  b.set_entry(3, redirection::compatibility(1, b.vector, false) | redirection::masked);
  b.set_entry(16, redirection::compatibility(1, b.vector, true) | redirection::masked);
  b.io_apic.wire({0x0100}, 3, true);
  b.io_apic.wire({0x0100}, 16, true);
  b.timeline.run(10_us);
  CHECK(b.handled.empty());
  b.set_entry(3, redirection::compatibility(1, b.vector, false));
  b.timeline.run(20_us);
  CHECK(b.handled.empty());
  b.set_entry(16, redirection::compatibility(1, b.vector, true));
  b.timeline.run(30_us);
  CHECK(b.handled.size() == 1);
}

TEST_CASE("software reads the table back, but does not write what the controller keeps", "[F1]") {
  Board b;
  const auto window = [&](std::uint8_t index) {
    b.io_apic.write(IoApic::reg_select, index);
    return b.io_apic.read(IoApic::reg_window);
  };
  CHECK(window(1) == 0x0017'0020);  // 24 entries
  CHECK(window(0x10) == 0x0001'0000);
  b.set_entry(7, redirection::remappable(0x9234, 0x51, true) | redirection::remote_irr);
  CHECK(window(0x10 + 14) == (0x8000u | 1u << 11 | 0x51));
  CHECK(window(0x11 + 14) == (0x1234u << 17 | 1u << 16));
  CHECK(window(0xff) == 0);
  b.io_apic.wire({0x0100}, 24, true);  // no such pin
}
