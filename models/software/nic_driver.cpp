// SPDX-License-Identifier: Apache-2.0
#include "models/software/nic_driver.h"

#include <algorithm>

namespace iov::software {

using host::Strand;
using host::Work;
using namespace nic;

namespace {
Time stop_poll_interval() { return 10_us; }  // ixgbe_disable_rx_queue: usleep_range(10, 20)
}

NicDriver::NicDriver(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
                     const SoftwareCosts& costs, RegisterIo& registers, MemoryView& memory, const Place& place)
    : sc_module(name), services_(services), params_(params), costs_(costs), registers_(registers), memory_(memory), place_(place) {
  if (place.polled && costs.driver_poll == Time())
    throw SimError(services.timeline.now(), this->name(), "polls, and a round costs nothing: time would stand still; driver_poll must be above 0");
  tx_ring_ = memory_.allocate(params.tx_descriptors * 16, 4096);
  rx_ring_ = memory_.allocate(params.rx_descriptors * 16, 4096);
  tx_buffers_ = memory_.allocate(params.tx_descriptors * buffer_bytes, 4096);
  rx_buffers_ = memory_.allocate(params.rx_descriptors * buffer_bytes, 4096);
  for (std::uint32_t i = 0; i < params.tx_descriptors; ++i) tx_mapped_.push_back({memory_.host(tx_buffer(i)), memory_.dma(tx_buffer(i))});
  for (std::uint32_t i = 0; i < params.rx_descriptors; ++i)
    rx_mapped_.push_back({memory_.host(rx_buffer(i)), memory_.dma(rx_buffer(i)), buffer_bytes});
  poll_task_ = poll_loop();
  poll_task_.start();
}

void NicDriver::add_to(WorkingSet& set) const {
  set.add_members(*this, &NicDriver::services_, &NicDriver::polls_);
  set.add_object(memory_);
  poll_task_.add_to(set);
  memory_.port().add_to(set, memory_.host(rx_descriptor(0)));
}

void NicDriver::prefetch_pages() const {
  prefetch_object(rx_at(rx_next_));
  memory_.port().prefetch_page(memory_.host(rx_descriptor(rx_next_)));
  memory_.port().prefetch_page(memory_.host(rx_buffer(rx_next_)));
}

void NicDriver::prefetch_memory() const {
  memory_.port().prefetch(memory_.host(rx_descriptor(rx_next_)));
  memory_.port().prefetch(rx_at(rx_next_).at);
}

Task NicDriver::write_register(Strand& strand, std::uint32_t offset, std::uint64_t value, unsigned bytes, JourneyRef journey) {
  ++writes_;
  co_await registers_.write(strand, offset, value, bytes, journey);
}

std::uint64_t NicDriver::ring_iova(Gpa ring, unsigned descriptors) const {
  return place_.dma ? place_.dma->map_coherent(memory_.host(ring), descriptors * 16).value : memory_.dma(ring);
}

Task NicDriver::initialise(Strand& strand) {
  const unsigned q = place_.queue;
  const std::uint64_t enable = 1 | std::uint64_t{place_.vector} << 8;
  co_await write_register(strand, tx_register(q, queue_base), ring_iova(tx_ring_, params_.tx_descriptors), 8);
  co_await write_register(strand, tx_register(q, queue_length), params_.tx_descriptors, 4);
  co_await write_register(strand, rx_register(q, queue_base), ring_iova(rx_ring_, params_.rx_descriptors), 8);
  co_await write_register(strand, rx_register(q, queue_length), params_.rx_descriptors, 4);
  if (!place_.polled) co_await set_up_interrupts(strand);
  co_await write_register(strand, tx_register(q, queue_control), enable, 4);
  co_await write_register(strand, rx_register(q, queue_control), enable, 4);
  tx_tail_ = tx_rung_ = tx_clean_ = rx_next_ = rx_tail_ = 0;
  ++generation_;
  if (!lender_) co_await post_buffers(strand, params_.rx_descriptors - 1);
  co_await write_register(strand, rx_register(q, queue_tail), rx_tail_ & (params_.rx_descriptors - 1), 4);
  down_ = false;
  wake_blocked();
  if (place_.polled || lender_) place_.softirq.wake();
  if (!place_.polled)
    co_await write_register(strand, reg_interrupt_mask_set, std::uint64_t{1} << place_.vector, 4);
}

Task NicDriver::set_up_interrupts(Strand& strand) {
  co_await write_register(strand, reg_throttle + 4 * place_.vector, params_.throttle.value() / 1'000'000, 4);
  if (params_.interrupt_style == InterruptStyle::msix)
    co_await write_register(strand, reg_auto_mask, std::uint64_t{1} << place_.vector, 4);
}

Task NicDriver::stop(Strand& strand) {
  down_ = true;
  stopper_ = &strand;
  co_await write_register(strand, reg_interrupt_mask_clear, std::uint64_t{1} << place_.vector, 4);
  co_await disable_queue(strand, tx_register(place_.queue, queue_control));
  co_await disable_queue(strand, rx_register(place_.queue, queue_control));
  while (polling_) {  // the poll loop ends its round first, as napi_disable() waits for it
    timer_.at(services_.timeline.now() + stop_poll_interval());
    co_await strand.wait();
  }
  co_await lose_rings(strand);
}

Task NicDriver::disable_queue(Strand& strand, std::uint32_t control) {
  co_await write_register(strand, control, 0, 4);
  for (std::uint64_t enabled = 1;;) {
    ++reads_;
    co_await registers_.read(strand, control, 4, enabled);
    if (!(enabled & 1) || enabled == all_ones(4)) break;  // let go of, or gone
    timer_.at(services_.timeline.now() + stop_poll_interval());
    while (timer_.scheduled()) co_await strand.wait();
  }
}

/// A reset turns queues off (iavf looks at its admin queue's enable for this); of transmission only that senders wait can be
/// seen, as Linux' dev_watchdog() does: what is not reported yet may just be idle.
Task NicDriver::look(Strand& strand, const Time& transmit_limit, Health& health) {
  std::uint64_t control = 0;
  ++reads_;
  co_await registers_.read(strand, rx_register(place_.queue, queue_control), 4, control);
  const bool waited = !blocked_.empty() && services_.timeline.now() - last_queued_ >= transmit_limit;
  if (down_)
    health = Health::good;  // at rest
  else if (control == all_ones(4))
    health = Health::gone;
  else if (!(control & 1))
    health = Health::reset;
  else
    health = waited ? Health::hung : Health::good;
}

/// Packets that had left are booked as delivered or dropped already, and do not mind. What was lent goes back.
Task NicDriver::lose_rings(Strand& strand) {
  bool first = true;  // of its frame's buffers: the one with the header
  for (RxDescriptor done{}; rx_next_ != rx_tail_; ++rx_next_) {
    if (!received(rx_next_, done))
      first = true;  // not the end: what the device was not allowed to write is missing among the others
    else if (std::exchange(first, (done.write_back.status_error & rx_end_of_packet) != 0))
      lose(rx_at(rx_next_).at);
    if (lender_) lender_->returned(rx_at(rx_next_));
  }
  while (!reports_.empty()) reports_.pop();
  while (tx_clean_ != tx_tail_) {
    const DmaBuffer sent = tx_at(tx_clean_++);
    lose(sent.at);
    if (lender_) co_await lender_->sent(strand, sent);
  }
}

void NicDriver::lose(Hpa buffer) {
  std::array<std::uint8_t, FrameHeader::header_bytes> header;
  memory_.port().peek(buffer, header);
  lose(FrameHeader::read(header).id, DropReason::reset);
}

void NicDriver::lose(PacketId packet, DropReason why) {
  if (!services_.book.under_way(packet)) return;
  ++lost_;
  services_.book.dropped(packet, why);
}

void NicDriver::set_carrier(bool on) {
  carrier_ = on;
  wake_blocked();
}

void NicDriver::wake_blocked() {
  for (Strand* sender : std::exchange(blocked_, {})) sender->wake();
}

// --- transmit -----------------------------------------------------------------------------------------------

Task NicDriver::transmit(Strand& strand, Frame& frame, bool more) { co_await queue(strand, frame, nullptr, more); }

Task NicDriver::transmit_lent(Strand& strand, Frame& frame, const DmaBuffer& buffer, bool more) {
  co_await queue(strand, frame, &buffer, more);
}

Task NicDriver::queue(Strand& strand, Frame& frame, const DmaBuffer* lent, bool more) {
  frame.journey.enter(place_.forwards ? Stage::host_stack : Stage::guest_driver, services_.timeline.now());
  for (;;) {
    while (carrier_ && room() == 0) {
      if (tx_rung_ != tx_tail_ && !down_ && !sending_.taken()) {
        co_await doorbell(strand, {});
        continue;  // room may have been made meanwhile: whoever made it saw nobody wait
      }
      blocked_.push_back(&strand);
      co_await strand.wait();
    }
    if (!sending_.try_acquire(strand)) co_await sending_.acquire(strand);
    if (!carrier_ || room() > 0) break;
    sending_.release();  // the softirq that makes room may be a sender, too
  }
  if (!carrier_ || frame.bytes > buffer_bytes) {  // as Linux' noop_qdisc does; longer than the MTU: a guest that lies
    sending_.release();
    lose(frame.header.id, carrier_ ? DropReason::malformed : DropReason::link_down);
    if (lent) co_await lender_->sent(strand, *lent);
    co_return;
  }
  const std::uint32_t index = tx_tail_++;
  const std::uint32_t generation = generation_;
  DmaBuffer& mapped = tx_at(index);
  if (lent) mapped = *lent;
  mapped.bytes = frame.bytes;
  co_await strand.spend(place_.context, Work::driver, costs_.driver_send);
  if (!lent) store_frame(memory_, tx_buffer(index), frame);
  const bool report = lent || (index + 1) % params_.report_interval == 0 || room() == 0;  // somebody waits for what is lent
  if (place_.dma) co_await map(strand, DmaApi::Direction::to_device, mapped);
  if (down_ || generation != generation_) {  // the queue went away meanwhile, and with it what is in its ring
    if (place_.dma) co_await place_.dma->unmap(strand, place_.context, Iova(mapped.iova), mapped.bytes);
    sending_.release();
    lose(frame.header.id, DropReason::reset);
    co_return;
  }
  memory_.store(tx_descriptor(index), TxDescriptor{mapped.iova, frame.bytes | tx_end_of_packet | (report ? tx_report_status : 0), 0});
  if (report) reports_.push(index);  // not before: what the last lap left there says done
  ++sent_;
  last_queued_ = services_.timeline.now();
  if (!more || tx_tail_ - tx_rung_ >= params_.tx_batch) co_await doorbell(strand, frame.journey);
  sending_.release();
}

Task NicDriver::flush(Strand& strand) {
  if (tx_rung_ == tx_tail_ || down_) co_return;
  if (!sending_.try_acquire(strand)) co_await sending_.acquire(strand);
  if (tx_rung_ != tx_tail_ && !down_) co_await doorbell(strand, {});
  sending_.release();
}

Task NicDriver::doorbell(Strand& strand, JourneyRef journey) {
  tx_rung_ = tx_tail_;
  journey.enter(Stage::doorbell, services_.timeline.now());
  co_await write_register(strand, tx_register(place_.queue, queue_tail), tx_rung_ & (params_.tx_descriptors - 1), 4, journey);
}

Task NicDriver::reclaim() {
  // Only every report_interval-th descriptor is written back; it stands for all before it.
  while (!reports_.empty() && (memory_.load<TxDescriptor>(tx_descriptor(reports_.front())).status & descriptor_done)) {
    const std::uint32_t next = reports_.front() + 1;
    reports_.pop();
    co_await place_.softirq.spend(place_.context, Work::driver, costs_.driver_reclaim * static_cast<double>(next - tx_clean_));
    if (down_) co_return;
    if (place_.dma)
      for (std::uint32_t i = tx_clean_; i != next; ++i) co_await unmap(tx_at(i));
    while (lender_ && tx_clean_ != next) {
      const DmaBuffer sent = tx_at(tx_clean_++);
      co_await lender_->sent(place_.softirq, sent);
    }
    tx_clean_ = next;
  }
  if (blocked_.empty() || room() < params_.tx_descriptors / 4) co_return;
  wake_blocked();
}

Task NicDriver::map(Strand& strand, DmaApi::Direction direction, DmaBuffer& buffer) {
  Iova iova;
  co_await place_.dma->map(strand, place_.context, buffer.at, buffer.bytes, direction, iova);
  buffer.iova = iova.value;
}

/// The device has done with it: its way to the buffer is closed before anybody looks at the bytes.
Task NicDriver::unmap(const DmaBuffer& buffer) {
  co_await place_.dma->unmap(place_.softirq, place_.context, Iova(buffer.iova), buffer.bytes);
}

// --- receive ------------------------------------------------------------------------------------------------

Task NicDriver::interrupt(Strand& strand) {
  ++interrupts_;
  if (params_.interrupt_style == InterruptStyle::legacy) {
    std::uint64_t cause = 0;
    ++reads_;
    co_await registers_.read(strand, reg_interrupt_cause, 4, cause);
    co_await write_register(strand, reg_interrupt_mask_clear, std::uint64_t{1} << place_.vector, 4);
  }
  co_await strand.spend(place_.interrupt_context, Work::driver, costs_.driver_interrupt);
  place_.softirq.wake();
}

bool NicDriver::received(std::uint32_t index, RxDescriptor& descriptor) const {
  if (rx_tail_ == rx_next_) return false;
  descriptor = memory_.load<RxDescriptor>(rx_descriptor(index));
  return descriptor.write_back.status_error & descriptor_done;
}

Task NicDriver::poll_loop() {
  for (;;) {
    co_await place_.softirq.wait();
    if (down_) continue;
    polling_ = true;
    co_await poll();
    polling_ = false;
    if (!place_.polled && !down_)
      co_await write_register(place_.softirq, reg_interrupt_mask_set, std::uint64_t{1} << place_.vector, 4);
  }
}

Task NicDriver::poll() {
  unsigned taken = params_.poll_budget;
  while (!down_ && (place_.polled ? !stopped_ : taken == params_.poll_budget)) {
    ++polls_;
    taken = 0;
    co_await (place_.polled ? place_.softirq.spend_in_turn(place_.context, Work::driver, costs_.driver_poll)
                            : place_.softirq.spend(place_.context, Work::driver, costs_.driver_poll));
    co_await reclaim();
    co_await receive_some(taken);
    if (lender_) co_await borrow_buffers();
  }
}

// Two functions: what a coroutine does itself lies scattered among its states.
Frame NicDriver::take_frame(Hpa at, std::uint32_t bytes) {
  Frame frame = load_frame(memory_.port(), at, bytes, services_.payload, services_.book);
  frame.journey.enter(place_.forwards ? Stage::host_stack : Stage::guest_handler, services_.timeline.now());
  ++rx_next_, ++taken_;
  return frame;
}

Strand::Spend NicDriver::consume() {
  place_.softirq.owe(Work::driver, costs_.driver_receive);
  return consumer_->spend(place_.softirq);
}

Task NicDriver::receive_some(unsigned& taken) {
  RxDescriptor done{};
  while (taken < params_.poll_budget && !down_ && received(rx_next_, done)) {
    if (!(done.write_back.status_error & rx_end_of_packet)) [[unlikely]] {
      const std::uint32_t buffers = buffers_of_frame();
      if (buffers == 0) co_return;  // its end comes with an interrupt of its own
      co_await receive_of(buffers);
      ++taken;
      if (!lender_ && refill_due()) co_await refill();
      continue;
    }
    const DmaBuffer buffer = rx_at(rx_next_);
    if (place_.dma) [[unlikely]] co_await unmap(buffer);
    Frame frame = take_frame(buffer.at, done.write_back.length);
    ++taken;
    if (consumer_) [[likely]] {
      co_await consume();
      consumer_->take(frame);
    } else {
      co_await place_.softirq.spend(place_.context, Work::driver, costs_.driver_receive);
      if (lender_) {
        co_await lender_->filled(place_.softirq, buffer, frame);
        continue;
      }
      if (receiver_) co_await receiver_->receive(place_.softirq, frame);
    }
    if (refill_due()) co_await refill();
  }
}

/// Descriptors side by side are one write.
void NicDriver::post(std::uint32_t buffers) {
  std::array<RxDescriptor, 32> together;
  while (buffers > 0) {
    const std::uint32_t to_end = params_.rx_descriptors - (rx_tail_ & (params_.rx_descriptors - 1));
    const std::uint32_t n = std::min({buffers, to_end, static_cast<std::uint32_t>(together.size())});
    for (std::uint32_t i = 0; i < n; ++i) together[i].read = {rx_at(rx_tail_ + i).iova, 0};
    memory_.write(rx_descriptor(rx_tail_), {reinterpret_cast<const std::uint8_t*>(together.data()), n * sizeof(RxDescriptor)});
    rx_tail_ += n, buffers -= n;
  }
}

Task NicDriver::post_buffers(Strand& strand, std::uint32_t count) {
  for (std::uint32_t i = 0; place_.dma && i < count; ++i) {
    co_await map(strand, DmaApi::Direction::from_device, rx_at(rx_tail_));
    post(1);
  }
  if (!place_.dma) post(count);
}

/// As many as there is room for and the lender has.
Task NicDriver::borrow_buffers() {
  Strand& strand = place_.softirq;
  const std::uint32_t before = rx_tail_;
  while (!down_ && rx_tail_ - rx_next_ < params_.rx_descriptors - 1) {
    std::optional<DmaBuffer> buffer;
    co_await lender_->lend(strand, buffer);
    if (!buffer) break;
    rx_at(rx_tail_) = *buffer;
    post(1);
    co_await strand.spend(place_.context, Work::driver, costs_.driver_refill);
  }
  if (rx_tail_ != before && !down_)
    co_await write_register(strand, rx_register(place_.queue, queue_tail), rx_tail_ & (params_.rx_descriptors - 1), 4);
}

Task NicDriver::refill() {
  const std::uint32_t missing = params_.rx_descriptors - 1 - (rx_tail_ - rx_next_);
  co_await place_.softirq.spend(place_.context, Work::driver, costs_.driver_refill * static_cast<double>(missing));
  co_await post_buffers(place_.softirq, missing);
  co_await write_register(place_.softirq, rx_register(place_.queue, queue_tail), rx_tail_ & (params_.rx_descriptors - 1), 4);
}

}  // namespace iov::software
