// SPDX-License-Identifier: Apache-2.0
#include "models/software/virtio_backend.h"

namespace iov::software {

using host::Context;
using host::ExitCause;
using host::Strand;
using host::Work;

VirtioBackend::VirtioBackend(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
                             const SoftwareCosts& costs, Location location, VirtioNet& front, MemoryView& guest,
                             Vcpu& vcpu, HostNetwork& network, Tap& tap, host::Core& core)
    : sc_module(name),
      services_(services),
      params_(params),
      costs_(costs),
      location_(location),
      guest_(guest),
      vcpu_(vcpu),
      network_(network),
      tap_(tap),
      rx_(guest, front.layout(VirtioNet::receive_queue)),
      tx_(guest, front.layout(VirtioNet::transmit_queue)),
      vector_(front.vector()),
      thread_(core, host::Thread::Kind::process, sc_module::name()) {
  front.set_doorbell(*this);
}

void VirtioBackend::start() {
  task_ = loop();
  task_.start();
}

Task VirtioBackend::kick(Strand& strand, unsigned, JourneyRef journey) {
  ++kicks_;
  journey.enter(Stage::vm_exit, services_.timeline.now());
  co_await strand.vm_exit(ExitCause::kick);
  co_await strand.spend(Context::host_kernel, Work::emulation, costs_.eventfd_signal + costs_.thread_wakeup);
  journey.enter(Stage::backend, services_.timeline.now());
  strand_.wake();
  co_await strand.resume_guest();
}

Task VirtioBackend::loop() {
  for (;;) {
    unsigned sent = 0, received = 0;
    co_await transmit_burst(sent);
    co_await receive_burst(received);
    if (sent || received) continue;
    tap_.notify(&strand_);
    if (tx_.enable_kicks() && (tap_.empty() || rx_.enable_kicks())) co_await strand_.wait();
  }
}

/// Between guest memory and the host's socket buffer: the CPU's time, and the traffic on the memory it causes. QEMU
/// writes guest memory to the tap directly, but reads from the tap into a buffer of its own first.
Task VirtioBackend::copy(std::uint32_t bytes, Hpa guest_buffer, bool to_guest) {
  const bool twice = to_guest && location_ == Location::user;
  copied_.copies += twice ? 2 : 1;
  copied_.bytes += std::uint64_t{twice ? 2u : 1u} * bytes;
  co_await strand_.spend(Context::host_kernel, Work::copy, costs_.copy(bytes, true));
  if (twice) co_await strand_.spend(Context::host_user, Work::copy, costs_.copy(bytes, false));
  MemoryPort& memory = guest_.port();
  const Time now = services_.timeline.now();
  if (to_guest)
    memory.write(guest_buffer, {}, bytes, now);
  else
    memory.read(guest_buffer, {}, bytes, now);
}

Task VirtioBackend::transmit_burst(unsigned& done) {
  if (!tx_.has_available()) co_return;
  tx_.disable_kicks();
  for (; done < params_.burst && tx_.has_available(); ++done) {
    const auto buffer = tx_.take();
    co_await strand_.spend(own(), Work::backend, costs_.virtqueue_back + costs_.lines(tx_.take_moves()));
    if (location_ == Location::user) co_await strand_.spend(own(), Work::backend, costs_.user_packet);
    if (!buffer.valid || buffer.bytes < VirtioNet::header_bytes + FrameHeader::header_bytes) {
      tx_.push_used(buffer.id, 0);  // a guest that lies loses its packet
      continue;
    }
    const std::uint32_t bytes = buffer.bytes - VirtioNet::header_bytes;
    const Gpa at = buffer.address + VirtioNet::header_bytes;
    Frame frame = load_frame(guest_, at, bytes, services_.payload, services_.book);
    frame.journey.enter(Stage::copy, services_.timeline.now());
    co_await copy(bytes, guest_.host(at), false);
    ++sent_;
    co_await network_.send(strand_, frame, location_ == Location::kernel && tx_.has_available() && done + 1 < params_.burst);
    tx_.push_used(buffer.id, 0);
    co_await interrupt_guest(tx_, {});
  }
}

Task VirtioBackend::receive_burst(unsigned& done) {
  rx_.disable_kicks();
  for (; done < params_.burst && !tap_.empty() && rx_.has_available(); ++done) {
    Frame frame = tap_.pop();
    const auto buffer = rx_.take();
    if (location_ == Location::user) co_await strand_.spend(Context::host_kernel, Work::stack, costs_.tap);
    const std::uint32_t bytes = frame.bytes + VirtioNet::header_bytes;
    if (!buffer.valid || buffer.bytes < bytes) {
      rx_.push_used(buffer.id, 0);
      services_.book.dropped(frame.header.id, DropReason::malformed);
      continue;
    }
    frame.journey.enter(Stage::copy, services_.timeline.now());
    co_await copy(frame.bytes, guest_.host(buffer.address), true);
    frame.journey.enter(Stage::backend, services_.timeline.now());
    if (location_ == Location::user) co_await strand_.spend(own(), Work::backend, costs_.user_packet);
    co_await strand_.spend(own(), Work::backend, costs_.virtqueue_back + costs_.lines(rx_.take_moves()));
    store_frame(guest_, buffer.address + VirtioNet::header_bytes, frame);
    frame.journey.enter(Stage::completion, services_.timeline.now());
    rx_.push_used(buffer.id, bytes);
    ++delivered_;
    co_await interrupt_guest(rx_, frame.journey);
  }
}

Task VirtioBackend::interrupt_guest(VirtqueueDevice& queue, JourneyRef journey) {
  if (!queue.interrupt_needed()) co_return;
  ++interrupts_;
  journey.enter(Stage::interrupt, services_.timeline.now());
  // A user-space back end writes to the irqfd: a system call; the spend() in kernel context pays for it.
  vcpu_.raise(vector_);
  co_await strand_.spend(Context::host_kernel, Work::emulation, vcpu_.injection_cost());
  vcpu_.inject(vector_, journey);
}

}  // namespace iov::software
