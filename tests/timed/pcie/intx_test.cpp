// SPDX-License-Identifier: Apache-2.0
#include "tests/timed/pcie/two_devices.h"
using namespace iov;
using namespace iov::pcie;

namespace {
struct Pins : InterruptPins {
  explicit Pins(Timeline& t) : timeline(t) {}
  struct Change {
    Time when;
    std::uint16_t source;
    unsigned pin;
    bool asserted;
    friend bool operator==(const Change&, const Change&) = default;
  };
  void wire(RequesterId source, unsigned pin, bool asserted) override { changes.push_back({timeline.now(), source.value, pin, asserted}); }
  void end_of_interrupt(std::uint8_t) override {}
  Timeline& timeline;
  std::vector<Change> changes;
};
Tlp intx(unsigned code) {
  Tlp tlp;
  tlp.type = TlpType::message;
  tlp.message = static_cast<MessageCode>(code);
  return tlp;
}
}  // namespace

TEST_CASE("INTx messages drive the pins of their root port, behind the writes before them", "[F1]") {
  RootBench b;
  Pins pins(b.timeline);
  b.rc.set_interrupt_pins(&pins);
  BytePool pool;
  const Time start = b.timeline.now();
  Tlp write = dma_write(pool, 0x1000, 64, 1);
  const Time written = start + b.flight(write) + RootComplexParams{}.inbound_latency + 30_ns;
  b.send(std::move(write));
  b.send(intx(0x20));
  b.run(10_us);
  b.send(intx(0x24));
  b.send(intx(0x23));
  b.run(10_us);
  REQUIRE(pins.changes.size() == 3);
  CHECK(pins.changes[0].when >= written);
  CHECK(pins.changes[0].when < written + 50_ns);
  CHECK((pins.changes[0].pin == 16 && pins.changes[0].asserted && pins.changes[0].source == 0x100));
  CHECK((pins.changes[1].pin == 16 && !pins.changes[1].asserted));
  CHECK((pins.changes[2].pin == 19 && pins.changes[2].asserted));
  audit(Invariant::at_rest, b.timeline.now());
}

TEST_CASE("INTx messages of a second root port are swizzled, and dropped where there is no controller", "[F1]") {
  TwoDevices t;
  Pins pins(t.timeline);
  const auto message = [] {
    Tlp tlp = intx(0x20);
    tlp.requester = RequesterId{0x200};
    return tlp;
  };
  t.b.send(message());
  t.run(10_us);
  CHECK(t.rc.inbound.dropped_writes.value() == 1);
  t.rc.set_interrupt_pins(&pins);
  t.b.send(message());
  t.run(10_us);
  REQUIRE(pins.changes.size() == 1);
  CHECK(pins.changes[0].pin == 17);
}
