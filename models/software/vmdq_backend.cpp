// SPDX-License-Identifier: Apache-2.0
#include "models/software/vmdq_backend.h"

namespace iov::software {

using host::Context;
using host::ExitCause;
using host::Strand;
using host::Work;

VmdqBackend::VmdqBackend(const sc_core::sc_module_name& name, const PacketServices& services,
                         const SoftwareCosts& costs, bool zero_copy, VirtioNet& front, MemoryView& guest, Vcpu& vcpu,
                         NicDriver& pool, host::Core& core)
    : sc_module(name),
      services_(services),
      costs_(costs),
      zero_copy_(zero_copy),
      guest_(guest),
      vcpu_(vcpu),
      pool_(pool),
      rx_(guest, front.layout(VirtioNet::receive_queue)),
      tx_(guest, front.layout(VirtioNet::transmit_queue)),
      vector_(front.vector()),
      low_water_(front.layout(VirtioNet::receive_queue).size / 2),
      thread_(core, host::Thread::Kind::process, sc_module::name()) {
  front.set_doorbell(*this);
  if (zero_copy)
    pool.borrow_from(*this);
  else
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
  if (queue == VirtioNet::transmit_queue || zero_copy_) {
    co_await strand.spend(Context::host_kernel, Work::emulation, costs_.thread_wakeup);
    journey.enter(Stage::backend, services_.timeline.now());
    if (queue == VirtioNet::transmit_queue)
      strand_.wake();
    else
      pool_.look_for_buffers();
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
    while (tx_.has_available()) {
      const auto buffer = tx_.take();
      co_await strand_.spend(Context::host_kernel, Work::backend, back(tx_) + costs_.guest_translation);
      const bool good = buffer.valid && buffer.bytes >= VirtioNet::header_bytes + FrameHeader::header_bytes;
      if (good) co_await transmit_one(buffer);
      if (good && zero_copy_) continue;  // goes back when the device has read it
      tx_.push_used(buffer.id, 0);
      co_await interrupt_guest(strand_, tx_, {});
    }
    co_await pool_.flush(strand_);
    if (tx_.enable_kicks()) co_await strand_.wait();
  }
}

DmaBuffer VmdqBackend::translated(const VirtqueueDevice::Buffer& buffer) const {
  const Hpa at = guest_.host(buffer.address + VirtioNet::header_bytes);
  return {at, at.value, buffer.bytes - VirtioNet::header_bytes, buffer.id};  // the PF passes the IOMMU untranslated
}

Task VmdqBackend::transmit_one(const VirtqueueDevice::Buffer& buffer) {
  const DmaBuffer frame_buffer = translated(buffer);
  Frame frame = load_frame(guest_.port(), frame_buffer.at, frame_buffer.bytes, zero_copy_ ? nullptr : services_.payload, services_.book);
  if (!zero_copy_) {
    frame.journey.enter(Stage::copy, services_.timeline.now());
    co_await copy(strand_, frame.bytes, frame_buffer.at, false);
  }
  frame.journey.enter(Stage::host_stack, services_.timeline.now());
  ++sent_;
  const bool more = tx_.has_available();
  if (zero_copy_)
    co_await pool_.transmit_lent(strand_, frame, frame_buffer, more);
  else
    co_await pool_.transmit(strand_, frame, more);
}

// --- zero copy ------------------------------------------------------------------------------------------------

Task VmdqBackend::sent(Strand& strand, const DmaBuffer& buffer) {
  co_await strand.spend(Context::host_kernel, Work::backend, costs_.pool_completion);
  tx_.push_used(static_cast<std::uint16_t>(buffer.token), 0);
  co_await interrupt_guest(strand, tx_, {});
}

Task VmdqBackend::lend(Strand& strand, std::optional<DmaBuffer>& buffer) {
  if (!spare_.empty()) {
    buffer = spare_.back();
    spare_.pop_back();
  }
  while (!buffer) {
    if (!rx_.has_available()) {
      if (lent_ >= low_water_) co_return rx_.disable_kicks();  // the next frame makes the pool look again
      if (rx_.enable_kicks()) co_return;
    }
    const auto posted = rx_.take();
    co_await strand.spend(Context::host_kernel, Work::backend, back(rx_) + costs_.guest_translation);
    if (posted.valid && posted.bytes >= VirtioNet::header_bytes + longest_frame)
      buffer = translated(posted);
    else
      rx_.push_used(posted.id, 0);  // a guest that lies has one buffer less
  }
  ++lent_;
}

Task VmdqBackend::filled(Strand& strand, const DmaBuffer& buffer, Frame& frame) {
  --lent_;
  frame.journey.enter(Stage::backend, services_.timeline.now());
  co_await strand.spend(Context::host_kernel, Work::backend, costs_.pool_completion);
  co_await deliver(strand, static_cast<std::uint16_t>(buffer.token), frame);
}

void VmdqBackend::returned(const DmaBuffer& buffer) {
  --lent_;
  spare_.push_back(buffer);
}

// --- one copy -------------------------------------------------------------------------------------------------

Task VmdqBackend::receive(Strand& strand, Frame& frame) {
  frame.journey.enter(Stage::backend, services_.timeline.now());
  co_await strand.spend(Context::host_kernel, Work::backend,
                        costs_.pool_completion + costs_.guest_translation + back(rx_));
  const std::uint32_t bytes = frame.bytes + VirtioNet::header_bytes;
  if (!rx_.has_available()) {
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
  co_await deliver(strand, buffer.id, frame);
}

Task VmdqBackend::deliver(Strand& strand, std::uint16_t buffer, Frame& frame) {
  frame.journey.enter(Stage::completion, services_.timeline.now());
  rx_.push_used(buffer, frame.bytes + VirtioNet::header_bytes);
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
