// SPDX-License-Identifier: Apache-2.0
/// Two VFs of one device against two devices of their own: software cannot tell the difference.
#include <catch2/catch.hpp>

#include "models/core/random.h"
#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;

namespace {
struct OwnDevice {
  static constexpr std::uint64_t pf_bar = 0xf000'0000, vf_bar = 0xf100'0000;
  OwnDevice(Timeline& t, const char* name, unsigned vfs)
      : timeline(t), host(t), wire(t), nic(name, t, NicBench::quick(), host, book), enumerated(nic, pf_bar, vf_bar) {
    nic.set_wire(&wire, Time());
    REQUIRE(enumerated.enable_vfs(vfs) == vfs);
  }
  std::uint64_t read(std::uint64_t address, unsigned bytes) {
    host.mmio_read(address, bytes);
    timeline.run(timeline.now() + 100_ns);
    std::uint64_t value = 0;
    std::memcpy(&value, host.log.back().data.data(), host.log.back().data.size());
    return value;
  }
  std::uint32_t config(unsigned f, unsigned offset) const { return enumerated.space(f).dword(offset); }
  Timeline& timeline;
  FakeHost host;
  Wire wire;
  Book book;
  endpoint::Nic nic;
  Enumerated enumerated;
};

struct Register {
  std::uint32_t offset;
  unsigned bytes;
  bool msix;
};
/// Queues stay off: what they would do is not a register's state.
Register any_register(Random& random) {
  const auto queue = static_cast<unsigned>(random.below(2)), vector = static_cast<unsigned>(random.below(3));
  const nic::QueueRegister in_queue[] = {nic::queue_base, nic::queue_length, nic::queue_tail};
  const nic::QueueRegister q = in_queue[random.below(3)];
  switch (random.below(7)) {
    case 0: return {nic::reg_interrupt_mask_set, 8, false};
    case 1: return {nic::reg_interrupt_mask_clear, 8, false};
    case 2: return {nic::reg_auto_mask, 8, false};
    case 3: return {nic::reg_throttle + 4 * vector, 4, false};
    case 4: return {nic::tx_register(queue, q), q == nic::queue_base ? 8u : 4u, false};
    case 5: return {nic::rx_register(queue, q), q == nic::queue_base ? 8u : 4u, false};
    default: return {16 * vector + 4 * static_cast<std::uint32_t>(random.below(4)), 4, true};
  }
}
}  // namespace

TEST_CASE("random accesses and resets of two VFs read as they would on two devices of their own", "[B5][B20]") {
  Timeline timeline{"timeline"};
  OwnDevice shared(timeline, "shared", 2), first(timeline, "first", 1), second(timeline, "second", 1);
  OwnDevice* const alone[] = {&first, &second};
  Random random{1, "separation"};
  for (unsigned step = 0; step < 4000; ++step) {
    const auto f = static_cast<unsigned>(1 + random.below(2));
    OwnDevice& own = *alone[f - 1];
    if (random.below(200) == 0) {
      shared.enumerated.function_level_reset(f);
      own.enumerated.function_level_reset(1);
    }
    const Register r = any_register(random);
    const auto at = [&r](const OwnDevice& d, unsigned function) {
      return (r.msix ? d.enumerated.msix(function) : d.enumerated.bar(function)) + r.offset;
    };
    if (random.below(2) == 0) {
      const std::uint64_t value = random.below(1u << 30);
      shared.host.mmio_write(at(shared, f), value, r.bytes);
      own.host.mmio_write(at(own, 1), value, r.bytes);
    } else if (shared.read(at(shared, f), r.bytes) != own.read(at(own, 1), r.bytes)) {
      FAIL("VF " << f << " register " << r.offset << " differs at step " << step);
    }
    if (shared.config(f, PCI_COMMAND) != own.config(1, PCI_COMMAND)) FAIL("Command of VF " << f);
  }
  for (const OwnDevice* d : {&shared, &first, &second})
    for (const Sent& s : d->host.log)
      if (s.type == TlpType::memory_write && s.address >> 20 != 0xfee) FAIL("a queue that is off has written");
}
