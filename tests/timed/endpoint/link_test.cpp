// SPDX-License-Identifier: Apache-2.0
/// The NIC on a real link, root complex and memory.
#include <catch2/catch.hpp>

#include "models/endpoint/types/nic.h"
#include "models/host/memory.h"
#include "models/pcie/port.h"
#include "models/pcie/root_complex.h"
#include "tests/timed/endpoint/nic_bench.h"
#include "tests/timed/pcie/open_port.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace {
struct Interrupts : InterruptRemapper {
  void interrupt(const InterruptMessage& m) override { all.push_back(m); }
  std::vector<InterruptMessage> all;
};
struct Machine {
  static constexpr std::uint64_t bar = 0xf000'0000;
  static endpoint::Nic::Params carrying() {
    endpoint::Nic::Params p;
    p.carry_payload = true;
    return p;
  }
  Machine() {
    root.memory.socket.bind(memory.socket);
    up.connect(down);
    pcie::open_port(root, root.add_root_port(down), 1, 1, bar, 0x100'0000);
    root.set_interrupt_remapper(&interrupts);
    nic.set_wire(&wire, Time());
    nic.sorter().set_default(Destination{0});
  }
  void write(std::uint32_t reg, std::uint64_t value, unsigned bytes = 4) { root.write(Hpa(bar + reg), value, bytes, {}); }
  void ring(std::uint32_t first_register, std::uint64_t base, std::uint32_t tail) {
    write(first_register + nic::queue_base, base, 8);
    write(first_register + nic::queue_length, 64);
    write(first_register + nic::queue_control, 1);
    write(first_register + nic::queue_tail, tail);
  }
  Timeline timeline{"timeline"};
  host::Memory memory{"memory", timeline, {}};
  pcie::Port down{"down", timeline, {}}, up{"up", timeline, {}};
  pcie::RootComplex root{"root", timeline, {}};
  Interrupts interrupts;
  Wire wire{timeline};
  Book book;
  endpoint::Nic nic{"nic0", timeline, carrying(), up, book};
  Enumerated enumerated{nic, bar, 0xf100'0000};
};
}  // namespace

TEST_CASE("over a real link frames arrive byte-exact, in order, with the interrupt behind the data", "[G4]") {
  Machine m;
  const std::uint64_t ring = 0x10'0000, buffers = 0x20'0000;
  for (std::uint64_t i = 0; i < 40; ++i) {
    nic::RxDescriptor d{};
    d.read.address = buffers + i * 0x800;
    m.root.memory.poke_value(Hpa(ring + 16 * i), d);
  }
  const auto entry = static_cast<std::uint32_t>(m.enumerated.msix(0) - Machine::bar);
  m.write(entry, 0xfee0'0000u);
  m.write(entry + 8, 0x55);
  m.write(entry + 12, 0);
  m.write(nic::reg_interrupt_mask_set, 1, 8);
  m.ring(nic::rx_register(0, nic::queue_base), ring, 40);
  m.timeline.run(10_us);
  BytePool pool;
  for (PacketId id = 1; id <= 40; ++id) {
    Frame f = NicBench::make_frame(NicBench::mac(0), id, 1500);
    f.data = pool.take(1500);
    for (unsigned i = 0; i < 1500; ++i) f.data.data()[i] = static_cast<std::uint8_t>(i * id);
    f.header.write(std::span<std::uint8_t, FrameHeader::header_bytes>(f.data.data(), FrameHeader::header_bytes));
    m.timeline.run(10_us + Time(1230.0 * static_cast<double>(id), sc_core::SC_NS));  // 10 Gb/s
    m.nic.frame(std::move(f));
  }
  m.timeline.run(200_us);
  unsigned right = 0;
  for (PacketId id = 1; id <= 40; ++id) {
    std::array<std::uint8_t, 1500> seen{};
    m.root.memory.peek(Hpa(buffers + (id - 1) * 0x800), seen);
    bool same = FrameHeader::read(std::span<const std::uint8_t, FrameHeader::header_bytes>(seen.data(), FrameHeader::header_bytes)).id == id;
    for (unsigned i = FrameHeader::header_bytes; i < 1500; ++i) same &= seen[i] == static_cast<std::uint8_t>(i * id);
    right += same && (m.root.memory.peek<nic::RxDescriptor>(Hpa(ring + 16 * (id - 1))).write_back.status_error & 1);
  }
  CHECK(right == 40);
  CHECK(m.book.drops.empty());
  REQUIRE(m.interrupts.all.size() == 40);
  CHECK(m.interrupts.all[0].data == 0x55);
  CHECK(m.interrupts.all[0].requester.value == 0x0100);
  audit(Invariant::at_rest, m.timeline.now());
}

TEST_CASE("over a real link a full transmit ring keeps the Ethernet wire busy without gaps") {
  Machine m;
  const std::uint64_t ring = 0x10'0000, buffer = 0x20'0000;
  std::array<std::uint8_t, FrameHeader::header_bytes> header{};
  FrameHeader{NicBench::mac(9), NicBench::mac(0), FrameHeader::vlan_none, 0, 1}.write(header);
  m.root.memory.poke(Hpa(buffer), header);
  for (std::uint64_t i = 0; i < 63; ++i)
    m.root.memory.poke_value(Hpa(ring + 16 * i),
                             nic::TxDescriptor{buffer, 1500u | nic::tx_end_of_packet | nic::tx_report_status, 0});
  m.ring(nic::tx_register(0, nic::queue_base), ring, 63);
  m.timeline.run(200_us);
  REQUIRE(m.wire.times.size() == 63);
  CHECK(m.wire.times[62] - m.wire.times[0] == Time(62 * 1219.2, sc_core::SC_NS));  // (1500 + 24) B at 10 Gb/s
  CHECK(m.root.memory.peek<nic::TxDescriptor>(Hpa(ring + 16 * 62)).status == nic::descriptor_done);
  audit(Invariant::at_rest, m.timeline.now());
}

TEST_CASE("a register read over a real link takes both ways and the register's latency") {
  Machine m;
  struct Answer {
    Timeline& timeline;
    std::uint64_t value = 0;
    Time when;
    void done(std::uint64_t v) { value = v, when = timeline.now(); }
  } answer{m.timeline, 0, {}};
  m.root.read(Hpa(Machine::bar + nic::reg_status), 4, bind<&Answer::done>(&answer));
  m.timeline.run(10_us);
  CHECK(answer.value == 1);
  const pcie::RootComplexParams root;
  Tlp request, completion;
  request.address = Machine::bar, request.length = 4;
  completion.type = TlpType::completion_data, completion.length = 4;
  CHECK(answer.when == root.outbound_latency + m.down.wire_time(request) + m.down.params().propagation +
                           endpoint::Endpoint::Params().register_latency + m.up.wire_time(completion) +
                           m.up.params().propagation + root.inbound_latency);
}
