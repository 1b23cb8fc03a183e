// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "models/core/random.h"
#include "models/host/memory.h"

using namespace iov;
using namespace iov::literals;

namespace {

/// Round numbers: a line takes 1 ns in the LLC and 4 ns in DRAM.
host::Memory::Params round_params() {
  host::Memory::Params p;
  p.size = {16 << 20};
  p.llc_latency = 20_ns;
  p.dram_latency = 70_ns;
  p.llc_bandwidth = {64e9};
  p.dram_bandwidth = {16e9};
  return p;
}

struct MemoryBench {
  explicit MemoryBench(const host::Memory::Params& params = round_params()) : memory("memory", timeline, params) {
    a.socket.bind(memory.socket);
    b.socket.bind(memory.socket);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  Timeline timeline{"timeline"};
  host::Memory memory;
  MemoryPort a{"a", timeline}, b{"b", timeline};
};

std::vector<std::uint8_t> pattern(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 13 + 5);
  return bytes;
}

/// A module of somebody else's: no hint, an SC_THREAD, its own payload.
struct Foreign : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
  SC_HAS_PROCESS(Foreign);
  explicit Foreign(const sc_core::sc_module_name& name) : sc_module(name) {
    socket.bind(*this);
    SC_THREAD(run);
  }
  void run() {
    wait(100_ns);
    transfer(tlm::TLM_WRITE_COMMAND, 5_ns);
    written = delay;
    transfer(tlm::TLM_READ_COMMAND, 0_ns);
    read = delay;
  }
  void transfer(tlm::tlm_command command, const Time& lead) {
    payload.set_command(command);
    payload.set_address(0x3000);
    payload.set_data_ptr(data.data());
    payload.set_data_length(64);
    payload.set_streaming_width(64);
    payload.set_byte_enable_ptr(nullptr);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    delay = lead;
    socket->b_transport(payload, delay);
  }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, Time&) override {
    return tlm::TLM_ACCEPTED;
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  tlm::tlm_initiator_socket<> socket{"socket"};
  tlm::tlm_generic_payload payload;
  std::array<std::uint8_t, 64> data{1, 2, 3};
  Time delay, written, read;
};

}  // namespace

TEST_CASE("what one port writes another reads, at once and over time") {
  MemoryBench bench;
  const auto bytes = pattern(300);
  std::vector<std::uint8_t> back(300);
  bench.a.write(Hpa(0x1ff0), bytes, 300, 0_ns);
  CHECK(bench.a.ok());
  bench.b.read(Hpa(0x1ff0), back, 300, 0_ns);
  CHECK(back == bytes);
  bench.b.poke_value(Hpa(0x1ff8), std::uint64_t{0x1122334455667788});
  CHECK(bench.a.peek<std::uint64_t>(Hpa(0x1ff8)) == 0x1122334455667788);
  CHECK(bench.memory.pages() == 2);
  CHECK_NOTHROW(audit(Invariant::at_rest, bench.timeline.now()));
}

TEST_CASE("an access outside the memory is an address error, moves nothing and takes no time") {
  MemoryBench bench;
  std::array<std::uint8_t, 16> data{};
  data.fill(0xaa);
  const Hpa last_byte((16 << 20) - 1);
  CHECK(bench.a.read(last_byte, data, 16, 7_ns) == 7_ns);
  CHECK_FALSE(bench.a.ok());
  CHECK(data[0] == 0xaa);
  bench.a.write(last_byte, data, 16, 7_ns);
  CHECK_FALSE(bench.a.ok());
  bench.a.poke(last_byte, data);
  CHECK_FALSE(bench.a.ok());
  CHECK(bench.a.peek<std::uint8_t>(last_byte) == 0);
  CHECK(bench.a.ok());
  bench.a.read(Hpa((16 << 20) - 64), {}, 128, 0_ns);  // timing only, the length counts
  CHECK_FALSE(bench.a.ok());
  CHECK(bench.memory.address_errors.value() == 3);
  CHECK(bench.memory.reads.value() + bench.memory.writes.value() == 0);
  CHECK(bench.memory.pages() == 0);
}

TEST_CASE("a read takes the DRAM latency, of lines in the LLC the LLC latency, to the picosecond") {
  MemoryBench bench;
  CHECK(bench.a.read(Hpa(0x4000), {}, 64, 0_ns) == 74_ns);
  CHECK(bench.a.read(Hpa(0x4000), {}, 64, 1000_ns) == 1074_ns);  // reads do not allocate
  CHECK(bench.a.write(Hpa(0x4000), {}, 64, 2000_ns) == 2021_ns);
  CHECK(bench.a.read(Hpa(0x4000), {}, 64, 3000_ns) == 3021_ns);
  CHECK(bench.a.read(Hpa(0x4001), {}, 64, 4000_ns) == 4074_ns);  // two lines, one in the LLC
  CHECK(bench.a.read(Hpa(0x8000), {}, 256, 5000_ns) == 5086_ns);
  CHECK(bench.memory.llc_hits.value() == 2);
  CHECK(bench.memory.llc_misses.value() == 1 + 1 + 1 + 1 + 4);
  CHECK(bench.memory.dram_busy.value() == 28_ns);
}

TEST_CASE("what a processor wrote is read from the LLC, payload without bytes included") {
  MemoryBench bench;
  const auto header = pattern(32);
  bench.a.poke(Hpa(0x6000), header, 256);
  CHECK(bench.b.read(Hpa(0x6000), {}, 256, 0_ns) == 24_ns);
  CHECK(bench.b.read(Hpa(0x6100), {}, 64, 1000_ns) == 1074_ns);
}

TEST_CASE("accesses queue for bandwidth, and one booked for later delays nothing before it") {
  MemoryBench bench;
  CHECK(bench.a.read(Hpa(0x4000), {}, 64, 0_ns) == 74_ns);
  CHECK(bench.b.read(Hpa(0x5000), {}, 64, 1_ns) == 78_ns);
  CHECK(bench.a.read(Hpa(0x6000), {}, 64, 200_ns) == 274_ns);
  CHECK(bench.b.read(Hpa(0x7000), {}, 64, 100_ns) == 174_ns);
}

TEST_CASE("a device write that may not allocate goes to DRAM and takes the line out of the LLC") {
  MemoryBench bench;
  bench.a.write(Hpa(0x4000), {}, 64, 0_ns);
  CHECK(bench.a.write(Hpa(0x4000), {}, 64, 1000_ns, false) == 1074_ns);
  CHECK(bench.a.read(Hpa(0x4000), {}, 64, 2000_ns) == 2074_ns);
}

TEST_CASE("device writes beyond the DDIO share push dirty lines out to DRAM") {
  MemoryBench bench;
  const std::uint64_t share = (20 << 20) / 10;
  for (std::uint64_t at = 0; at < 2 * share; at += 4096) bench.a.write(Hpa(at), {}, 4096, 0_ns);
  CHECK(bench.memory.llc_evictions.value() == share / 64);
  CHECK(bench.memory.dram_busy.value() == Time(4.0 * static_cast<double>(share / 64), sc_core::SC_NS));
}

TEST_CASE("without DDIO every device write that misses goes to DRAM") {
  auto params = round_params();
  params.ddio_ways = 0;
  MemoryBench bench(params);
  CHECK(bench.a.write(Hpa(0x4000), {}, 64, 0_ns) == 74_ns);
  CHECK(bench.a.read(Hpa(0x4000), {}, 64, 1000_ns) == 1074_ns);
}

TEST_CASE("the cheap LLC models have one latency for all") {
  auto params = round_params();
  params.llc_model = host::LlcModel::always_hit;
  MemoryBench bench(params);
  CHECK(bench.a.read(Hpa(0x4000), {}, 64, 0_ns) == 21_ns);
  CHECK(bench.memory.llc_hits.value() == 1);
}

TEST_CASE("a foreign TLM initiator without the hint works and its delay is honoured") {
  Timeline timeline("timeline");
  host::Memory memory("memory", timeline, round_params());
  Foreign foreign("foreign");
  foreign.socket.bind(memory.socket);
  timeline.run(1_us);
  CHECK(foreign.written == 26_ns);
  CHECK(foreign.read == 21_ns);  // its own time before the booked write is free
  CHECK(foreign.payload.is_response_ok());
  CHECK(foreign.data[2] == 3);
}

namespace {
/// Somebody's interconnect between a port and the memory: what is asked through it is payloads.
struct Passage : sc_core::sc_module, tlm::tlm_fw_transport_if<>, tlm::tlm_bw_transport_if<> {
  explicit Passage(const sc_core::sc_module_name& name) : sc_module(name) { in.bind(*this), out.bind(*this); }
  void b_transport(tlm::tlm_generic_payload& p, Time& delay) override { ++payloads, out->b_transport(p, delay); }
  unsigned transport_dbg(tlm::tlm_generic_payload& p) override { return ++payloads, out->transport_dbg(p); }
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload&, tlm::tlm_phase&, Time&) override { return tlm::TLM_ACCEPTED; }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, Time&) override { return tlm::TLM_ACCEPTED; }
  bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  tlm::tlm_target_socket<> in{"in"};
  tlm::tlm_initiator_socket<> out{"out"};
  unsigned payloads = 0;
};
}  // namespace

TEST_CASE("a port that asks the memory directly and one that does so through an interconnect see the same bytes and times") {
  Timeline timeline("timeline");
  host::Memory near("near", timeline, round_params()), far("far", timeline, round_params());
  Passage passage("passage");
  MemoryPort direct("direct", timeline), indirect("indirect", timeline);
  direct.socket.bind(near.socket);
  indirect.socket.bind(passage.in);
  passage.out.bind(far.socket);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  Random random(3, "accesses");
  unsigned accesses = 0;
  for (unsigned step = 0; step < 3000; ++step) {
    const Hpa address((random.below(100) == 0 ? (16 << 20) - 300 : 0) + random.below(1 << 14));
    const auto length = static_cast<std::uint32_t>(1 + random.below(300));
    const std::vector<std::uint8_t> bytes = pattern(random.below(length + 1));
    std::vector<std::uint8_t> one(bytes.size()), other(bytes.size());
    const bool allocate = random.below(4) != 0;
    const Time start = Time(static_cast<double>(step), sc_core::SC_NS);
    switch (random.below(4)) {
      case 0: REQUIRE(direct.read(address, one, length, start, allocate) == indirect.read(address, other, length, start, allocate)); break;
      case 1: REQUIRE(direct.write(address, bytes, length, start, allocate) == indirect.write(address, bytes, length, start, allocate)); break;
      case 2: direct.peek(address, one), indirect.peek(address, other); break;
      default: {
        const std::vector<std::uint8_t> some = pattern(1 + random.below(length));
        direct.poke(address, some, length), indirect.poke(address, some, length);
      }
    }
    REQUIRE(direct.ok() == indirect.ok());
    REQUIRE(one == other);
    accesses += direct.ok();
  }
  CHECK(accesses > 2900);
  CHECK(passage.payloads == 3000);
  CHECK(near.llc_hits.value() == far.llc_hits.value());
  CHECK(near.llc_misses.value() == far.llc_misses.value());
  CHECK(near.llc_hits.value() > 500);
  CHECK(near.address_errors.value() == far.address_errors.value());
  CHECK(near.pages() == far.pages());
}

TEST_CASE("an entry found ahead is read as if it were not, whatever is written in between") {
  host::Memory::Params small = round_params();
  small.llc_size = {64 << 12}, small.llc_ways = 20;  // 57 sectors: they come and go
  Timeline timeline("timeline");
  host::Memory near("near", timeline, small), far("far", timeline, small);
  MemoryPort ahead("ahead", timeline), plain("plain", timeline);
  ahead.socket.bind(near.socket);
  plain.socket.bind(far.socket);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  ahead.peek<std::uint8_t>(Hpa(0));  // a port looks for its memory with the first access
  Random random(4, "entries");
  std::array<FoundEntry, 8> found;
  const auto somewhere = [&] {  // 128 pages, of many of which a word or two are in use
    return Hpa(random.below(128) << 12 | (random.below(4) ? 8 * random.below(4) : 8 * random.below(512)));
  };
  unsigned hits = 0, not_zero = 0;
  for (unsigned step = 0; step < 20000; ++step) {
    const Time start = Time(static_cast<double>(step), sc_core::SC_NS);
    FoundEntry& entry = found[random.below(found.size())];
    switch (random.below(4)) {
      case 0: ahead.find(somewhere(), entry); break;
      case 1: {
        const Hpa address = somewhere();
        std::vector<std::uint8_t> bytes(random.below(3) ? 8 : 1 + random.below(100));
        if (random.below(3)) bytes = pattern(bytes.size());
        if (random.below(2))
          ahead.poke(address, bytes), plain.poke(address, bytes);
        else if (step > 10000 || random.below(50) == 0)  // the first half has hardly any lines of devices
          REQUIRE(ahead.write(address, bytes, 64, start, step % 4 == 0) == plain.write(address, bytes, 64, start, step % 4 == 0));
        break;
      }
      default: {
        const Hpa address = entry.address == FoundEntry::nowhere || random.below(8) == 0 ? somewhere() : Hpa(entry.address);
        std::array<std::uint64_t, 2> one{}, other{};
        const std::uint32_t length = random.below(4) ? 8 : 16;
        const Time end = plain.read(address, {reinterpret_cast<std::uint8_t*>(other.data()), length}, length, start);
        if (entry.copy(address.value, one.data(), length)) {
          FoundEntry& other_entry = found[random.below(found.size())];  // at times the same
          Time when = start;
          ahead.read_found(entry, length, when, somewhere(), random.below(3) ? &other_entry : nullptr);
          REQUIRE(when == end);
          ++hits;
        } else {
          REQUIRE(ahead.read(address, {reinterpret_cast<std::uint8_t*>(one.data()), length}, length, start) == end);
          REQUIRE(ahead.ok() == plain.ok());
        }
        REQUIRE(one == other);
        not_zero += one[0] != 0;
      }
    }
  }
  CHECK(hits > 4000);
  CHECK(not_zero > 1000);
  CHECK(near.llc_hits.value() > 2000);
  CHECK(near.llc_hits.value() == far.llc_hits.value());
  CHECK(near.llc_misses.value() == far.llc_misses.value());
  CHECK(near.reads.value() == far.reads.value());
  CHECK(near.read_bytes.value() == far.read_bytes.value());
}

TEST_CASE("the books of lines notice a line that was counted twice") {
  MemoryBench bench;
  bench.a.read(Hpa(0x4000), {}, 64, 0_ns);
  CHECK_NOTHROW(audit(Invariant::always, 0_ns));
  ++bench.memory.llc_hits;
  CHECK_THROWS_AS(audit(Invariant::always, 0_ns), InvariantBroken);
}
