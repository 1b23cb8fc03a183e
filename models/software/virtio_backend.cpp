// SPDX-License-Identifier: Apache-2.0
#include "models/software/virtio_backend.h"

#include <limits>

namespace iov::software {

using host::Context;
using host::ExitCause;
using host::Strand;
using host::Work;

VirtioBackend::VirtioBackend(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
                             const MainLoop::Params& main_loop, const SoftwareCosts& costs, Location location, VirtioNet& front, MemoryView& guest,
                             Vcpu& vcpu, HostNetwork& network, Tap& tap, host::Core& core, std::uint64_t seed)
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
  if (location == Location::user) loop_.emplace("main_loop", services.timeline, main_loop, costs, strand_, own(), seed);
  front.set_doorbell(*this);
}

void VirtioBackend::start() {
  task_ = loop_ ? main_loop() : worker();
  task_.start();
}

// --- who is told, and who serves -------------------------------------------------------------------------------

Task VirtioBackend::kick(Strand& strand, unsigned queue, JourneyRef journey) {
  ++kicks_;
  journey.enter(Stage::vm_exit, services_.timeline.now());
  co_await strand.vm_exit(ExitCause::kick);
  if (loop_ && !params_.ioeventfd) {
    co_await serve_kick(strand, queue, journey);
  } else {
    co_await strand.spend(Context::host_kernel, Work::emulation, costs_.eventfd_signal + costs_.thread_wakeup);
    journey.advance(Stage::vm_exit, Stage::backend, services_.timeline.now());
    kicked_ = kicked_ || (loop_ && queue == VirtioNet::transmit_queue);
    loop_ ? loop_->wake() : strand_.wake();
  }
  co_await strand.resume_guest();
}

/// Without ioeventfd (virtio_ioport_write): on the vCPU's thread.
Task VirtioBackend::serve_kick(Strand& strand, unsigned queue, JourneyRef journey) {
  co_await strand.spend(own(), Work::emulation, {});
  journey.advance(Stage::vm_exit, Stage::emulator_mutex, services_.timeline.now());
  co_await loop_->mutex().acquire(strand);
  journey.advance(Stage::emulator_mutex, Stage::backend, services_.timeline.now());
  co_await strand.spend(own(), Work::emulation, costs_.register_emulation);
  if (queue == VirtioNet::transmit_queue) co_await handle_transmit(strand);
  if (queue == VirtioNet::receive_queue || due_) co_await loop_->notify(strand);
  co_await loop_->mutex().release(strand);
}

/// Of vhost: handle_tx and handle_rx in turn.
Task VirtioBackend::worker() {
  for (;;) {
    unsigned sent = 0, received = 0;
    if (tx_.has_available()) tx_.disable_kicks();
    co_await transmit(strand_, params_.burst, sent);
    co_await receive(received);
    if (sent || received) continue;
    tap_.notify(&strand_);
    if (tx_.enable_kicks() && (tap_.empty() || rx_.enable_kicks())) co_await strand_.wait();
  }
}

Task VirtioBackend::main_loop() {
  co_await loop_->mutex().acquire(strand_);
  for (;;) {
    co_await loop_->poll(bind<&VirtioBackend::ready>(this));
    unsigned received = 0;
    if (std::exchange(kicked_, false)) co_await handle_transmit(strand_);
    if (tap_readable()) co_await receive(received);
    if (std::exchange(due_, false)) co_await transmit_due(strand_);
  }
}

bool VirtioBackend::ready() {
  const bool something = kicked_ || due_ || tap_readable();
  tap_.notify(!something && tap_.empty() ? &strand_ : nullptr);
  return something;
}

/// Asks for a kick when only the guest's buffers are missing (virtio_net_has_buffers).
bool VirtioBackend::tap_readable() { return !tap_.empty() && (rx_.has_available() || !rx_.enable_kicks()); }

void VirtioBackend::timer_due() {
  due_ = true;
  loop_->wake();
}

/// virtio_net_handle_tx_bh, virtio_net_handle_tx_timer: a kick while the timer runs sends at once.
Task VirtioBackend::handle_transmit(Strand& strand) {
  if (sending_ && !by_timer()) co_return;
  if (sending_) {
    timer_.cancel();
    due_ = false;
    co_await transmit_due(strand);
    co_return;
  }
  sending_ = true;
  tx_.disable_kicks();
  due_ = !by_timer();
  if (due_) co_return;
  timer_.at(services_.timeline.now() + params_.transmit_timer);
  co_await strand.spend(Context::host_kernel, Work::emulation, {});  // timer_settime()
}

/// virtio_net_tx_bh, virtio_net_tx_timer: the latter asks for kicks first and sends whatever there is.
Task VirtioBackend::transmit_due(Strand& strand) {
  unsigned sent = 0, more = 0;
  if (by_timer()) {
    sending_ = false;
    tx_.enable_kicks();
    co_await transmit(strand, std::numeric_limits<unsigned>::max(), sent);
    co_return;
  }
  co_await transmit(strand, params_.burst, sent);
  if (sent < params_.burst) {
    if (tx_.enable_kicks()) {
      sending_ = false;
      co_return;
    }
    co_await transmit(strand, params_.burst, more);
  }
  tx_.disable_kicks();
  due_ = true;
}

// --- packets ---------------------------------------------------------------------------------------------------

/// Between guest memory and the host's socket buffer: the CPU's time, and the traffic on the memory it causes. QEMU
/// writes guest memory to the tap directly, but reads from the tap into a buffer of its own first.
Task VirtioBackend::copy(Strand& strand, std::uint32_t bytes, Hpa guest_buffer, bool to_guest) {
  const bool twice = to_guest && location_ == Location::user;
  copied_.copies += twice ? 2 : 1;
  copied_.bytes += std::uint64_t{twice ? 2u : 1u} * bytes;
  co_await strand.spend(Context::host_kernel, Work::copy, costs_.copy(bytes, true));
  if (twice) co_await strand.spend(Context::host_user, Work::copy, costs_.copy(bytes, false));
  MemoryPort& memory = guest_.port();
  const Time now = services_.timeline.now();
  if (to_guest)
    memory.write(guest_buffer, {}, bytes, now);
  else
    memory.read(guest_buffer, {}, bytes, now);
}

Task VirtioBackend::transmit(Strand& strand, unsigned limit, unsigned& done) {
  for (; done < limit && tx_.has_available(); ++done) {
    const auto buffer = tx_.take();
    if (by_timer() && !sending_) tx_.enable_kicks();  // virtqueue_pop() moves the event index on
    co_await strand.spend(own(), Work::backend, costs_.virtqueue_back + costs_.lines(tx_.take_moves()));
    if (location_ == Location::user) co_await strand.spend(own(), Work::backend, costs_.user_packet);
    if (!buffer.valid || buffer.bytes < VirtioNet::header_bytes + FrameHeader::header_bytes) {
      tx_.push_used(buffer.id, 0);  // a guest that lies loses its packet
      continue;
    }
    const std::uint32_t bytes = buffer.bytes - VirtioNet::header_bytes;
    const Gpa at = buffer.address + VirtioNet::header_bytes;
    Frame frame = load_frame(guest_, at, bytes, services_.payload, services_.book);
    frame.journey.enter(Stage::copy, services_.timeline.now());
    co_await copy(strand, bytes, guest_.host(at), false);
    ++sent_;
    co_await network_.send(strand, frame, location_ == Location::kernel && tx_.has_available() && done + 1 < limit);
    tx_.push_used(buffer.id, 0);
    co_await interrupt_guest(strand, tx_, {});
  }
}

Task VirtioBackend::receive(unsigned& done) {
  rx_.disable_kicks();
  for (; !burst_over(done) && !tap_.empty() && rx_.has_available(); ++done) {
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
    co_await copy(strand_, frame.bytes, guest_.host(buffer.address), true);
    frame.journey.enter(Stage::backend, services_.timeline.now());
    if (location_ == Location::user) co_await strand_.spend(own(), Work::backend, costs_.user_packet);
    co_await strand_.spend(own(), Work::backend, costs_.virtqueue_back + costs_.lines(rx_.take_moves()));
    store_frame(guest_, buffer.address + VirtioNet::header_bytes, frame);
    frame.journey.enter(Stage::completion, services_.timeline.now());
    rx_.push_used(buffer.id, bytes);
    ++delivered_;
    co_await interrupt_guest(strand_, rx_, frame.journey);
  }
  if (loop_ && tap_.empty()) co_await strand_.spend(Context::host_kernel, Work::stack, {});  // a read that finds nothing
}

Task VirtioBackend::interrupt_guest(Strand& strand, VirtqueueDevice& queue, JourneyRef journey) {
  if (!queue.interrupt_needed()) co_return;
  ++interrupts_;
  journey.enter(Stage::interrupt, services_.timeline.now());
  // A user-space back end writes to the irqfd: a system call; the spend() in kernel context pays for it.
  vcpu_.raise(vector_);
  co_await strand.spend(Context::host_kernel, Work::emulation, vcpu_.injection_cost());
  vcpu_.inject(vector_, journey);
}

}  // namespace iov::software
