// SPDX-License-Identifier: Apache-2.0
/// VirtioBackend -- the back end of a virtio-net device: the emulator's main loop in host user space (QEMU) or a worker in the
/// host kernel (vhost).
///
/// Models  kick by exit and eventfd, thread wake-up, per packet: ring access, copy between guest memory and the host's
///         buffers (bytes and time), tap write or read; notification suppression while running; interrupt by irqfd. In user
///         space the emulator's global mutex, transmission from a bottom half or a timer; without ioeventfd the vCPU's thread
///         serves its kick itself and waits for the mutex while the I/O thread sends.
/// Omits   the packet that QEMU has read from the tap when the guest has no buffer: it stays in the tap.
/// Spec    virtio 1.2 2.7; Linux drivers/vhost/net.c (weight 256 packets or 512 KiB before it yields), QEMU
///         hw/net/virtio-net.c (virtio_net_handle_tx_bh, virtio_net_handle_tx_timer, virtio_net_flush_tx).
#pragma once
#include <optional>

#include "models/software/host_network.h"
#include "models/software/main_loop.h"
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
    bool ioeventfd = true;
    Time transmit_timer;
    template <class V>
    void describe(V& v) {
      v.field("burst", burst, Range<unsigned>{1, 65536}, "packets of one direction before the other gets its turn; path virtio: that a bottom half sends",
              "QEMU tx_burst 256, vhost-net packet weight 256");
      v.flag("ioeventfd", ioeventfd,
             "a kick of a back end in user space is a signal to the I/O thread; off: the vCPU's thread leaves for user space and serves it, "
             "with the emulator's mutex",
             "QEMU since 0.14 (its wiki, Features/VirtioIoeventfd)");
      v.field("transmit_timer", transmit_timer, Range<Time>{{}, 10000_us},
              "back end in user space: so long the first packet waits for others, then all are sent (tx=timer); 0: at once (tx=bh)",
              "0 since QEMU 0.14 (commit a697a334b3c4)");
    }
  };
  VirtioBackend(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
                const MainLoop::Params& main_loop, const SoftwareCosts& costs, Location location, VirtioNet& front, MemoryView& guest, Vcpu& vcpu,
                HostNetwork& network, Tap& tap, host::Core& core, std::uint64_t seed = 0);
  void start();
  Task kick(host::Strand& strand, unsigned queue, JourneyRef journey) override;
  const CopyAccount& copied() const { return copied_; }
  void reset_copies() { copied_ = {}; }

 private:
  Task worker();
  Task main_loop();
  bool ready();
  bool tap_readable();
  Task serve_kick(host::Strand& strand, unsigned queue, JourneyRef journey);
  Task handle_transmit(host::Strand& strand);
  Task transmit_due(host::Strand& strand);
  bool by_timer() const { return loop_ && params_.transmit_timer > sc_core::SC_ZERO_TIME; }
  void timer_due();
  Task transmit(host::Strand& strand, unsigned limit, unsigned& done);
  Task receive(unsigned& done);
  bool burst_over(unsigned packets) const { return loop_ ? loop_->burst_over(packets) : packets >= params_.burst; }
  Task copy(host::Strand& strand, std::uint32_t bytes, Hpa guest_buffer, bool to_guest);
  Task interrupt_guest(host::Strand& strand, VirtqueueDevice& queue, JourneyRef journey);
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
  std::optional<MainLoop> loop_;  ///< none in the kernel
  bool kicked_ = false;           ///< the transmit queue's eventfd is readable
  bool sending_ = false;          ///< bottom half or timer will send, kicks are off
  bool due_ = false;              ///< it is to run now
  Event timer_{services_.timeline, bind<&VirtioBackend::timer_due>(this)};
  CopyAccount copied_;
  Counter kicks_{"kicks", "1", "kicks received"};
  Counter sent_{"sent", "1", "packets from the guest"};
  Counter delivered_{"delivered", "1", "packets to the guest"};
  Counter interrupts_{"interrupts", "1", "virtual interrupts raised"};
  Task task_;
};

}  // namespace iov::software
