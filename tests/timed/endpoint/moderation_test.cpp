// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace {
std::vector<Time> times(const std::vector<Sent>& all) {
  std::vector<Time> t;
  for (const Sent& s : all) t.push_back(s.when);
  return t;
}
void receive_at(NicBench& b, const Time& when, PacketId id) {
  b.timeline.run(when);
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), id));
}
}  // namespace

TEST_CASE("a throttled vector fires at once, then once per interval for all that came meanwhile", "[F7]") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 0, 5000);
  b.rx_ring(0, 0, 0x10000, 0);
  receive_at(b, 2_us, 1);
  receive_at(b, 3_us, 2);
  receive_at(b, 4_us, 3);
  b.timeline.run(7_us - 1_ps);
  CHECK(times(b.interrupts()) == std::vector<Time>{2_us});
  b.timeline.run(20_us);
  CHECK(times(b.interrupts()) == std::vector<Time>{2_us, 7_us});
  receive_at(b, 21_us, 4);
  CHECK(times(b.interrupts()) == std::vector<Time>{2_us, 7_us, 21_us});
}

TEST_CASE("vectors of different queues are moderated separately", "[F9]") {
  auto params = NicBench::quick();
  params.receiver.spread = nic::Spread::first;
  NicBench b(params);
  b.assign_pool(1, 1, 1);
  b.nic.sorter().add_filter(NicBench::mac(1), std::nullopt, Destination{0, 1});
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 0, 10000);
  b.set_vector(0, 1, 1000);
  b.rx_ring(0, 0, 0x10000, 0);
  b.rx_ring(0, 1, 0x20000, 1);
  for (unsigned i = 0; i < 3; ++i) {
    b.timeline.run(Time(2.0 + 0.1 * i, sc_core::SC_US));
    b.nic.frame(NicBench::make_frame(NicBench::mac(0), 10 + i));
    b.nic.frame(NicBench::make_frame(NicBench::mac(1), 20 + i));
  }
  b.timeline.run(20_us);
  std::vector<Time> first, second;
  for (const Sent& s : b.interrupts()) (s.data[0] == 0x40 ? first : second).push_back(s.when);
  CHECK(first == std::vector<Time>{2_us, 12_us});
  CHECK(second == std::vector<Time>{2_us, 3_us});
}

TEST_CASE("a masked cause waits until its vector is enabled, reading the causes takes it back") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 0);
  b.rx_ring(0, 0, 0x10000, 0);
  b.write(0, nic::reg_interrupt_mask_clear, 1, 8);
  receive_at(b, 2_us, 1);
  CHECK(b.interrupts().empty());
  b.write(0, nic::reg_interrupt_mask_set, 1, 8);
  CHECK(times(b.interrupts()) == std::vector<Time>{2_us});
  b.write(0, nic::reg_interrupt_mask_clear, 1, 8);
  receive_at(b, 3_us, 2);
  b.host.mmio_read(NicBench::pf_bar + nic::reg_interrupt_cause, 8);
  b.host.mmio_read(NicBench::pf_bar + nic::reg_interrupt_cause, 8);
  b.write(0, nic::reg_interrupt_mask_set, 1, 8);
  b.timeline.run(4_us);
  CHECK(b.interrupts().size() == 1);
  const auto causes = b.host.sent(TlpType::completion_data);
  REQUIRE(causes.size() == 2);
  CHECK(causes[0].data[0] == 1);
  CHECK(causes[1].data[0] == 0);
}

TEST_CASE("a masked MSI-X entry keeps its interrupt pending and sends it when unmasked") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 0);
  b.rx_ring(0, 0, 0x10000, 0);
  b.write_entry(0, 0, 12, 1);
  receive_at(b, 2_us, 1);
  CHECK(b.interrupts().empty());
  b.timeline.run(3_us);
  b.write_entry(0, 0, 12, 0);
  CHECK(times(b.interrupts()) == std::vector<Time>{3_us});
}

TEST_CASE("an auto-masked vector fires once until software enables it again") {
  NicBench b;
  b.nic.sorter().set_default(Destination{0});
  b.set_vector(0, 0);
  b.write(0, nic::reg_auto_mask, 1, 8);
  b.rx_ring(0, 0, 0x10000, 0);
  receive_at(b, 2_us, 1);
  receive_at(b, 3_us, 2);
  CHECK(times(b.interrupts()) == std::vector<Time>{2_us});
  b.timeline.run(4_us);
  b.write(0, nic::reg_interrupt_mask_set, 1, 8);
  CHECK(times(b.interrupts()) == std::vector<Time>{2_us, 4_us});
}

TEST_CASE("the PF's limit holds against a VF that throttles nothing, and outlives its reset", "[F8]") {
  NicBench b;
  b.enable_vfs(1);
  b.nic.sorter().set_default(Destination{1});
  b.write_vf(1, nic::vf_interrupt_interval, 8000);
  b.write(1, nic::reg_control, 1);
  b.set_vector(1, 0, 0);
  b.rx_ring(1, 0, 0x10000, 0);
  for (PacketId id = 1; id <= 10; ++id) receive_at(b, Time(static_cast<double>(id), sc_core::SC_US), id);
  b.timeline.run(30_us);
  CHECK(times(b.interrupts()) == std::vector<Time>{1_us, 9_us, 17_us});
}
