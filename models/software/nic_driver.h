// SPDX-License-Identifier: Apache-2.0
/// NicDriver -- the driver of a NIC function's queue pair, NAPI style: interrupt, mask, poll with a budget, unmask; or
/// poll mode, without interrupts.
/// One source for PF, VF and emulated device, on bare metal, in a guest and in the host.
///
/// Spec    register use and batching as Linux e1000/ixgbe: tail write per packet unless more follow, receive buffers
///         returned in batches of 32, done bits polled in memory, frames over several receive buffers; a transmit queue that stands
///         still: Linux dev_watchdog().
/// Omits   checksum and segmentation offload, multiple queues per driver instance.
#pragma once
#include <optional>
#include <vector>

#include "models/core/prefetch.h"
#include "models/core/ring.h"
#include "models/protocol/nic.h"
#include "models/software/costs.h"
#include "models/software/dma_api.h"
#include "models/software/packet_io.h"
#include "models/software/queue_lock.h"
#include "models/software/register_io.h"

namespace iov::software {

/// What a descriptor points at.
struct DmaBuffer {
  Hpa at;
  std::uint64_t iova = 0;  ///< the same, as the device knows it
  std::uint32_t bytes = 0;
  std::uint32_t token = 0;  ///< its lender's name for it
};

/// Lends a driver its buffers, on the strand and so at the cost of whoever needs one.
class BufferLender {
 public:
  virtual ~BufferLender() = default;
  /// A buffer for a frame to come; none when there is none now, NicDriver::look_for_buffers() once there is.
  virtual Task lend(host::Strand& strand, std::optional<DmaBuffer>& buffer) = 0;
  /// A frame was received into the buffer, which is its owner's again.
  virtual Task filled(host::Strand& strand, const DmaBuffer& buffer, Frame& frame) = 0;
  /// The device has read the buffer that was to be sent, which is its owner's again.
  virtual Task sent(host::Strand& strand, const DmaBuffer& buffer) = 0;
  /// The queue was stopped: the device has let go of a buffer for a frame to come.
  virtual void returned(const DmaBuffer& buffer) = 0;
};

class NicDriver : public sc_core::sc_module, public NetDevice {
 public:
  enum class InterruptStyle : std::uint8_t { msix, legacy };
  static constexpr Names<2> style_names{"msix", "legacy"};
  struct Params {
    unsigned tx_descriptors = 512, rx_descriptors = 512;
    unsigned tx_batch = 1, poll_budget = 64, refill_batch = 32, report_interval = 32;
    InterruptStyle interrupt_style = InterruptStyle::msix;
    Time throttle = 10_us;
    template <class V>
    void describe(V& v) {
      const Range<unsigned> ring{8, 32768}, batch{1, 1024};
      v.field("tx_descriptors", tx_descriptors, ring, "transmit ring size, a power of two", "Linux ixgbe default 512");
      v.field("rx_descriptors", rx_descriptors, ring, "receive ring size, a power of two", "Linux ixgbe default 512");
      v.field("tx_batch", tx_batch, batch, "packets per tail write when more are waiting (xmit_more)",
              "1: tail write per packet, Linux before 3.18 and pcie-bench's host model");
      v.field("poll_budget", poll_budget, batch, "packets per poll round", "Linux NAPI weight 64");
      v.field("refill_batch", refill_batch, batch, "receive buffers returned per tail write",
              "free-list refill 32, pcie-bench host model");
      v.field("report_interval", report_interval, batch, "every n-th transmit descriptor asks for a write-back",
              "no published source: a quarter of a small ring at most, sweep it");
      v.choice("interrupt_style", interrupt_style, style_names,
               "msix: one vector, no cause register; legacy: cause read, mask and unmask by register (e1000)", no_source);
      v.field("throttle", throttle, Range<Time>{{}, 10000_us}, "minimum time between interrupts of the vector",
              "100 000 interrupts/s, ixgbe low-latency setting");
      v.require((tx_descriptors & (tx_descriptors - 1)) == 0 && (rx_descriptors & (rx_descriptors - 1)) == 0,
                "ring sizes must be powers of two");
      v.require(report_interval <= tx_descriptors / 2 && refill_batch <= rx_descriptors / 2,
                "report_interval and refill_batch must be at most half their ring");
    }
  };
  struct Place {  ///< where the driver's code runs and which queue pair it has
    host::Strand& softirq;
    host::Context context;
    host::Context interrupt_context;
    unsigned queue = 0;
    unsigned vector = 0;
    bool polled = false;  ///< takes no interrupts: the poll loop never sleeps, in turn with its strand's equals (DPDK)
    DmaApi* dma = nullptr;  ///< maps each buffer for its packet; null: buffers stay mapped
    bool forwards = false;  ///< other people's packets: their time here is the host stack's
  };

  NicDriver(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
            const SoftwareCosts& costs, RegisterIo& registers, MemoryView& memory, const Place& place);

  Task initialise(host::Strand& strand);       ///< programs rings and interrupts, posts buffers
  /// Stops the queues and waits until the device has let go of them, or is gone itself. What lies in the rings is lost, and booked so;
  /// who wants to send waits until initialise().
  Task stop(host::Strand& strand);
  void set_carrier(bool on);                   ///< without one what is to be sent is dropped
  /// What a look at the function says of a queue that was initialised.
  enum class Health : std::uint8_t {
    good,
    reset,  ///< the queue is off, and it was not stop() that turned it off
    gone,   ///< nobody answers: reads are all ones
    hung,   ///< senders have waited for room for longer than the limit
  };
  Task look(host::Strand& strand, const Time& transmit_limit, Health& health);
  Task interrupt(host::Strand& strand);        ///< the interrupt handler
  void stop_polling() { stopped_ = true; }     ///< of a polled driver: after the round under way
  Task transmit(host::Strand& strand, Frame& frame, bool more) override;
  Task flush(host::Strand& strand) override;
  void set_receiver(PacketReceiver& receiver) override {
    receiver_ = &receiver;
    consumer_ = place_.softirq.may_owe() ? receiver.consumer_in(place_.context) : nullptr;
  }
  /// From initialise() on all buffers are lent: received frames go to the lender, what is sent comes as transmit_lent().
  void borrow_from(BufferLender& lender) { lender_ = &lender; }
  void look_for_buffers() { place_.softirq.wake(); }
  Task transmit_lent(host::Strand& strand, Frame& frame, const DmaBuffer& buffer, bool more);
  std::size_t room() const override { return down_ ? 0 : params_.tx_descriptors - 1 - (tx_tail_ - tx_clean_); }
  std::uint64_t lost() const { return lost_.value(); }
  std::uint64_t register_writes() const { return writes_.value(); }
  std::uint64_t register_reads() const { return reads_.value(); }
  std::uint64_t interrupts() const { return interrupts_.value(); }
  void add_to(WorkingSet& set) const;  ///< of a packet that will be received
  void prefetch_pages() const;         ///< of its descriptor and buffer; then themselves
  void prefetch_memory() const;

 private:
  Task set_up_interrupts(host::Strand& strand);
  Task queue(host::Strand& strand, Frame& frame, const DmaBuffer* lent, bool more);
  Task poll_loop();
  Task poll();
  Task reclaim();
  Task receive_some(unsigned& taken);
  bool refill_due() const { return !down_ && params_.rx_descriptors - 1 - (rx_tail_ - rx_next_) >= params_.refill_batch; }
  Task refill();
  void post(std::uint32_t buffers);
  Task post_buffers(host::Strand& strand, std::uint32_t count);
  Task borrow_buffers();
  Task map(host::Strand& strand, DmaApi::Direction direction, DmaBuffer& buffer);
  Task unmap(const DmaBuffer& buffer);
  std::uint64_t ring_iova(Gpa ring, unsigned descriptors) const;
  Task doorbell(host::Strand& strand, JourneyRef journey);
  Task write_register(host::Strand& strand, std::uint32_t offset, std::uint64_t value, unsigned bytes, JourneyRef journey = {});
  Gpa tx_descriptor(std::uint32_t index) const { return tx_ring_ + (index & (params_.tx_descriptors - 1)) * 16; }
  Gpa rx_descriptor(std::uint32_t index) const { return rx_ring_ + (index & (params_.rx_descriptors - 1)) * 16; }
  Gpa tx_buffer(std::uint32_t index) const { return tx_buffers_ + std::uint64_t{index & (params_.tx_descriptors - 1)} * buffer_bytes; }
  Gpa rx_buffer(std::uint32_t index) const { return rx_buffers_ + std::uint64_t{index & (params_.rx_descriptors - 1)} * buffer_bytes; }
  bool received(std::uint32_t index, nic::RxDescriptor& descriptor) const;
  Frame take_frame(Hpa at, std::uint32_t bytes);
  std::uint32_t buffers_of_frame() const;
  Frame take_frame_of(std::uint32_t buffers);
  [[gnu::cold]] Task receive_of(std::uint32_t buffers);
  host::Strand::Spend consume();
  Task disable_queue(host::Strand& strand, std::uint32_t control);
  void lose(Hpa buffer);
  void lose(PacketId packet, DropReason why);
  Task lose_rings(host::Strand& strand);
  void wake_blocked();
  void time_up() { stopper_->wake(); }

  static constexpr std::uint64_t buffer_bytes = 2048;
  const PacketServices services_;
  const Params params_;
  const SoftwareCosts& costs_;
  RegisterIo& registers_;
  MemoryView& memory_;
  const Place place_;
  PacketReceiver* receiver_ = nullptr;
  PacketConsumer* consumer_ = nullptr;  ///< the receiver, when work on a frame may be owed to its own
  Gpa rx_ring_, rx_buffers_;
  BufferLender* lender_ = nullptr;
  DmaBuffer& tx_at(std::uint32_t index) { return tx_mapped_[index & (params_.tx_descriptors - 1)]; }
  const DmaBuffer& rx_at(std::uint32_t index) const { return rx_mapped_[index & (params_.rx_descriptors - 1)]; }
  DmaBuffer& rx_at(std::uint32_t index) { return rx_mapped_[index & (params_.rx_descriptors - 1)]; }
  std::vector<DmaBuffer> rx_mapped_;  ///< what the descriptors point at, the driver's own unless lent
  std::uint32_t rx_next_ = 0, rx_tail_ = 0;  ///< free running
  std::uint32_t tx_tail_ = 0, tx_rung_ = 0, tx_clean_ = 0;
  bool stopped_ = false;
  bool down_ = true;  ///< until initialise() is done, and while stopped or lost: what is sent meanwhile waits
  bool polling_ = false, carrier_ = true;
  std::vector<host::Strand*> blocked_;  ///< senders waiting for room
  Ring<std::uint32_t> reports_;    ///< descriptors that asked for a write-back
  Task poll_task_;
  Counter sent_{"sent", "1", "packets queued for transmission"};
  Counter taken_{"received", "1", "packets taken off the receive ring"};
  Counter interrupts_{"interrupts", "1", "interrupts handled"};
  Counter writes_{"register_writes", "1", "register writes"};
  Counter reads_{"register_reads", "1", "register reads"};
  Counter polls_{"polls", "1", "poll rounds"};
  // What follows is not needed to receive.
  Gpa tx_ring_, tx_buffers_;
  std::vector<DmaBuffer> tx_mapped_;
  QueueLock sending_;
  std::uint32_t generation_ = 0;  ///< counts initialisations
  Counter lost_{"lost", "1", "packets that were in the rings when the queues were stopped, or came while there was no link"};
  Time last_queued_;  ///< a packet for transmission
  host::Strand* stopper_ = nullptr;  ///< waits until the queues are at rest
  Event timer_{services_.timeline, bind<&NicDriver::time_up>(this)};
};

}  // namespace iov::software
