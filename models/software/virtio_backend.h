// SPDX-License-Identifier: Apache-2.0
/// VirtioBackend -- the back end of a virtio-net device: an I/O thread in host user space (QEMU) or a worker in the
/// host kernel (vhost). One mechanism; the place decides about system calls.
///
/// Models  kick by exit and eventfd, thread wake-up, per packet: ring access, copy between guest memory and the host's
///         buffers (bytes and time), tap write or read; notification suppression while running; interrupt by irqfd.
/// Spec    virtio 1.2 2.7; Linux drivers/vhost/net.c (weight 256 packets or 512 KiB before it yields), QEMU
///         hw/net/virtio-net.c.
#pragma once
#include "models/software/host_network.h"
#include "models/software/virtio_net.h"

namespace iov::software {

/// Bytes copied by host software, shared by all back ends.
struct CopyAccount {
  std::uint64_t copies = 0, bytes = 0;
};

class VirtioBackend : public sc_core::sc_module, public Doorbell {
 public:
  enum class Location : std::uint8_t { user, kernel };
  struct Params {
    unsigned burst = 256;
    template <class V>
    void describe(V& v) {
      v.field("burst", burst, Range<unsigned>{1, 65536}, "packets of one direction before the other gets its turn",
              "QEMU tx_burst 256, vhost-net packet weight 256");
    }
  };
  VirtioBackend(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
                const SoftwareCosts& costs, Location location, VirtioNet& front, MemoryView& guest, Vcpu& vcpu,
                HostNetwork& network, Tap& tap, host::Core& core);
  void start();
  Task kick(host::Strand& strand, unsigned queue, JourneyRef journey) override;
  const CopyAccount& copied() const { return copied_; }
  void reset_copies() { copied_ = {}; }
  host::Strand& strand() { return strand_; }

 private:
  Task loop();
  Task transmit_burst(unsigned& done);
  Task receive_burst(unsigned& done);
  Task copy(std::uint32_t bytes, Hpa guest_buffer, bool to_guest);
  Task interrupt_guest(VirtqueueDevice& queue, JourneyRef journey);
  host::Context own() const { return location_ == Location::user ? host::Context::host_user : host::Context::host_kernel; }

  const PacketServices services_;
  const Params params_;
  const SoftwareCosts& costs_;
  const Location location_;
  MemoryView& guest_;
  Vcpu& vcpu_;
  HostNetwork& network_;
  Tap& tap_;
  VirtqueueDevice rx_, tx_;
  const std::uint8_t vector_;
  host::Thread thread_;
  host::Strand strand_{thread_.core(), host::Level::thread_low, &thread_};
  CopyAccount copied_;
  Counter kicks_{"kicks", "1", "kicks received"};
  Counter sent_{"sent", "1", "packets from the guest"};
  Counter delivered_{"delivered", "1", "packets to the guest"};
  Counter interrupts_{"interrupts", "1", "virtual interrupts raised"};
  Task task_;
};

}  // namespace iov::software
