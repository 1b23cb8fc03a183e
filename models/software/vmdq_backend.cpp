// SPDX-License-Identifier: Apache-2.0
#include "models/software/vmdq_backend.h"

namespace iov::software {

using host::Context;
using host::ExitCause;
using host::Strand;
using host::Work;

VmdqBackend::VmdqBackend(const sc_core::sc_module_name& name, const PacketServices& services,
                         const VirtioBackend::Params& params, const SoftwareCosts& costs, VirtioNet& front,
                         MemoryView& guest, Vcpu& vcpu, NicDriver& pool, host::Core& core)
    : sc_module(name),
      services_(services),
      params_(params),
      costs_(costs),
      guest_(guest),
      vcpu_(vcpu),
      pool_(pool),
      rx_(guest, front.layout(VirtioNet::receive_queue)),
      tx_(guest, front.layout(VirtioNet::transmit_queue)),
      vector_(front.vector()),
      thread_(core, host::Thread::Kind::process, sc_module::name()) {
  front.set_doorbell(*this);
  pool.set_receiver(*this);
}

void VmdqBackend::start() {
  task_ = transmit_loop();
  task_.start();
}

Task VmdqBackend::kick(Strand& strand, unsigned queue, JourneyRef journey) {
  journey.enter(Stage::vm_exit, services_.timeline.now());
  co_await strand.vm_exit(ExitCause::kick);
  co_await strand.spend(Context::host_kernel, Work::emulation, costs_.eventfd_signal);
  if (queue == VirtioNet::transmit_queue) {
    co_await strand.spend(Context::host_kernel, Work::emulation, costs_.thread_wakeup);
    journey.enter(Stage::backend, services_.timeline.now());
    strand_.wake();
  }
  co_await strand.resume_guest();
}

Task VmdqBackend::copy(Strand& strand, std::uint32_t bytes, Hpa guest_buffer, bool to_guest) {
  ++copied_.copies;
  copied_.bytes += bytes;
  co_await strand.spend(Context::host_kernel, Work::copy, costs_.copy(bytes, true));
  const Time now = services_.timeline.now();
  if (to_guest)
    guest_.port().write(guest_buffer, {}, bytes, now);
  else
    guest_.port().read(guest_buffer, {}, bytes, now);
}

Task VmdqBackend::transmit_loop() {
  for (;;) {
    tx_.disable_kicks();
    while (tx_.available() > 0) {
      const auto buffer = tx_.take();
      co_await strand_.spend(Context::host_kernel, Work::backend, costs_.virtqueue_back + costs_.guest_translation);
      if (buffer.valid && buffer.bytes >= VirtioNet::header_bytes + FrameHeader::header_bytes) {
        const std::uint32_t bytes = buffer.bytes - VirtioNet::header_bytes;
        const Gpa at = buffer.address + VirtioNet::header_bytes;
        Frame frame = load_frame(guest_, at, bytes, services_.payload, services_.book);
        frame.journey.enter(Stage::copy, services_.timeline.now());
        co_await copy(strand_, bytes, guest_.host(at), false);
        frame.journey.enter(Stage::host_stack, services_.timeline.now());
        ++sent_;
        co_await pool_.transmit(strand_, frame, tx_.available() > 0);
      }
      tx_.push_used(buffer.id, 0);
      co_await interrupt_guest(strand_, tx_, {});
    }
    if (tx_.enable_kicks()) co_await strand_.wait();
  }
}

Task VmdqBackend::receive(Strand& strand, Frame& frame) {
  frame.journey.enter(Stage::backend, services_.timeline.now());
  co_await strand.spend(Context::host_kernel, Work::backend,
                        costs_.pool_completion + costs_.guest_translation + costs_.virtqueue_back);
  const std::uint32_t bytes = frame.bytes + VirtioNet::header_bytes;
  if (rx_.available() == 0) {
    ++dropped_;
    services_.book.dropped(frame.header.id, DropReason::backend_queue_full);
    co_return;
  }
  const auto buffer = rx_.take();
  if (!buffer.valid || buffer.bytes < bytes) {
    rx_.push_used(buffer.id, 0);
    services_.book.dropped(frame.header.id, DropReason::malformed);
    co_return;
  }
  frame.journey.enter(Stage::copy, services_.timeline.now());
  co_await copy(strand, frame.bytes, guest_.host(buffer.address), true);
  store_frame(guest_, buffer.address + VirtioNet::header_bytes, frame);
  frame.journey.enter(Stage::completion, services_.timeline.now());
  rx_.push_used(buffer.id, bytes);
  ++delivered_;
  co_await interrupt_guest(strand, rx_, frame.journey);
}

Task VmdqBackend::interrupt_guest(Strand& strand, VirtqueueDevice& queue, JourneyRef journey) {
  if (!queue.interrupt_needed()) co_return;
  ++interrupts_;
  journey.enter(Stage::interrupt, services_.timeline.now());
  vcpu_.raise(vector_);
  co_await strand.spend(Context::host_kernel, Work::emulation, vcpu_.injection_cost());
  vcpu_.inject(vector_, journey);
}

}  // namespace iov::software
