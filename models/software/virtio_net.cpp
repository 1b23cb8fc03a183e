// SPDX-License-Identifier: Apache-2.0
#include "models/software/virtio_net.h"

namespace iov::software {

using host::Context;
using host::Strand;
using host::Work;

VirtioNet::VirtioNet(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
                     const SoftwareCosts& costs, MemoryView& memory, Vcpu& vcpu, InterruptLine* line)
    : sc_module(name),
      services_(services),
      params_(params),
      costs_(costs),
      memory_(memory),
      vcpu_(vcpu),
      rx_layout_(VirtqueueLayout::allocate(memory, static_cast<std::uint16_t>(params.queue_size), params.event_index, params.packed)),
      tx_layout_(VirtqueueLayout::allocate(memory, static_cast<std::uint16_t>(params.queue_size), params.event_index, params.packed)),
      rx_(memory, rx_layout_),
      tx_(memory, tx_layout_),
      rx_area_(memory.allocate(std::uint64_t{params.queue_size} * buffer_bytes, 4096)),
      tx_area_(memory.allocate(std::uint64_t{params.queue_size} * buffer_bytes, 4096)),
      rx_buffer_of_(params.queue_size),
      tx_buffer_of_(params.queue_size) {
  for (unsigned i = 0; i < params.queue_size; ++i) {
    tx_free_.push_back(buffer(tx_area_, i));
    rx_free_.push_back(buffer(rx_area_, i));
  }
  vector_ = vcpu.allocate_vector(bind<&VirtioNet::interrupt>(this), line);
  poll_task_ = poll_loop();
  poll_task_.start();
}

Task VirtioNet::initialise(Strand& strand) {
  tx_.disable_interrupts();
  rx_.enable_interrupts();
  while (rx_.room() > 0) {
    const Gpa at = rx_free_.back();
    rx_free_.pop_back();
    rx_buffer_of_[rx_.add(at, buffer_bytes, true)] = at;
  }
  co_await kick(strand, receive_queue, {});
}

Task VirtioNet::kick(Strand& strand, unsigned queue, JourneyRef journey) {
  if (!(queue == receive_queue ? rx_ : tx_).kick_needed()) co_return;
  ++kicks_;
  co_await doorbell_->kick(strand, queue, journey);
}

Task VirtioNet::transmit(Strand& strand, Frame& frame, bool more) {
  frame.journey.enter(Stage::guest_driver, services_.timeline.now());
  co_await reclaim(strand);
  while (tx_.room() == 0) {
    co_await kick(strand, transmit_queue, {});
    if (!tx_.enable_interrupts(static_cast<std::uint16_t>(params_.queue_size / 2))) {
      tx_.disable_interrupts();
      co_await reclaim(strand);
      continue;
    }
    blocked_.push_back(&strand);
    co_await strand.wait();
    tx_.disable_interrupts();
    co_await reclaim(strand);
  }
  co_await strand.spend(Context::guest, Work::driver, costs_.virtqueue_front + costs_.lines(tx_.take_moves()));
  const Gpa at = tx_free_.back();
  tx_free_.pop_back();
  memory_.store(at, std::array<std::uint8_t, header_bytes>{});
  store_frame(memory_, at + header_bytes, frame);
  tx_buffer_of_[tx_.add(at, frame.bytes + header_bytes, false)] = at;
  ++sent_;
  frame.journey.enter(Stage::backend, services_.timeline.now());
  if (!more || tx_.room() == 0) co_await kick(strand, transmit_queue, frame.journey);
}

Task VirtioNet::reclaim(Strand& strand) {
  unsigned freed = 0;
  for (; tx_.has_used(); ++freed) tx_free_.push_back(tx_buffer_of_[tx_.take_used().id % params_.queue_size]);
  if (freed) co_await strand.spend(Context::guest, Work::driver, costs_.driver_reclaim * static_cast<double>(freed) + costs_.lines(tx_.take_moves()));
}

Task VirtioNet::interrupt(Strand& strand) {
  rx_.disable_interrupts();
  co_await strand.spend(Context::guest, Work::driver, costs_.driver_interrupt);
  for (Strand* sender : std::exchange(blocked_, {})) sender->wake();
  vcpu_.softirq().wake();
}

Task VirtioNet::poll_loop() {
  Strand& strand = vcpu_.softirq();
  for (;;) {
    co_await strand.wait();
    for (;;) {
      unsigned taken = 0;
      co_await strand.spend(Context::guest, Work::driver, costs_.driver_poll);
      co_await receive_some(taken);
      if (taken == params_.poll_budget) continue;
      if (rx_.enable_interrupts()) break;
      rx_.disable_interrupts();  // something came in between
    }
  }
}

Task VirtioNet::receive_some(unsigned& taken) {
  Strand& strand = vcpu_.softirq();
  while (taken < params_.poll_budget && rx_.has_used()) {
    const vring_used_elem used = rx_.take_used();
    const Gpa at = rx_buffer_of_[used.id % params_.queue_size];
    Frame frame = load_frame(memory_, at + header_bytes, used.len - header_bytes, services_.payload, services_.book);
    frame.journey.enter(Stage::guest_handler, services_.timeline.now());
    rx_free_.push_back(at);
    ++taken, ++taken_;
    const Time cost = costs_.virtqueue_front + costs_.lines(rx_.take_moves());
    if (consumer_) {
      strand.owe(Work::driver, cost);
      co_await consumer_->spend(strand);
      consumer_->take(frame);
    } else {
      co_await strand.spend(Context::guest, Work::driver, cost);
      if (receiver_) co_await receiver_->receive(strand, frame);
    }
    if (rx_free_.size() >= params_.refill_batch) co_await refill();
  }
}

Task VirtioNet::refill() {
  Strand& strand = vcpu_.softirq();
  const auto count = static_cast<double>(rx_free_.size());
  co_await strand.spend(Context::guest, Work::driver, costs_.driver_refill * count);
  while (!rx_free_.empty() && rx_.room() > 0) {
    const Gpa at = rx_free_.back();
    rx_free_.pop_back();
    rx_buffer_of_[rx_.add(at, buffer_bytes, true)] = at;
  }
  co_await kick(strand, receive_queue, {});
}

}  // namespace iov::software
