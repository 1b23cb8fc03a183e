// SPDX-License-Identifier: Apache-2.0
#include "models/software/emulated_nic.h"

namespace iov::software {

using host::Context;
using host::ExitCause;
using host::Strand;
using host::Work;
using namespace nic;

namespace {
constexpr std::uint32_t vector_bit = 1;  // one interrupt line, cause bit 0
}

EmulatedNic::EmulatedNic(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
                         const MainLoop::Params& main_loop, const SoftwareCosts& costs, Location location, MemoryView& guest,
                         Vcpu& vcpu, HostNetwork& network, Tap& tap, host::Core& io_core, std::uint64_t seed)
    : sc_module(name),
      services_(services),
      params_(params),
      costs_(costs),
      location_(location),
      guest_(guest),
      vcpu_(vcpu),
      network_(network),
      tap_(tap),
      io_thread_(io_core, host::Thread::Kind::process, sc_module::name()),
      loop_("main_loop", services.timeline, main_loop, costs, io_, own(), seed) {}

void EmulatedNic::start() {
  task_ = io_loop();
  task_.start();
}

// --- registers ----------------------------------------------------------------------------------------------

/// From the exit to the device model, which then has the mutex.
Task EmulatedNic::enter(Strand& strand, JourneyRef journey) {
  ++accesses_;
  co_await strand.spend(Context::host_kernel, Work::emulation, costs_.instruction_emulation);
  co_await strand.spend(own(), Work::emulation, {});
  journey.enter(Stage::emulator_mutex, services_.timeline.now());
  co_await loop_.mutex().acquire(strand);
  journey.enter(Stage::backend, services_.timeline.now());
  co_await strand.spend(own(), Work::emulation, costs_.register_emulation);
}

Task EmulatedNic::write(Strand& strand, std::uint32_t offset, std::uint64_t value, unsigned, JourneyRef journey) {
  journey.enter(Stage::vm_exit, services_.timeline.now());
  co_await strand.vm_exit(ExitCause::mmio_write);
  co_await enter(strand, journey);
  const bool could_receive = can_receive();
  apply(offset, value);
  if (offset == tx_register(0, queue_tail) && tx_.enabled) co_await transmit(strand);
  if (offset == reg_interrupt_mask_set || offset == reg_interrupt_mask_clear) co_await interrupt(strand);
  if (!could_receive && can_receive()) co_await loop_.notify(strand);
  co_await loop_.mutex().release(strand);
  co_await strand.resume_guest();
}

Task EmulatedNic::read(Strand& strand, std::uint32_t offset, unsigned, std::uint64_t& value) {
  co_await strand.vm_exit(ExitCause::mmio_read);
  co_await enter(strand, {});
  value = 0;
  if (offset == reg_interrupt_cause) {
    value = std::exchange(cause_, 0);
    co_await interrupt(strand);
  }
  if (offset == reg_status) value = 1;
  if (offset == tx_register(0, queue_head)) value = tx_.head;
  if (offset == rx_register(0, queue_head)) value = rx_.head;
  co_await loop_.mutex().release(strand);
  co_await strand.resume_guest();
}

void EmulatedNic::set_ring(Ring& ring, std::uint32_t which, std::uint64_t value) {
  if (which == queue_base) ring.base = value;
  if (which == queue_length) ring.length = static_cast<std::uint32_t>(value);
  if (which == queue_tail && ring.length) ring.tail = static_cast<std::uint32_t>(value) % ring.length;
  if (which == queue_control) ring.enabled = (value & 1) && ring.length && ring.base;
}

void EmulatedNic::apply(std::uint32_t offset, std::uint64_t value) {
  if (offset >= tx_register(0, queue_base) && offset < tx_register(1, queue_base)) set_ring(tx_, offset - reg_tx_queues, value);
  if (offset >= rx_register(0, queue_base) && offset < rx_register(1, queue_base)) set_ring(rx_, offset - reg_rx_queues, value);
  if (offset == reg_interrupt_mask_set) mask_ |= static_cast<std::uint32_t>(value);
  if (offset == reg_interrupt_mask_clear) mask_ &= ~static_cast<std::uint32_t>(value);
  if (offset == reg_throttle) throttle_ = from_fs(static_cast<double>(value) * 1e6);
}

// --- data path ----------------------------------------------------------------------------------------------

/// Between guest memory and the model's own buffer, warm for what was just read from the tap. In the kernel there is none.
Task EmulatedNic::copy_guest(Strand& strand, std::uint32_t bytes, Gpa guest, bool to_guest) {
  if (location_ == Location::user) {
    ++copied_.copies;
    copied_.bytes += bytes;
    co_await strand.spend(Context::host_user, Work::copy, costs_.copy(bytes, false));
  }
  const Time now = services_.timeline.now();
  if (to_guest)
    guest_.port().write(guest_.host(guest), {}, bytes, now);
  else
    guest_.port().read(guest_.host(guest), {}, bytes, now);
}

/// Through the tap, by the kernel, which has not touched the bytes before.
Task EmulatedNic::copy_tap(Strand& strand, std::uint32_t bytes) {
  ++copied_.copies;
  copied_.bytes += bytes;
  co_await strand.spend(Context::host_kernel, Work::copy, costs_.copy(bytes, true));
}

Task EmulatedNic::transmit(Strand& strand) {
  bool report = false;
  while (tx_.head != tx_.tail) {
    const Gpa at = guest_.from_dma(tx_.base) + std::uint64_t{tx_.head} * 16;
    if (!guest_.contains(at, 16)) break;
    auto descriptor = guest_.load<TxDescriptor>(at);
    const std::uint32_t bytes = descriptor.command_length & 0xffff;
    const Gpa buffer = guest_.from_dma(descriptor.address);
    co_await strand.spend(own(), Work::emulation, costs_.model_send);
    if (bytes >= FrameHeader::header_bytes && guest_.contains(buffer, bytes)) {
      Frame frame = load_frame(guest_, buffer, bytes, services_.payload, services_.book);
      frame.journey.enter(Stage::copy, services_.timeline.now());
      co_await copy_guest(strand, bytes, buffer, false);
      co_await copy_tap(strand, bytes);
      ++sent_;
      co_await network_.send(strand, frame, false);
    }
    if (descriptor.command_length & tx_report_status) {
      descriptor.status = descriptor_done;
      guest_.store(at, descriptor);
      report = true;
    }
    tx_.head = (tx_.head + 1) % tx_.length;
  }
  if (report) co_await raise(strand, {});
}

Task EmulatedNic::io_loop() {
  co_await loop_.mutex().acquire(io_);
  for (;;) {
    co_await loop_.poll(bind<&EmulatedNic::ready>(this));
    if (can_receive() && !tap_.empty()) co_await receive_burst();
    if (std::exchange(timer_due_, false)) co_await mitigation_over();
  }
}

bool EmulatedNic::ready() {
  const bool receives = can_receive(), readable = receives && !tap_.empty();
  tap_.notify(receives && !readable && !timer_due_ ? &io_ : nullptr);
  return readable || timer_due_;
}

/// tap_send(): reads until there is nothing left, the burst is over, or the device has no room.
Task EmulatedNic::receive_burst() {
  for (unsigned n = 0; can_receive() && !loop_.burst_over(n); ++n) {
    const bool nothing = tap_.empty();  // a read that finds nothing
    if (location_ == Location::user) co_await io_.spend(Context::host_kernel, Work::stack, nothing ? Time() : costs_.tap);
    if (nothing) co_return;
    Frame frame = tap_.pop();
    frame.journey.enter(Stage::copy, services_.timeline.now());
    co_await copy_tap(io_, frame.bytes);
    if (!has_buffer()) co_return services_.book.dropped(frame.header.id, DropReason::no_receive_descriptor);
    co_await receive_one(frame);
  }
}

Task EmulatedNic::receive_one(Frame& frame) {
  frame.journey.enter(Stage::backend, services_.timeline.now());
  const Gpa at = guest_.from_dma(rx_.base) + std::uint64_t{rx_.head} * 16;
  co_await io_.spend(own(), Work::emulation, costs_.model_receive);
  const Gpa buffer = guest_.contains(at, 16) ? guest_.from_dma(guest_.load<RxDescriptor>(at).read.address) : Gpa(~0ull);
  if (!guest_.contains(buffer, frame.bytes)) {
    services_.book.dropped(frame.header.id, DropReason::malformed);
    co_return;
  }
  frame.journey.enter(Stage::copy, services_.timeline.now());
  co_await copy_guest(io_, frame.bytes, buffer, true);
  store_frame(guest_, buffer, frame);
  RxDescriptor done{};
  done.write_back.status_error = descriptor_done | rx_end_of_packet;
  done.write_back.length = static_cast<std::uint16_t>(frame.bytes);
  guest_.store(at, done);
  rx_.head = (rx_.head + 1) % rx_.length;
  ++delivered_;
  frame.journey.enter(Stage::interrupt, services_.timeline.now());
  co_await raise(io_, frame.journey);
}

// --- interrupts ---------------------------------------------------------------------------------------------

Task EmulatedNic::raise(Strand& strand, JourneyRef journey) {
  cause_ |= vector_bit;
  if (!waits_longest_) waits_longest_ = journey;
  co_await interrupt(strand);
}

/// The line (INTx) follows causes and mask, and the interrupt controller, which is in the kernel, hears of its changes
/// (pci_irq_handler). It does not rise less than the throttle time after it rose: each rise starts the timer (e1000.c,
/// set_interrupt_cause).
Task EmulatedNic::interrupt(Strand& strand) {
  const bool wanted = cause_ & mask_;
  if (wanted == asserted_ || (wanted && mitigating_)) co_return;
  asserted_ = wanted;
  if (!wanted) {
    co_await strand.spend(Context::host_kernel, Work::emulation, {});
    co_return;
  }
  if (throttle_ > sc_core::SC_ZERO_TIME) {
    mitigating_ = true;
    mitigation_.at(services_.timeline.now() + throttle_);
  }
  ++interrupts_;
  vcpu_.raise(vector_);
  co_await strand.spend(Context::host_kernel, Work::emulation, vcpu_.injection_cost());
  vcpu_.inject(vector_, std::exchange(waits_longest_, {}));
}

void EmulatedNic::timer_due() {
  timer_due_ = true;
  loop_.wake();
}

Task EmulatedNic::mitigation_over() {
  mitigating_ = false;
  co_await interrupt(io_);
}

}  // namespace iov::software
