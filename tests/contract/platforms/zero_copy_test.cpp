// SPDX-License-Identifier: Apache-2.0
// VMDq with a pool whose descriptors point at the guest's buffers: no byte is copied, the hypervisor's other work is what
// it was, and the buffers come back. (That every byte arrives is part of the tests of byte-exact delivery.)
#include "models/software/virtqueue.h"
#include "tests/contract/platforms/apart.h"

namespace zero_copy_test {

using namespace iov;
using namespace iov::platform;
using host::Context;
using host::Work;

namespace {
constexpr unsigned packets = 32;
const Settings zero_copy{{"vm0.path", "vmdq"}, {"vm0.zero_copy", true}}, one_copy{{"vm0.path", "vmdq"}};

struct Bench : MachineBench {
  explicit Bench(const Settings& settings) : MachineBench(settings) {}
  Time work(Work kind) const {
    Time sum;
    for (std::size_t c = 0; c < processors->size(); ++c) sum += processors->core(c).spent(Context::host_kernel, kind);
    return sum;
  }
  std::uint64_t copies() const { return vms[0].path->copied().copies; }
};
struct Isolated : Bench {
  Isolated(const Settings& mode, const std::string& direction) : Bench(isolated(direction, packets) + Settings{{"host.costs.line_move", "0 ns"}} + mode) {
    measure();
    CHECK(workload->results().delivered == packets);
  }
};
// configs/costs/server_current.json, of each packet: back end's end of the ring 70, translation of its buffer 150, completion 250
const Time one_packet() { return 470_ns; }

struct Layout {  ///< where the driver's queues lie: the receive queue first
  explicit Layout(MachineBench& m)
      : copy(*m.cpu_memory, m.vms[0].memory->base(), m.vms[0].memory->size(), 0),
        rx(software::VirtqueueLayout::allocate(copy, 256, true)),
        tx(software::VirtqueueLayout::allocate(copy, 256, true)) {}
  software::MemoryView copy;
  software::VirtqueueLayout rx, tx;
};
}  // namespace

TEST_CASE("vmdq, transmit: one copy per packet", "[A4][A16]") {
  const Isolated m(one_copy, "transmit");
  CHECK(m.copies() == packets);
  CHECK(m.work(Work::copy) > 0_ns);
}

TEST_CASE("vmdq without copies, transmit: no copy, the translation of each buffer and its completion by the device", "[A4][A16]") {
  const Isolated m(zero_copy, "transmit");
  CHECK(m.copies() == 0);
  CHECK(m.work(Work::copy) == 0_ns);
  CHECK(m.work(Work::backend) == one_packet() * packets);
  CHECK(exits_of(m) == "kick 32");
}

TEST_CASE("vmdq without copies, receive: no copy, the translation of each buffer and its completion", "[A4][A16]") {
  const Isolated m(zero_copy, "receive");
  CHECK(m.copies() == 0);
  CHECK(m.work(Work::copy) == 0_ns);
  CHECK(m.work(Work::backend) == one_packet() * packets);  // the guest gives 32 buffers back, once
  CHECK(exits_of(m).empty());
}

TEST_CASE("what is received without copies lies in the guest's buffers from the start", "[A16]") {
  Bench m(silent + zero_copy);
  m.start();
  m.run(1000_us);
  const Layout l(m);
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  REQUIRE(l.copy.load<std::uint16_t>(l.rx.used_index()) == 1);
  const auto used = l.copy.load<vring_used_elem>(l.rx.used_entry(0));
  const auto buffer = l.copy.load<vring_desc>(l.rx.descriptor(static_cast<std::uint16_t>(used.id)));
  CHECK(used.len == 60 + 12);
  std::array<std::uint8_t, FrameHeader::header_bytes> header;
  l.copy.read(Gpa(buffer.addr + 12), header);
  CHECK(FrameHeader::read(header).destination == m.mac(0));
  CHECK(m.copies() == 0);
}

TEST_CASE("a buffer that is sent without copies is not the guest's again before the device has read it", "[A16]") {
  Bench m(isolated("transmit", 1) + zero_copy);
  m.start();
  const Layout l(m);
  const Time first = m.timeline.now();
  while (m.counter("vm0.pool.driver.sent") == 0 && m.timeline.now() < first + 2000_us) m.timeline.run(m.timeline.now() + 10_ns);
  REQUIRE(m.counter("vm0.pool.driver.sent") == 1);  // the descriptor is written, the doorbell is to come
  CHECK(l.copy.load<std::uint16_t>(l.tx.used_index()) == 0);
  CHECK(m.nic->table().count(0, endpoint::FunctionTable::tx_frames) == 0);
  while (m.nic->table().count(0, endpoint::FunctionTable::tx_frames) == 0) m.timeline.run(m.timeline.now() + 10_ns);
  CHECK(l.copy.load<std::uint16_t>(l.tx.used_index()) == 0);
  m.run(100_us);
  CHECK(l.copy.load<std::uint16_t>(l.tx.used_index()) == 1);
}

TEST_CASE("receive buffers that are too small or lie outside the guest go back unused, those that are good serve", "[A16]") {
  Bench m(silent + zero_copy + Settings{{"iommu.audit", true}});
  m.start();
  m.run(1000_us);
  const Layout l(m);
  REQUIRE(m.counter("vm0.pool.driver.received") == 0);
  for (int i = 0; i < 40; ++i) m.frame_arrives(m.mac(0)), m.run(20_us);
  CHECK(m.counter("vm0.backend.delivered") == 40);
  // what the guest posts from here on is bad: 32 of the 40 buffers it got back were posted again before
  const auto refilled = l.copy.load<std::uint16_t>(l.rx.available_index());
  for (std::uint16_t i = 0; i < 256; ++i) l.copy.store(l.rx.descriptor(i), vring_desc{~0ull - 100, 0xffff'ffff, VRING_DESC_F_WRITE, 0});
  for (std::uint16_t i = 0; i < 8; ++i)
    l.copy.store(l.rx.available_entry(static_cast<std::uint16_t>(refilled + i)), i);
  l.copy.store(l.rx.available_index(), static_cast<std::uint16_t>(refilled + 8));
  const auto used = l.copy.load<std::uint16_t>(l.rx.used_index());
  m.frame_arrives(m.mac(0));
  m.run(100_us);
  CHECK(l.copy.load<std::uint16_t>(l.rx.used_index()) == used + 1 + 8);
  CHECK(m.counter("vm0.backend.delivered") == 41);
}

TEST_CASE("a buffer to be sent that is longer than a frame goes back unsent, with and without copies", "[A16]") {
  for (const Settings& mode : {one_copy, zero_copy}) {
    const std::string seen = apart([&] {
      Bench m(isolated("transmit", 2) + mode);
      m.start();
      const Layout l(m);
      m.workload->begin_window(m.timeline.now());
      while (l.copy.load<std::uint16_t>(l.tx.available_index()) == 0) m.timeline.run(m.timeline.now() + 10_ns);
      const auto id = l.copy.load<std::uint16_t>(l.tx.available_entry(0));  // before the back end looks
      auto descriptor = l.copy.load<vring_desc>(l.tx.descriptor(id));
      descriptor.len = 9012;
      l.copy.store(l.tx.descriptor(id), descriptor);
      m.run(100_us);
      return std::to_string(m.dropped(DropReason::malformed)) + " dropped, " + std::to_string(l.copy.load<std::uint16_t>(l.tx.used_index())) +
             " back, " + std::to_string(m.counter("vm0.pool.driver.sent")) + " sent";
    });
    CHECK(seen == "1 dropped, 1 back, 0 sent");
  }
}

TEST_CASE("a reset of the device gives lent buffers back, and traffic goes on without copies", "[A16][B19]") {
  Bench m(short_run + with_payload + zero_copy + Settings{{"workload.direction", "bidirectional"}});
  m.start();
  m.run(2000_us);
  const auto sent = m.counter("vm0.backend.sent"), delivered = m.counter("vm0.backend.delivered");
  CHECK(sent > 100);
  CHECK(delivered > 100);
  m.pf_driver()->reset_device();
  m.run(10'000_us);
  CHECK(m.counter("vm0.backend.sent") > sent + 1000);
  CHECK(m.counter("vm0.backend.delivered") > delivered + 1000);
  m.workload->stop_sources();
  m.run(5000_us);
  CHECK(m.workload->in_flight() == 0);
  CHECK(m.copies() == 0);
}

TEST_CASE("without its copy vmdq receives at fewer cycles per packet, and costs more than sriov both ways", "[A16][A18]") {
  for (const char* direction : {"transmit", "receive"}) {
    const Settings load = short_run + Settings{{"workload.direction", direction}, {"workload.packet_bytes", 1500}};
    const double none = summary_of(load + zero_copy, current)["cpu_cycles_per_packet"], one = summary_of(load + one_copy, current)["cpu_cycles_per_packet"],
                 sriov = summary_of(load, current)["cpu_cycles_per_packet"];
    CAPTURE(direction, none, one, sriov);
    if (direction == std::string("receive")) CHECK(none < one);  // what is sent costs a completion of the device instead
    CHECK(sriov < none);
  }
}

}  // namespace zero_copy_test
