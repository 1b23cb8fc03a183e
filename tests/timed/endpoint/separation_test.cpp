// SPDX-License-Identifier: Apache-2.0
// Two VFs of one device against two devices of one VF each: whatever is done to both, each reads and receives the same.
#include <catch2/catch.hpp>
#include <random>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace {
/// A NIC with its host; several share a timeline.
struct SharedDevice {
  SharedDevice(Timeline& t, const char* name, unsigned vfs) : timeline(t), nic(name, t, NicBench::quick(), host, book) {
    nic.set_wire(&wire, Time());
    enumerated.enable_vfs(vfs);
  }
  void write(unsigned vf, std::uint32_t reg, std::uint64_t value, unsigned bytes) {
    host.mmio_write(enumerated.bar(vf) + reg, value, bytes);
  }
  std::uint64_t read(unsigned vf, std::uint32_t reg) {
    host.log.clear();
    host.mmio_read(enumerated.bar(vf) + reg, 4);
    timeline.run(timeline.now() + 1_us);
    std::uint32_t value = ~0u;
    for (const Sent& s : host.log)
      if (s.type == TlpType::completion_data) std::memcpy(&value, s.data.data(), 4);
    return value;
  }
  Timeline& timeline;
  FakeHost host{timeline};
  Wire wire{timeline};
  Book book;
  endpoint::Nic nic;
  Enumerated enumerated{nic, NicBench::pf_bar, NicBench::vf_bar};
};

/// One VF, in the shared device and alone.
struct Twin {
  SharedDevice &shared, &alone;
  unsigned in_shared;
  std::uint64_t memory;  ///< its part of both hosts' memories

  void write(std::uint32_t reg, std::uint64_t value, unsigned bytes) {
    shared.write(in_shared, reg, value, bytes);
    alone.write(1, reg, value, bytes);
  }
  void poke(std::uint64_t at, const auto& value) {
    shared.host.poke(memory + at, value);
    alone.host.poke(memory + at, value);
  }
  void frame(const Frame& like) {
    for (SharedDevice* d : {&shared, &alone}) {
      Frame f;
      f.header = like.header;
      f.bytes = like.bytes;
      d->nic.frame(std::move(f));
    }
  }
  bool equal_memory(std::uint64_t bytes) const {
    return std::memcmp(shared.host.memory.data() + memory, alone.host.memory.data() + memory, bytes) == 0;
  }
};

constexpr std::uint64_t tx_ring = 0x0, rx_ring = 0x1000, buffers = 0x2000, part = 0x20000;

struct Dice {
  unsigned operator()() { return static_cast<unsigned>(engine()); }
  std::mt19937 engine{20261126};
};

/// Any operation of a driver, sane or not; DMA stays in the twin's part of memory.
void operate(Twin& t, Dice& random) {
  const unsigned queue = random() % 3;  // one more than there are
  const auto reg = [&](bool tx, nic::QueueRegister r) { return tx ? nic::tx_register(queue, r) : nic::rx_register(queue, r); };
  const bool tx = random() & 1;
  switch (random() % 9) {
    case 0: return t.write(reg(tx, nic::queue_base), t.memory + (tx ? tx_ring : rx_ring) + queue * 0x400, 8);
    case 1: return t.write(reg(tx, nic::queue_length), random() % 8 == 0 ? random() & 0x1f : 16, 4);
    case 2: return t.write(reg(tx, nic::queue_control), (random() & 3) != 0 ? 1 | (random() % 4) << 8 : 0, 4);
    case 3: return t.write(reg(tx, nic::queue_tail), random() & 0x1f, 4);
    case 4: return t.write(nic::reg_throttle + 4 * (random() % 4), random() % 1000, 4);
    case 5: return t.write(random() & 1 ? nic::reg_interrupt_mask_set : nic::reg_interrupt_mask_clear, random() & 7, 4);
    case 6: return t.write(nic::reg_mailbox_memory + 4 * (random() % 16), random(), 4);
    case 7: return t.write(random() & 1 ? nic::reg_redirection + 4 * (random() % 32) : std::uint32_t{nic::reg_spread}, random() % 4, 4);
    default: return t.write(random() % 8 == 0 ? nic::reg_control : nic::reg_auto_mask, random() & 3, 4);
  }
}

void fill(Twin& t) {
  for (unsigned i = 0; i < 64; ++i) {
    t.poke(tx_ring + 16 * i, nic::TxDescriptor{t.memory + buffers, 60 | nic::tx_end_of_packet | nic::tx_report_status, 0});
    nic::RxDescriptor d{};
    d.read.address = t.memory + buffers + 0x800 + 0x100 * i;
    t.poke(rx_ring + 16 * i, d);
  }
}
}  // namespace

TEST_CASE("two VFs under random operations never see each other's state: each equals a device of its own", "[B5][B4][G12]") {
  Timeline timeline{"timeline"};
  SharedDevice shared(timeline, "shared", 2), first(timeline, "first", 1), second(timeline, "second", 1);
  Twin twins[] = {{shared, first, 1, part}, {shared, second, 2, 2 * part}};
  Dice random;
  for (unsigned n = 0; n < 2; ++n) {
    shared.nic.sorter().add_filter(NicBench::mac(n + 1), std::nullopt, Destination{n + 1});
    twins[n].alone.nic.sorter().add_filter(NicBench::mac(n + 1), std::nullopt, Destination{1});
    std::array<std::uint8_t, FrameHeader::header_bytes> bytes{};
    NicBench::header(NicBench::mac(n + 1), {0x99}, n + 1).write(bytes);
    twins[n].poke(buffers, bytes);
    fill(twins[n]);
  }
  std::vector<std::uint32_t> registers{nic::reg_status,  nic::reg_interrupt_mask_set, nic::reg_auto_mask, nic::reg_spread,
                                       nic::reg_mailbox, nic::reg_mailbox_vector};
  for (unsigned i = 0; i < 16; ++i) registers.push_back(nic::reg_mailbox_memory + 4 * i);
  for (unsigned i = 0; i < 32; ++i) registers.push_back(nic::reg_redirection + 4 * i);
  for (unsigned q = 0; q < 3; ++q)
    for (const auto r : {nic::queue_base, nic::queue_length, nic::queue_head, nic::queue_tail, nic::queue_control})
      for (const bool tx : {true, false}) registers.push_back(tx ? nic::tx_register(q, r) : nic::rx_register(q, r));
  for (unsigned round = 0; round < 400; ++round) {
    for (unsigned i = 0; i < 6; ++i)
      for (Twin& t : twins) operate(t, random);
    for (unsigned n = 0; n < 2; ++n)
      if (random() & 1) twins[n].frame(NicBench::make_frame(NicBench::mac(n + 1), 1000 + round, 60 + random() % 100));
    timeline.run(timeline.now() + 100_us);  // at rest, whatever they shared
    for (Twin& t : twins) {
      REQUIRE(t.equal_memory(part));
      const std::uint32_t reg = registers[random() % registers.size()];
      INFO("round " << round << " register " << reg);
      REQUIRE(t.shared.read(t.in_shared, reg) == t.alone.read(1, reg));
    }
    if (round % 16 == 0)
      for (Twin& t : twins) fill(t);
  }
  for (Twin& t : twins)
    for (const std::uint32_t reg : registers) CHECK(t.shared.read(t.in_shared, reg) == t.alone.read(1, reg));
  CHECK(shared.wire.frames.size() == first.wire.frames.size() + second.wire.frames.size());
  CHECK(shared.wire.frames.size() > 20);
  iov::audit(Invariant::at_rest, timeline.now());
}
