// SPDX-License-Identifier: Apache-2.0
/// NicBench -- a Nic with a fake host, a wire that collects frames, and a driver in a few lines.
#pragma once
#include "models/endpoint/types/nic.h"
#include "tests/timed/endpoint/enumerated.h"
#include "tests/timed/endpoint/fake_host.h"

namespace iov::test {

struct Wire : FrameSink {
  explicit Wire(Timeline& t) : timeline(t) {}
  void frame(Frame&& f) override {
    times.push_back(timeline.now());
    frames.push_back(std::move(f));
  }
  Timeline& timeline;
  std::vector<Time> times;
  std::vector<Frame> frames;
};

struct Book : PacketBook {
  void dropped(PacketId id, DropReason reason) override { drops.emplace_back(id, reason); }
  JourneyRef journey(PacketId id) override { return journeys.contains(id) ? journeys[id] : JourneyRef(); }
  bool under_way(PacketId) const override { return true; }
  std::vector<std::pair<PacketId, DropReason>> drops;
  std::map<PacketId, JourneyRef> journeys;
};

struct NicBench {
  static constexpr std::uint64_t pf_bar = 0xf000'0000, vf_bar = 0xf100'0000;
  static constexpr MacAddress mac(unsigned function) { return {0x02'00'00'00'00'00ull + function}; }

  explicit NicBench(const endpoint::Nic::Params& p = quick())
      : params(p), nic("nic0", timeline, p, host, book) {
    nic.set_wire(&wire, Time());
  }
  /// No engine set-up time, so that times in tests are sums of what they test.
  static endpoint::Nic::Params quick() {
    endpoint::Nic::Params p;
    p.dma_engine.read_setup = Time();
    p.functions.first_vf_offset = 128, p.functions.vf_stride = 2;
    p.functions.vf_start_up = p.functions.reset_time = Time();
    return p;
  }
  std::uint64_t bar(unsigned function) const { return enumerated.bar(function); }
  unsigned enable_vfs(unsigned vfs) { return enumerated.enable_vfs(vfs); }
  void write(unsigned function, std::uint32_t reg, std::uint64_t value, unsigned bytes = 4) {
    host.mmio_write(bar(function) + reg, value, bytes);
  }
  void write_entry(unsigned function, unsigned v, unsigned offset, std::uint32_t value) {
    host.mmio_write(enumerated.msix(function) + 16 * v + offset, value, 4);
  }
  /// What a PF driver does: a register of the window of VF n.
  void write_vf(unsigned vf, std::uint32_t reg, std::uint64_t value, unsigned bytes = 4) {
    write(0, nic::reg_vf_select, vf);
    write(0, reg, value, bytes);
  }
  void assign_pool(std::uint64_t pool, std::uint64_t first, std::uint64_t queues) {
    write(0, nic::reg_pool, pool | first << 16 | queues << 32, 8);
  }
  /// The answer to a register read, at once.
  std::uint64_t read(unsigned function, std::uint32_t reg, unsigned bytes = 4) {
    host.mmio_read(bar(function) + reg, bytes);
    timeline.run(timeline.now() + params.register_latency);
    const auto answers = host.sent(TlpType::completion_data);
    std::uint64_t value = 0;
    if (!answers.empty()) std::memcpy(&value, answers.back().data.data(), answers.back().data.size());
    return value;
  }
  /// Table entry v: address fee0'v000, data 0x40 + v.
  void set_vector(unsigned function, unsigned v, std::uint32_t throttle_ns = 0) {
    write_entry(function, v, 0, 0xfee0'0000u + (v << 12));
    write_entry(function, v, 4, 0);
    write_entry(function, v, 8, 0x40 + v);
    write_entry(function, v, 12, 0);
    write(function, nic::reg_throttle + 4 * v, throttle_ns);
    write(function, nic::reg_interrupt_mask_set, 1ull << v, 8);
  }
  void set_ring(unsigned function, bool tx, unsigned queue, std::uint64_t base, std::uint32_t length, unsigned vector) {
    const auto reg = [&](nic::QueueRegister r) { return tx ? nic::tx_register(queue, r) : nic::rx_register(queue, r); };
    write(function, reg(nic::queue_base), base, 8);
    write(function, reg(nic::queue_length), length);
    write(function, reg(nic::queue_control), 1 | vector << 8);
  }
  void post_rx(std::uint64_t ring, unsigned index, std::uint64_t buffer) {
    nic::RxDescriptor d{};
    d.read.address = buffer;
    host.poke(ring + 16 * index, d);
  }
  void post_tx(std::uint64_t ring, unsigned index, std::uint64_t buffer, std::uint32_t bytes,
               std::uint32_t command = nic::tx_end_of_packet | nic::tx_report_status) {
    host.poke(ring + 16 * index, nic::TxDescriptor{buffer, bytes | command, 0});
  }
  void put_header(std::uint64_t buffer, const FrameHeader& h) {
    std::array<std::uint8_t, FrameHeader::header_bytes> bytes{};
    h.write(bytes);
    host.poke(buffer, bytes);
  }
  FrameHeader get_header(std::uint64_t buffer) const {
    const auto bytes = host.peek<std::array<std::uint8_t, FrameHeader::header_bytes>>(buffer);
    return FrameHeader::read(bytes);
  }
  static Frame make_frame(MacAddress to, PacketId id, std::uint32_t bytes = 60, std::uint32_t flow = 0) {
    Frame f;
    f.header.destination = to, f.header.source = {0x0a}, f.header.id = id, f.header.flow = flow;
    f.bytes = bytes;
    return f;
  }
  /// A receive ring of 16 buffers of 2 KiB: ring at `base`, buffers from base + 0x1000.
  void rx_ring(unsigned function, unsigned queue, std::uint64_t base, unsigned vector, unsigned posted = 15) {
    for (unsigned i = 0; i < 16; ++i) post_rx(base, i, base + 0x1000 + i * 0x800);
    set_ring(function, false, queue, base, 16, vector);
    write(function, nic::rx_register(queue, nic::queue_tail), posted);
  }
  /// A ring of `length` transmit descriptors of queue 0 at `ring`, all with the same frame in the buffer before it.
  void tx_stream(unsigned function, std::uint64_t ring, unsigned length, unsigned frames, const FrameHeader& h,
                 std::uint32_t bytes) {
    put_header(ring - 0x100, h);
    for (unsigned i = 0; i < frames; ++i) post_tx(ring, i, ring - 0x100, bytes, nic::tx_end_of_packet);
    set_ring(function, true, 0, ring, length, 0);
    write(function, nic::tx_register(0, nic::queue_tail), frames % length);
  }
  static FrameHeader header(MacAddress from, MacAddress to, PacketId id = 1) {
    FrameHeader h;
    h.source = from, h.destination = to, h.id = id;
    return h;
  }
  std::uint64_t dropped(unsigned function, DropReason reason) { return nic.table().dropped(function, reason); }
  std::uint64_t event() { return read(0, nic::reg_event); }
  static constexpr std::uint64_t event_of(nic::PfEvent kind, unsigned vf) {
    return 1u << 31 | static_cast<std::uint64_t>(kind) << 16 | vf;
  }
  void audit(Invariant::When when) { iov::audit(when, timeline.now()); }
  std::vector<Sent> interrupts() const {
    std::vector<Sent> some;
    for (const Sent& s : host.log)
      if (s.type == TlpType::memory_write && s.address >> 20 == 0xfee) some.push_back(s);
    return some;
  }

  Timeline timeline{"timeline"};
  FakeHost host{timeline};
  Wire wire{timeline};
  Book book;
  endpoint::Nic::Params params;
  endpoint::Nic nic;
  Enumerated enumerated{nic, pf_bar, vf_bar, host.link};
};

}  // namespace iov::test
