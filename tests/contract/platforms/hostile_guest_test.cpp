// SPDX-License-Identifier: Apache-2.0
// A guest that writes nonsense into rings and registers harms itself: nothing throws, the rest of the machine goes on,
// every invariant holds, and a counter shows what happened.
#include "models/software/virtqueue.h"
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {

/// vm0 misbehaves; vm1 is a bystander on a VF, whose frames must still arrive.
struct Hostile : MachineBench {
  explicit Hostile(const std::string& path = "sriov", const Settings& others = {})
      : MachineBench(silent + more_vms(2, "sriov") + Settings{{"vm0.path", path}, {"iommu.audit", true}} + others) {
    start();
    workload->begin_window(timeline.now());
    run(1000_us);  // the VFs come up through their mailboxes
  }
  void bystander_lives() {
    const auto before = counter("vm1.driver.received");
    frame_arrives(mac(1));
    run(50_us);
    CHECK(counter("vm1.driver.received") == before + 1);
  }
  std::uint64_t lost(unsigned function, DropReason reason) const {
    return nic->table().dropped(function, reason);
  }
};

}  // namespace

TEST_CASE("a tail beyond the ring is cut to the ring, as register bits are") {
  Hostile m;
  m.write_register(1, nic::tx_register(0, nic::queue_tail), 0xffff'ffff, 4);
  m.run(200_us);
  CHECK(m.lost(1, DropReason::malformed) == 511 / 40);  // empty descriptors: frames that never end, 40 pieces at most
  m.bystander_lives();
}

TEST_CASE("a ring of no length, of odd length, or far too long stays off") {
  Hostile m;
  for (const std::uint32_t length : {0u, 1u, 7u, 100u, 1u << 17, 0xffff'ffffu}) {
    m.write_register(1, nic::rx_register(0, nic::queue_control), 0, 4);
    m.write_register(1, nic::rx_register(0, nic::queue_length), length, 4);
    m.write_register(1, nic::rx_register(0, nic::queue_control), 1, 4);
    m.write_register(1, nic::rx_register(0, nic::queue_tail), 5, 4);
    CAPTURE(length);
    CHECK((m.read_register(1, nic::rx_register(0, nic::queue_control), 4) & 1) == 0);
  }
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  CHECK(m.lost(1, DropReason::no_receive_descriptor) == 1);
  m.bystander_lives();
}

TEST_CASE("a ring at an address that no table maps faults and stops its queue") {
  Hostile m;
  m.write_register(1, nic::tx_register(0, nic::queue_control), 0, 4);
  m.write_register(1, nic::tx_register(0, nic::queue_base), 0x7f'ffff'f001, 8);  // unaligned, too
  m.write_register(1, nic::tx_register(0, nic::queue_control), 1, 4);
  m.write_register(1, nic::tx_register(0, nic::queue_tail), 3, 4);
  m.run(50_us);
  CHECK(m.iommu->fault_record(0).valid());
  CHECK(m.iommu->fault_record(0).source() == m.nic->requester(1).value);
  CHECK((m.read_register(1, nic::tx_register(0, nic::queue_control), 4) & 1) == 0);
  m.bystander_lives();
}

TEST_CASE("unknown registers read zero and ignore writes") {
  Hostile m;
  for (const std::uint32_t offset : {0x0004u, 0x0090u, 0x0ff0u, 0x7fc0u, 0xfff8u}) {
    m.write_register(1, offset, ~0ull, 8);
    CHECK(m.read_register(1, offset, 4) == 0);
  }
  m.bystander_lives();
}

TEST_CASE("what no function claims reads as all ones") {
  Hostile m;
  CHECK(m.read_register(9, nic::reg_status, 4) == 0xffff'ffff);  // VF 9 is not enabled
  CHECK(m.counter("nic0.unsupported_requests") == 1);
  m.bystander_lives();
}

TEST_CASE("a message address outside the interrupt range is a DMA write: blocked, recorded") {
  Hostile m;
  m.write_msix(1, 0, 0x7f'0000'0000);
  m.write_msix(1, 8, 0xdead);
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  CHECK(m.iommu->fault_record(0).valid());
  CHECK(m.root_complex->inbound.dropped_writes.value() == 1);
  m.bystander_lives();
}

TEST_CASE("a transmit buffer outside guest memory is blocked, counted, and its descriptor comes back") {
  Hostile m;
  const auto ring = m.read_register(1, nic::tx_register(0, nic::queue_base), 8);
  for (unsigned i = 0; i < 3; ++i)
    m.vms[0].memory->store(Gpa(ring + 16 * i),
                           nic::TxDescriptor{(i == 1 ? 0x10'0000'0000u : 0xffff'ffff'ffff'f000u), 200 | nic::tx_end_of_packet, 0});
  m.write_register(1, nic::tx_register(0, nic::queue_tail), 3, 4);
  m.run(100_us);
  CHECK(m.lost(1, DropReason::blocked_by_iommu) == 3);
  CHECK(m.read_register(1, nic::tx_register(0, nic::queue_head), 4) == 3);
  m.bystander_lives();
}

TEST_CASE("a virtqueue descriptor outside guest memory loses its packet, the back end goes on") {
  Hostile m("vhost");
  // The driver's layout: receive queue first, then transmit queue, 256 entries each (VirtqueueLayout::allocate).
  software::MemoryView copy(*m.cpu_memory, m.vms[0].memory->base(), m.vms[0].memory->size(), 0);
  const auto rx = software::VirtqueueLayout::allocate(copy, 256, true), tx = software::VirtqueueLayout::allocate(copy, 256, true);
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  REQUIRE(copy.load<std::uint16_t>(rx.used_index()) == 1);  // this is where the queue is
  for (std::uint16_t i = 0; i < 256; ++i) copy.store(rx.descriptor(i), vring_desc{~0ull - 100, 0xffff'ffff, VRING_DESC_F_WRITE, 0});
  for (int i = 0; i < 5; ++i) m.frame_arrives(m.mac(0));
  m.run(100_us);
  CHECK(copy.load<std::uint16_t>(rx.used_index()) == 6);
  CHECK(m.counter("vm0.backend.delivered") == 1);
  CHECK(copy.load<std::uint16_t>(tx.used_index()) == 0);
  m.bystander_lives();
}

TEST_CASE("a packed ring full of descriptors outside guest memory loses its packets, the back end goes on") {
  Hostile m("vhost", {{"vm0.virtio.packed", true}});
  software::MemoryView copy(*m.cpu_memory, m.vms[0].memory->base(), m.vms[0].memory->size(), 0);
  const auto rx = software::VirtqueueLayout::allocate(copy, 256, true, true);
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  REQUIRE(m.counter("vm0.backend.delivered") == 1);
  for (std::uint16_t i = 1; i < 256; ++i) {
    auto d = copy.load<vring_packed_desc>(rx.descriptor(i));
    d.addr = ~0ull - 100, d.len = 0xffff'ffff, d.id = 0xffff;
    copy.store(rx.descriptor(i), d);
  }
  for (int i = 0; i < 5; ++i) m.frame_arrives(m.mac(0));
  m.run(100_us);
  CHECK(m.counter("vm0.backend.delivered") == 1);
  m.bystander_lives();
}

TEST_CASE("an available index that runs wild costs the back end one round of the ring, not the machine") {
  Hostile m("vhost");
  software::MemoryView copy(*m.cpu_memory, m.vms[0].memory->base(), m.vms[0].memory->size(), 0);
  software::VirtqueueLayout::allocate(copy, 256, true);
  const auto tx = software::VirtqueueLayout::allocate(copy, 256, true);
  copy.store(tx.available_index(), std::uint16_t{40000});
  for (int i = 0; i < 4; ++i) m.frame_arrives(m.mac(0));  // wakes the back end
  m.run(2000_us);
  m.bystander_lives();
  CHECK(m.counter("vm0.backend.sent") == 0);
}

TEST_CASE("an emulated NIC with rings outside guest memory sends and receives nothing") {
  Hostile m("emulation");
  // The driver's own ring, overwritten: buffers that do not exist.
  for (unsigned i = 0; i < 256; ++i) {
    nic::RxDescriptor d{};
    d.read = {~0ull - 64, 0};
    m.vms[0].memory->store(Gpa(0x2000 + 16 * i), d);  // after 256 transmit descriptors at 0x1000
  }
  m.frame_arrives(m.mac(0));
  m.run(100_us);
  CHECK(m.counter("vm0.nic.delivered") == 0);
  m.bystander_lives();
}
