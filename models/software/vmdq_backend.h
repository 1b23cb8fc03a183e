// SPDX-License-Identifier: Apache-2.0
/// VmdqBackend -- the hypervisor's part of VMDq: a VM's front end is served by a queue pool of its own, which the NIC
/// fills by destination address. No bridge, no tap; the hypervisor still touches every packet: it translates the guest
/// address, copies the packet or lends the guest's buffer to the pool, and completes.
///
/// Spec    Intel VMDq white paper (sorting in hardware, copy by the VMM); virtio front end as for vhost.
/// Models  one copy per packet, or none (zero_copy): descriptors point at the guest's buffers, which the hypervisor has
///         translated and pinned. A buffer that was sent goes back to the guest when the device has read it; those for
///         frames to come are posted ahead, after a kick when the pool has few left.
#pragma once
#include "models/software/nic_driver.h"
#include "models/software/virtio_backend.h"

namespace iov::software {

class VmdqBackend : public sc_core::sc_module, public Doorbell, public PacketReceiver, public BufferLender {
 public:
  VmdqBackend(const sc_core::sc_module_name& name, const PacketServices& services, const SoftwareCosts& costs, bool zero_copy,
              VirtioNet& front, MemoryView& guest, Vcpu& vcpu, NicDriver& pool, host::Core& core);
  void start();
  Task kick(host::Strand& strand, unsigned queue, JourneyRef journey) override;
  Task receive(host::Strand& strand, Frame& frame) override;  ///< from the pool's receive queue, in its softirq
  Task lend(host::Strand& strand, std::optional<DmaBuffer>& buffer) override;
  Task filled(host::Strand& strand, const DmaBuffer& buffer, Frame& frame) override;
  Task sent(host::Strand& strand, const DmaBuffer& buffer) override;
  void returned(const DmaBuffer& buffer) override;
  const CopyAccount& copied() const { return copied_; }
  void reset_copies() { copied_ = {}; }

 private:
  static constexpr std::uint32_t longest_frame = 1518;  ///< without FCS, with a VLAN tag: no frame passes a lent buffer
  Task transmit_loop();
  Task transmit_one(const VirtqueueDevice::Buffer& buffer);
  DmaBuffer translated(const VirtqueueDevice::Buffer& buffer) const;
  Task deliver(host::Strand& strand, std::uint16_t buffer, Frame& frame);
  Task copy(host::Strand& strand, std::uint32_t bytes, Hpa guest_buffer, bool to_guest);
  Time back(VirtqueueDevice& queue) const { return costs_.virtqueue_back + costs_.lines(queue.take_moves()); }
  Task interrupt_guest(host::Strand& strand, VirtqueueDevice& queue, JourneyRef journey);

  const PacketServices services_;
  const SoftwareCosts& costs_;
  const bool zero_copy_;
  MemoryView& guest_;
  Vcpu& vcpu_;
  NicDriver& pool_;
  VirtqueueDevice rx_, tx_;
  const std::uint8_t vector_;
  const unsigned low_water_;       ///< lent receive buffers below which the guest kicks when it has more
  unsigned lent_ = 0;              ///< receive buffers that the pool has
  std::vector<DmaBuffer> spare_;   ///< that the pool had when it was stopped
  host::Thread thread_;
  host::Strand strand_{thread_.core(), host::Level::thread_low, &thread_};
  CopyAccount copied_;
  Counter sent_{"sent", "1", "packets from the guest"};
  Counter delivered_{"delivered", "1", "packets to the guest"};
  Counter dropped_{"dropped", "1", "packets for which the guest had no buffer"};
  Counter interrupts_{"interrupts", "1", "virtual interrupts raised"};
  Task task_;
};

}  // namespace iov::software
