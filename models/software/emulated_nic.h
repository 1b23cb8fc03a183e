// SPDX-License-Identifier: Apache-2.0
/// EmulatedNic -- a NIC that exists only as software: every register access of the guest's driver exits and is emulated,
/// in host user space (QEMU) or in the host kernel.
///
/// Spec    registers and descriptors of models/protocol/nic.h; structure of QEMU hw/net/e1000.c: transmission inside
///         the vCPU thread that wrote the tail, reception in an I/O thread; interrupts mitigated by the throttle register,
///         whose timer the I/O thread runs, under the same mutex and at the same costs as all it does.
/// Models  exits by cause, user legs, device-model work, both copies of each packet (guest - model - tap), level-like
///         cause register; an interrupt line of which the kernel is told when it changes; the emulator's global mutex: a
///         register access waits while the I/O thread works through a burst of packets, and the other way round; what is read
///         from the tap while the guest's ring has no buffer is lost, or stays in the tap.
#pragma once
#include "models/protocol/nic.h"
#include "models/software/host_network.h"
#include "models/software/main_loop.h"
#include "models/software/register_io.h"
#include "models/software/vcpu.h"
#include "models/software/virtio_backend.h"

namespace iov::software {

class EmulatedNic : public sc_core::sc_module, public RegisterIo {
 public:
  enum class Location : std::uint8_t { user, kernel };
  struct Params {
    bool waits_for_buffers = true;
    template <class V>
    void describe(V& v) {
      v.flag("waits_for_buffers", waits_for_buffers,
             "packets stay in the tap while the guest's ring has no buffer; off: the device model reads and loses them",
             "QEMU e1000_can_receive(); that of 2010 looks at RCTL.EN only and e1000_receive() returns -1 at an overrun");
    }
  };
  EmulatedNic(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
              const MainLoop::Params& main_loop, const SoftwareCosts& costs, Location location, MemoryView& guest, Vcpu& vcpu,
              HostNetwork& network, Tap& tap, host::Core& io_core, std::uint64_t seed = 0);
  void start();
  void set_vector(std::uint8_t guest_vector) { vector_ = guest_vector; }
  Task write(host::Strand& strand, std::uint32_t offset, std::uint64_t value, unsigned bytes, JourneyRef journey) override;
  Task read(host::Strand& strand, std::uint32_t offset, unsigned bytes, std::uint64_t& value) override;
  const CopyAccount& copied() const { return copied_; }
  void reset_copies() { copied_ = {}; }

 private:
  struct Ring {
    std::uint64_t base = 0;
    std::uint32_t length = 0, head = 0, tail = 0;
    bool enabled = false;
  };
  Task io_loop();
  Task transmit(host::Strand& strand);
  Task enter(host::Strand& strand, JourneyRef journey);
  Task receive_one(Frame& frame);
  Task copy_guest(host::Strand& strand, std::uint32_t bytes, Gpa guest, bool to_guest);
  Task copy_tap(host::Strand& strand, std::uint32_t bytes);
  Task raise(host::Strand& strand, JourneyRef journey);
  Task interrupt(host::Strand& strand);
  void timer_due();
  Task mitigation_over();
  void apply(std::uint32_t offset, std::uint64_t value);
  static void set_ring(Ring& ring, std::uint32_t which, std::uint64_t value);
  Task receive_burst();
  bool has_buffer() const { return rx_.head != rx_.tail; }
  bool can_receive() const { return rx_.enabled && (!params_.waits_for_buffers || has_buffer()); }
  bool ready();
  host::Context own() const { return location_ == Location::user ? host::Context::host_user : host::Context::host_kernel; }

  const PacketServices services_;
  const Params params_;
  const SoftwareCosts& costs_;
  const Location location_;
  MemoryView& guest_;
  Vcpu& vcpu_;
  HostNetwork& network_;
  Tap& tap_;
  host::Thread io_thread_;
  host::Strand io_{io_thread_.core(), host::Level::thread_low, &io_thread_};
  MainLoop loop_;
  Ring tx_, rx_;
  std::uint32_t cause_ = 0, mask_ = 0;
  Time throttle_;
  bool asserted_ = false;    ///< the interrupt line
  bool mitigating_ = false;  ///< no interrupt before the I/O thread has run the timer
  bool timer_due_ = false;
  JourneyRef waits_longest_;  ///< of the received packets that no interrupt has told of
  std::uint8_t vector_ = 0;
  CopyAccount copied_;
  Event mitigation_{services_.timeline, bind<&EmulatedNic::timer_due>(this)};
  Counter accesses_{"register_accesses", "1", "register accesses emulated"};
  Counter sent_{"sent", "1", "packets from the guest"};
  Counter delivered_{"delivered", "1", "packets to the guest"};
  Counter interrupts_{"interrupts", "1", "virtual interrupts raised"};
  Task task_;
};

}  // namespace iov::software
