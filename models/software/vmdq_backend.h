// SPDX-License-Identifier: Apache-2.0
/// VmdqBackend -- the hypervisor's part of VMDq: a VM's front end is served by a queue pool of its own, which the NIC
/// fills by destination address. No bridge, no tap; the hypervisor still touches every packet: it translates the guest
/// address, copies, and completes.
///
/// Spec    Intel VMDq white paper (sorting in hardware, copy by the VMM); virtio front end as for vhost.
/// Omits   zero-copy pools whose descriptors point into the guest.
#pragma once
#include "models/software/nic_driver.h"
#include "models/software/virtio_backend.h"

namespace iov::software {

class VmdqBackend : public sc_core::sc_module, public Doorbell, public PacketReceiver {
 public:
  VmdqBackend(const sc_core::sc_module_name& name, const PacketServices& services, const VirtioBackend::Params& params,
              const SoftwareCosts& costs, VirtioNet& front, MemoryView& guest, Vcpu& vcpu, NicDriver& pool, host::Core& core);
  void start();
  Task kick(host::Strand& strand, unsigned queue, JourneyRef journey) override;
  Task receive(host::Strand& strand, Frame& frame) override;  ///< from the pool's receive queue, in its softirq
  const CopyAccount& copied() const { return copied_; }
  void reset_copies() { copied_ = {}; }

 private:
  Task transmit_loop();
  Task copy(host::Strand& strand, std::uint32_t bytes, Hpa guest_buffer, bool to_guest);
  Task interrupt_guest(host::Strand& strand, VirtqueueDevice& queue, JourneyRef journey);

  const PacketServices services_;
  const VirtioBackend::Params params_;
  const SoftwareCosts& costs_;
  MemoryView& guest_;
  Vcpu& vcpu_;
  NicDriver& pool_;
  VirtqueueDevice rx_, tx_;
  const std::uint8_t vector_;
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
